"""What resting orders may cost and the initial margin requirement (MAR-03, MAR-05 to MAR-09)."""

from __future__ import annotations

import math

from twin.arithmetic import MILLION, usd
from twin.books import Order, Resting
from twin.codes import NO, YES
from twin.filled import asks_filled, bids_filled
from twin.listing import Instrument
from twin.offset import members, requirement
from twin.worth import Worth


class Margin(Worth):
    """The margin account as a whole; reads the state, never changes it."""

    def taker_rate(self) -> float:
        """f."""
        return float(max(self.s.rules["taker_fee_bps"], 0) / 1e4)

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
        """`out`: the USDC that all resting orders together may cost."""
        f = self.taker_rate()
        out = 0.0
        for i in self.s.market.instruments:
            if i.is_derivative:
                continue
            n = self.s.numbers(account, i, extra)
            if i.is_spot:
                out += usd(n.bid_cost) * (1 + f)
                continue
            fee_b, fee_a = self.event_fees(n)
            held_no = min(self.s.ledger.held(account, i, NO), n.sell_no_lots) * MILLION
            held_yes = min(self.s.ledger.held(account, i, YES), n.sell_yes_lots) * MILLION
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
        if self.portfolio.on():
            for feed in range(len(self.s.feeds)):
                im += self.portfolio.initial(account, feed, extra)
        numbers = [self.s.numbers(account, i, extra) for i in self.s.market.derivatives]
        for i in self.s.market.instruments:
            n = self.s.numbers(account, i, extra)
            if i.is_derivative:
                im += self._derivative_initial(account, i, numbers)
                if i.is_inverse:
                    im += self._inverse_loss(account, i, n)
                else:
                    im += self._linear_loss(account, i, n)
            elif i.is_spot:
                im += self._spot_loss(account, i, n)
            else:
                if i.outcome == 0 and not self.portfolio.linked(i.event):
                    im += self.event_requirement(i.event, a.shares[i.event])
                im += self._event_loss(account, i, n)
        return im

    def _derivative_initial(self, account: int, i: Instrument, numbers: list[Resting]) -> float:
        """Its own term; at the first active one of a group the group's (MAR-06)."""
        if self.portfolio.on():
            return 0.0
        sizes = self.sizes(account)
        active = [
            j
            for j in members(self.s.market.derivatives, i)
            if sizes[j.id] or numbers[j.id].bid_lots or numbers[j.id].ask_lots
        ]
        if i not in active or active[0] is not i:
            return 0.0
        s, r = sizes[i.id], numbers[i.id]
        if len(active) == 1:
            lots = max(abs(s), abs(s + r.bid_lots), abs(s - r.ask_lots))
            n = usd(i.notional(lots, self.s.marks[i.id].mark))
            return n * self._initial_fraction([i], n)
        lot = {j.id: j.notional(1, self.s.marks[j.id].mark) for j in active}
        return requirement(
            [usd((sizes[j.id] - numbers[j.id].ask_lots) * lot[j.id]) for j in active],
            [usd((sizes[j.id] + numbers[j.id].bid_lots) * lot[j.id]) for j in active],
            lambda g: self._initial_fraction(active, g),
            self.s.rules["offset_ratio"],
        )

    def _initial_fraction(self, group: list[Instrument], n: float) -> float:
        """The largest IMF of these derivatives at n, open interest included."""
        found = []
        for i in group:
            lots = self.s.ledger.open_interest(i.id)
            assert i.margin is not None
            interest = usd(i.notional(lots, self.s.marks[i.id].mark))
            found.append(i.margin.initial_with_interest(n, interest))
        return max(found)

    # -- book losses ----------------------------------------------------------------------------

    def _linear_loss(self, account: int, i: Instrument, n: Resting) -> float:
        f = self.taker_rate()
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

    def _inverse_loss(self, account: int, i: Instrument, n: Resting) -> float:
        """The coin would change by what a fill at the resting prices gains or loses at the mark."""
        f, strict = self.taker_rate(), self.s.rules["strict_prices"]
        coin, b = self.s.market.coin(i.coin), self.units(account, i.coin)
        mark, units = float(self.s.marks[i.id].mark), float(i.F)
        h = self.coin_value(coin, b, strict)

        def gain(lots: int, cost: int) -> float:
            c = float(lots)
            return c * c * units / float(cost) - c * units / mark

        loss_b = loss_a = 0.0
        if n.bid_lots:
            after = self.coin_value(coin, b + math.floor(gain(n.bid_lots, n.bid_cost)), strict)
            loss_b = h - after + f * usd(n.bid_lots * i.face)
        if n.ask_lots:
            after = self.coin_value(coin, b + math.floor(-gain(n.ask_lots, n.ask_cost)), strict)
            loss_a = h - after + f * usd(n.ask_lots * i.face)
        return max(0.0, loss_b, loss_a)

    def _spot_loss(self, account: int, i: Instrument, n: Resting) -> float:
        f, strict = self.taker_rate(), self.s.rules["strict_prices"]
        coin, b = self.s.market.coin(i.coin), self.units(account, i.coin)
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
        held = self.s.ledger.accounts[account].shares[i.event]
        fee_b, fee_a = self.event_fees(n)
        lam = 0.0 if self.portfolio.linked(i.event) else self.s.lam(i.event)

        def worth(shares: list[int]) -> float:
            """K."""
            v, sets = self.set_value(i.event, shares)
            return usd(v) - lam * usd(v - sets)

        loss_b = loss_a = 0.0
        lots, cost = n.buy_yes_lots + n.sell_no_lots, n.buy_yes_cost + n.sell_no_cost
        if lots:
            after, d = bids_filled(held, i, n)
            loss_b = worth(held) - worth(after) + usd(cost - d * MILLION) + fee_b
        lots, cost = n.sell_yes_lots + n.buy_no_lots, n.sell_yes_cost + n.buy_no_cost
        if lots:
            after, d = asks_filled(held, i, n)
            loss_a = worth(held) - worth(after)
            loss_a = loss_a - usd(cost - lots * MILLION + d * MILLION) + fee_a
        return max(0.0, loss_b, loss_a)
