"""The index oracle: several imperfect sources per feed, and the index they make (PRC-01)."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np

from sim.exchange.instruments import Feed
from sim.exchange.messages import M_INSTRUMENT, M_TIME, MSG_COLS
from sim.oracle.aggregate import Aggregate, Quotes, ticks
from sim.oracle.fault import Fault
from sim.oracle.faultplan import FaultPlan, Silence, Truth
from sim.oracle.graph import dependencies, dependents, in_order
from sim.oracle.guards import Guard
from sim.oracle.policy import Policy
from sim.oracle.readings import Readings
from sim.oracle.refusals import check_coverage, check_feeds
from sim.oracle.source import (
    DEFAULT_SOURCES,
    Source,
    Span,
    derived,
    exogenous,
    last_present,
)
from sim.oracle.truth import TruthPath

__all__ = ["DEFAULT_SOURCES", "PriceOracle", "Source", "ticks"]


class PriceOracle:
    """Publishes INDEX messages: per feed the weighted lower median of its fresh sources, or by `policy`.

    A source is fresh while its reading is no older than the feed's ``stale_after_s`` and it is not
    gone.  The reading time of an index is the newest among the readings it is made from; when none
    is fresh, the last ones are published again with a count of 0, and age.

    Confidence is the weighted lower median of the sources' own: what they claim, or with
    `dispersion` their distance from the weighted median if that is more, whatever the policy: a
    mean may be far from its sources and this confidence 0.

    Feeds with a source that reads a book of the exchange are *live*: `sim.oracle.live` makes their
    readings during the run, and `messages` leaves them out.

    Args:
        feeds: as listed; every one must have a path of its name in `truth`.
        sources: of every feed that they cover.
        faults: applied to the readings in this order.
        policy: how the index is made of them (PRC-01); the weighted median unless said.
        guard: what is done about bad readings before the index is published; nothing unless said.
        latency_us: from the making of an index to its arrival.
        start_us, end_us: the run; readings exist for it only.

    Raises:
        OracleError (a ValueError): an unknown feed, source or upstream, a name twice, a circle of
            upstreams, faults that cannot be, a feed that no source covers.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        truth: TruthPath,
        *,
        seed: int,
        start_us: int,
        end_us: int,
        sources: Sequence[Source] = DEFAULT_SOURCES,
        faults: Sequence[Fault] = (),
        dispersion: bool = True,
        policy: Policy | None = None,
        guard: Guard | None = None,
        latency_us: int = 0,
    ) -> None:
        self.feeds, self.sources, self.truth = tuple(feeds), tuple(sources), truth
        self.policy, self.guard = policy or Policy(), guard or Guard()
        self.latency_us, self.span = latency_us, Span(seed, start_us, end_us)
        names = [f.name for f in self.feeds]
        self._names = [s.name for s in self.sources]
        self.graph: nx.DiGraph = dependencies(self.sources)
        self._order = in_order(self.graph, self._names)
        check_feeds(self.sources, names, truth.names)
        self.policy.check(self._names, names)
        self.plan = FaultPlan(faults, self.sources, names, self.graph, seed)
        self.covering = [
            [s for s, source in enumerate(self.sources) if source.covers(n)] for n in names
        ]
        check_coverage(self.feeds, self.covering, self.sources, self.policy)
        self.live = tuple(f for f in range(len(names)) if self.live_sources(f))
        for f in self.live:
            live = [self._names[s] for s in self.live_sources(f)]
            self.plan.check_live(names[f], live)
        self.readings: list[list[Readings | None]] = [
            self._of_feed(f) for f in range(len(self.feeds))
        ]
        self._silences = [
            [self.plan.silence(n, self._names[s], self.true_price(f)) for s in self.covering[f]]
            for f, n in enumerate(names)
        ]
        self.made = [
            Aggregate(feed, [self.sources[s] for s in self.covering[f]], self.policy, dispersion,
                      self.guard)
            for f, feed in enumerate(self.feeds)
        ]  # fmt: skip

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self.plan.faults

    def names_of(self, f: int) -> list[str]:
        """The sources that cover a feed, in the order of its readings."""
        return [self._names[s] for s in self.covering[f]]

    def dependents(self, name: str) -> set[str]:
        """Every source that depends on `name`, directly or not, itself included."""
        return dependents(self.graph, name)

    def live_sources(self, f: int) -> list[int]:
        """Sources of a feed that read a book, or are made of one that does; upstreams first."""
        found: list[int] = []
        for s in self._order:
            source = self.sources[s]
            made = any(self._names.index(up) in found for up in source.made_of)
            if s in self.covering[f] and (source.on_book or made):
                found.append(s)
        return found

    def messages(self, times_us: np.ndarray) -> np.ndarray:
        """INDEX messages made at `times_us` (increasing): int64[n, 12], by time, then feed.

        They arrive a latency later.  A feed of which no source has ever said anything has none.
        With the rate band a time may be asked for once only, later ones later.
        """
        times = np.asarray(times_us, dtype=np.int64)
        here = [f for f in range(len(self.feeds)) if f not in self.live]
        block = np.zeros((len(times), len(here), MSG_COLS), dtype=np.int64)
        known = np.ones((len(times), len(here)), dtype=np.bool_)
        for k, f in enumerate(here):
            block[:, k], known[:, k] = self._rows(f, times, self.quotes(f, times))
        rows = block.reshape(-1, MSG_COLS)
        return rows if known.all() else rows[known.reshape(-1)]

    def rows(self, f: int, times: np.ndarray, quotes: Quotes) -> np.ndarray:
        """INDEX messages of one feed made at `times`: int64[n, 12]."""
        rows, known = self._rows(f, times, quotes)
        return rows[known]

    def _rows(self, f: int, times: np.ndarray, quotes: Quotes) -> tuple[np.ndarray, np.ndarray]:
        rows, known = self.made[f].rows(times, quotes)
        rows[:, M_TIME] += self.latency_us
        rows[:, M_INSTRUMENT] = f
        return rows, known

    def quotes(self, f: int, times: np.ndarray) -> Quotes:
        """What the sources of a feed say at these times; without those that come live."""
        quotes = Quotes.none(times, len(self.covering[f]))
        for k, readings in enumerate(self.readings[f]):
            if readings is not None:
                quotes.fill(k, readings, times, self.silence(f, k))
        return quotes

    def silence(self, f: int, column: int) -> Silence | None:
        """When faults take the source in a column of a feed's quotes away; None: never."""
        return self._silences[f][column]

    def idle_faults(self) -> list[int]:
        """Places of the faults that find no reading to change in the whole run."""

        def beats(feed: str, source: str) -> np.ndarray | None:
            readings = self._of(feed, source)
            return None if readings is None else readings.beat_us

        return self.plan.idle(beats)

    def reading(self, feed: str, source: str, times_us: np.ndarray) -> np.ndarray:
        """The last price in USD that a source published at or before each time; NaN: none."""
        readings = self._of(feed, source)
        times = np.asarray(times_us, dtype=np.int64)
        if readings is None or not len(readings):
            return np.full(times.shape, np.nan)
        row, there = last_present(readings, times)
        return np.where(there, readings.price_usd[row], np.nan)

    def published(self, feed: str, source: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What a source has published for a feed, not what it withheld while it was gone.

        When (int64), the times claimed (int64), prices (float64 USD).  Of a source that comes live,
        what it has published so far.
        """
        readings = self._of(feed, source)
        if readings is None:
            readings = Readings.room(0)
        kept = readings.take(~readings.absent)
        return kept.beat_us, kept.time_us, kept.price_usd

    def index(self, feed: str, times_us: np.ndarray) -> np.ndarray:
        """The index in USD made last at or before each time of the run so far; NaN: none."""
        f = [x.name for x in self.feeds].index(feed)
        return self.made[f].published(np.asarray(times_us, dtype=np.int64))

    def _of(self, feed: str, source: str) -> Readings | None:
        f = [x.name for x in self.feeds].index(feed)
        return self.readings[f][self.names_of(f).index(source)]

    def true_price(self, f: int) -> Truth:
        """The true price of a feed by time."""
        place = self.truth.names.index(self.feeds[f].name)
        return lambda times: self.truth.sample(place, times)

    def _of_feed(self, f: int) -> list[Readings | None]:
        """Readings of the sources that cover a feed, in their order; None: it comes live."""
        feed = self.feeds[f].name
        done: dict[str, Readings] = {}
        later = self.live_sources(f) if f in self.live else []
        for s in self._order:
            source = self.sources[s]
            if s not in self.covering[f] or s in later:
                continue
            if source.made_of:
                parts = [(done[up], share) for up, share in source.made_of.items()]
                honest = derived(parts, feed, source, self.span)
            else:
                honest = exogenous(self.truth, feed, source, self.span)
            hit = self.plan.apply(feed, source.name, self.true_price(f), honest)
            done[source.name] = self.guard.answers(feed, source, hit)
        return [done.get(self._names[s]) for s in self.covering[f]]
