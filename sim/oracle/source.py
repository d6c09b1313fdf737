"""Sources of prices: where they read, how late, how noisily, and when they publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from sim.oracle.fault import OracleError
from sim.oracle.readings import Readings
from sim.oracle.truth import TruthPath
from sim.streams import stream

Reads = Literal["truth", "spot", "perpetual"]
NOTHING: Mapping[str, float] = {}


@dataclass(frozen=True)
class Source:
    """One source of prices.

    At every heartbeat it publishes x(t − lag)·(1 + noise), with the noise normal of standard
    deviation ``noise_bps``.  With ``deviation_bps`` it looks every ``look_us`` instead and
    publishes when it has moved that far since its last publication, or a heartbeat has passed
    (Chainlink's rule).  x is what it ``reads``: "truth"; "spot" and "perpetual", the exchange's own
    book of the coin (median of best bid, best ask and last; the mark), averaged over ``average_us``
    (exponentially, 0: not at all); or, with weights in ``upstream``, the weighted mean of what
    those sources last published, as old as the oldest of them.

    Args:
        upstream: sources it fails with (names), or is made of (name → weight, sum 1).
        confidence_bps: the half width it claims, of its price.
        coins: feeds that it covers, none named: all.
        min_usd, max_usd: by feed, the least and the most that it can answer.
    """

    name: str
    weight: float = 1.0
    lag_us: int = 200_000
    noise_bps: float = 0.5
    heartbeat_us: int = 1_000_000
    upstream: tuple[str, ...] | Mapping[str, float] = ()
    deviation_bps: float = 0.0
    look_us: int = 1_000_000
    confidence_bps: float = 0.0
    reads: Reads = "truth"
    average_us: int = 0
    coins: tuple[str, ...] = ()
    min_usd: Mapping[str, float] = field(default_factory=dict)
    max_usd: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.weight <= 0 or self.heartbeat_us <= 0 or self.lag_us < 0 or self.noise_bps < 0:
            raise OracleError(f"source {self.name!r}: weight and heartbeat > 0, lag and noise >= 0")
        if min(self.deviation_bps, self.confidence_bps, self.average_us, self.look_us - 1) < 0:
            raise OracleError(
                f"source {self.name!r}: look > 0; deviation, confidence and average >= 0"
            )
        if self.reads not in get_args(Reads):
            raise OracleError(
                f"source {self.name!r} reads {self.reads!r}", (), self.reads, get_args(Reads)
            )
        total = sum(self.made_of.values())
        if self.made_of and (abs(total - 1) > 1e-9 or min(self.made_of.values()) <= 0):
            raise OracleError(
                f"source {self.name!r}: the weights of its upstreams must be above 0 and add to 1, "
                f"they add to {total:g}: {dict(self.made_of)}"
            )
        if self.made_of and self.on_book:
            raise OracleError(
                f"source {self.name!r} cannot read a book and be made of upstreams at once"
            )
        if self.average_us and not self.on_book:
            raise OracleError(f"source {self.name!r}: only what reads a book is averaged")
        for feed in self.min_usd.keys() & self.max_usd.keys():
            if self.min_usd[feed] > self.max_usd[feed]:
                raise OracleError(
                    f"source {self.name!r}: min_usd {self.min_usd[feed]:g} of {feed!r} is above "
                    f"its max_usd {self.max_usd[feed]:g}"
                )

    @property
    def on_book(self) -> bool:
        """Whether it reads a book of the exchange itself."""
        return self.reads != "truth"

    @property
    def made_of(self) -> Mapping[str, float]:
        """Upstreams by weight of which its reading is the mean; empty if it reads for itself."""
        return self.upstream if isinstance(self.upstream, Mapping) else NOTHING

    @property
    def step_us(self) -> int:
        """How often it looks."""
        return self.look_us if self.deviation_bps else self.heartbeat_us

    def covers(self, feed: str) -> bool:
        return not self.coins or feed in self.coins

    def limited(self, feed: str, price_usd: np.ndarray) -> np.ndarray:
        """Prices within what it can answer."""
        if feed in self.max_usd:
            price_usd = np.minimum(price_usd, self.max_usd[feed])
        if feed in self.min_usd:
            price_usd = np.maximum(price_usd, self.min_usd[feed])
        return price_usd


# Weights of Hyperliquid's oracle (its documentation, "Oracle": Binance 3, OKX 2, Bybit 2, and 1
# for each of Kraken, Kucoin, Gate, MEXC); the lags are an assumption.
DEFAULT_SOURCES = (
    Source("binance", 3.0, lag_us=100_000),
    Source("okx", 2.0, lag_us=150_000),
    Source("bybit", 2.0, lag_us=150_000),
    Source("kraken", 1.0, lag_us=300_000),
    Source("kucoin", 1.0, lag_us=300_000),
    Source("gate", 1.0, lag_us=400_000),
    Source("mexc", 1.0, lag_us=400_000),
)


@dataclass(frozen=True)
class Span:
    """A run: the seed of its sources, and microseconds from its first to its last reading."""

    seed: int
    start_us: int
    end_us: int

    def beats(self, feed: str, source: Source) -> np.ndarray:
        """When a source looks, from one step before the start; int64 µs.  Each has its phase."""
        step = source.step_us
        phase = int(stream(self.seed, f"oracle/{feed}/{source.name}", "phase").integers(step))
        return np.arange(self.start_us - step + phase, self.end_us + 1, step)

    def noise(self, feed: str, source: Source) -> np.random.Generator:
        """The stream of a source's noise, one normal number per look."""
        return stream(self.seed, f"oracle/{feed}/{source.name}", "noise")


def exogenous(truth: TruthPath, feed: str, source: Source, span: Span) -> Readings:
    """What a source that reads the truth publishes without faults."""
    beats = span.beats(feed, source)
    noise = span.noise(feed, source).standard_normal(len(beats)) * (source.noise_bps / 1e4)
    price = truth.sample(truth.names.index(feed), beats - source.lag_us) * (1.0 + noise)
    return _published(feed, source, Readings.honest(beats, price, source.confidence_bps))


def derived(
    parts: Sequence[tuple[Readings, float]], feed: str, source: Source, span: Span
) -> Readings:
    """What a source publishes that is the weighted mean of others, given theirs (with faults).

    It has nothing to publish until all of them have spoken.
    """
    if not all(len(readings) for readings, _ in parts):
        return Readings.room(0)
    beats = span.beats(feed, source)
    price, spoken = np.zeros(len(beats)), np.ones(len(beats), dtype=np.bool_)
    oldest = np.full(len(beats), np.iinfo(np.int64).max)
    for readings, weight in parts:
        row, there = last_present(readings, beats - source.lag_us)
        price += weight * readings.price_usd[row]
        oldest = np.minimum(oldest, readings.time_us[row])
        spoken &= there
    noise = span.noise(feed, source).standard_normal(len(beats)) * (source.noise_bps / 1e4)
    made = Readings.honest(beats, price * (1.0 + noise), source.confidence_bps)
    made = replace(made, time_us=np.minimum(beats, oldest))
    return _published(feed, source, made.take(spoken))


def last_present(readings: Readings, times_us: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row of the last reading at each time at which the source was not gone, and if there is one.

    Without a single reading there is no row to take: row 0 stands for "none" and may not be read.
    """
    row = np.searchsorted(readings.beat_us, times_us, side="right") - 1
    there = row >= 0
    row = np.maximum(row, 0)
    if readings.absent.any():
        last = np.where(readings.absent, -1, np.arange(len(readings)))
        row = np.maximum.accumulate(last)[row]
        there &= row >= 0
        row = np.maximum(row, 0)
    return row, there


def _published(feed: str, source: Source, looks: Readings) -> Readings:
    """Of all that a source sees, within its limits, what it publishes."""
    price = source.limited(feed, looks.price_usd)
    if price is not looks.price_usd:
        looks = Readings(looks.beat_us, looks.time_us, price, looks.claimed_usd, looks.absent)
    if not source.deviation_bps:
        return looks
    from sim.oracle.stepwise import moved  # brings numba, which a mere import need not

    due = np.zeros(len(looks), dtype=np.bool_)
    moved(looks.beat_us, price, source.deviation_bps / 1e4, source.heartbeat_us, due)
    return looks.take(due)
