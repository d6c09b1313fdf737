"""What every trader knows about the exchange: the listing, its units, event terms, coin weights."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from sim.exchange.instruments import MICRO, Kind, Listing
from sim.oracle.belief import BeliefPath

VOID = -1


@dataclass(frozen=True)
class EventTerms:
    """What is known of an event, and what only the truth knows: ``outcome`` and ``value``.

    ``price``: YES iff ``feed`` is below (or above) the strike at ``resolves_us``; with
    ``strikes_usd`` a categorical's outcomes are ranges of the price, and a scalar without a true
    ``outcome`` is the price in whole USD.  All others are exogenous.  Outcomes are counted as the
    exchange counts shares: a binary's 0 is YES, a scalar's 0 LONG.  No trader looks at ``outcome``
    or ``value``, unless it observes the event after it is due.
    """

    event: int  # event id
    feed: int  # -1: no price has to do with it
    strike_ticks: int
    resolves_us: int  # due
    below: bool = True
    price: float = 0.5  # of the first share when it opens, a fraction of 1 USDC
    kind: Literal["price", "binary", "categorical", "scalar"] = "price"
    name: str = ""
    outcomes: tuple[str, ...] = ("YES", "NO")  # names of the shares
    prices: tuple[float, ...] = ()  # of the shares when it opens; empty: price, 1 - price
    opens_us: int = 0
    strike_usd: float = 0.0
    strikes_usd: tuple[float, ...] = ()
    low: int = 0
    high: int = 0
    outcome: int | None = None  # the true one, VOID for void; None: the price decides
    value: int = 0  # the true one of a scalar
    sigma_per_sqrt_h: float = 0.0  # of the public's log odds
    belief: BeliefPath | None = field(default=None, compare=False)  # None: a price tells

    @property
    def due_us(self) -> int:
        """When the truth exists."""
        return self.resolves_us

    @property
    def exogenous(self) -> bool:
        """Whether no price of the exchange decides it."""
        return self.outcome is not None

    @property
    def books(self) -> int:
        """How many books it has."""
        return len(self.outcomes) if self.kind == "categorical" else 1

    def price_of(self, outcome: int) -> float:
        """Price of a share when it opens."""
        return self.prices[outcome] if self.prices else (self.price, 1.0 - self.price)[outcome]

    def answer(self, price_usd: float) -> tuple[int, int]:
        """(outcome, a scalar's value) of a price-linked event that a price at its end gives."""
        if self.kind == "categorical":
            return bisect_right(self.strikes_usd, price_usd), 0
        if self.kind == "scalar":
            return 0, min(max(round(price_usd), self.low), self.high)
        yes = price_usd < self.strike_usd if self.below else price_usd > self.strike_usd
        return (0 if yes else 1), 0

    def outcome_named(self, name: str) -> int:
        """Number of an outcome, VOID for ``void``.

        Raises:
            ValueError: there is none of that name.
        """
        if name == "void":
            return VOID
        if name not in self.outcomes:
            allowed = ", ".join((*self.outcomes, "void"))
            raise ValueError(f"event {self.name}: unknown outcome {name!r}; allowed: {allowed}")
        return self.outcomes.index(name)


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
            for k, book in enumerate(self.books_of(terms)):
                prices[book] = min(payoff - 1, max(1, round(terms.price_of(k) * payoff)))
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

    def book_of(self, terms: EventTerms, outcome: int = 0) -> int:
        """Instrument id of an event's book: a categorical's of ``outcome``, else the only one."""
        return self.listing.first_book(terms.event) + (outcome if terms.books > 1 else 0)

    def books_of(self, terms: EventTerms) -> range:
        """Instrument ids of an event's books."""
        first = self.listing.first_book(terms.event)
        return range(first, first + terms.books)

    def asset_of(self, terms: EventTerms, outcome: int = 0) -> int:
        """Asset id of a share."""
        return self.listing.first_share(terms.event) + outcome

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
