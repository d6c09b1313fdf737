"""Chunks of events by kind, and what prices and sizes in them are worth."""

from __future__ import annotations

import numpy as np

from sim.exchange.instruments import Kind, Listing
from sim.exchange.messages import (
    BUY,
    E_INSTRUMENT,
    E_KIND,
    E_PRICE,
    E_SIDE,
    E_SIZE,
    Event,
)


class Rows:
    """A chunk of events, by kind."""

    def __init__(self, events: np.ndarray) -> None:
        self.all = events
        self.kinds = np.ascontiguousarray(events[:, E_KIND])
        self._counts = np.bincount(self.kinds, minlength=64)

    def of(self, kind: Event) -> np.ndarray:
        """The events of one kind, in order: int64[k, 16]."""
        if self._counts[kind] == 0:
            return self.all[:0]
        return self.all[self.kinds == kind]


class Units:
    """What prices and sizes of a listing are worth, as arrays over its instruments."""

    def __init__(self, listing: Listing) -> None:
        n = range(len(listing.instrument_names()))
        self.tick_value = np.array([listing.tick_value(i) for i in n], dtype=np.int64)
        self.feed = np.array([listing.feed_of(i) for i in n], dtype=np.int64)
        is_event = [listing.kind(i) == Kind.EVENT for i in n]
        self.payoff = np.array(
            [listing.price_bound(i) if is_event[i] else 0 for i in n], dtype=np.int64
        )

    def forced_value(self, fills: np.ndarray) -> np.ndarray:
        """Notional of forced fills, micro-USDC.  A forced buy in an event book sells NO."""
        i, price = fills[:, E_INSTRUMENT], fills[:, E_PRICE]
        sells_no = (self.payoff[i] > 0) & (fills[:, E_SIDE] == BUY)
        price = np.where(sells_no, self.payoff[i] - price, price)
        return price * fills[:, E_SIZE] * self.tick_value[i]

    def value(self, rows: np.ndarray) -> np.ndarray:
        """|size|·price of BACKSTOP and ADL events, micro-USDC; shares at their own mark.

        A taking of NO shares has a negative size and the YES mark.
        """
        i, price = rows[:, E_INSTRUMENT], rows[:, E_PRICE]
        of_no = (self.payoff[i] > 0) & (rows[:, E_SIZE] < 0)
        price = np.where(of_no, self.payoff[i] - price, price)
        return np.abs(rows[:, E_SIZE]) * price * self.tick_value[i]
