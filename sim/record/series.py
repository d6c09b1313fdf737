"""What the market looked like: prices and depth over time, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.instruments import MICRO, Listing
from sim.exchange.messages import (
    E_AMOUNT,
    E_CODE,
    E_INSTRUMENT,
    E_ORDER,
    E_OTHER,
    E_OTHER_ORDER,
    E_PRICE,
    E_SIZE,
    E_TIME,
    E_X,
    E_Y,
    EV_COLS,
    Event,
)
from sim.oracle.truth import TruthPath
from sim.record.rows import Rows, Units

if TYPE_CHECKING:
    import polars as pl

SECOND_US = 1_000_000
SERIES = {
    "index": E_OTHER,
    "mark": E_ORDER,
    "bid": E_PRICE,
    "ask": E_SIZE,
    "last": E_AMOUNT,
    "depth10": E_X,
    "depth50_bid": E_OTHER_ORDER,
    "depth50_ask": E_CODE,
    "oi": E_Y,
}


class Series:
    """``series.parquet``: the first market data frame of every second."""

    def __init__(self, listing: Listing, truth: TruthPath | None) -> None:
        self._listing, self._truth = listing, truth
        self._feed = Units(listing).feed
        self._second = -1
        self._frames: list[np.ndarray] = []

    def add(self, rows: Rows) -> None:
        n = len(self._feed)
        frames = rows.of(Event.BOOK).reshape(-1, n, EV_COLS)
        if not len(frames):
            return
        second = frames[:, 0, E_TIME] // SECOND_US
        first = np.diff(second, prepend=self._second) != 0
        self._second = int(second[-1])
        self._frames.append(frames[first][:, :, [E_TIME, *SERIES.values()]])

    def frame(self) -> pl.DataFrame:
        import polars as pl

        n = len(self._feed)
        kept = np.concatenate([np.empty((0, n, 1 + len(SERIES)), dtype=np.int64), *self._frames])
        times = kept[:, 0, 0]
        columns = {"time_us": kept[:, :, 0].ravel()}
        columns["instrument"] = np.tile(np.arange(n, dtype=np.int64), len(kept))
        for c, name in enumerate(SERIES, 1):
            columns[name] = kept[:, :, c].ravel()
        columns["truth"] = self._truths(times).ravel()
        return pl.DataFrame(columns)

    def _truths(self, times: np.ndarray) -> np.ndarray:
        """True prices in ticks, int64[times, instruments], -1 where there is none."""
        truths = np.full((len(times), len(self._feed)), -1, dtype=np.int64)
        if self._truth is None:
            return truths
        for i, feed in enumerate(self._feed.tolist()):
            if feed >= 0:
                tick = self._listing.feeds[feed].tick_micro
                name = self._listing.feeds[feed].name
                usd = self._truth.sample(self._truth.names.index(name), times)
                truths[:, i] = np.rint(usd * MICRO / tick)
        return truths


class Depth:
    """``book.parquet``: every DEPTH event."""

    def __init__(self) -> None:
        self._rows: list[np.ndarray] = []

    def add(self, rows: Rows) -> None:
        found = rows.of(Event.DEPTH)
        if len(found):
            self._rows.append(found[:, [E_TIME, *range(E_INSTRUMENT, E_Y + 1)]])

    def frame(self) -> pl.DataFrame:
        import polars as pl

        kept = np.concatenate([np.empty((0, 13), dtype=np.int64), *self._rows])
        names = ["time_us", "instrument", "side", *(f"b{k}" for k in range(10))]
        return pl.DataFrame({name: kept[:, c].copy() for c, name in enumerate(names)})
