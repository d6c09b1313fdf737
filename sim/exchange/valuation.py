"""What each holding of an account adds to NE, IM and MM, in the kernel's own order of operations.

Everything here is plain Python on an ``Account``: the same float64 operations in the same order as
``kernel/margin.py`` and ``kernel/shares.py``, so that the results are equal to the last bit.
Amounts are USD unless a name says micro-USDC or units.
"""

from __future__ import annotations

import math

from sim.exchange.account import Account
from sim.exchange.instruments import MICRO, Event, Kind, Listing, Margin
from sim.exchange.places import Place, places
from sim.exchange.rules import Rules

NOTHING = (0,) * 8


def usd(x: float) -> float:
    return x / 1e6


def imf(margin: Margin, n: float, oi_usd: float = 0.0) -> float:
    """Initial margin fraction of MAR-03 at notional n USD."""
    x = max(_inverse(margin), margin.base, margin.factor * math.sqrt(n))
    if margin.oi_up_usd > 0:
        share = min(
            1.0, max(0.0, (oi_usd - margin.oi_low_usd) / (margin.oi_up_usd - margin.oi_low_usd))
        )
        x = max(x, margin.base + share * (1.0 - margin.base))
    return min(1.0, x)


def mmf(margin: Margin, n: float) -> float:
    """Maintenance margin fraction of MAR-03 at notional n USD."""
    return min(1.0, max(margin.base_m, margin.factor_m * math.sqrt(n)))


def _inverse(margin: Margin) -> float:
    return 1.0 / margin.leverage_limit if margin.leverage_limit > 0 else 0.0


