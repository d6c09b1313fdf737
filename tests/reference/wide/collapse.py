"""Failures larger than anybody's gains, against several counterparties at once."""

from __future__ import annotations

from twin.codes import Message
from twin.listing import Instrument
from wide.crashes import CrashPen
from wide.pen import CAST, TRADERS


class CollapsePen(CrashPen):
    def hedge(self) -> None:
        """A trader opens both sides of one underlying, where the makers let him."""
        self.quote()
        self.hedged(self.rng.choice(TRADERS))

    def rout(self) -> None:
        """X loses all the way; who is on the other side changes, so nobody has won all of it."""
        rng = self.rng
        open_now = [
            i
            for i in self.market.derivatives
            if (not i.expiry or i.expiry > self.now) and self.market.feeds[i.feed].own_book < 0
        ]
        if not open_now:
            return
        i, way = rng.choice(open_now), rng.choice([1, 1, -1])  # 1: X is long and prices fall
        x, *others = rng.sample(CAST + TRADERS, rng.choice([3, 4, 6]))
        self._gap(i, 1.0)
        rich = 4.0 if self.rules["margin_mode"] == "portfolio" else 1.0  # it asks for more
        self._stake(x, 1_500.0 * rich)
        poor = rng.choice([0.15, 1.0, 1.0])
        for account in others:
            self._stake(account, rich * poor * self.dollars(400, 1_500, 6_000))
        most = rng.choice([6_000.0, 20_000.0, 60_000.0])
        for account in others[: rng.choice([1, 2, len(others)])]:
            for part in (1.0, 0.4, 0.15, 0.05):
                self._pass(i, way, x, account, most * part)
        if rng.random() < 0.4:
            self._second(i, x, others[0])
        for _ in range(rng.choice([1, 2, 4])):
            self._gap(i, 1 - way * rng.uniform(0.02, 0.09))
            if rng.random() < 0.8:
                old, new = rng.sample(others, 2)
                for part in (0.7, 0.3):
                    self._pass(i, way, old, new, most * part)
        for _ in range(rng.choice([1, 1, 2])):
            self._gap(i, 1 - way * rng.uniform(0.05, 0.19))
        for _ in range(rng.choice([1, 3])):
            self.liquidate()
            self.wait(1)

    def _gap(self, i: Instrument, factor: float) -> None:
        """The price of i jumps, its mark and a trade follow, and its book is open."""
        self.wait(1)
        self.index[i.feed] = max(2.0, self.index[i.feed] * factor)
        self.read_all()
        self.sweep(i)
        for _ in range(self.rng.choice([1, 2])):
            self.mark()
            self.cross(0, 1, i, 1)
        self.mark()
        self.send(Message.STATE, instrument=i.id, arg=0)

    def _stake(self, account: int, dollars: float) -> None:
        asset = 0 if self.has_cash else 1
        size = self.units(asset, dollars)
        self.send(Message.DEPOSIT, account=account, instrument=asset, size=size)

    def _pass(self, i: Instrument, way: int, long: int, short: int, dollars: float) -> None:
        """`long` buys of `short` at the fair price, or the other way round."""
        buyer, seller = (long, short) if way > 0 else (short, long)
        self.trade(buyer, seller, i, self.lots(i, dollars))

    def _second(self, i: Instrument, x: int, other: int) -> None:
        """A second position of X, so that its loss is shared over two."""
        rng = self.rng
        rest = [j for j in self.market.derivatives if j.id != i.id]
        if rest:
            j = rng.choice(rest)
            self._pass(j, rng.choice([1, -1]), x, other, self.dollars(300, 3_000, 10_000))
