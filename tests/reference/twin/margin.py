"""Equity, net equity and requirements of the unified account (MAR-01 to MAR-05, MAR-09)."""

from __future__ import annotations

import math

from twin.arithmetic import MILLION, usd
from twin.books import Order, Resting
from twin.codes import Grade
from twin.listing import Coin, Instrument
from twin.state import State


class Margin:
    """Reads the state, never changes it."""

    def __init__(self, state: State) -> None:
        self.s = state

    # -- values -----------------------------------------------------------------------------

    def unrealised(self, account: int, i: Instrument, marks: list[int] | None = None) -> int:
        p = self.s.ledger.accounts[account].positions[i.id]
        mark = marks[i.id] if marks is not None else self.s.marks[i.id].mark
        return p.size * mark * i.tv - p.cost

    def set_value(self, i: Instrument, yes: int, no: int) -> tuple[int, int]:
        """MAR-01: V_e and the value of its complete sets; a resolved event counts 0."""
        if self.s.winners[i.event] is not None:
            return 0, 0
        mark = self.s.marks[i.id].mark
        s = min(yes, no)
        v = s * MILLION + (yes - s) * mark * i.tv + (no - s) * (i.payoff - mark) * i.tv
        return v, s * MILLION

    def equity(self, account: int) -> int:
        """MAR-01, exact."""
        a = self.s.ledger.accounts[account]
        e = a.usdc
        for coin in self.s.market.coins:
            e += a.coins[coin.asset] * self.s.feeds[coin.feed].index * coin.tv
        for i in self.s.market.perpetuals:
            e += self.unrealised(account, i)
        for i in self.s.market.events:
            e += self.set_value(i, *a.shares[i.event])[0]
        return e

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
        """MAR-02: the NE term of a coin balance."""
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
        ne = usd(a.usdc)
        for coin in self.s.market.coins:
            ne += self.coin_value(coin, a.coins[coin.asset], strict)
        for i in self.s.market.perpetuals:
            if a.positions[i.id].size:
                ne += self.profit(i, usd(self.unrealised(account, i, marks)), strict, phi)
        for i in self.s.market.events:
            ne += usd(self.set_value(i, *a.shares[i.event])[0])
        return ne

    # -- maintenance ------------------------------------------------------------------------

    def position_maintenance(
        self, i: Instrument, size: int, marks: list[int] | None = None
    ) -> float:
        mark = marks[i.id] if marks is not None else self.s.marks[i.id].mark
        n = usd(abs(size) * mark * i.tv)
        assert i.margin is not None
        return n * i.margin.maintenance(n)

    def event_requirement(self, i: Instrument, yes: int, no: int) -> float:
        """MAR-05: R_e = λ·(V − sets)."""
        v, sets = self.set_value(i, yes, no)
        return i.lam * usd(v - sets)

    def maintenance(self, account: int, marks: list[int] | None = None) -> float:
        a = self.s.ledger.accounts[account]
        mm = 0.0
        if a.usdc < 0:
            x = usd(-a.usdc)
            mm += x * self.s.market.usdc_debt.maintenance(x)
        for coin in self.s.market.coins:
            if a.coins[coin.asset] < 0:
                x = usd(-a.coins[coin.asset] * self.s.feeds[coin.feed].index * coin.tv)
                mm += x * coin.debt.maintenance(x)
        for i in self.s.market.perpetuals:
            if a.positions[i.id].size:
                mm += self.position_maintenance(i, a.positions[i.id].size, marks)
        for i in self.s.market.events:
            mm += self.event_requirement(i, *a.shares[i.event])
        return mm

    def event_requirements(self, account: int) -> float:
        """ΣR_e, for the unflag test (LIQ-00)."""
        total = 0.0
        for i in self.s.market.events:
            total += self.event_requirement(i, *self.s.ledger.accounts[account].shares[i.event])
        return total

    # -- initial ----------------------------------------------------------------------------

    def event_fees(self, n: Resting) -> tuple[float, float]:
        """fee_b and fee_a of MAR-05."""
        fe = self.s.rules["event_fee_bps"] / 1e4
        bids, asks = n.buy_yes_cost + n.sell_no_cost, n.sell_yes_cost + n.buy_no_cost
        bid_lots, ask_lots = n.buy_yes_lots + n.sell_no_lots, n.sell_yes_lots + n.buy_no_lots
        return (
            fe * usd(min(bids, bid_lots * MILLION - bids)),
            fe * usd(min(asks, ask_lots * MILLION - asks)),
        )

    def outflow(self, account: int, extra: Order | None = None) -> float:
        """MAR-05: the USDC that all resting orders together may cost."""
        f = max(self.s.rules["taker_fee_bps"], 0) / 1e4
        out = 0.0
        for i in self.s.market.instruments:
            n = self.s.numbers(account, i, extra)
            if i.is_spot:
                out += usd(n.bid_cost) * (1 + f)
            if i.is_event:
                yes, no = self.s.ledger.accounts[account].shares[i.event]
                fee_b, fee_a = self.event_fees(n)
                held_no = min(no, n.sell_no_lots) * MILLION
                held_yes = min(yes, n.sell_yes_lots) * MILLION
                naked_yes = n.sell_yes_lots * MILLION - n.sell_yes_cost - held_yes
                out += (
                    usd(n.buy_yes_cost)
                    + usd(max(0, n.sell_no_cost - held_no))
                    + usd(n.buy_no_lots * MILLION - n.buy_no_cost)
                    + usd(max(0, naked_yes))
                    + fee_b
                    + fee_a
                )
        return out

    def initial(self, account: int, extra: Order | None = None) -> float:
        """IM with every resting order (and `extra`) counted."""
        strict = self.s.rules["strict_prices"]
        a = self.s.ledger.accounts[account]
        im = 0.0
        x = self.outflow(account, extra) - usd(a.usdc)
        if x > 0:
            im += x * self.s.market.usdc_debt.initial(x)
        for coin in self.s.market.coins:
            asks = 0
            if coin.spot >= 0:
                spot = self.s.market.instruments[coin.spot]
                asks = self.s.numbers(account, spot, extra).ask_lots
            owed = asks - a.coins[coin.asset]
            x = usd(owed * self.coin_price(coin, -owed, strict) * coin.tv)
            if x > 0:
                im += x * coin.debt.initial(x)
        for i in self.s.market.instruments:
            n = self.s.numbers(account, i, extra)
            if i.is_perpetual:
                im += self._position_initial(account, i, n)
                im += self._perpetual_loss(account, i, n)
            elif i.is_spot:
                im += self._spot_loss(account, i, n)
            else:
                im += self.event_requirement(i, *a.shares[i.event])
                im += self._event_loss(account, i, n)
        return im

    def _position_initial(self, account: int, i: Instrument, r: Resting) -> float:
        s = self.s.ledger.accounts[account].positions[i.id].size
        mark = self.s.marks[i.id].mark
        n = usd(max(abs(s), abs(s + r.bid_lots), abs(s - r.ask_lots)) * mark * i.tv)
        interest = usd(self.s.ledger.open_interest(i.id) * mark * i.tv)
        assert i.margin is not None
        return n * i.margin.initial_with_interest(n, interest)

    def _perpetual_loss(self, account: int, i: Instrument, n: Resting) -> float:
        f = max(self.s.rules["taker_fee_bps"], 0) / 1e4
        strict, phi = self.s.rules["strict_prices"], self.s.rules["phi"]
        mark = self.s.marks[i.id].mark
        now = self.unrealised(account, i)
        g = self.profit(i, usd(now), strict, phi)
        loss_b = loss_a = 0.0
        if n.bid_lots:
            u = usd(now + n.bid_lots * mark * i.tv - n.bid_cost)
            loss_b = g - self.profit(i, u, strict, phi) + f * usd(n.bid_cost)
        if n.ask_lots:
            u = usd(now + n.ask_cost - n.ask_lots * mark * i.tv)
            loss_a = g - self.profit(i, u, strict, phi) + f * usd(n.ask_cost)
        return max(0.0, loss_b, loss_a)

    def _spot_loss(self, account: int, i: Instrument, n: Resting) -> float:
        f = max(self.s.rules["taker_fee_bps"], 0) / 1e4
        strict = self.s.rules["strict_prices"]
        coin = self.s.market.coins[i.coin - 1]
        b = self.s.ledger.accounts[account].coins[coin.asset]
        h = self.coin_value(coin, b, strict)
        loss_b = loss_a = 0.0
        if n.bid_lots:
            after = self.coin_value(coin, b + n.bid_lots, strict)
            loss_b = h - after + usd(n.bid_cost) * (1 + f)
        if n.ask_lots:
            after = self.coin_value(coin, b - n.ask_lots, strict)
            loss_a = h - after - usd(n.ask_cost) * (1 - f)
        return max(0.0, loss_b, loss_a)

    def _event_loss(self, account: int, i: Instrument, n: Resting) -> float:
        yes, no = self.s.ledger.accounts[account].shares[i.event]
        fee_b, fee_a = self.event_fees(n)

        def worth(q_yes: int, q_no: int) -> float:
            v, sets = self.set_value(i, q_yes, q_no)
            return usd(v) - i.lam * usd(v - sets)

        loss_b = loss_a = 0.0
        lots, cost = n.buy_yes_lots + n.sell_no_lots, n.buy_yes_cost + n.sell_no_cost
        if lots:
            d = min(no, n.sell_no_lots)
            after = worth(yes + lots - d, no - d)
            loss_b = worth(yes, no) - after + usd(cost - d * MILLION) + fee_b
        lots, cost = n.sell_yes_lots + n.buy_no_lots, n.sell_yes_cost + n.buy_no_cost
        if lots:
            d = min(yes, n.sell_yes_lots)
            after = worth(yes - d, no + lots - d)
            loss_a = worth(yes, no) - after - usd(cost - lots * MILLION + d * MILLION) + fee_a
        return max(0.0, loss_b, loss_a)