class Valuation:
    """The terms of NE, IM and MM of one account.  ``strict``: at the prices of MAR-09."""

    def __init__(self, listing: Listing, rules: Rules, account: Account) -> None:
        self.listing, self.rules, self.account = listing, rules, account
        self.places = places(listing)
        self.fee = max(rules.taker_fee_bps, 0.0) / 1e4
        self.event_fee = rules.event_fee_bps / 1e4
        self.coin_feed = [-1, *(listing.feed_id(a.feed) for a in listing.assets)]
        self.coin_tick = [1, *(listing.asset_tick_value(k + 1) for k in range(len(listing.assets)))]

    def resting(self, i: int) -> tuple[int, ...]:
        """The eight resting numbers of instrument i."""
        return self.account.resting.get(i, NOTHING)

    # coins ------------------------------------------------------------------------------------
    def price(self, k: int, strict: bool = False, owed: bool = False) -> int:
        """P of coin k in ticks."""
        index = self.account.index[self.coin_feed[k]]
        twap = self.account.twap.get(self.coin_feed[k], index)
        if not strict:
            return index
        return max(index, twap) if owed else min(index, twap)

    def weight(self, k: int, value: float, price: int) -> float:
        """w of MAR-02 for a positive balance worth `value` USD."""
        a = self.listing.assets[k - 1]
        w = min(a.haircut_w, a.haircut_b / (1.0 + a.haircut_kappa * math.sqrt(value)))
        if a.collateral_cap_usd > 0:
            total = usd(self.account.totals.get(k, 0) * price * self.coin_tick[k])
            if total > 0:
                w = w * min(1.0, a.collateral_cap_usd / total)
        return w

    def coin(self, k: int, units: int, strict: bool) -> float:
        """NE of so many units of coin k."""
        if units == 0:
            return 0.0
        price = self.price(k, strict, units < 0)
        value = usd(units * price * self.coin_tick[k])
        if units < 0:
            return value
        if strict and self.coin_feed[k] in self.account.stale:
            return 0.0
        return value * self.weight(k, value, price)

    def holding(self, k: int) -> int:
        """b of MAR-01 in units: balance, claim, unrealised PnL of the inverse positions in it."""
        units = self.account.balances.get(k, 0) + self.account.claims.get(k, 0)
        return units + (self.inverse_gain(k) if k else 0)

    def inverse_gain(self, k: int) -> int:
        """Unrealised PnL of the inverse positions that settle in coin k, units."""
        return sum(
            self.unrealised(self.places[i])
            for i in self.account.positions
            if self.places[i].per_price and self.places[i].base == k
        )

    def ask_lots(self, k: int) -> int:
        """Lots of coin k resting as asks in its (first) spot book."""
        for p in self.places:
            if p.kind == Kind.SPOT and p.base == k:
                return self.resting(p.id)[3]
        return 0

    def debt_value(self, k: int, units: int, strict: bool) -> float:
        """What `units` owed of asset k are worth, 0 for a negative number."""
        return usd(max(0, units) * self.price(k, strict, owed=True) * self.coin_tick[k])

    # derivatives ------------------------------------------------------------------------------
    def worth(self, p: Place, lots: int, price: int) -> int:
        """pv of the rulebook: micro-USDC, for an inverse base units."""
        if not p.per_price:
            return lots * price * p.tick_value
        units = abs(lots) * p.per_price // price
        return -units if lots > 0 else units

    def unrealised(self, p: Place) -> int:
        """Unrealised PnL at mark, in what p settles in."""
        size, cost = self.account.positions.get(p.id, (0, 0))
        return self.worth(p, size, self.account.marks[p.id]) - cost if size else -cost

    def notional(self, p: Place, lots: int) -> float:
        """USD of lots >= 0 at mark."""
        return usd(lots * (p.face or self.account.marks[p.id] * p.tick_value))

    def open_interest(self, p: Place) -> float:
        """USD of all long lots of a derivative, at mark."""
        return self.notional(p, self.account.oi.get(p.id, 0))

    def profit(self, u: float, ignored: bool = False) -> float:
        """NE of an unrealised PnL."""
        gain = 0.0 if ignored else self.rules.phi
        return u * (gain if u > 0.0 else 1.0)

    def position_loss(self, p: Place, strict: bool) -> float:
        """Book loss of a derivative: what all bids, or all asks, would cost if they filled."""
        return self.inverse_loss(p, strict) if p.per_price else self.linear_loss(p, strict)

    def linear_loss(self, p: Place, strict: bool) -> float:
        _, _, bid, ask, bid_cost, ask_cost, _, _ = self.resting(p.id)
        ignored = strict and p.feed in self.account.stale
        unit = self.account.marks[p.id] * p.tick_value
        u = self.unrealised(p)
        now = self.profit(usd(u), ignored)
        loss = 0.0
        if bid:
            after = self.profit(usd(u + bid * unit - bid_cost), ignored)
            loss = max(loss, now - after + self.fee * usd(bid_cost))
        if ask:
            after = self.profit(usd(u + ask_cost - ask * unit), ignored)
            loss = max(loss, now - after + self.fee * usd(ask_cost))
        return loss

    def inverse_loss(self, p: Place, strict: bool) -> float:
        _, _, bid, ask, bid_cost, ask_cost, _, _ = self.resting(p.id)
        units = self.holding(p.base)
        now = self.coin(p.base, units, strict)
        loss = 0.0
        if bid:
            after = self.coin(p.base, units + math.floor(self.gain(p, bid, bid_cost)), strict)
            loss = max(loss, now - after + self.fee * usd(bid * p.face))
        if ask:
            after = self.coin(p.base, units + math.floor(-self.gain(p, ask, ask_cost)), strict)
            loss = max(loss, now - after + self.fee * usd(ask * p.face))
        return loss

    def gain(self, p: Place, lots: int, cost: int) -> float:
        """G of the rulebook: base units that bids filled at their mean price gain at mark."""
        c, per_price = float(lots), float(p.per_price)
        return c * c * per_price / float(cost) - c * per_price / float(self.account.marks[p.id])

    def spot_loss(self, p: Place, strict: bool) -> float:
        _, _, bid, ask, bid_cost, ask_cost, _, _ = self.resting(p.id)
        units = self.holding(p.base)
        now = self.coin(p.base, units, strict)
        loss = 0.0
        if bid:
            after = self.coin(p.base, units + bid, strict)
            loss = max(loss, now - after + usd(bid_cost) * (1.0 + self.fee))
        if ask:
            after = self.coin(p.base, units - ask, strict)
            loss = max(loss, now - after - usd(ask_cost) * (1.0 - self.fee))
        return loss

    # events -----------------------------------------------------------------------------------
    def shares(self, e: int) -> list[int]:
        """Shares of event e by outcome."""
        first = self.listing.first_share(e)
        n = len(self.listing.events[e].shares)
        return [self.account.balances.get(k, 0) for k in range(first, first + n)]

    def share_marks(self, e: int) -> list[int]:
        """Marks in ticks of the shares of event e; 0 where none is known (nothing is held)."""
        book, item = self.listing.first_book(e), self.listing.events[e]
        marks = [self.account.marks.get(book + k, 0) for k in range(len(item.books))]
        return marks if len(marks) > 1 else [marks[0], item.payoff_ticks - marks[0]]

    def lam(self, e: int) -> float:
        """Lambda of MAR-05: 1 from the first proposal on, unless the rules leave it (SET-02)."""
        proposed = self.rules.proposal_margin and e in self.account.proposed
        return 1.0 if proposed else self.listing.events[e].lam

    def event_value(self, e: int, q: list[int]) -> tuple[int, int]:
        """(V_e in micro-USDC, complete sets) of q shares."""
        sets, tv = min(q), MICRO // self.listing.events[e].payoff_ticks
        marks = self.share_marks(e)
        above = sum((x - sets) * mark for x, mark in zip(q, marks, strict=True))
        return sets * MICRO + above * tv, sets

    def requirement(self, e: int, q: list[int]) -> float:
        """R_e of q shares at the declared (or proposed) lambda."""
        v, sets = self.event_value(e, q)
        return self.lam(e) * usd(v - sets * MICRO)

    def linked(self, e: int) -> int:
        """Feed id under which portfolio margin takes an event (MAR-07); -1: it keeps MAR-05."""
        item = self.listing.events[e]
        if self.rules.margin_mode != "portfolio" or not item.underlying:
            return -1
        if e in self.account.resolved or e in self.account.proposed:
            return -1
        return self.listing.feed_id(item.underlying)

    def event_net(self, e: int, q: list[int]) -> float:
        v, sets = self.event_value(e, q)
        lam = 0.0 if self.linked(e) >= 0 else self.lam(e)
        return usd(v) - lam * usd(v - sets * MICRO)

    def held(self, p: Place) -> tuple[int, int]:
        """(shares of book p's outcome, of its NO)."""
        q = self.shares(p.event)
        return q[p.outcome], min(x for k, x in enumerate(q) if k != p.outcome)

    def changed(self, p: Place, x: int, y: int) -> list[int]:
        """Shares with x more of book p's outcome and y more of every other."""
        return [q + (x if k == p.outcome else y) for k, q in enumerate(self.shares(p.event))]

    def share_fee(self, cost: int, lots: int) -> float:
        return self.event_fee * usd(min(cost, lots * MICRO - cost))

    def filled(self, p: Place) -> tuple[list[int] | None, list[int] | None]:
        """Shares of book p's event after all its bids, and after all its asks, have filled."""
        n_bid, _, bid, ask, _, _, n_ask, _ = self.resting(p.id)
        yes, no = self.held(p)
        bids, d = bid + n_bid, min(no, n_bid)
        after_bids = self.changed(p, bids - d, -d) if bids else None
        asks, d = ask + n_ask, min(yes, ask)
        return after_bids, self.changed(p, -d, asks - d) if asks else None

    def event_loss(self, p: Place) -> float:
        n_bid, n_bid_cost, bid, ask, bid_cost, ask_cost, n_ask, n_ask_cost = self.resting(p.id)
        yes, no = self.held(p)
        now = self.event_net(p.event, self.shares(p.event))
        after_bids, after_asks = self.filled(p)
        loss = 0.0
        lots, cost, d = bid + n_bid, bid_cost + n_bid_cost, min(no, n_bid)
        if after_bids is not None:
            after = self.event_net(p.event, after_bids)
            loss = max(loss, now - after + usd(cost - d * MICRO) + self.share_fee(cost, lots))
        lots, cost, d = ask + n_ask, ask_cost + n_ask_cost, min(yes, ask)
        if after_asks is not None:
            after = self.event_net(p.event, after_asks)
            paid = usd(cost - lots * MICRO + d * MICRO)
            loss = max(loss, now - after - paid + self.share_fee(cost, lots))
        return loss

    # orders -----------------------------------------------------------------------------------
    def outflow(self) -> float:
        """`out`: USDC that all resting spot and event orders could take out."""
        out = 0.0
        for i in sorted(self.account.resting):
            p, r = self.places[i], self.resting(i)
            if p.kind == Kind.SPOT:
                out += usd(r[4]) * (1.0 + self.fee)
            elif isinstance(p.item, Event):
                n_bid, n_bid_cost, bid, ask, bid_cost, ask_cost, n_ask, n_ask_cost = r
                yes, no = self.held(p)
                x = usd(bid_cost)
                x = x + usd(max(0, n_bid_cost - min(no, n_bid) * MICRO))
                x = x + usd(n_ask * MICRO - n_ask_cost)
                x = x + usd(max(0, ask * MICRO - ask_cost - min(yes, ask) * MICRO))
                x = x + self.share_fee(bid_cost + n_bid_cost, bid + n_bid)
                out += x + self.share_fee(ask_cost + n_ask_cost, ask + n_ask)
        return out
