"""The market's part of the report: how far trades overshot the shock, how deep the books stayed,
how far marks left the index, how far event prices were dragged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import MICRO, Listing
from sim.risk.truth import Truth

LEAST_SHOCK = 0.01  # a true drawdown below this has no amplification
DEPTH_SPAN_US = 10 * MICRO  # depth is averaged over this long
BASE_SHARE = 0.1  # of the run, from its start, gives the base depth


def drawdown(prices: np.ndarray) -> float:
    """Largest relative fall from an earlier high, 0 … 1; NaNs are left out."""
    prices = prices[~np.isnan(prices)]
    if not len(prices):
        return 0.0
    high = np.maximum.accumulate(prices)
    return float((1 - prices / high).max())


class Market:
    """Accumulates FILL, MARK, BOOK and RESOLVE rows; memory: perpetuals × seconds of the run."""

    def __init__(self, listing: Listing, start_us: int, end_us: int) -> None:
        n = len(listing.instrument_names())
        self.start_us, self.end_us = start_us, end_us
        self._seconds = (end_us - start_us) // MICRO + 1
        self._perpetuals = len(listing.perpetuals)
        self._feed = [listing.feed_of(i) for i in range(self._perpetuals)]
        self._kind = np.array([listing.kind(i) for i in range(n)])
        self._value = np.array([listing.tick_value(i) for i in range(n)], np.float64) / MICRO
        self._payoff = np.array([listing.price_bound(i) for i in range(n)], np.float64)
        self._first_event = listing.first_book(0) if listing.events else n
        self._books = [
            (book := listing.first_book(e), book + len(event.books))
            for e, event in enumerate(listing.events)
        ]
        self._mark = np.array([self._first_mark(listing, i) for i in range(n)], np.int64)
        self._paid = np.zeros((self._perpetuals, self._seconds))
        self._lots = np.zeros((self._perpetuals, self._seconds))
        self._interest = np.full(self._perpetuals, np.nan)  # first open interest, USD
        self._times: list[np.ndarray] = []
        self._depths: list[np.ndarray] = []
        self._gap: float | None = None
        self._event_low: float | None = None
        self._event_high: float | None = None
        self._resolved = np.zeros(n, bool)

    @staticmethod
    def _first_mark(listing: Listing, i: int) -> int:
        feed = listing.feed_of(i)
        if feed >= 0:
            return listing.feeds[feed].index_ticks
        event = listing.events[listing.event_of(i)]
        return event.payoff_ticks // len(event.shares)

    def begin(self, marks: Sequence[int]) -> None:
        """Marks in force (ticks, by instrument) when the run begins."""
        self._mark = np.array(marks, np.int64)

    def mark_before(
        self, seqs: np.ndarray, instruments: np.ndarray, marks: np.ndarray
    ) -> np.ndarray:
        """Marks in force (ticks) at the rows ``seqs``; ``marks`` are this chunk's MARK rows."""
        found = self._mark[instruments]
        for i in np.unique(instruments).tolist():
            own = marks[marks[:, m.E_INSTRUMENT] == i]
            if len(own):
                mine = np.flatnonzero(instruments == i)
                at = np.searchsorted(own[:, m.E_SEQ], seqs[mine]) - 1
                found[mine] = np.where(at >= 0, own[at, m.E_PRICE], found[mine])
        return found

    def add(
        self, fills: np.ndarray, marks: np.ndarray, books: np.ndarray, resolved: np.ndarray
    ) -> None:
        """Rows of the four kinds of one chunk, each in order of seq."""
        fills = fills[fills[:, m.E_INSTRUMENT] < self._perpetuals]
        if len(fills):
            second = np.clip((fills[:, m.E_TIME] - self.start_us) // MICRO, 0, self._seconds - 1)
            cell = fills[:, m.E_INSTRUMENT] * self._seconds + second
            size = fills[:, m.E_SIZE].astype(np.float64)
            np.add.at(self._paid.reshape(-1), cell, size * fills[:, m.E_PRICE])
            np.add.at(self._lots.reshape(-1), cell, size)
        self._mark[marks[:, m.E_INSTRUMENT]] = marks[:, m.E_PRICE]  # the last of each wins
        if len(books):
            self._add_perpetuals(books[books[:, m.E_INSTRUMENT] < self._perpetuals])
            self._add_events(books[books[:, m.E_INSTRUMENT] >= self._first_event], resolved)
        for event in resolved[:, m.E_INSTRUMENT].tolist():
            first, end = self._books[event]
            self._resolved[first:end] = True

    def _add_perpetuals(self, books: np.ndarray) -> None:
        if not len(books):
            return
        instrument, mark, index = (books[:, c] for c in (m.E_INSTRUMENT, m.E_ORDER, m.E_OTHER))
        gap = float((np.abs(mark - index) / np.maximum(index, 1)).max()) * 1e4
        self._gap = gap if self._gap is None else max(self._gap, gap)
        usd = mark * self._value[instrument]
        for i in np.flatnonzero(np.isnan(self._interest)).tolist():
            own = np.flatnonzero(instrument == i)
            if len(own):
                self._interest[i] = books[own[0], m.E_Y] * usd[own[0]]
        times, frame = np.unique(books[:, m.E_TIME], return_inverse=True)
        depth = np.bincount(frame, (books[:, m.E_OTHER_ORDER] + books[:, m.E_CODE]) * usd)
        if self._times and self._times[-1][-1] == times[0]:  # a frame cut in two by the buffer
            self._depths[-1][-1] += depth[0]
            times, depth = times[1:], depth[1:]
        if len(times):
            self._times.append(times)
            self._depths.append(depth)

    def _add_events(self, books: np.ndarray, resolved: np.ndarray) -> None:
        instrument = books[:, m.E_INSTRUMENT]
        is_open = ~self._resolved[instrument]
        for event, seq in resolved[:, [m.E_INSTRUMENT, m.E_SEQ]].tolist():
            first, end = self._books[event]
            own = (instrument >= first) & (instrument < end)
            is_open &= ~own | (books[:, m.E_SEQ] < seq)
        is_open &= (books[:, [m.E_PRICE, m.E_SIZE, m.E_AMOUNT]] >= 0).any(axis=1)
        if is_open.any():
            price = (books[:, m.E_ORDER] / self._payoff[instrument])[is_open]
            low, high = float(price.min()), float(price.max())
            self._event_low = low if self._event_low is None else min(self._event_low, low)
            self._event_high = high if self._event_high is None else max(self._event_high, high)

    def amplifications(self, truth: Truth) -> dict[int, tuple[float, float]]:
        """(traded drawdown, true drawdown) per perpetual; a second trades at its average price."""
        times = self.start_us + np.arange(self._seconds) * MICRO
        found = {}
        for i in range(self._perpetuals):
            with np.errstate(invalid="ignore", divide="ignore"):
                traded = self._paid[i] / self._lots[i]
            found[i] = drawdown(traded), drawdown(truth.sample(self._feed[i], times))
        return found

    def metrics(self, truth: Truth | None) -> dict[str, float | None]:
        """The market's metrics by name, None where they do not exist."""
        return {
            "amplification": self._amplification(truth),
            "depth_min_share": self._depth_min_share(),
            "mark_gap_max_bps": self._gap,
            "event_price_min": self._event_low,
            "event_price_max": self._event_high,
        }

    def _amplification(self, truth: Truth | None) -> float | None:
        if truth is None:
            return None
        weighted = weights = 0.0
        for i, (traded, exogenous) in self.amplifications(truth).items():
            weight = float(np.nan_to_num(self._interest[i]))
            if exogenous >= LEAST_SHOCK and weight > 0:
                weighted += weight * traded / exogenous
                weights += weight
        return weighted / weights if weights else None

    def _depth_min_share(self) -> float | None:
        if not self._times:
            return None
        times, depths = np.concatenate(self._times), np.concatenate(self._depths)
        split = self.start_us + BASE_SHARE * (self.end_us - self.start_us)
        base, later = depths[times < split], times >= split
        if not len(base) or not later.any() or not np.median(base):
            return None
        span = (times[later] - self.start_us) // DEPTH_SPAN_US
        sums, counts = np.bincount(span, depths[later]), np.bincount(span)
        return float((sums[counts > 0] / counts[counts > 0]).min() / np.median(base))
