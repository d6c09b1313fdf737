"""Which faults hit which source and feed, and those that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import networkx as nx
import numpy as np

from sim.oracle.fault import Fault, OracleError
from sim.oracle.faults_price import Captured
from sim.oracle.faults_supply import Outage
from sim.oracle.graph import dependents
from sim.oracle.readings import Readings, Scope
from sim.oracle.source import Source
from sim.streams import stream

Truth = Callable[[np.ndarray], np.ndarray]
Silence = Callable[[np.ndarray], np.ndarray]


class FaultPlan:
    """The faults of an oracle, applied in the order given.

    Args:
        feeds: names of all feeds.
        graph: `sim.oracle.graph.dependencies` of the sources.

    Raises:
        OracleError: a feed, source or upstream is not known, more are captured than there are,
            nothing is hit, or two exclusive faults hit the same readings at once.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        sources: Sequence[Source],
        feeds: Sequence[str],
        graph: nx.DiGraph,
        seed: int,
    ) -> None:
        self.faults, self._seed = tuple(faults), seed
        self._sources, self._feeds, self._graph = tuple(sources), tuple(feeds), graph
        self._hit: list[frozenset[tuple[str, str]]] = []  # (feed, source) pairs by fault
        labels = [self.label(i) for i in range(len(self.faults))]
        for i, fault in enumerate(self.faults):
            if labels.index(labels[i]) < i:
                raise OracleError(f"two faults are named {labels[i]!r}", ("fault", i))
            self._known(i, fault)
            names = self._names(i, fault)
            pairs = frozenset(
                (feed, source.name)
                for feed in self._feeds
                if fault.feeds is None or feed in fault.feeds
                for source in self._sources
                if source.name in names and source.covers(feed)
            )
            if not pairs:
                raise OracleError(
                    f"fault {self.label(i)} hits nothing: its sources do not cover its feeds",
                    ("fault", i),
                )
            self._hit.append(pairs)
        self._check_overlaps()

    def label(self, i: int) -> str:
        """Name of a fault: its own, or its kind and place."""
        return self.faults[i].name or f"{self.faults[i].kind}/{i}"

    def of(self, feed: str, source: str) -> list[int]:
        """Places of the faults that hit a source of a feed."""
        return [i for i, pairs in enumerate(self._hit) if (feed, source) in pairs]

    def apply(self, feed: str, source: str, truth: Truth, readings: Readings) -> Readings:
        """All readings of a source after all faults that hit it."""
        for i in self.of(feed, source):
            readings = self.faults[i].apply(readings, self.scope(i, feed, source, truth))
        return readings

    def silence(self, feed: str, source: str, truth: Truth) -> Silence | None:
        """When the faults take a source away (int64 µs → bool); None: they never do."""
        found = [
            (self.faults[i], self.scope(i, feed, source, truth))
            for i in self.of(feed, source)
            if self.faults[i].silences
        ]
        if not found:
            return None
        return lambda times: np.any([fault.silent(times, scope) for fault, scope in found], axis=0)

    def idle(self, beats: Callable[[str, str], np.ndarray | None]) -> list[int]:
        """Places of the faults that find no reading to change.

        Args:
            beats: when a source (feed, name) publishes, increasing; None: not known yet.
        """
        return [
            i
            for i, fault in enumerate(self.faults)
            if not fault.silences
            and not any(
                when is None or np.ptp(np.searchsorted(when, (fault.start_us, fault.end_us))) > 0
                for when in (beats(feed, source) for feed, source in self._hit[i])
            )
        ]

    def scope(self, i: int, feed: str, source: str, truth: Truth) -> Scope:
        """What fault `i` knows where it hits."""
        purpose = f"fault/{self.label(i)}"
        return Scope(
            truth,
            stream(self._seed, f"oracle/{feed}/{source}", purpose),
            lambda: stream(self._seed, "oracle", purpose),
        )

    def check_live(self, feed: str, sources: Sequence[str]) -> None:
        """Raises OracleError for a fault that needs later readings than a live source has."""
        for source in sources:
            for i in self.of(feed, source):
                if not self.faults[i].causal:
                    raise OracleError(
                        f"fault {self.label(i)} cannot hit source {source!r}: it reads a book, and "
                        "its later readings are not known",
                        ("fault", i),
                    )

    def _known(self, i: int, fault: Fault) -> None:
        for what, given, allowed in (
            ("feed", fault.feeds, self._feeds),
            ("source", fault.sources, tuple(self._graph)),
            ("upstream", (fault.upstream,) if isinstance(fault, Outage) else (), self._graph),
        ):
            for name in given or ():
                if name not in allowed:
                    raise OracleError(
                        f"fault on unknown {what} {name!r}; there is {list(allowed)}",
                        ("fault", i),
                        name,
                        tuple(allowed),
                    )

    def _names(self, i: int, fault: Fault) -> set[str]:
        """Sources that a fault hits."""
        if isinstance(fault, Outage):
            return dependents(self._graph, fault.upstream)
        named = [s.name for s in self._sources] if fault.sources is None else list(fault.sources)
        if isinstance(fault, Captured) and fault.take:
            if fault.take > len(named):
                raise OracleError(
                    f"fault {self.label(i)} captures {fault.take} of {len(named)} sources",
                    ("fault", i),
                )
            draw = stream(self._seed, "oracle", f"captured/{self.label(i)}")
            named = [named[k] for k in draw.permutation(len(named))[: fault.take]]
        return set().union(*(dependents(self._graph, name, made_of=False) for name in named))

    def _check_overlaps(self) -> None:
        last = [i for i, fault in enumerate(self.faults) if fault.exclusive]
        for n, b in enumerate(last):
            for a in last[:n]:
                one, two = self.faults[a], self.faults[b]
                apart = one.end_us <= two.start_us or two.end_us <= one.start_us
                common = self._hit[a] & self._hit[b]
                if common and not apart:
                    feed, source = min(common)
                    raise OracleError(
                        f"fault.{b} ({two.kind}) overlaps fault.{a} ({one.kind}) on source "
                        f"{source!r} of {feed!r}: one reading cannot have both",
                        ("fault", b),
                    )
