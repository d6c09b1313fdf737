"""Portfolio margin: the worst of a grid of prices, strikes and jumps by underlying (MAR-07)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from twin.arithmetic import MILLION, fdiv, usd
from twin.books import Order
from twin.filled import asks_filled, bids_filled
from twin.offset import running
from twin.products import EventProduct

if TYPE_CHECKING:
    from twin.worth import Worth

YES_WINS, NO_WINS = 0, 1


@dataclass(frozen=True)
class Stake:
    """What one linked event can do to an account, in USD."""

    event: EventProduct
    ends: list[float]  # PnL by outcome, void last
    need: float  # R_e of the floor


@dataclass(frozen=True)
class Point:
    """One total move of the price and what of the events goes with it."""

    move: float
    weight: float
    jumped: dict[int, int] | None  # jump event: its end; None: each its worst
    given: tuple[int, bool] | None = None  # at a strike: (it, whether the price is there or below)


class Portfolio:
    """Reads the state, never changes it."""

    def __init__(self, worth: Worth) -> None:
        self.s = worth.s
        self.worth = worth

    def on(self) -> bool:
        return bool(self.s.rules["margin_mode"] == "portfolio")

    def linked(self, event: int) -> bool:
        """It names an underlying, is open, and nobody has proposed an outcome."""
        if not self.on() or self.s.market.events[event].underlying < 0:
            return False
        return self.s.winners[event] is None and not self.s.proposals[event]

    # -- the requirement of one underlying ------------------------------------------------------

    def maintenance(
        self,
        account: int,
        feed: int,
        marks: list[int] | None = None,
        sizes: dict[int, int] | None = None,
        shares: list[list[int]] | None = None,
    ) -> float:
        """MM_u; `sizes` and `shares` stand in for what the account holds."""
        holder = self.s.ledger.accounts[account]
        marks = [m.mark for m in self.s.marks] if marks is None else marks
        d = running(
            usd(i.notional(1, marks[i.id]) * (sizes or {}).get(i.id, holder.positions[i.id].size))
            for i in self.s.market.derivatives
            if i.feed == feed
        )
        f = self._hedged(d, self._spot(account, feed, False, {}))
        held = holder.shares if shares is None else shares
        stakes = [self._stake(e, held[e.id], []) for e in self._events(feed) if any(held[e.id])]
        return self._need(feed, f, f, stakes)

    def initial(self, account: int, feed: int, extra: Order | None) -> float:
        """IM_u: with every resting order (and `extra`) counted."""
        s, holder = self.s, self.s.ledger.accounts[account]
        low = high = 0.0
        for i in s.market.derivatives:
            if i.feed == feed:
                n, size = s.numbers(account, i, extra), holder.positions[i.id].size
                lot = i.notional(1, s.marks[i.id].mark)
                low += usd((size - n.ask_lots) * lot)
                high += usd((size + n.bid_lots) * lot)
        asks = {
            c.asset: s.numbers(account, s.market.instruments[c.spot], extra).ask_lots
            for c in s.market.coins
            if c.feed == feed and c.spot >= 0
        }
        x = self._spot(account, feed, s.rules["strict_prices"], asks)
        stakes = []
        for e in self._events(feed):
            held = holder.shares[e.id]
            ways = []
            for i in s.market.books_of(e.id):
                n = s.numbers(account, i, extra)
                if n.bid_lots or n.ask_lots:
                    ways.append([bids_filled(held, i, n)[0], asks_filled(held, i, n)[0]])
            if any(held) or ways:
                stakes.append(self._stake(e, held, ways))
        need = self._need(feed, self._hedged(low, x), self._hedged(high, x), stakes)
        return float(s.rules["portfolio_initial"] * need)

    def _need(self, feed: int, low: float, high: float, stakes: list[Stake]) -> float:
        """max(0, losses, floor)."""
        largest = sorted((stake.need for stake in stakes), reverse=True)[:2]
        worst = max(0.0, self.s.rules["portfolio_floor"] * running(largest))
        for point in self._points(feed, stakes):
            gain = point.move * (low if point.move >= 0 else high)
            for stake in stakes:
                gain += self._outcome(feed, stake, point)
            worst = max(worst, point.weight * -gain)
        return worst

    # -- what an account has at stake -----------------------------------------------------------

    def _spot(self, account: int, feed: int, strict: bool, asks: dict[int, int]) -> float:
        """X: coins that may hedge a short, but for the lots that rest as `asks`."""
        x = 0.0
        for coin in self.s.market.coins:
            if coin.feed != feed:
                continue
            units = self.s.ledger.balance(account, coin.asset)
            units += self.s.ledger.claim(account, coin.asset)
            units -= asks.get(coin.asset, 0)
            if units > 0:
                x += self.worth.coin_value(coin, units, strict)
        return x

    def _hedged(self, d: float, x: float) -> float:
        """F: spot in use takes away from a short."""
        return d + min(x, max(0.0, -d))

    def _events(self, feed: int) -> list[EventProduct]:
        return [e for e in self.s.market.events if e.underlying == feed and self.linked(e.id)]

    def _pnl(self, e: EventProduct, shares: list[int]) -> list[float]:
        """By outcome, void last."""
        v = self.worth.set_value(e.id, shares)[0]
        paid = [q * MILLION for q in shares] + [fdiv(sum(shares) * MILLION, e.outcomes)]
        return [usd(amount - v) for amount in paid]

    def _requirement(self, e: EventProduct, shares: list[int]) -> float:
        return self.worth.event_requirement(e.id, shares)

    def _stake(self, e: EventProduct, shares: list[int], ways: list[list[list[int]]]) -> Stake:
        """`ways`: by book what is held after its bids, and after its asks."""
        before = self._pnl(e, shares)
        ends, need = list(before), self._requirement(e, shares)
        for after in ways:
            others = [self._pnl(e, other) for other in after]
            for end, p in enumerate(before):
                ends[end] += min(0.0, *(other[end] - p for other in others))
            need = max(need, *(self._requirement(e, other) for other in after))
        return Stake(e, ends, need)

    # -- points -----------------------------------------------------------------------------------

    def _points(self, feed: int, stakes: list[Stake]) -> Iterator[Point]:
        rules, index = self.s.rules, self.s.feeds[feed].index
        grid = self.s.market.feeds[feed].grid
        widest, light = max(grid), rules["portfolio_extreme_weight"]
        e = rules["portfolio_extreme"] * widest
        moves = [(0.0, 1.0)]
        for x in grid:
            moves += [(-x, 1.0), (x, 1.0)]
        moves += [(max(-e, -1.0), light), (e, light)]
        jumping = [stake.event for stake in stakes if stake.event.jumps]
        for ends in product(*(range(event.outcomes + 1) for event in jumping)):
            factor = 1.0
            for event, end in zip(jumping, ends, strict=True):
                if end < event.outcomes:
                    factor *= 1.0 + event.jumps[end]
            jumped = {event.id: end for event, end in zip(jumping, ends, strict=True)}
            for x, weight in moves:
                yield Point((1.0 + x) * factor - 1.0, weight, jumped)
        for event in (stake.event for stake in stakes if stake.event.strike):
            move = event.strike / index - 1.0
            if abs(move) <= max(widest, e):
                for reached in (False, True):
                    weight = 1.0 if abs(move) <= widest else light
                    yield Point(move, weight, None, (event.strike, reached))

    def _outcome(self, feed: int, stake: Stake, point: Point) -> float:
        """P_e."""
        event = stake.event
        if event.jumps:
            return min(stake.ends) if point.jumped is None else stake.ends[point.jumped[event.id]]
        reached = self.s.feeds[feed].index * (1.0 + point.move) >= event.strike
        if point.given is not None and point.given[0] == event.strike:
            reached = point.given[1]
        end = YES_WINS if reached != event.below else NO_WINS
        return min(stake.ends[end], stake.ends[-1])
