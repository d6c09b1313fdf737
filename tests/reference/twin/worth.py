"""Equity, net equity and maintenance of an account (MAR-01, MAR-02, MAR-04 to MAR-07)."""

from __future__ import annotations

import math

from twin.arithmetic import MILLION, usd
from twin.codes import Grade
from twin.listing import Coin, Instrument
from twin.offset import members, requirement
from twin.portfolio import Portfolio
from twin.state import State


class Worth:
    """Reads the state, never changes it."""

    def __init__(self, state: State) -> None:
        self.s = state
        self.portfolio = Portfolio(self)

    # -- exact values -------------------------------------------------------------------------

    def unrealised(self, account: int, i: Instrument, marks: list[int] | None = None) -> int:
        """In units of k(i)."""
        p = self.s.ledger.accounts[account].positions[i.id]
        mark = marks[i.id] if marks is not None else self.s.marks[i.id].mark
        return i.pv(p.size, mark) - p.cost

    def units(self, account: int, asset: int, marks: list[int] | None = None) -> int:
        """b of MAR-01: balance, claim and what the inverse positions in it have won."""
        b = self.s.ledger.accounts[account].balance(asset) + self.s.ledger.claim(account, asset)
        for i in self.s.market.inverses:
            if i.settles == asset:
                b += self.unrealised(account, i, marks)
        return b

    def share_marks(self, event: int) -> list[int]:
        """The mark of each share, in ticks."""
        e = self.s.market.events[event]
        if e.categorical:
            return [self.s.marks[i.id].mark for i in self.s.market.books_of(event)]
        mark = self.s.marks[e.first_book].mark
        return [mark, e.payoff - mark]

    def set_value(self, event: int, shares: list[int]) -> tuple[int, int]:
        """MAR-01: V_e and the value of its complete sets; a resolved event counts 0."""
        if self.s.winners[event] is not None:
            return 0, 0
        s, tv = min(shares), self.s.market.events[event].tv
        v = s * MILLION
        for q, mark in zip(shares, self.share_marks(event), strict=True):
            v += (q - s) * mark * tv
        return v, s * MILLION

    def equity(self, account: int) -> int:
        """MAR-01, exact."""
        e = self.units(account, 0)
        for coin in self.s.market.coins:
            e += self.units(account, coin.asset) * self.s.feeds[coin.feed].index * coin.tv
        for i in self.s.market.linear:
            e += self.unrealised(account, i)
        for event, shares in enumerate(self.s.ledger.accounts[account].shares):
            e += self.set_value(event, shares)[0]
        return e

    # -- net equity ---------------------------------------------------------------------------

    def coin_price(self, coin: Coin, lots: int, strict: bool) -> int:
        """MAR-09: strict takes min(P, TWAP) of what is held, max of what is owed."""
        feed = self.s.feeds[coin.feed]
        if not strict:
            return feed.index
        return min(feed.index, feed.twap) if lots > 0 else max(feed.index, feed.twap)

    def weight(self, coin: Coin, lots: int, strict: bool) -> float:
        """MAR-02: w of a positive balance."""
        price = self.coin_price(coin, lots, strict)
        value = usd(lots * price * coin.tv)
        w = min(coin.w, coin.b / (1.0 + coin.kappa * math.sqrt(value)))
        if coin.cap_usd > 0:
            held = sum(max(0, a.coins[coin.asset]) for a in self.s.ledger.accounts)
            total = usd(held * price * coin.tv)
            if total > 0:
                w = w * min(1.0, coin.cap_usd / total)
        return w

    def coin_value(self, coin: Coin, lots: int, strict: bool) -> float:
        """MAR-02: h, the NE term of b = `lots` of a coin."""
        if lots == 0:
            return 0.0
        if lots > 0 and strict and self.s.feeds[coin.feed].grade(self.s.now) >= Grade.STALE:
            return 0.0
        value = usd(lots * self.coin_price(coin, lots, strict) * coin.tv)
        return value * self.weight(coin, lots, strict) if lots > 0 else value

    def profit(self, i: Instrument, u: float, strict: bool, phi: float) -> float:
        """MAR-02: g(u)."""
        if u > 0:
            return 0.0 if strict and self.s.grade(i) >= Grade.STALE else phi * u
        return u

    def net(
        self,
        account: int,
        strict: bool = False,
        phi: float | None = None,
        marks: list[int] | None = None,
    ) -> float:
        """MAR-02; strict only where the rules have strict prices."""
        strict = strict and self.s.rules["strict_prices"]
        phi = self.s.rules["phi"] if phi is None else phi
        a = self.s.ledger.accounts[account]
        ne = usd(self.units(account, 0))
        for coin in self.s.market.coins:
            ne += self.coin_value(coin, self.units(account, coin.asset, marks), strict)
        for i in self.s.market.linear:
            if a.positions[i.id].size:
                ne += self.profit(i, usd(self.unrealised(account, i, marks)), strict, phi)
        for event, shares in enumerate(a.shares):
            ne += usd(self.set_value(event, shares)[0])
        return ne

    # -- maintenance --------------------------------------------------------------------------

    def position_maintenance(
        self, i: Instrument, size: int, marks: list[int] | None = None
    ) -> float:
        mark = marks[i.id] if marks is not None else self.s.marks[i.id].mark
        n = usd(i.notional(abs(size), mark))
        assert i.margin is not None
        return n * i.margin.maintenance(n)

    def event_requirement(self, event: int, shares: list[int]) -> float:
        """MAR-05: R_e = λ·(V − sets)."""
        v, sets = self.set_value(event, shares)
        return self.s.lam(event) * usd(v - sets)

    def maintenance(self, account: int, marks: list[int] | None = None) -> float:
        """MM: debts count the balance alone."""
        a = self.s.ledger.accounts[account]
        mm = 0.0
        if a.usdc < 0:
            x = usd(-a.usdc)
            mm += x * self.s.market.usdc_debt.maintenance(x)
        for coin in self.s.market.coins:
            if a.coins[coin.asset] < 0:
                x = usd(-a.coins[coin.asset] * self.s.feeds[coin.feed].index * coin.tv)
                mm += x * coin.debt.maintenance(x)
        mm = self._add_derivatives(mm, account, marks)
        for event, shares in enumerate(a.shares):
            if not self.portfolio.linked(event):
                mm += self.event_requirement(event, shares)
        return mm

    def _add_derivatives(self, mm: float, account: int, marks: list[int] | None) -> float:
        """MAR-03, MAR-06, or the underlyings of MAR-07, added one after the other."""
        if self.portfolio.on():
            for feed in range(len(self.s.feeds)):
                mm += self.portfolio.maintenance(account, feed, marks)
            return mm
        sizes = self.sizes(account)
        for i in self.s.market.derivatives:
            group = members(self.held(sizes), i)
            if sizes[i.id] and group[0] is i:
                mm += self.group_maintenance(group, sizes, marks)
        return mm

    def sizes(self, account: int) -> dict[int, int]:
        """Signed lots by derivative."""
        positions = self.s.ledger.accounts[account].positions
        return {i.id: positions[i.id].size for i in self.s.market.derivatives}

    def held(self, sizes: dict[int, int]) -> list[Instrument]:
        return [i for i in self.s.market.derivatives if sizes[i.id]]

    def group_maintenance(
        self, group: list[Instrument], sizes: dict[int, int], marks: list[int] | None = None
    ) -> float:
        """MAR-06: the term of the held derivatives of one feed; of one alone its own."""
        if len(group) == 1:
            return self.position_maintenance(group[0], sizes[group[0].id], marks)
        at = [m.mark for m in self.s.marks] if marks is None else marks
        signed = [usd(i.notional(1, at[i.id]) * sizes[i.id]) for i in group]

        def fraction(g: float) -> float:
            return max(i.margin.maintenance(g) for i in group if i.margin is not None)

        return requirement(signed, signed, fraction, self.s.rules["offset_ratio"])

    def event_requirements(self, account: int) -> float:
        """ΣR_e, for the unflag test (LIQ-00); linked events are in their underlying."""
        total = 0.0
        for event, shares in enumerate(self.s.ledger.accounts[account].shares):
            if not self.portfolio.linked(event):
                total += self.event_requirement(event, shares)
        return total
