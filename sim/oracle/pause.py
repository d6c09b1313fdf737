"""Pausing instruments whose feed is bad, and reopening them by a call auction.

A state machine per instrument; ``docs/oracle.md`` has its table of states and edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.instruments import MICRO, Future, InversePerpetual, Listing, Perpetual, Spot
from sim.exchange.messages import (
    E_CODE,
    E_INSTRUMENT,
    E_KIND,
    E_X,
    M_ARG,
    M_ARG2,
    M_INSTRUMENT,
    M_KIND,
    M_TIME,
    MSG_COLS,
    BookState,
    Event,
    Grade,
    Kind,
)
from sim.oracle.fault import OracleError

if TYPE_CHECKING:
    from sim.world import World

LOOK_US = 500_000


class Phase(Enum):
    """Where an instrument stands."""

    RUNNING = "running"  # its book is open, its feed good
    ALARMED = "alarmed"  # the feed is bad, not yet for long
    PAUSED = "paused"
    CLEARING = "clearing"  # paused, but the feed is good again, not yet for long
    REOPENING = "reopening"  # in the auction that opens it again
    ENDED = "ended"  # closed by the exchange for good


@dataclass(frozen=True)
class PauseRule:
    """When to pause and how to reopen.

    Attributes:
        grade: of a feed that is bad, or worse (PRC-04).
        after_us: bad for so long, the book goes to `state`.
        clear_us: good for so long, it reopens by an auction of `auction_us` (0: at once).
    """

    grade: Grade = Grade.TOO_UNCERTAIN
    after_us: int = 5 * MICRO
    state: BookState = BookState.CANCEL_ONLY
    clear_us: int = 30 * MICRO
    auction_us: int = 60 * MICRO


@dataclass
class Watched:
    """One instrument: its feed, its phase since when, and its book as the exchange has it."""

    feed: int
    phase: Phase = Phase.RUNNING
    since_us: int = 0
    book: BookState = BookState.OPEN
    closed_here: bool = False


@dataclass(frozen=True)
class Transition:
    """A change of phase, for the record."""

    time_us: int
    instrument: int
    before: Phase
    after: Phase
    grade: Grade


class Pauser:
    """A service of the world that watches the grades of feeds and moves books between states.

    It looks twice a second; what it sends arrives at that time, before the marks (SEQ-01).

    Args:
        instruments: names of those it watches; all with a feed when None.
        stale_guard: whether age makes a reading STALE (`Rules.stale_guard`).

    Attributes:
        log: every change of phase.

    Raises:
        OracleError: an instrument is not listed, or is an event's book, which has no feed.
    """

    hears = frozenset({Event.INDEX, Event.STATE})

    def __init__(
        self,
        listing: Listing,
        rule: PauseRule,
        instruments: tuple[str, ...] | None = None,
        *,
        stale_guard: bool = True,
    ) -> None:
        names, feeds = listing.instrument_names(), feeds_of(listing)
        for name in instruments or ():
            if name not in names or feeds[names.index(name)] is None:
                known = tuple(n for n, feed in zip(names, feeds, strict=True) if feed is not None)
                raise OracleError(
                    f"{name!r} is no instrument with a feed; there is {list(known)}",
                    ("instruments",),
                    name,
                    known,
                )
        self.rule, self.log = rule, list[Transition]()
        self._watched = {
            i: Watched(feed)
            for i, feed in enumerate(feeds)
            if feed is not None and (instruments is None or names[i] in instruments)
        }
        self._stale_us = [f.stale_after_s * MICRO for f in listing.feeds]
        self._stale_guard = stale_guard
        self._told: dict[int, tuple[int, int]] = {}  # feed -> grade at arrival, time of the reading
        self._world: World | None = None

    def attach(self, world: World) -> None:
        """Start looking."""
        self._world = world
        world.call_at(-(-world.start_us // LOOK_US) * LOOK_US, self.look)

    def hear(self, events: np.ndarray) -> None:
        """Note grades of feeds and states of books."""
        for event in events:
            i = int(event[E_INSTRUMENT])
            if event[E_KIND] == Event.INDEX:
                self._told[i] = int(event[E_CODE]), int(event[E_X])
            elif i in self._watched:
                self._watched[i].book = BookState(int(event[E_CODE]))

    def grade(self, feed: int, now_us: int) -> Grade:
        """The grade of a feed now, as far as one can hear (PRC-04)."""
        if feed not in self._told:
            return Grade.STALE
        grade, read_us = self._told[feed]
        old = self._stale_guard and now_us - read_us > self._stale_us[feed]
        return Grade(max(grade, int(Grade.STALE))) if old else Grade(grade)

    def look(self, now_us: int) -> None:
        """Take each instrument one step and send what that asks for."""
        assert self._world is not None
        rows = []
        for i, watched in self._watched.items():
            grade = self.grade(watched.feed, now_us)
            phase, told = self.step(watched, grade >= self.rule.grade, now_us)
            if phase is not watched.phase:
                self.log.append(Transition(now_us, i, watched.phase, phase, grade))
                watched.phase, watched.since_us = phase, now_us
            if told is not None:
                state, end_us = told
                watched.closed_here = state is BookState.CLOSED
                row = np.zeros(MSG_COLS, dtype=np.int64)
                row[M_TIME], row[M_KIND], row[M_INSTRUMENT] = now_us, Kind.STATE, i
                row[M_ARG], row[M_ARG2] = state, end_us
                rows.append(row)
        if rows:
            self._world.transport.schedule(np.array(rows))
        if now_us + LOOK_US <= self._world.end_us:
            self._world.call_at(now_us + LOOK_US, self.look)

    def step(
        self, watched: Watched, bad: bool, now_us: int
    ) -> tuple[Phase, tuple[BookState, int] | None]:
        """The next phase, and the book's new state with the end of its auction, if one is sent."""
        rule, phase, book = self.rule, watched.phase, watched.book
        passed = now_us - watched.since_us
        if phase is Phase.ENDED or (book is BookState.CLOSED and not watched.closed_here):
            return Phase.ENDED, None
        if phase in (Phase.RUNNING, Phase.ALARMED):
            if not bad:
                return Phase.RUNNING, None
            if phase is Phase.RUNNING and rule.after_us:
                return Phase.ALARMED, None
            if phase is Phase.ALARMED and passed < rule.after_us:
                return phase, None
            return Phase.PAUSED, self._stop(book)
        if phase in (Phase.PAUSED, Phase.CLEARING):
            if book is BookState.OPEN:  # somebody else opened it
                return Phase.RUNNING, None
            if bad:
                return Phase.PAUSED, None
            if phase is Phase.PAUSED and rule.clear_us:
                return Phase.CLEARING, None
            if phase is Phase.CLEARING and passed < rule.clear_us:
                return phase, None
            return Phase.REOPENING, self._reopen(now_us)
        if bad and book is not BookState.OPEN:
            return Phase.PAUSED, self._stop(book)
        if book is BookState.OPEN:
            return Phase.RUNNING, None
        if not rule.auction_us:  # refused at first: a book leaves an auction only with a good feed
            return phase, (BookState.OPEN, 0)
        return phase, None

    def _stop(self, book: BookState) -> tuple[BookState, int]:
        """A book in auction cannot go back to cancel-only: its auction is held open instead."""
        if book is BookState.AUCTION and self.rule.state is not BookState.CLOSED:
            return BookState.AUCTION, 0
        return self.rule.state, 0

    def _reopen(self, now_us: int) -> tuple[BookState, int]:
        if self.rule.auction_us:
            return BookState.AUCTION, now_us + self.rule.auction_us
        return BookState.OPEN, 0


def feeds_of(listing: Listing) -> list[int | None]:
    """The feed of each instrument, None for the books of events."""
    feeds = listing.feed_names()
    by_asset = {a.name: a.feed for a in listing.assets}
    based: list[Spot | InversePerpetual] = [*listing.spots, *listing.inverses]
    fed: list[Perpetual | Future] = [*listing.perpetuals, *listing.futures]
    by_name = {x.name: by_asset[x.base] for x in based} | {x.name: x.feed for x in fed}
    return [feeds.index(by_name[n]) if n in by_name else None for n in listing.instrument_names()]
