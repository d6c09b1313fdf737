"""What accounts hold of events above complete sets, told from trades alone.

Sets made, merged and converted change nothing above them, and one share of outcome k is the same,
sets apart, as one share less of every other: so signed trades in the books tell it all (PRD-03).
"""

from __future__ import annotations

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import Listing
from sim.exchange.messages import SELL

IN_AUCTION = 2  # code of a FILL whose account is the buyer


class Shares:
    """Accumulates FILL and BACKSTOP rows of event books; int64[accounts, books] of memory."""

    def __init__(self, listing: Listing, accounts: int) -> None:
        self.listing = listing
        books = [(e, k) for e, event in enumerate(listing.events) for k in range(len(event.books))]
        self._first = listing.first_book(0) if books else len(listing.instrument_names())
        self._net = np.zeros((accounts, len(books)), np.int64)

    def add(self, fills: np.ndarray, takings: np.ndarray) -> None:
        """FILL and BACKSTOP rows (int64[k, 16]); those of other instruments are left out."""
        if not self._net.shape[1]:
            return
        fills = fills[fills[:, m.E_INSTRUMENT] >= self._first]
        if len(fills):
            sells = (fills[:, m.E_SIDE] == SELL) & (fills[:, m.E_CODE] != IN_AUCTION)
            lots = np.where(sells, -fills[:, m.E_SIZE], fills[:, m.E_SIZE])
            self._move(fills, lots)
        takings = takings[takings[:, m.E_INSTRUMENT] >= self._first]
        if len(takings):
            self._move(takings, -takings[:, m.E_SIZE])

    def _move(self, rows: np.ndarray, lots: np.ndarray) -> None:
        """``account`` gets so many lots of the book's outcome, ``other`` loses them."""
        book = rows[:, m.E_INSTRUMENT] - self._first
        np.add.at(self._net, (rows[:, m.E_ACCOUNT], book), lots)
        np.add.at(self._net, (rows[:, m.E_OTHER], book), -lots)

    def of(self, event: int) -> np.ndarray:
        """int64[accounts, shares]: shares of each kind above complete sets."""
        item = self.listing.events[event]
        at = self.listing.first_book(event) - self._first
        held = self._net[:, at : at + len(item.books)]
        if len(item.books) == 1:
            held = np.column_stack([held[:, 0], np.zeros(len(held), np.int64)])
        return held - held.min(axis=1, keepdims=True)
