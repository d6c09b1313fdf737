"""The index that was in force at any moment of a chunk of events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import Listing
from sim.risk.eventlog import UNUSED_GRADE


class IndexTape:
    """Follows the INDEX rows of a run, chunk by chunk; before the first, the declared prices."""

    def __init__(self, listing: Listing) -> None:
        self._earlier = [feed.index_ticks for feed in listing.feeds]
        self._rows = np.zeros((0, m.EV_COLS), np.int64)

    def add(self, rows: np.ndarray) -> None:
        """The next chunk's INDEX rows, int64[k, 16]; the chunk before is over."""
        for feed, price in self._rows[:, [m.E_INSTRUMENT, m.E_PRICE]].tolist():
            self._earlier[feed] = price
        self._rows = rows[(rows[:, m.E_PRICE] > 0) & (rows[:, m.E_CODE] < UNUSED_GRADE)]

    def before(self, seq: int) -> Callable[[int], float]:
        """Index in ticks, by feed, right before an event of this chunk."""
        rows = self._rows[: int(np.searchsorted(self._rows[:, m.E_SEQ], seq))]

        def index(feed: int) -> float:
            own = rows[rows[:, m.E_INSTRUMENT] == feed]
            return float(own[-1, m.E_PRICE]) if len(own) else float(self._earlier[feed])

        return index
