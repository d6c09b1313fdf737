"""What every trader knows about the exchange: the listing, its units, event terms, coin weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.exchange.instruments import MICRO, Kind, Listing


@dataclass(frozen=True)
class EventTerms:
    """When a binary event pays YES: ``feed`` below (or above) ``strike_ticks`` at ``resolves_us``.

    ``price`` is the price of YES at the start, a fraction of 1 USDC.
    """

    event: int  # event id
    feed: int
    strike_ticks: int
    resolves_us: int
    below: bool = True
    price: float = 0.5


@dataclass(frozen=True)
class Facts:
    """The listing with what is derived from it, as arrays over instruments.

    Args:
        listing: what the exchange lists.
        oi_usd: open interest at the start of each perpetual, USD; empty: 1 million each.
        events: the terms of events; an event book without terms is not traded by event traders.
    """

    listing: Listing
    oi_usd: tuple[float, ...] = ()
    events: tuple[EventTerms, ...] = ()

    def __post_init__(self) -> None:
        if self.oi_usd and len(self.oi_usd) != len(self.listing.perpetuals):
            given, listed = len(self.oi_usd), len(self.listing.perpetuals)
            raise ValueError(f"oi_usd has {given} entries for {listed} perpetuals")

    @cached_property
    def instruments(self) -> int:
        """How many instruments there are."""
        return len(self.listing.instrument_names())

    @cached_property
    def perpetuals(self) -> int:
        """How many of them are perpetuals: ids 0 … perpetuals − 1."""
        return len(self.listing.perpetuals)

    @cached_property
    def kinds(self) -> np.ndarray:
        """int64[instruments], values of `sim.exchange.instruments.Kind`."""
        return np.array([int(self.listing.kind(i)) for i in range(self.instruments)], np.int64)

    @cached_property
    def spots(self) -> np.ndarray:
        """Ids of the spot books."""
        return np.flatnonzero(self.kinds == Kind.SPOT)

    @cached_property
    def tick_value(self) -> np.ndarray:
        """int64[instruments], micro-USDC per tick and lot."""
        values = [self.listing.tick_value(i) for i in range(self.instruments)]
        return np.array(values, dtype=np.int64)

    @cached_property
    def feed_of(self) -> np.ndarray:
        """int64[instruments], feed behind an instrument, -1 for an event book."""
        return np.array([self.listing.feed_of(i) for i in range(self.instruments)], np.int64)

    @cached_property
    def start_ticks(self) -> np.ndarray:
        """int64[instruments], price before the first reading: declared index, event price."""
        prices = np.full(self.instruments, -1, dtype=np.int64)
        for i in range(self.instruments):
            if self.kinds[i] != Kind.EVENT:
                prices[i] = self.listing.feeds[int(self.feed_of[i])].index_ticks
        for terms in self.events:
            payoff = self.payoff_ticks(terms)
            prices[self.book_of(terms)] = min(payoff - 1, max(1, round(terms.price * payoff)))
        return prices

    @cached_property
    def min_lots(self) -> np.ndarray:
        """int64[instruments], lots that meet the minimum notional at the start, 10 % to spare."""
        least = np.ones(self.instruments, dtype=np.int64)
        for i in range(self.instruments):
            usd = self.listing.item(i).min_notional_usd
            if usd > 0:
                price = max(1, int(self.start_ticks[i])) if self.kinds[i] != Kind.EVENT else 1
                least[i] = -(-int(usd * 1.1 * MICRO) // (price * int(self.tick_value[i])))
        return np.maximum(least, 1)

    @cached_property
    def oi(self) -> np.ndarray:
        """float64[perpetuals], open interest at the start, USD."""
        return np.array(self.oi_usd or [1e6] * self.perpetuals, dtype=np.float64)

    @cached_property
    def oi_share(self) -> np.ndarray:
        """float64[perpetuals], share of the open interest, adds to 1."""
        total = float(self.oi.sum())
        return self.oi / total if total > 0 else np.full(self.perpetuals, 1.0 / self.perpetuals)

    @cached_property
    def weight(self) -> np.ndarray:
        """float64[instruments]: the open-interest share of the coin behind each book, 0 for events.

        A spot book has the share of the largest perpetual on its feed (none: the mean share).
        """
        out = np.zeros(self.instruments)
        out[: self.perpetuals] = self.oi_share
        for i in self.spots:
            same = self.oi_share[self.feed_of[: self.perpetuals] == self.feed_of[i]]
            out[i] = same.max() if len(same) else (self.oi_share.mean() if self.perpetuals else 1.0)
        return out

    def book_of(self, terms: EventTerms) -> int:
        """Instrument id of an event's book."""
        return self.perpetuals + len(self.listing.spots) + terms.event

    def payoff_ticks(self, terms: EventTerms) -> int:
        """Payoff of one share of an event, ticks."""
        return self.listing.events[terms.event].payoff_ticks

    def perpetual_on(self, feed: int) -> int:
        """The first perpetual on a feed, -1 if there is none."""
        found = np.flatnonzero(self.feed_of[: self.perpetuals] == feed)
        return int(found[0]) if len(found) else -1

    def usd(self, instrument: int, price_ticks: float, size_lots: float) -> float:
        """Notional, USD."""
        return price_ticks * size_lots * float(self.tick_value[instrument]) / MICRO
