"""Portfolio margin of many accounts at once, over the scenarios of one underlying (MAR-07).

The exchange margins one account at a time from its state; a stress, a sweep of rules or a what-if
over a hundred thousand accounts only needs exposures.  A ``Grid`` holds the scenarios of one
underlying: moves, weights, and what a net share of each event linked to it gains there.  An
account's margin is its largest weighted loss, at least the floor; over several underlyings the
margins add up, and with them the debts and unlinked events, which are no part of this.

Events have two shares; *net* shares are YES minus NO (a complete set is cash).  An event with jumps
has no row of its own: its ends scale the moves, which is more points (``points`` of MAR-07).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.risk.errors import RiskError, finite, probability
from sim.risk.scenario_loops import (
    BLOCK,
    apply_changes,
    fill_vectors,
    raise_to_floor,
    worst_losses,
)

Floats = NDArray[np.float64]
VOID = 0.5  # USDC that a share of a void event with two shares pays


@dataclass(frozen=True)
class Strike:
    """An event that pays YES iff the price ends at or above ``strike`` (below it with ``below``).

    ``strike`` in the unit of the grid's index; ``price`` of YES in USDC, in [0, 1]; ``requirement``
    is lambda, the share of the value above complete sets that MAR-05 would ask for.
    """

    strike: float
    price: float
    below: bool = False
    requirement: float = 1.0

    def gain(self, above: bool) -> float:
        """PnL in USDC of a net YES share if the price ends above the strike, or below it."""
        return float(above != self.below) - self.price


@dataclass(frozen=True, eq=False)
class Grid:
    """Scenarios of one underlying.

    ``moves``, ``weights`` float[points]: relative moves of the price; ``low``, ``high``
    float[points, events]: USDC that a net YES share gains, the account's worse one counting;
    ``yes``, ``no`` float[events]: USDC required for a net share of either kind; ``floor``: part of
    the two largest requirements that margin never falls below.
    """

    moves: Floats
    weights: Floats
    low: Floats
    high: Floats
    yes: Floats
    no: Floats
    floor: float

    @property
    def points(self) -> int:
        """Number of scenarios."""
        return len(self.moves)

    @property
    def events(self) -> int:
        """Number of events linked to the underlying."""
        return self.low.shape[1]


def grid_of(
    index: float,
    moves: Sequence[float],
    events: Sequence[Strike] = (),
    extreme: float = 3.0,
    extreme_weight: float = 0.33,
    floor: float = 0.5,
) -> Grid:
    """The points of MAR-07: no move, ± each of ``moves``, the weighted extremes, each strike twice.

    Raises RiskError for an index or strike that is not positive, for moves that are not in (0, 1)
    and prices that are no probabilities.
    """
    if finite("index", index) <= 0:
        raise RiskError("index", f"{index:g} is not above 0")
    if not moves:
        raise RiskError("moves", "none given; at least one, like 0.08")
    for x in moves:
        if not 0 < finite("moves", x) < 1:
            raise RiskError("moves", f"{x:g} is outside (0, 1)")
    for e in events:
        if finite("strike", e.strike) <= 0:
            raise RiskError("strike", f"{e.strike:g} is not above 0")
        probability("price", e.price)
        probability("requirement", e.requirement)
    widest = max(moves)
    far = extreme * widest
    points = [(0.0, 1.0)]
    points += [((1.0 + y) - 1.0, 1.0) for x in sorted(moves, reverse=True) for y in (-x, x)]
    points += [((1.0 + y) - 1.0, extreme_weight) for y in (max(-far, -1.0), far)]
    rows = [(m, w, [above(index, m, e) for e in events]) for m, w in points]
    for own in events:
        m = own.strike / index - 1.0
        if abs(m) > far:
            continue
        for at in (False, True):
            sides = [at if e.strike == own.strike else above(index, m, e) for e in events]
            rows.append((m, 1.0 if abs(m) <= widest else extreme_weight, sides))
    shape = (len(rows), len(events))
    return Grid(
        moves=np.array([m for m, _, _ in rows]),
        weights=np.array([w for _, w, _ in rows]),
        low=np.array(
            [[e.gain(x) for e, x in zip(events, sides, strict=True)] for *_, sides in rows],
            dtype=float,
        ).reshape(shape),
        high=np.tile([VOID - e.price for e in events], (len(rows), 1)).reshape(shape),
        yes=np.array([e.requirement * e.price for e in events], dtype=float),
        no=np.array([e.requirement * (1.0 - e.price) for e in events], dtype=float),
        floor=floor,
    )


def above(index: float, move: float, event: Strike) -> bool:
    """Whether the price stands at or above the event's strike after a move."""
    return index * (1.0 + move) >= event.strike


