"""What an oracle does against its sources' faults before it publishes: each guard is a switch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sim.oracle.fault import OracleError
from sim.oracle.readings import Readings
from sim.oracle.source import Source

SECOND_US = 1_000_000


@dataclass(frozen=True)
class Guard:
    """The guards of an oracle; 0 or False is off.

    Attributes:
        dispersion_ratio: fresh sources of which the largest is more than this above the smallest
            (max/min − 1): their spread max − min is published as the confidence, so that the
            exchange grades the reading by it (PRC-04).
        min_answer: a reading at its source's `min_usd` or `max_usd` is no reading: the source is
            gone until it answers something else.
        band_ratio, band_us: the index stays within ±ratio of what was published that long ago
            (or first of all).
    """

    dispersion_ratio: float = 0.0
    min_answer: bool = False
    band_ratio: float = 0.0
    band_us: int = 300 * SECOND_US

    def __post_init__(self) -> None:
        if not 0 <= self.dispersion_ratio <= 100:
            raise OracleError(
                f"guard: dispersion_ratio {self.dispersion_ratio:g} is not within 0 … 100",
                ("guard",),
            )
        if not (0 <= self.band_ratio < 1 and self.band_us > 0):
            raise OracleError(
                f"guard: band_ratio {self.band_ratio:g} is not within 0 … 1, or band_s is not "
                "above 0",
                ("guard",),
            )

    def answers(self, feed: str, source: Source, readings: Readings) -> Readings:
        """Readings without those at the source's limits."""
        if not self.min_answer or (feed not in source.min_usd and feed not in source.max_usd):
            return readings
        price = readings.price_usd
        low = price <= source.min_usd.get(feed, -np.inf)
        high = price >= source.max_usd.get(feed, np.inf)
        return replace(readings, absent=readings.absent | low | high)

    def widened(self, prices: np.ndarray, fresh: np.ndarray, confidence: np.ndarray) -> np.ndarray:
        """Confidence in USD, float64[times], where sources (times × sources) are too far apart."""
        if not self.dispersion_ratio:
            return confidence
        top = np.where(fresh, prices, -np.inf).max(axis=1)
        low = np.where(fresh, prices, np.inf).min(axis=1)
        some = fresh.any(axis=1)
        spread = np.where(some, top, 0.0) - np.where(some, low, 0.0)
        apart = some & (spread > self.dispersion_ratio * low)
        return np.where(apart, np.maximum(spread, confidence), confidence)
