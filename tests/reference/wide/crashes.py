"""The clockwork of a wide program, and what drives accounts into liquidation."""

from __future__ import annotations

from twin.codes import BUY, SELL, Flag, Message
from twin.listing import Instrument
from wide.pen import CAST, MAKERS, TRADERS
from wide.pledges import PledgePen

HOURLY = (
    Message.PREMIUM,
    Message.PREMIUM,
    Message.FUNDING,
    Message.INTEREST,
    Message.SETTLE,
    Message.BOOK,
    Message.DEPTH,
)


class CrashPen(PledgePen):
    def odd_reading(self) -> None:
        """Late, uncertain, lonely, violent or absurd."""
        rng = self.rng
        feed = rng.randrange(len(self.index))
        price = round(self.index[feed])
        match rng.randrange(6):
            case 0:
                self.read(feed, arg=self.now - 70_000_000)
            case 1:
                self.read(feed, size=round(price * rng.choice([0.001, 0.03])))
            case 2:
                self.read(feed, arg2=rng.choice([0, 1]))
            case 3:
                self.read(feed, price=rng.choice([price * 6, max(1, price // 6), price * 70]))
            case 4:
                self.read(feed, price=rng.choice([0, -5]))
            case 5:
                self.read(feed, price=1)

    def external(self) -> None:
        rng = self.rng
        if not self.market.derivatives:
            return
        i = rng.choice(self.market.derivatives)
        price = rng.choice([self.near(i, 0.0), self.near(i, 0.02), 0, -1])
        read_at = self.now - rng.choice([0, 0, 10_000_000])
        self.send(Message.EXTERNAL, instrument=i.id, price=price, arg=read_at)

    def hourly(self) -> None:
        self.send(self.rng.choice(HOURLY))

    def liquidate(self) -> None:
        self.send(Message.LIQUIDATE)

    def mark(self) -> None:
        self.send(Message.MARK)

    def drift(self) -> None:
        """An ordinary step of all prices and beliefs."""
        rng = self.rng
        for feed in range(len(self.index)):
            self.index[feed] = max(2.0, self.index[feed] * (1 + rng.gauss(0, 0.004)))
        for event, chances in enumerate(self.chance):
            shock = rng.choice([0.02, 0.02, 0.02, 0.6])
            moved = [max(0.02, p + rng.gauss(0, shock)) for p in chances]
            self.chance[event] = [p / sum(moved) for p in moved]

    def later(self) -> None:
        """Minutes, hours or days; then fresh readings."""
        self.wait(self.rng.choice([30, 200, 4_000, 90_000, 3_000_000]))
        if self.rng.random() < 0.8:
            self.read_all()
            self.mark()
        if self.rng.random() < 0.7:
            self.send(Message.SETTLE)

    # -- a crash ----------------------------------------------------------------------------

    def load(self) -> None:
        """Deep quotes, and traders who take all that their margin bears."""
        rng = self.rng
        self.cancel_makers()
        shapes = rng.sample(self.market.instruments, min(6, len(self.market.instruments)))
        for i in shapes:
            self.send(Message.STATE, instrument=i.id, arg=0)
            for account in MAKERS:
                for side in (BUY, SELL):
                    away = max(0.0005, 1 / self.fair(i)) if not i.is_event else 0.01
                    price = self.near(i, away if side == SELL else -away)
                    self.new(account, i, side, price, self.lots(i, 400_000))
        for account in TRADERS:
            if rng.random() < 0.25:
                self.hedged(account)
            if rng.random() < 0.5:
                asset = 0 if self.has_cash else 1
                size = self.units(asset, self.dollars(300, 2_000))
                self.send(Message.DEPOSIT, account=account, instrument=asset, size=size)
            if rng.random() < 0.2:
                self.lend()
            side = rng.choice([BUY, BUY, SELL])
            for i in rng.sample(shapes, min(len(shapes), rng.choice([1, 2, 3]))):
                for times in rng.choice(
                    [(40.0, 20.0, 10.0, 5.0)] * 2 + [(8.0, 4.0), (1.0, 0.7, 0.3)]
                ):
                    price = self.near(i, 0.03 if side == BUY else -0.03)
                    size = self.lots(i, max(50.0, self.stake[account]) * times)
                    self.new(account, i, side, price, size, Flag.IOC, rng.randrange(2) * i.is_event)
                if i.is_derivative and rng.random() < 0.4:
                    self.two_exits(account, i, 1 - side)
            if rng.random() < 0.3:
                self.drain()
        if rng.random() < 0.6:
            self.cancel_makers()

    def hedged(self, account: int) -> None:
        """Both sides of one underlying: two derivatives, or one and what pays by its price."""
        rng, stake = self.rng, max(50.0, self.stake[account])
        feed, side = rng.randrange(len(self.index)), rng.choice([BUY, SELL])
        on_it = [i for i in self.market.derivatives if i.feed == feed]
        linked = [e.first_book for e in self.market.events if e.underlying == feed]
        legs = rng.sample(on_it, min(len(on_it), rng.choice([1, 2, 3])))
        if linked and rng.random() < 0.6:
            legs = [*legs[:2], self.market.instruments[rng.choice(linked)]]
        for turn, i in enumerate(legs):
            way = side if turn % 2 == 0 else 1 - side
            for times in rng.choice([(40.0, 12.0, 4.0), (3.0, 1.0)]):
                price = self.near(i, 0.03 if way == BUY else -0.03)
                size = self.lots(i, stake * (min(times, 3.0) if i.is_event else times))
                self.new(account, i, way, price, size, Flag.IOC, rng.randrange(2) * i.is_event)

    def two_exits(self, account: int, i: Instrument, side: int) -> None:
        """Two ways out of a position, of which only one can be taken."""
        size = self.lots(i, max(50.0, self.stake[account]) * self.rng.choice([1.0, 40.0]))
        for away in (0.002, 0.006):
            price = self.near(i, away if side == SELL else -away)
            self.new(account, i, side, price, size, Flag.REDUCE_ONLY)

    def thin(self) -> None:
        """A little to trade with at prices that a forced order may reach."""
        rng = self.rng
        for i in self.market.instruments:
            if rng.random() < 0.3:
                continue
            for side in (BUY, SELL):
                away = rng.choice([0.0, 0.002, 0.01, 0.03])
                price = self.near(i, away if side == SELL else -away)
                size = self.lots(i, self.dollars(50, 1_000, 10_000))
                self.new(rng.choice(MAKERS), i, side, price, size)

    def crash(self) -> None:
        """Some prices jump, marks follow as far as they may, and the ticks of it."""
        rng = self.rng
        self.load()
        violence = rng.choice([0.05, 0.12, 0.3])
        direction = rng.choice([-1, -1, 1])
        for _ in range(rng.choice([1, 2, 4])):
            self.wait(rng.choice([0.5, 1, 7]))
            for feed in range(len(self.index)):
                change = direction * rng.uniform(0.0, violence)
                self.index[feed] = max(2.0, self.index[feed] * (1 + change))
            if rng.random() < 0.9:
                self.read_all()
            if rng.random() < 0.3:
                self.drift()
            if rng.random() < 0.6:
                self.print_last()
            self.mark()
            for _ in range(rng.choice([1, 2, 3])):
                self.meanwhile()
                self.liquidate()
                self.wait(rng.choice([0, 1]))

    def meanwhile(self) -> None:
        """What the steps of a liquidation find: a thin book, a deep one, an auction, nothing."""
        rng = self.rng
        chosen = rng.random()
        if chosen < 0.25:
            self.quote()
        elif chosen < 0.6:
            self.thin()
        elif chosen < 0.7:
            self.set_state()
        elif chosen < 0.75:
            self.odd_reading()

    def print_last(self) -> None:
        """The makers trade a lot at the fair price, so that a thin book does not hold the mark."""
        for i in self.market.instruments:
            if self.rng.random() < 0.7:
                self.trade(0, 1, i, 1)

    # -- a scene that chance alone would rarely play ----------------------------------------------

    def ruin(self) -> None:
        """X fails; Z, on the other side of it, has lost its equity elsewhere; G has gains."""
        rng = self.rng
        linear = [i for i in self.market.derivatives if not i.expiry or i.expiry > self.now]
        pairs = [(a, b) for a in linear for b in linear if a.feed != b.feed]
        if not pairs:
            return
        first, second = rng.choice(pairs)
        way = rng.choice([1, 1, -1])  # 1: X is long and prices fall
        fall = {first.feed: rng.uniform(0.85, 0.9), second.feed: rng.uniform(0.79, 0.85)}
        if way < 0:
            fall = {feed: 2 - factor for feed, factor in fall.items()}
        x, z, g = rng.sample(CAST, 3)
        self._shift({})
        asset = 0 if self.has_cash else 1
        if first.is_inverse and self.has_coins and rng.random() < 0.5:
            asset = first.settles
        for account, dollars in ((x, 1_500.0), (z, 6_000.0), (g, 3_000.0)):
            size = self.units(asset, dollars)
            self.send(Message.DEPOSIT, account=account, instrument=asset, size=size)

        def meet(long: int, short: int, dollars: float, second_leg: bool = False) -> None:
            i = second if second_leg else first
            buyer, seller = (long, short) if way > 0 else (short, long)
            self.sweep(i)
            self.cross(buyer, seller, i, self.lots(i, dollars))

        meet(g, z, rng.uniform(2_000, 12_000))
        for _ in range(rng.choice([2, 4])):
            self._shift({first.feed: 1 + way * 0.06})
        meet(x, z, rng.choice([12_000, 16_000, 22_000]))
        for dollars in (40_000, 20_000, 10_000):
            meet(z, 0, dollars * rng.uniform(0.5, 1.5), second_leg=True)
        self._shift(fall)
        for _ in range(4):
            self.liquidate()
            self.wait(1)

    def _shift(self, factors: dict[int, float]) -> None:
        """Move indices and let the marks of derivatives follow."""
        self.wait(1)
        for feed, factor in factors.items():
            self.index[feed] *= factor
        self.read_all()
        for i in self.market.derivatives:
            self.sweep(i)
            self.cross(0, 1, i, 1)
        self.mark()
