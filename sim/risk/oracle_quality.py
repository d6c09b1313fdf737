"""How wrong and how old the index was, and what the exchange noticed of it (PRC-01, PRC-04).

A feed is looked at once a second from its first reading on.  Its index is the last reading that
margin uses (positive and not TOO_VOLATILE); an *alarm* is a grade worse than VALID, or an
instrument on the feed that a message has paused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.messages import BookState, Grade
from sim.risk.truth import Truth

WRONG = 0.01  # of the true price
GAP_S = 60  # episodes that are nearer to each other than this are one
BY_MESSAGE = 0  # y of a STATE row
NAMES = (
    "oracle_error_max_bps",
    "oracle_error_s",
    "oracle_stale_s",
    "oracle_detect_s",
    "oracle_undetected",
    "oracle_recover_s",
    "oracle_false_alarms",
    "oracle_false_alarm_s",
)


@dataclass(frozen=True)
class _Seconds:
    """A feed by seconds of the run, from its first reading on; bool arrays of one length.

    ``error``: |index/true - 1|, float64; ``wrong``: above 1 %; ``offered_right``: what was last
    offered is within 1 % of the truth; ``alarm``: the grade is worse than VALID, or a pause.
    """

    error: np.ndarray
    wrong: np.ndarray
    offered_right: np.ndarray
    alarm: np.ndarray


class OracleQuality:
    """Accumulates INDEX and STATE rows; memory: four numbers per reading.

    ``stale_guard``: whether the exchange grades by age at all (PRC-04).
    """

    def __init__(
        self, listing: Listing, start_us: int, end_us: int, stale_guard: bool = True
    ) -> None:
        self.feeds, self.stale_guard = listing.feeds, stale_guard
        self._times = np.arange(start_us, end_us + 1, MICRO, dtype=np.int64)
        count = len(listing.instrument_names())
        self._feed = np.array([listing.feed_of(i) for i in range(count)], np.int64)
        self._readings: list[np.ndarray] = []
        self._states: list[np.ndarray] = []

    def add(self, readings: np.ndarray, states: np.ndarray) -> None:
        """INDEX and STATE rows (int64[k, 16]) of a chunk, each in order."""
        if len(readings):
            columns = [m.E_INSTRUMENT, m.E_TIME, m.E_PRICE, m.E_CODE, m.E_X]
            self._readings.append(readings[:, columns])
        if len(states):
            self._states.append(states[:, [m.E_INSTRUMENT, m.E_TIME, m.E_CODE, m.E_Y]])

    def metrics(self, truth: Truth | None) -> dict[str, float | None]:
        """The metrics by name; None where there is no reading, or no truth to judge it by."""
        found: dict[str, float | None] = dict.fromkeys(NAMES)
        if not self._readings:
            return found
        rows = np.concatenate(self._readings)
        by_feed = [(f, rows[rows[:, 0] == f]) for f in np.unique(rows[:, 0]).tolist()]
        found["oracle_stale_s"] = max(self._stale_s(f, own) for f, own in by_feed)
        if truth is None:
            return found
        seconds = [s for f, own in by_feed if len((s := self._seconds(f, own, truth)).error)]
        if not seconds:
            return found
        found["oracle_error_max_bps"] = max(float(s.error.max()) for s in seconds) * 1e4
        found["oracle_error_s"] = max(int(s.wrong.sum()) for s in seconds)
        delays, recoveries, missed = [], [], 0
        alarms: list[int] = []
        for s in seconds:
            for first, last in episodes(s.wrong):
                seen = np.flatnonzero(s.alarm[first : last + 1])
                if not len(seen):
                    missed += 1
                    continue
                delays.append(int(seen[0]))
                if last + 1 < len(s.alarm):
                    calm = np.flatnonzero(~s.alarm[last + 1 :])
                    over = len(s.alarm) - last - 1  # not within the run
                    recoveries.append(int(calm[0]) if len(calm) else over)
            for first, last in episodes(s.alarm):
                if s.offered_right[first : last + 1].all():
                    alarms.append(int(s.alarm[first : last + 1].sum()))
        found["oracle_detect_s"] = max(delays, default=None)
        found["oracle_undetected"] = missed
        found["oracle_recover_s"] = max(recoveries, default=None)
        found["oracle_false_alarms"] = len(alarms)
        found["oracle_false_alarm_s"] = sum(alarms)
        return found

    def _latest(self, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(seconds from the first reading on, row of the last reading at each)."""
        at = np.searchsorted(own[:, 1], self._times, side="right") - 1
        return self._times[at >= 0], at[at >= 0]

    def _stale(self, feed: int, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether a feed is graded worse than VALID, and is too old, by seconds."""
        times, at = self._latest(own)
        # A reading that is not positive replaces neither the price nor its age.
        accepted = _last_where(own[:, 2] > 0)[at]
        age = times - np.where(accepted >= 0, own[accepted, 4], times)
        return own[at, 3] > Grade.VALID, age > self.feeds[feed].stale_after_s * MICRO

    def _stale_s(self, feed: int, own: np.ndarray) -> int:
        graded, old = self._stale(feed, own)
        runs = episodes(graded | old, gap_s=0)
        return max((last - first + 1 for first, last in runs), default=0)

    def _seconds(self, feed: int, own: np.ndarray, truth: Truth) -> _Seconds:
        times, at = self._latest(own)
        true = truth.sample(feed, times) * (MICRO / self.feeds[feed].tick_micro)
        used = _last_where((own[:, 2] > 0) & (own[:, 3] < Grade.TOO_VOLATILE))[at]
        index = np.where(used >= 0, own[used, 2], self.feeds[feed].index_ticks)
        error = np.abs(index / true - 1)
        graded, old = self._stale(feed, own)
        alarm = graded | (old if self.stale_guard else False) | self._paused(feed, times)
        offered = np.abs(own[at, 2] / true - 1) <= WRONG
        return _Seconds(error, error > WRONG, offered, alarm)

    def _paused(self, feed: int, times: np.ndarray) -> np.ndarray:
        """Whether a message has taken trade from an instrument on the feed, at each time."""
        paused = np.zeros(len(times), bool)
        rows = np.concatenate(self._states) if self._states else np.zeros((0, 4), np.int64)
        shut = rows[:, 2] >= BookState.CANCEL_ONLY
        for i in np.flatnonzero(self._feed == feed).tolist():
            # What shuts a book without a message leaves things as they are.
            own = (rows[:, 0] == i) & (~shut | (rows[:, 3] == BY_MESSAGE))
            if own.any():
                at = np.searchsorted(rows[own, 1], times, side="right") - 1
                paused |= (at >= 0) & shut[own][np.maximum(at, 0)]
        return paused


def _last_where(mask: np.ndarray) -> np.ndarray:
    """int64[n]: the last place up to each where ``mask`` holds, -1 if there is none yet."""
    return np.maximum.accumulate(np.where(mask, np.arange(len(mask)), -1))


def episodes(mask: np.ndarray, gap_s: int = GAP_S) -> list[tuple[int, int]]:
    """(first, last) second of each episode in which ``mask`` holds, shorter gaps closed."""
    at = np.flatnonzero(mask)
    if not len(at):
        return []
    cut = np.flatnonzero(np.diff(at) > max(gap_s, 1))
    first = at[np.concatenate([[0], cut + 1])]
    last = at[np.concatenate([cut, [len(at) - 1]])]
    return list(zip(first.tolist(), last.tolist(), strict=True))
