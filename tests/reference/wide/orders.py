"""Orders of a wide program: quotes, takers, stops, cancels, books in every state."""

from __future__ import annotations

from session import SECOND
from twin.codes import BUY, NO, SELL, Flag, Message
from wide.pen import MAKERS, PROVIDERS, TRADERS, Pen

AWAY = (0.0005, 0.001, 0.004, 0.02)


class OrderPen(Pen):
    def quote(self) -> None:
        """The makers stand around the fair prices, mostly everywhere."""
        rng = self.rng
        everywhere = rng.random() < 0.4
        for account in MAKERS:
            if rng.random() < 0.75:
                self.send(Message.CANCEL_ALL, account=account, instrument=-1)
            for i in self.market.instruments:
                if not everywhere and rng.random() < 0.6:
                    continue
                for side in (BUY, SELL):
                    away = rng.choice(AWAY) + (0.02 if i.is_event else 0.0)
                    away = max(away, 1 / self.fair(i)) if not i.is_event else away
                    price = self.near(i, away if side == SELL else -away)
                    size = self.lots(i, self.dollars(300, 4_000, 25_000, 120_000))
                    self.new(account, i, side, price, size, outcome=self._outcome(i.is_event))

    def _outcome(self, is_event: bool) -> int:
        return self.rng.randrange(2) if is_event else 0

    def take(self) -> None:
        """An order of any account, that may or may not cross."""
        rng = self.rng
        i, side = self.any_instrument(), rng.choice([BUY, SELL])
        account = rng.choice(TRADERS + TRADERS + PROVIDERS + MAKERS)
        flags = rng.choice([0, 0, 0, 0, Flag.IOC, Flag.FOK, Flag.MARKET, Flag.POST_ONLY, Flag.GTD])
        if rng.random() < 0.2 and i.is_derivative:
            flags |= Flag.REDUCE_ONLY
        if rng.random() < 0.04:
            flags |= rng.choice(list(Flag))
        reach = rng.choice([-0.03, -0.01, -0.001, 0.0, 0.002, 0.01, 0.03])
        price = self.near(i, reach if side == BUY else -reach)
        size = self.lots(i, self.dollars(5, 200, 2_000, 10_000, 50_000))
        expiry = self.now + rng.choice([1, 5, 40]) * SECOND if flags & Flag.GTD else 0
        outcome = self._outcome(i.is_event)
        self.new(account, i, side, price, size, flags, outcome, arg2=expiry)

    def lever(self) -> None:
        """A trader takes all that its margin bears, on one or several instruments."""
        rng = self.rng
        account = rng.choice(TRADERS)
        times = rng.choice([(40.0, 20.0, 10.0, 5.0), (8.0, 4.0), (1.0, 0.7)])
        for _ in range(rng.choice([1, 2, 4])):
            i, side = self.any_instrument(), rng.choice([BUY, BUY, SELL])
            for factor in times:
                price = self.near(i, 0.01 if side == BUY else -0.01)
                size = self.lots(i, max(self.stake[account], 100.0) * factor)
                outcome = self._outcome(i.is_event)
                self.new(account, i, side, price, size, Flag.IOC, outcome)

    def against_oneself(self) -> None:
        """Two accounts (often one, or of one owner) meet at a price."""
        rng = self.rng
        i, account = self.any_instrument(), self.any_account()
        other = rng.choice([account, account, self.any_account()])
        size = self.lots(i, self.dollars(20, 500))
        self.new(account, i, SELL, self.near(i, -0.005), size, outcome=self._outcome(i.is_event))
        self.new(other, i, BUY, self.near(i, 0.005), size * rng.choice([1, 3]))

    def stop(self) -> None:
        """A conditional order near the price, of every kind."""
        rng = self.rng
        i, account, side = self.any_instrument(), self.any_account(), rng.choice([BUY, SELL])
        flags = rng.choice([0, 0, Flag.MARKET, Flag.IOC, Flag.GTD, Flag.POST_ONLY, Flag.FOK])
        flags |= rng.choice([0, Flag.TAKE_PROFIT])
        flags |= rng.choice([0, Flag.BY_LAST, Flag.BY_LAST, 0 if i.is_event else Flag.BY_INDEX])
        if i.is_derivative and rng.random() < 0.4:
            flags |= Flag.REDUCE_ONLY
        if rng.random() < 0.03:
            flags |= rng.choice(list(Flag))
        trigger = self.near(i, rng.choice([-0.03, -0.005, 0.0, 0.005, 0.03]))
        outcome = self._outcome(i.is_event)
        if outcome == NO:
            flags, trigger = flags | Flag.NO, i.payoff - trigger
        price = self.near(i, rng.choice([-0.02, 0.0, 0.02]))
        size = self.lots(i, self.dollars(50, 2_000, 20_000))
        expiry = self.now + rng.choice([2, 30]) * SECOND if flags & Flag.GTD else 0
        self.new(
            account,
            i,
            side,
            price,
            size,
            flags,
            outcome,
            kind=Message.CONDITIONAL,
            arg=trigger,
            arg2=expiry,
        )

    def cancel(self) -> None:
        if not self.placed:
            return
        account, order, *_ = self.rng.choice(self.placed[-60:])
        self.send(Message.CANCEL, account=account, order=order)

    def cancel_all(self) -> None:
        where = self.rng.choice([-1, self.any_instrument().id])
        self.send(Message.CANCEL_ALL, account=self.any_account(), instrument=where)

    def replace(self) -> None:
        rng = self.rng
        if not self.placed:
            return
        account, order, _, price, size = rng.choice(self.placed[-60:])
        price += rng.choice([0, 0, 0, 1, -1, 5, -40])
        size = rng.choice([size, size - 1, size // 2, size + 1, 2 * size, 1])
        self.send(Message.REPLACE, account=account, order=order, price=price, size=size)

    def set_state(self) -> None:
        """Some state for a while; books that are shut are soon opened again."""
        rng = self.rng
        i = self.any_instrument()
        new = rng.choice([1, 2, 3, 4, 4, 4, 5])
        end = self.now + rng.choice([1, 4, 15]) * SECOND if new == 4 and rng.random() < 0.6 else 0
        self.send(Message.STATE, instrument=i.id, arg=new, arg2=end)
        if new == 4:
            self.crowd()

    def crowd(self) -> None:
        """Orders that cross, of accounts that may not all be able to trade."""
        rng = self.rng
        i = self.any_instrument()
        if rng.random() < 0.7:
            self.send(Message.STATE, instrument=i.id, arg=4)
        for _ in range(rng.randrange(2, 9)):
            side = rng.choice([BUY, SELL])
            reach = rng.choice([0.0, 0.01, 0.03, -0.01])
            price = self.near(i, reach if side == BUY else -reach)
            flags = Flag.REDUCE_ONLY if i.is_derivative and rng.random() < 0.2 else 0
            size = self.lots(i, self.dollars(20, 300, 5_000))
            outcome = self._outcome(i.is_event)
            self.new(self.any_account(), i, side, price, size, flags, outcome)
        if rng.random() < 0.5:
            self.send(Message.STATE, instrument=i.id, arg=rng.choice([0, 0, 1, 2]))

    def reopen(self) -> None:
        for i in self.market.instruments:
            if self.rng.random() < 0.8:
                self.send(Message.STATE, instrument=i.id, arg=0)
