"""The exogenous prices of a run: what the world outside the exchange pays, second by second.

Everything here reaches prices, so logarithms and exponentials are Python's ``math``, never
numpy's, whose last bit depends on the processor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from sim.oracle.bars import Bars
from sim.streams import stream

SECOND_US = 1_000_000
MINUTE_S = 60


@dataclass(frozen=True)
class TruthPath:
    """Prices of feeds on an even grid, linear in between and flat beyond both ends.

    ``names``: feeds; ``values``: float64[feeds, points], USD; point 0 is at ``start_us``.
    """

    names: tuple[str, ...]
    start_us: int
    values: np.ndarray
    step_us: int = SECOND_US

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.names) != len(self.values):
            raise ValueError(f"{len(self.names)} names for values of shape {self.values.shape}")
        if not (self.values > 0).all():
            raise ValueError("a price is not positive")
        self.values.flags.writeable = False

    @property
    def end_us(self) -> int:
        return self.start_us + (self.values.shape[1] - 1) * self.step_us

    def sample(self, feed: int, times_us: np.ndarray) -> np.ndarray:
        """Price of one feed in USD at each of `times_us` (int64, any shape)."""
        row = self.values[feed]
        since = np.clip(np.asarray(times_us) - self.start_us, 0, self.end_us - self.start_us)
        left = since // self.step_us
        share = (since - left * self.step_us) / self.step_us
        right = np.minimum(left + 1, len(row) - 1)
        return row[left] + (row[right] - row[left]) * share

    def at(self, time_us: int) -> np.ndarray:
        """Prices of all feeds in USD at one time, float64[feeds]."""
        return np.array([self.sample(f, np.array(time_us)) for f in range(len(self.names))])

    def scaled(self, k: float) -> TruthPath:
        """The same path with every log return since the start multiplied by `k`; 0 is flat."""
        if k == 1:
            return self
        values = np.empty_like(self.values)
        for f, row in enumerate(self.values):
            first = float(row[0])
            values[f] = [first * math.exp(k * math.log(x / first)) for x in row.tolist()]
        return replace(self, values=values)

    def renamed(self, name: str) -> TruthPath:
        """A path of one feed under another name."""
        return replace(self, names=(name,))


@dataclass(frozen=True)
class Follower:
    """A feed that moves with the leader: log S(t)/S(0) = beta·log L(t)/L(0) + noise.

    ``sigma_1m``: standard deviation of one minute's noise in log price.
    """

    name: str
    start_usd: float
    beta: float = 1.0
    sigma_1m: float = 0.0


def flat(prices_usd: dict[str, float], start_us: int, end_us: int) -> TruthPath:
    """Every feed at its price from beginning to end."""
    n = _points(start_us, end_us)
    values = np.repeat(np.array(list(prices_usd.values()), dtype=np.float64)[:, None], n, axis=1)
    return TruthPath(tuple(prices_usd), start_us, values)


def from_waypoints(
    points: Sequence[tuple[int, float]],
    *,
    seed: int,
    name: str = "BTC",
    sigma_1m: float = 0.0,
    start_us: int | None = None,
    end_us: int | None = None,
) -> TruthPath:
    """A path of one feed through (time_us, price_usd) points, each hit exactly.

    Between two points the log price is a straight line plus a Brownian bridge from the stream
    ``truth/<name>``: zero at both points, of standard deviation `sigma_1m` per square root of a
    minute.  Before the first and after the last point the price is flat.  Times are whole seconds
    from the start.

    Raises:
        ValueError: no point, times that do not increase or are no whole second, a bad price.
    """
    if not points:
        raise ValueError("no waypoint")
    start = points[0][0] if start_us is None else start_us
    end = points[-1][0] if end_us is None else end_us
    knots: list[tuple[int, float]] = []
    for time_us, price in points:
        if not (price > 0 and math.isfinite(price)):
            raise ValueError(f"waypoint at {time_us} us: price {price} is not positive")
        if (time_us - start) % SECOND_US:
            raise ValueError(f"waypoint at {time_us} us: no whole second from the start {start}")
        if knots and time_us <= knots[-1][0]:
            raise ValueError(f"waypoint at {time_us} us: not later than the one before")
        knots.append((time_us, price))
    draw = stream(seed, f"truth/{name}", "bridge")
    first = knots[0][0]
    values: list[float] = []
    for (t0, p0), (t1, p1) in pairwise(knots):
        n = (t1 - t0) // SECOND_US
        noise = bridge(draw, n, sigma_1m / math.sqrt(MINUTE_S))
        slope = (math.log(p1) - math.log(p0)) / n
        values.append(p0)
        values.extend(p0 * math.exp(slope * i + noise[i]) for i in range(1, n))
    values.append(knots[-1][1])
    before, n = (first - start) // SECOND_US, _points(start, end)
    grid = np.clip(np.arange(n) - before, 0, len(values) - 1)
    return TruthPath((name,), start, np.array(values)[grid][None, :])


def from_bars(
    bars: Bars,
    *,
    seed: int,
    name: str = "BTC",
    roughness: float = 0.5,
    start_us: int | None = None,
    end_us: int | None = None,
) -> TruthPath:
    """A path of one feed through one-minute bars that visits every open and every extreme.

    A bar is walked open → nearer extreme (the low on a tie) → other extreme → close at 0, 20, 40
    and 60 s; the next bar's open takes the place of the close.  In between the price is a straight
    line plus a Brownian bridge, clipped to the bar's [low, high].  The bridge's variance per minute
    is `roughness` times Parkinson's estimate from the bar, (high − low)²/(4 ln 2).

    Raises:
        PriceFileError: the bars do not cover `start_us` … `end_us`.
    """
    bars.require(start_us, end_us)
    draw = stream(seed, f"truth/{name}", "bars")
    values: list[float] = []
    for o, h, low, c in zip(*(x.tolist() for x in bars.prices), strict=True):
        near, far = (h, low) if h - o < o - low else (low, h)
        sigma = (h - low) * math.sqrt(roughness / (4 * math.log(2)) / MINUTE_S)
        for a, b in ((o, near), (near, far), (far, c)):
            noise = bridge(draw, 20, sigma)
            values.append(a)
            values.extend(min(max(a + (b - a) * (i / 20) + noise[i], low), h) for i in range(1, 20))
    values.append(float(bars.prices[3][-1]))
    path = TruthPath((name,), bars.start_us, np.array(values)[None, :])
    start = bars.start_us if start_us is None else start_us
    n = _points(start, path.end_us if end_us is None else end_us)
    times = start + np.arange(n) * SECOND_US
    return TruthPath((name,), start, path.sample(0, times)[None, :])


def follow(leader: TruthPath, followers: Sequence[Follower], *, seed: int) -> TruthPath:
    """The leader (row 0) and its followers, each with its own stream ``truth/<name>``."""
    lead = leader.values[0].tolist()
    moves = [math.log(x / lead[0]) for x in lead]
    rows = [leader.values[0]]
    for f in followers:
        noise = [0.0] * len(moves)
        if f.sigma_1m:
            draw = stream(seed, f"truth/{f.name}", "own")
            steps = draw.standard_normal(len(moves) - 1) * (f.sigma_1m / math.sqrt(MINUTE_S))
            noise[1:] = np.cumsum(steps).tolist()
        path = [f.start_usd * math.exp(f.beta * m + z) for m, z in zip(moves, noise, strict=True)]
        rows.append(np.array(path))
    names = (leader.names[0], *(f.name for f in followers))
    return TruthPath(names, leader.start_us, np.array(rows), leader.step_us)


def bridge(draw: np.random.Generator, n: int, sigma: float) -> list[float]:
    """A Brownian bridge of `n` steps with standard deviation `sigma` each: n + 1 values, 0 … 0."""
    walk = [0.0, *np.cumsum(draw.standard_normal(n) * sigma).tolist()]
    return [w - walk[n] * (i / n) for i, w in enumerate(walk)]


def _points(start_us: int, end_us: int) -> int:
    """Points of the one-second grid that covers the run."""
    if end_us <= start_us:
        raise ValueError(f"end {end_us} us is not after start {start_us} us")
    return -(-(end_us - start_us) // SECOND_US) + 1
