"""What an observer of prices may know of a price oracle: what its sources have published so far."""

from __future__ import annotations

import numpy as np

from sim.oracle.price import PriceOracle

NONE = np.empty(0, dtype=np.int64)


class Ticks:
    """The publications of a price oracle, by names (`sim.oracle.observation.Published`)."""

    def __init__(self, oracle: PriceOracle) -> None:
        self._oracle = oracle
        self._feeds = [feed.name for feed in oracle.feeds]

    def sources(self, feed: str) -> tuple[str, ...]:
        """Names of the sources that cover a feed, in their order."""
        covering = self._oracle.covering[self._feeds.index(feed)]
        return tuple(self._oracle.sources[s].name for s in covering)

    def published(self, feed: str, source: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(when int64, time of the reading int64, USD float64), without times when it was gone."""
        f = self._feeds.index(feed)
        readings = self._oracle.readings[f][self.sources(feed).index(source)]
        if readings is None:  # reads a book, and has not looked yet
            return NONE, NONE, np.empty(0)
        there = ~readings.absent
        return readings.beat_us[there], readings.time_us[there], readings.price_usd[there]

    def index(self, feed: str, times_us: np.ndarray) -> np.ndarray:
        """The index made last at or before each time, float64; NaN before the first."""
        return self._oracle.index(feed, times_us)