def exposure(delta_usd: Floats, spot_usd: Floats) -> Floats:
    """F of MAR-07: derivatives' signed notional, a short one hedged by the coins in use, USD."""
    return delta_usd + np.minimum(spot_usd, np.maximum(0.0, -delta_usd))


def _columns(grid: Grid, exposure_usd: Floats, shares: Floats | None) -> tuple[Floats, Floats]:
    """(exposure float[n], net shares float[events, n]); raises RiskError for other shapes."""
    f = np.ascontiguousarray(exposure_usd, dtype=float)
    if f.ndim != 1:
        raise RiskError("exposure_usd", f"has {f.ndim} dimensions, one number an account is needed")
    q = np.zeros((len(f), grid.events)) if shares is None else np.asarray(shares, dtype=float)
    if q.shape != (len(f), grid.events):
        raise RiskError("shares", f"has shape {q.shape}, {(len(f), grid.events)} is needed")
    for name, values in (("exposure_usd", f), ("shares", q)):
        if not np.isfinite(values).all():
            raise RiskError(name, "has a value that is no finite number")
    return f, np.ascontiguousarray(q.T)


def full(grid: Grid, exposure_usd: Floats, shares: Floats | None = None) -> Floats:
    """MM in USD of every account, float[n].

    exposure_usd float[n]: USD that a move of 1 gains; shares float[n, events]: net YES shares, left
    out: none.  Raises RiskError for shapes that do not fit and numbers that are not finite.
    """
    f, q = _columns(grid, exposure_usd, shares)
    out = np.empty(len(f))
    worst_losses(grid.moves, grid.weights, grid.low, grid.high, f, q, np.empty(BLOCK), out)
    if grid.events:
        raise_to_floor(grid.yes, grid.no, grid.floor, q, out)
    return out


@dataclass(eq=False)
class Book:
    """Every account's PnL at every point, so that one changed position costs one pass over points.

    ``pnl_usd`` float[n, points], ``shares`` float[n, events].  Sums of many changes drift by
    rounding, as any running sum does; a new Book starts from the positions again.
    """

    grid: Grid
    exposure_usd: Floats
    shares: Floats
    pnl_usd: Floats = field(init=False)

    def __post_init__(self) -> None:
        f, q = _columns(self.grid, self.exposure_usd, self.shares)
        self.exposure_usd, self.shares = f.copy(), np.ascontiguousarray(q.T)
        self.pnl_usd = np.empty((len(f), self.grid.points))
        g = self.grid
        fill_vectors(g.moves, g.low, g.high, f, self.shares, self.pnl_usd)

    def incremental(self, account: NDArray[np.int64], event: NDArray[np.int64],
                    amount: Floats) -> Floats:  # fmt: skip
        """MM in USD of account[k] after each change k, float[changes]; the changes are made, in order.

        ``event[k]`` is the event whose net shares change by ``amount[k]``, or -1: the exposure
        changes by so many USD.  Raises RiskError for accounts or events that do not exist.
        """
        who, what = (np.ascontiguousarray(x, dtype=np.int64) for x in (account, event))
        much = np.ascontiguousarray(amount, dtype=float)
        if not who.shape == what.shape == much.shape or who.ndim != 1:
            raise RiskError(
                "account", f"account, event, amount: {who.shape}, {what.shape}, {much.shape}"
            )
        for name, ids, least, most in (
            ("account", who, 0, len(self.exposure_usd)),
            ("event", what, -1, self.grid.events),
        ):
            if len(ids) and not least <= ids.min() <= ids.max() < most:
                raise RiskError(name, f"outside {least} … {most - 1}")
        if not np.isfinite(much).all():
            raise RiskError("amount", "has a value that is no finite number")
        g, out = self.grid, np.empty(len(who))
        apply_changes(
            g.moves, g.weights, g.low, g.high, g.yes, g.no, g.floor,
            self.pnl_usd, self.shares, who, what, much, out,
        )  # fmt: skip
        moved = what < 0
        np.add.at(self.exposure_usd, who[moved], much[moved])
        return out
