"""Money in a wide program: cash, loans, complete sets, conversions, bonds, resolutions."""

from __future__ import annotations

from twin.codes import Message
from wide.pen import MAKERS, PROVIDERS, TRADERS, Pen


class MoneyPen(Pen):
    def begin(self) -> None:
        """Deposits; in some programs nobody has dollars, in others nobody has coins."""
        rng = self.rng
        self.has_cash = rng.random() < 0.88
        self.has_coins = rng.random() < 0.85 or not self.has_cash
        if rng.random() < 0.93:
            self.read_all()
        for account in MAKERS + TRADERS + PROVIDERS:
            for asset in range(1 + len(self.market.coins)):
                self._endow(account, asset)
        for asset in range(1 + len(self.market.coins)):
            if rng.random() < (0.75 if asset == 0 else 0.3):
                self.send(
                    Message.POOL,
                    instrument=asset,
                    size=self.units(asset, self.dollars(2_000, 50_000, 10**6)),
                )
        if rng.random() < (0.65 if self.has_cash else 0.2):
            self.send(Message.FUND, size=self.units(0, self.dollars(1, 77, 5_000, 10**6)))
        for account in PROVIDERS:
            if rng.random() < 0.7:
                self.send(Message.COMMIT, account=account, size=rng.randrange(1, 10**12))
        self.send(Message.MARK)

    def _endow(self, account: int, asset: int) -> None:
        rng = self.rng
        if not (self.has_cash if asset == 0 else self.has_coins):
            return
        if account in MAKERS:
            dollars = 5e6 * rng.uniform(0.5, 2.0)
        elif account in PROVIDERS:
            dollars = self.dollars(100, 5_000, 200_000) if rng.random() < 0.7 else 0.0
        else:
            likely = 0.75 if asset == 0 else 0.4
            dollars = self.dollars(300, 2_000, 15_000) if rng.random() < likely else 0.0
            self.stake[account] += dollars
        if dollars:
            units = self.units(asset, dollars)
            self.send(Message.DEPOSIT, account=account, instrument=asset, size=units)

    def _some_asset(self) -> int:
        return self.rng.choice([0, self.rng.randrange(1 + len(self.market.coins))])

    def _some_event(self) -> int:
        return self.rng.randrange(max(1, len(self.market.events)))

    def deposit(self) -> None:
        asset = self._some_asset()
        if (self.has_cash if asset == 0 else self.has_coins) or self.rng.random() < 0.05:
            size = self.units(asset, self.dollars(1, 100, 3_000))
            self.send(Message.DEPOSIT, account=self.any_account(), instrument=asset, size=size)

    def withdraw(self) -> None:
        asset, account = self._some_asset(), self.any_account()
        size = self.units(asset, self.dollars(1, 100, 3_000, 50_000))
        borrow = self.rng.randrange(2)
        self.send(Message.WITHDRAW, account=account, instrument=asset, size=size, arg=borrow)

    def drain(self) -> None:
        """A trader takes out, on credit where it may, until its margin stops it."""
        asset, account = self._some_asset(), self.rng.choice(TRADERS)
        for part in (2.0, 1.0, 0.5, 0.25, 0.12, 0.06):
            size = self.units(asset, max(100.0, self.stake[account]) * part)
            self.send(Message.WITHDRAW, account=account, instrument=asset, size=size, arg=1)

    def lend(self) -> None:
        asset, account = self._some_asset(), self.any_account()
        size = self.units(asset, self.dollars(0.0001, 50, 1_000, 20_000))
        self.send(Message.LEND, account=account, instrument=asset, size=size)

    def redeem(self) -> None:
        asset, account = self._some_asset(), self.any_account()
        size = self.units(asset, self.dollars(0.0001, 50, 1_000, 20_000))
        self.send(Message.REDEEM, account=account, instrument=asset, size=size)

    def buckets(self) -> None:
        """The pool, the fund, the backstop."""
        rng = self.rng
        match rng.randrange(3):
            case 0:
                asset = self._some_asset()
                size = self.units(asset, self.dollars(1, 500, 20_000))
                self.send(Message.POOL, instrument=asset, size=size)
            case 1:
                self.send(Message.FUND, size=self.units(0, self.dollars(1, 500)))
            case 2:
                size = rng.randrange(2) * self.units(0, self.dollars(10, 5_000))
                self.send(Message.COMMIT, account=self.any_account(), size=size)

    def settings(self) -> None:
        rng = self.rng
        owner = rng.choice([0, 0, 1 + self.any_account()])
        flags = rng.choice([0, 1, 2, 2, 3])
        self.send(Message.SETTINGS, account=self.any_account(), flags=flags, arg=owner)

    def transfer(self) -> None:
        """Between two wallets, mostly of one owner; sometimes all that margin lets go."""
        rng = self.rng
        a, b, asset = self.any_account(), self.any_account(), self._some_asset()
        if rng.random() < 0.6:
            a = rng.choice(TRADERS)
        if rng.random() < 0.7:
            for account in (a, b):
                flags = rng.choice([0, 0, 2])
                self.send(Message.SETTINGS, account=account, flags=flags, arg=1 + a)
        for dollars in rng.choice(
            [(100.0,), (3_000.0,), (20_000.0, 5_000.0, 1_000.0, 300.0, 90.0)]
        ):
            size = self.units(asset, self.dollars(dollars))
            self.send(Message.TRANSFER, account=a, instrument=asset, size=size, arg=b)

    def disconnect(self) -> None:
        self.send(Message.DISCONNECT, account=self.any_account())

    # -- events -----------------------------------------------------------------------------

    def sets(self) -> None:
        rng = self.rng
        kind = rng.choice([Message.MINT, Message.MINT, Message.MERGE])
        size = rng.choice([1, 10, 60, 500, 10**4])
        account = self.any_account()
        self.send(kind, account=account, instrument=self._some_event(), size=size)

    def convert(self) -> None:
        """NO of some outcomes, of an account that mostly has just minted."""
        rng = self.rng
        many = [e.id for e in self.market.events if e.categorical]
        event = rng.choice(many) if many and rng.random() < 0.9 else self._some_event()
        account, size = self.any_account(), rng.choice([1, 5, 40])
        if rng.random() < 0.5:
            self.send(Message.MINT, account=account, instrument=event, size=3 * size)
        mask = rng.randrange(1 << 3)
        self.send(Message.CONVERT, account=account, instrument=event, size=size, arg=mask)

    def _claimed(self, event: int) -> dict[str, int]:
        """An outcome that may be right."""
        rng = self.rng
        if not self.market.events:
            return {"arg": 0, "arg2": 0}
        e = self.market.events[event]
        if rng.random() < 0.08:
            return {"arg": rng.choice([-2, 0, e.outcomes]), "arg2": rng.choice([1, e.high + 1])}
        if rng.random() < 0.15:
            return {"arg": -1, "arg2": rng.choice([0, e.low])}
        if e.scalar:
            return {"arg": 0, "arg2": rng.choice([e.low, e.high, rng.randint(e.low, e.high)])}
        return {"arg": rng.randrange(e.outcomes), "arg2": 0}

    def propose(self) -> None:
        event, bond = self._some_event(), self.units(0, self.rng.choice([5, 100, 700]))
        account, claimed = self.any_account(), self._claimed(event)
        self.send(Message.PROPOSE, account=account, instrument=event, size=bond, **claimed)
        if self.rng.random() < 0.5:
            bond += self.rng.choice([0, 0, 0, 1])
            account = self.any_account()
            self.send(Message.DISPUTE, account=account, instrument=event, size=bond)
            if self.rng.random() < 0.15:  # the voters say so, or something else
                claimed = claimed if self.rng.random() < 0.5 else self._claimed(event)
                self.send(Message.RESOLVE, instrument=event, **claimed)

    def resolve(self) -> None:
        event = self._some_event()
        tag = self.rng.randrange(2)
        self.send(Message.RESOLVE, instrument=event, flags=tag, **self._claimed(event))
