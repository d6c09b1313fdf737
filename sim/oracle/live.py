"""Sources that read the exchange's own books: their readings are made during the run.

A loop between the exchange and its own index closes here: who moves a thin book moves the index.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.instruments import MICRO, Listing, Perpetual
from sim.exchange.messages import Event
from sim.oracle.aggregate import Quotes
from sim.oracle.fault import OracleError
from sim.oracle.price import PriceOracle
from sim.oracle.readings import Readings
from sim.oracle.source import last_present

if TYPE_CHECKING:
    from sim.market import MarketView
    from sim.world import World

LATEST_US = 120_000_000  # market data is kept for longer than that
Price = Callable[[int], float | None]


class LiveOracle:
    """A service of the world that publishes the feeds of which a source reads a book.

    At each multiple of `every_us` these sources look at the newest market data frame that is at
    least their lag old; the other sources of the feed were made before the run.  The INDEX message
    arrives a latency later.  The call comes when all that arrived before it has been handled, so
    the result does not depend on the matching window.

    Raises:
        OracleError: a coin has no such book, or a lag is longer than market data is kept.
    """

    hears: frozenset[Event] = frozenset()

    def __init__(self, oracle: PriceOracle, listing: Listing, every_us: int) -> None:
        self._oracle, self._listing, self._every = oracle, listing, every_us
        self._world: World | None = None
        self._ticks = np.empty(0, dtype=np.int64)
        self._quotes: dict[int, Quotes] = {}  # by feed, at all ticks, of the sources made before
        self._sources = {
            f: [self._follow(f, s) for s in oracle.live_sources(f)] for f in oracle.live
        }

    def attach(self, world: World) -> None:
        """Start looking."""
        self._world = world
        first = -(-world.start_us // self._every) * self._every
        self._ticks = np.arange(first, world.end_us + 1, self._every)
        self._quotes = {f: self._oracle.quotes(f, self._ticks) for f in self._sources}
        if len(self._ticks):
            world.call_at(first, self.look)

    def hear(self, events: np.ndarray) -> None:
        """It hears nothing: what it sees is market data."""

    def look(self, now_us: int) -> None:
        """Make the readings of now and publish the feeds."""
        assert self._world is not None
        k = int(np.searchsorted(self._ticks, now_us))
        now, rows = self._ticks[k : k + 1], []
        for f, sources in self._sources.items():
            quotes = self._quotes[f].at(k)
            for source in sources:
                source.look(now_us)
                source.tell(quotes, now)
            rows.append(self._oracle.rows(f, now, quotes))
        self._world.transport.schedule(np.concatenate(rows))
        if k + 1 < len(self._ticks):
            self._world.call_at(now_us + self._every, self.look)

    def _follow(self, f: int, s: int) -> Follower:
        source = self._oracle.sources[s]
        price = self._book(f, s) if source.on_book else None
        return Follower(self._oracle, f, s, price)

    def _book(self, f: int, s: int) -> Price:
        """What the source reads of its book at a time, in USD."""
        source, listing = self._oracle.sources[s], self._listing
        feed = listing.feeds[f]
        if source.lag_us > LATEST_US:
            raise OracleError(
                f"source {source.name!r} reads a book {source.lag_us / MICRO:g} s late; "
                f"{LATEST_US // MICRO} s are kept",
                ("source", s),
            )
        i = book_of(listing, feed.name, source.reads)
        if i is None:
            raise OracleError(
                f"source {source.name!r} reads the {source.reads} book of {feed.name!r}, "
                "which has none",
                ("source", s),
            )
        read = book_ticks if source.reads == "spot" else mark_ticks

        def price(now_us: int) -> float | None:
            assert self._world is not None
            ticks = read(self._world.data.view(now_us - source.lag_us), i)
            return None if ticks is None else ticks * feed.tick_micro / MICRO

        return price


class Follower:
    """One live source of one feed: its readings so far, and the faults that they run through."""

    def __init__(self, oracle: PriceOracle, f: int, s: int, price: Price | None) -> None:
        self._oracle, self._f, self._source, self._price = oracle, f, oracle.sources[s], price
        self._feed = oracle.feeds[f].name
        self._column = oracle.covering[f].index(s)
        self._beats = oracle.span.beats(self._feed, self._source)
        self._noise = oracle.span.noise(self._feed, self._source)
        self._seen = self._made = 0  # beats; readings
        self._average, self._weight, self._averaged_us = 0.0, 0.0, 0
        self._last = (0, 0.0)  # time and price of the last publication
        room = len(self._beats) + 1
        truth = oracle.true_price(f)
        self._stages = [
            (oracle.plan.faults[i], oracle.plan.scope(i, self._feed, self._source.name, truth),
             Readings.room(room))
            for i in oracle.plan.of(self._feed, self._source.name)
        ]  # fmt: skip
        self._out = Readings.room(room)
        self._keep()

    def look(self, now_us: int) -> None:
        """Take a reading if a beat has passed, and publish it if it is due."""
        passed = int(np.searchsorted(self._beats, now_us, side="right"))
        if passed == self._seen:
            return
        self._seen = passed
        found = self._read(now_us)
        if found is None:
            return
        price, time_us = found
        noise = float(self._noise.standard_normal()) * (self._source.noise_bps / 1e4)
        limited = self._source.limited(self._feed, np.array([price * (1.0 + noise)]))
        if not self._due(now_us, float(limited[0])):
            return
        self._last = (now_us, float(limited[0]))
        reading = Readings.honest(np.array([now_us]), limited, self._source.confidence_bps)
        reading.time_us[0] = time_us
        k = self._made
        for fault, scope, past in self._stages:
            past.put(k, reading)
            reading = fault.apply(past.take(slice(0, k + 1)), scope, first=k)
        self._out.put(k, self._oracle.guard.answers(self._feed, self._source, reading))
        self._made += 1
        self._keep()

    def tell(self, quotes: Quotes, now: np.ndarray) -> None:
        """Enter what it says now beside the other sources of the feed."""
        silence = self._oracle.silence(self._f, self._column)
        quotes.fill(self._column, self._out.take(slice(0, self._made)), now, silence)

    def _read(self, now_us: int) -> tuple[float, int] | None:
        """Price before noise and the time it claims; None: there is nothing to read."""
        if self._price is not None:
            price = self._price(now_us)
            return None if price is None else (self._averaged(now_us, price), now_us)
        total, oldest = 0.0, now_us
        at = np.array([now_us - self._source.lag_us])
        readings, names = self._oracle.readings[self._f], self._oracle.names_of(self._f)
        for upstream, share in self._source.made_of.items():
            part = readings[names.index(upstream)]
            if part is None or not len(part):
                return None
            row, there = last_present(part, at)
            if not there[0]:
                return None
            total += share * float(part.price_usd[row[0]])
            oldest = min(oldest, int(part.time_us[row[0]]))
        return total, oldest

    def _averaged(self, now_us: int, price: float) -> float:
        """The exponential average num/den: num ← num·e^(−Δt/τ) + x·Δt, den likewise; first x."""
        tau = self._source.average_us
        if not tau:
            return price
        if self._averaged_us:
            passed = now_us - self._averaged_us
            decay = math.exp(-passed / tau)
            self._average = self._average * decay + price * passed
            self._weight = self._weight * decay + passed
        self._averaged_us = now_us
        return self._average / self._weight if self._weight else price

    def _due(self, now_us: int, price: float) -> bool:
        """Whether a look is published (`Source.deviation_bps`)."""
        at, last = self._last
        source = self._source
        if not source.deviation_bps or not self._made:
            return True
        moved = abs(price - last) >= source.deviation_bps / 1e4 * last
        return moved or now_us - at >= source.heartbeat_us

    def _keep(self) -> None:
        """Let the oracle see what has been published."""
        self._oracle.readings[self._f][self._column] = self._out.take(slice(0, self._made))


def book_of(listing: Listing, feed: str, reads: str) -> int | None:
    """The instrument that a source reads: the first spot book or perpetual of a coin; None: none."""
    names = listing.instrument_names()
    if reads == "perpetual":
        found = [p.name for p in listing.perpetuals if isinstance(p, Perpetual) and p.feed == feed]
    else:
        bases = {a.name for a in listing.assets if a.feed == feed}
        found = [b.name for b in listing.spots if b.base in bases]
    return names.index(found[0]) if found else None


def book_ticks(view: MarketView, i: int) -> float | None:
    """Median of best bid, best ask and last, of two the mean; None when nobody quotes (PRC-02)."""
    bid, ask, last = int(view.bid[i]), int(view.ask[i]), int(view.last[i])
    if bid < 0 and ask < 0:
        return None
    return float(median(x for x in (bid, ask, last) if x >= 0))


def mark_ticks(view: MarketView, i: int) -> float | None:
    """The mark; None when there is none."""
    mark = int(view.mark[i])
    return float(mark) if mark > 0 else None
