"""Portfolio margin of one underlying: the largest loss over price moves and event outcomes (MAR-07).

Everything is a pure function of an ``Account`` value object (through its ``Valuation``), so that
other prices or other holdings can be asked about as well.  Sources: Deribit and OKX portfolio
margin (price grid, floor), SPAN (extreme moves at a reduced weight).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from sim.exchange.instruments import MICRO, BinaryEvent
from sim.exchange.offset import group
from sim.exchange.valuation import Valuation, usd

VOID = -1


@dataclass(frozen=True)
class Point:
    """A move of the price with what it weighs.

    ``outcomes``: (event id, outcome or ``VOID``) of the jump events; none at a strike's point,
    where a jump event has its worst end.  ``side``: (event id, whether the price is at or above its
    strike) there, for every event with that strike.
    """

    move: float
    weight: float
    outcomes: tuple[tuple[int, int], ...] = ()
    side: tuple[int, bool] | None = None


@dataclass(frozen=True)
class Requirement:
    """MM_u, or IM_u with ``initial``, of the underlying ``feed``: amounts in USD.

    At the ``worst`` point the loss is weight·-(move·exposure + Σ events), where exposure is
    derivatives + spot in use and ``events`` has (event id, outcome or ``VOID``, PnL).
    ``binds``: "point", "floor", or "nothing" when neither is above 0.
    """

    feed: int
    initial: bool
    factor: float
    worst: Point
    loss_usd: float
    floor_usd: float
    derivatives_usd: float
    spot_usd: float
    exposure_usd: float
    events: tuple[tuple[int, int, float], ...]
    points: int

    @property
    def amount_usd(self) -> float:
        return self.factor * max(0.0, self.loss_usd, self.floor_usd)

    @property
    def binds(self) -> str:
        if max(self.loss_usd, self.floor_usd) <= 0.0:
            return "nothing"
        return "point" if self.loss_usd >= self.floor_usd else "floor"


class _Side:
    """What moves with the price in one direction: signed derivatives and the spot that hedges."""

    def __init__(self, derivatives: float, spot: float) -> None:
        self.derivatives = derivatives
        self.spot = min(spot, max(0.0, -derivatives))
        self.exposure = derivatives + self.spot


class _Underlying:
    """One feed of one account: its exposures, and the PnL of every end of every event on it."""

    def __init__(self, value: Valuation, feed: int, initial: bool) -> None:
        self.value, self.feed, self.initial = value, feed, initial
        self.index = value.account.index[feed]
        spot = self._spot()
        low = high = 0.0
        for p in group(value, feed):
            size = value.account.positions.get(p.id, (0, 0))[0]
            bid, ask = value.resting(p.id)[2:4] if initial else (0, 0)
            low += value.notional(p, size - ask)
            high += value.notional(p, size + bid)
        self.low, self.high = _Side(low, spot), _Side(high, spot)
        self.events = [e for e in range(len(value.listing.events)) if self._counts(e)]
        self.pnl = {e: self._ends(e) for e in self.events}

    def _spot(self) -> float:
        """X: coins on the feed at their NE, USD (less what rests for sale, for initial margin)."""
        value, total = self.value, 0.0
        for k in range(1, 1 + len(value.listing.assets)):
            if value.coin_feed[k] != self.feed:
                continue
            units = value.account.balances.get(k, 0) + value.account.claims.get(k, 0)
            if self.initial:
                units -= value.ask_lots(k)
            if units > 0:
                strict = self.initial and value.rules.strict_prices
                total += value.coin(k, units, strict)
        return total

    def _counts(self, e: int) -> bool:
        if self.value.linked(e) != self.feed:
            return False
        return any(self.value.shares(e)) or bool(self.initial and self._quoted(e))

    def _quoted(self, e: int) -> list[tuple[list[int], ...]]:
        """For each book of an event with resting orders: the shares after its bids, its asks."""
        value, first = self.value, self.value.listing.first_book(e)
        books = range(first, first + len(value.listing.events[e].books))
        return [
            tuple(q for q in value.filled(value.places[i]) if q is not None)
            for i in books
            if any(value.resting(i))
        ]

    def _end(self, e: int, q: list[int], outcome: int) -> float:
        """PnL of q shares when the event ends so, USD."""
        paid = sum(q) * MICRO // len(q) if outcome == VOID else q[outcome] * MICRO
        return usd(paid - self.value.event_value(e, q)[0])

    def _ends(self, e: int) -> dict[int, float]:
        """PnL by outcome (``VOID`` last), resting orders of initial margin included."""
        held, found = self.value.shares(e), {}
        quoted = self._quoted(e) if self.initial else []
        for outcome in (*range(len(held)), VOID):
            before = total = self._end(e, held, outcome)
            for filled in quoted:
                total += min([0.0, *(self._end(e, q, outcome) - before for q in filled)])
            found[outcome] = total
        return found

    def points(self) -> Iterator[Point]:
        """Every point, in the rulebook's order."""
        grid = self.value.listing.feeds[self.feed].grid
        rules = self.value.rules
        widest = max(grid)
        extreme = rules.portfolio_extreme * widest
        light = rules.portfolio_extreme_weight
        moves = [(0.0, 1.0), *((s, 1.0) for x in grid for s in (-x, x))]
        moves += [(-min(extreme, 1.0), light), (extreme, light)]
        jumpers = [e for e in self.events if self.value.listing.events[e].jumps]
        for ends in product(*(self.pnl[e] for e in jumpers)):
            jump = 1.0
            for e, outcome in zip(jumpers, ends, strict=True):
                if outcome != VOID:
                    jump = jump * (1.0 + self.value.listing.events[e].jumps[outcome])
            chosen = tuple(zip(jumpers, ends, strict=True))
            for x, weight in moves:
                yield Point((1.0 + x) * jump - 1.0, weight, chosen)
        for e in self.events:
            strike = self._strike(e)
            if not strike:
                continue
            move = float(strike) / float(self.index) - 1.0
            if abs(move) <= extreme:
                weight = 1.0 if abs(move) <= widest else light
                for above in (False, True):
                    yield Point(move, weight, side=(e, above))

    def _strike(self, e: int) -> int:
        return self.value.listing.events[e].strike

    def worst_end(self, e: int, point: Point) -> tuple[int, float]:
        """(outcome, PnL) of the worst of an event's possible ends at a point."""
        item, pnl = self.value.listing.events[e], self.pnl[e]
        if isinstance(item, BinaryEvent) and item.strike:
            above = float(self.index) * (1.0 + point.move) >= float(item.strike)
            if point.side is not None and self._strike(point.side[0]) == item.strike:
                above = point.side[1]
            possible = [0 if above != item.below else 1, VOID]
        elif point.side is None:
            possible = [outcome for event, outcome in point.outcomes if event == e]
        else:
            possible = list(pnl)
        outcome = min(possible, key=lambda end: pnl[end])
        return outcome, pnl[outcome]

    def side(self, point: Point) -> _Side:
        return self.low if point.move >= 0.0 else self.high

    def loss(self, point: Point) -> float:
        """What the account would lose at a point, times the point's weight, USD."""
        total = point.move * self.side(point).exposure
        if len(point.outcomes) == len(self.events):  # every event's end is chosen
            for e, outcome in point.outcomes:
                total += self.pnl[e][outcome]
        else:
            for e in self.events:
                total += self.worst_end(e, point)[1]
        return point.weight * -total

    def floor(self) -> float:
        """portfolio_floor times the two largest requirements of the events on their own."""
        found = []
        for e in self.events:
            r = self.value.requirement(e, self.value.shares(e))
            if self.initial:
                filled = (q for book in self._quoted(e) for q in book)
                r = max([r, *(self.value.requirement(e, q) for q in filled)])
            found.append(r)
        first, second, *_ = [*sorted(found, reverse=True), 0.0, 0.0]
        return self.value.rules.portfolio_floor * (first + second)


def requirement(value: Valuation, feed: int, *, initial: bool) -> Requirement | None:
    """MM_u (or IM_u) of one underlying; None when nothing on it counts."""
    u = _Underlying(value, feed, initial)
    if not u.events and not group(value, feed):
        return None
    worst, largest, points = None, 0.0, 0
    for point in u.points():
        loss, points = u.loss(point), points + 1
        if worst is None or loss > largest:
            worst, largest = point, loss
    assert worst is not None  # the move 0 is always a point
    side = u.side(worst)
    return Requirement(
        feed=feed,
        initial=initial,
        factor=value.rules.portfolio_initial if initial else 1.0,
        worst=worst,
        loss_usd=largest,
        floor_usd=u.floor(),
        derivatives_usd=side.derivatives,
        spot_usd=side.spot,
        exposure_usd=side.exposure,
        events=tuple((e, *u.worst_end(e, worst)) for e in u.events),
        points=points,
    )
