"""From what a feed's sources say at some times to the index that is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from sim.exchange.instruments import MICRO, Feed
from sim.exchange.messages import (
    M_ARG,
    M_ARG2,
    M_KIND,
    M_PRICE,
    M_SIZE,
    M_TIME,
    MSG_COLS,
    Kind,
)
from sim.oracle.faultplan import Silence
from sim.oracle.guards import Guard
from sim.oracle.policy import Policy
from sim.oracle.readings import Readings
from sim.oracle.source import Source, last_present

MOST = float(1 << 61)  # ticks; a wilder price is refused by the exchange all the same
NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Quotes:
    """What sources say at some times; arrays times × sources.

    ``price_usd``, ``claimed_usd``: float64; ``read_us``: int64, the time of the reading;
    ``there``: there has been a reading; ``gone``: the source is gone now.
    """

    price_usd: np.ndarray
    claimed_usd: np.ndarray
    read_us: np.ndarray
    there: np.ndarray
    gone: np.ndarray

    @staticmethod
    def none(times: np.ndarray, sources: int) -> Quotes:
        """Nobody has said anything."""
        shape = (len(times), sources)
        return Quotes(
            np.zeros(shape),
            np.zeros(shape),
            np.full(shape, NEVER),
            np.zeros(shape, dtype=np.bool_),
            np.ones(shape, dtype=np.bool_),
        )

    def fill(
        self, column: int, readings: Readings, times: np.ndarray, silence: Silence | None = None
    ) -> None:
        """Enter what one source says at `times`; in its `silence` it is gone, and says nothing."""
        if silence is not None:
            readings = readings.take(~silence(readings.beat_us))
        if not len(readings):
            return
        row, there = last_present(readings, times)
        latest = np.maximum(np.searchsorted(readings.beat_us, times, side="right") - 1, 0)
        self.price_usd[:, column] = readings.price_usd[row]
        self.claimed_usd[:, column] = readings.claimed_usd[row]
        self.read_us[:, column] = np.where(there, readings.time_us[row], NEVER)
        self.there[:, column] = there
        gone = readings.absent[latest] | ~there
        self.gone[:, column] = gone if silence is None else gone | silence(times)

    def at(self, row: int) -> Quotes:
        """Those at one of the times; what is filled in there stands here as well."""
        one = slice(row, row + 1)
        return Quotes(*(getattr(self, f.name)[one] for f in fields(self)))

    def only(self, column: int) -> Quotes:
        """Those of one source."""
        one = slice(column, column + 1)
        return Quotes(
            self.price_usd[:, one].copy(),
            self.claimed_usd[:, one].copy(),
            self.read_us[:, one],
            self.there[:, one].copy(),
            self.gone[:, one],
        )


class Aggregate:
    """Makes the index of one feed and remembers what it published.

    Args:
        sources: those that cover the feed, in the order of the quotes' columns.
    """

    def __init__(
        self,
        feed: Feed,
        sources: Sequence[Source],
        policy: Policy,
        dispersion: bool,
        guard: Guard,
    ) -> None:
        self._feed, self._policy, self._guard = feed, policy, guard
        self._dispersion = dispersion
        self._weights = policy.weights(np.array([s.weight for s in sources]))
        names = [s.name for s in sources]
        self._alone = names.index(policy.source) if policy.name == "single" else None
        self._times = np.empty(0, dtype=np.int64)
        self._index = np.empty(0)

    def rows(self, times: np.ndarray, quotes: Quotes) -> tuple[np.ndarray, np.ndarray]:
        """INDEX rows made at `times`, int64[times, 12], and which of them there are, bool[times].

        Confidence is made with the weighted median, before the policy makes its index.
        """
        from sim.oracle.median import index_rows  # brings numba, which a mere import need not

        q = quotes if self._alone is None else quotes.only(self._alone)
        n = q.price_usd.shape[1]
        weights = self._weights[:n]
        # NEVER would wrap around.
        age = times[:, None] - np.where(q.there, q.read_us, 0)
        fresh = q.there & ~q.gone & (age <= self._feed.stale_after_s * MICRO)
        index, confidence = np.empty(len(times)), np.empty(len(times))
        count = np.empty(len(times), dtype=np.int64)
        used = fresh.copy()
        index_rows(
            q.price_usd,
            weights,
            used,
            q.there,
            q.claimed_usd,
            self._dispersion,
            index,
            confidence,
            count,
            np.empty(n),
            np.empty(n, dtype=np.int64),
        )
        known = used.any(axis=1)
        index = self._policy.combine(self._feed.name, index, q.price_usd, weights, used)
        confidence = self._guard.widened(q.price_usd, fresh, confidence)
        index = self._publish(times, index, known)
        rows = np.zeros((len(times), MSG_COLS), dtype=np.int64)
        rows[:, M_TIME], rows[:, M_KIND] = times, Kind.INDEX
        rows[:, M_PRICE] = ticks(index, self._feed)
        rows[:, M_SIZE] = ticks(confidence, self._feed)
        rows[:, M_ARG] = np.where(used, q.read_us, NEVER).max(axis=1)
        rows[:, M_ARG2] = count
        return rows, known

    def published(self, times: np.ndarray) -> np.ndarray:
        """The index in USD made last at or before each time; NaN before the first."""
        row = np.searchsorted(self._times, times, side="right") - 1
        if not len(self._index):
            return np.full(times.shape, np.nan)
        return np.where(row >= 0, self._index[np.maximum(row, 0)], np.nan)

    def _publish(self, times: np.ndarray, index: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Remember the index; with the rate band, what of it is published."""
        index = np.where(known, index, 0.0)
        again = len(self._times) and len(times) and times[0] <= self._times[-1]
        if again and self._guard.band_ratio:
            raise ValueError("with the rate band, times are asked for once and in order")
        if again:
            return index
        before = len(self._times)
        self._times = np.concatenate((self._times, times[known]))
        self._index = np.concatenate((self._index, index[known]))
        if self._guard.band_ratio:
            from sim.oracle.stepwise import hold_band

            hold_band(self._times, self._index, before, self._guard.band_ratio, self._guard.band_us)
            index[known] = self._index[before:]
        return index


MOST_TICKS = 4e18  # a price beyond is refused by the exchange as this one is


def ticks(price_usd: np.ndarray, feed: Feed) -> np.ndarray:
    """USD prices in ticks of a feed, rounded to the nearest, half to even (PRC-02); int64."""
    return np.rint(np.minimum(price_usd * MICRO / feed.tick_micro, MOST)).astype(np.int64)
