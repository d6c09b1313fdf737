"""The index oracle: several imperfect sources per feed, and the index they make (PRC-01)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np

from sim.exchange.instruments import MICRO, Feed
from sim.exchange.messages import (
    M_ARG,
    M_ARG2,
    M_INSTRUMENT,
    M_KIND,
    M_PRICE,
    M_SIZE,
    M_TIME,
    MSG_COLS,
    Kind,
)
from sim.oracle.faults import Fault, Readings, apply_faults
from sim.oracle.policy import Policy
from sim.oracle.truth import TruthPath
from sim.streams import stream


@dataclass(frozen=True)
class Source:
    """One source of prices.

    At every heartbeat it publishes truth(t − lag)·(1 + noise), with the noise normal of standard
    deviation ``noise_bps``.  ``upstream`` names sources that it is made from: what freezes them
    freezes it.
    """

    name: str
    weight: float = 1.0
    lag_us: int = 200_000
    noise_bps: float = 0.5
    heartbeat_us: int = 1_000_000
    upstream: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.weight <= 0 or self.heartbeat_us <= 0 or self.lag_us < 0 or self.noise_bps < 0:
            raise ValueError(f"source {self.name!r}: weight and heartbeat > 0, lag and noise >= 0")


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


class PriceOracle:
    """Publishes INDEX messages: per feed the weighted lower median of its fresh sources, or by `policy`.

    A source is fresh while its reading is no older than the feed's ``stale_after_s``.  The reading
    time of an index is the newest among the readings it is made from; when none is fresh, the last
    ones are published again with a count of 0, and age.

    Confidence is the weighted lower median of the sources' own, which are their distances from the
    index (`dispersion`) or absent, that is 0.

    Args:
        feeds: as listed; every one must have a path of its name in `truth`.
        sources: those of every feed.
        faults: applied to the readings in this order.
        policy: how the index is made of them (PRC-01); the weighted median unless said.
        start_us, end_us: the run; readings exist for it only.

    Raises:
        ValueError: an unknown feed, source or upstream, a name twice, a circle of upstreams.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        truth: TruthPath,
        *,
        seed: int,
        start_us: int,
        end_us: int,
        sources: Sequence[Source] = DEFAULT_SOURCES,
        faults: Sequence[Fault] = (),
        dispersion: bool = True,
        policy: Policy | None = None,
    ) -> None:
        self.feeds, self.sources = tuple(feeds), tuple(sources)
        self.faults, self.dispersion = tuple(faults), dispersion
        self.policy = policy or Policy()
        self._names = [s.name for s in self.sources]
        self.graph = self._dependencies()
        self._check(truth)
        self.policy.check(self._names, [f.name for f in self.feeds])
        self._weights = self.policy.weights(np.array([s.weight for s in self.sources]))
        self._readings = [
            [
                apply_faults(
                    self.faults,
                    feed.name,
                    source.name,
                    self.dependents,
                    _readings(truth, feed, source, seed, start_us, end_us),
                )
                for source in self.sources
            ]
            for feed in self.feeds
        ]

    def dependents(self, name: str) -> set[str]:
        """Every source that depends on `name`, directly or not, itself included."""
        return {name} | nx.ancestors(self.graph, name)

    def messages(self, times_us: np.ndarray) -> np.ndarray:
        """INDEX messages at `times_us` (increasing): int64[times·feeds, 12], by time, then feed."""
        times = np.asarray(times_us, dtype=np.int64)
        block = np.zeros((len(times), len(self.feeds), MSG_COLS), dtype=np.int64)
        for f in range(len(self.feeds)):
            block[:, f] = self._of_feed(f, times)
        return block.reshape(-1, MSG_COLS)

    def _of_feed(self, f: int, times: np.ndarray) -> np.ndarray:
        from sim.oracle.median import index_rows  # brings numba, which a mere import need not

        feed, n = self.feeds[f], len(self.sources)
        prices = np.empty((len(times), n))
        read_us = np.empty((len(times), n), dtype=np.int64)
        for s, r in enumerate(self._readings[f]):
            beat = np.searchsorted(r.beat_us, times, side="right") - 1
            beat = np.maximum(beat, 0)
            prices[:, s], read_us[:, s] = r.price_usd[beat], r.time_us[beat]
        fresh = times[:, None] - read_us <= feed.stale_after_s * MICRO
        if self.policy.name == "single":
            alone = self._names.index(self.policy.source)
            prices, read_us, fresh = prices[:, [alone]], read_us[:, [alone]], fresh[:, [alone]]
            n = 1
        weights = self._weights[:n]
        index, confidence = np.empty(len(times)), np.empty(len(times))
        count = np.empty(len(times), dtype=np.int64)
        index_rows(
            np.ascontiguousarray(prices),
            weights,
            fresh := np.ascontiguousarray(fresh),
            self.dispersion,
            index,
            confidence,
            count,
            np.empty(n),
            np.empty(n, dtype=np.int64),
        )
        index = self.policy.combine(feed.name, index, prices, weights, fresh)
        rows = np.zeros((len(times), MSG_COLS), dtype=np.int64)
        rows[:, M_TIME], rows[:, M_KIND], rows[:, M_INSTRUMENT] = times, Kind.INDEX, f
        rows[:, M_PRICE] = ticks(index, feed)
        rows[:, M_SIZE] = ticks(confidence, feed)
        # index_rows has marked all as used where none was fresh.
        rows[:, M_ARG] = np.where(fresh, read_us, np.iinfo(np.int64).min).max(axis=1)
        rows[:, M_ARG2] = count
        return rows

    def _dependencies(self) -> nx.DiGraph:
        """Who depends on whom: an edge from a source to each of its upstreams."""
        graph = nx.DiGraph()
        for source in self.sources:
            graph.add_edges_from((source.name, up) for up in source.upstream)
            graph.add_node(source.name, weight=source.weight)
        if not nx.is_directed_acyclic_graph(graph):
            raise ValueError(f"sources depend on each other: {nx.find_cycle(graph)}")
        return graph

    def _check(self, truth: TruthPath) -> None:
        names = [s.name for s in self.sources]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"no source, or one named twice: {names}")
        feeds = [f.name for f in self.feeds]
        for name in feeds:
            if name not in truth.names:
                raise ValueError(f"no true price for feed {name!r}; there is {list(truth.names)}")
        for fault in self.faults:
            for name in fault.feeds or ():
                if name not in feeds:
                    raise ValueError(f"fault on unknown feed {name!r}; listed: {feeds}")
            for name in fault.sources or ():
                if name not in self.graph:
                    raise ValueError(f"fault on unknown source {name!r}; there is {names}")


def ticks(price_usd: np.ndarray, feed: Feed) -> np.ndarray:
    """USD prices in ticks of a feed, rounded to the nearest, half to even (PRC-02); int64."""
    return np.rint(price_usd * MICRO / feed.tick_micro).astype(np.int64)


def _readings(
    truth: TruthPath, feed: Feed, source: Source, seed: int, start_us: int, end_us: int
) -> Readings:
    """What a source would publish without faults, from one heartbeat before the start."""
    name = f"oracle/{feed.name}/{source.name}"
    phase = int(stream(seed, name, "phase").integers(source.heartbeat_us))
    beats = np.arange(start_us - source.heartbeat_us + phase, end_us + 1, source.heartbeat_us)
    noise = stream(seed, name, "noise").standard_normal(len(beats)) * (source.noise_bps / 1e4)
    price = truth.sample(truth.names.index(feed.name), beats - source.lag_us) * (1.0 + noise)
    return Readings(beats, beats.copy(), price)
