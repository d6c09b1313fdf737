"""The exchange's own side: readings, the passing of time, states, resolutions.

``PERIODS_US`` is where the exchange's regular messages have their periods and, at one moment, their
order (SEQ-01).
"""

from __future__ import annotations

import math
import operator

import numpy as np

from sim.exchange.engine import Engine
from sim.exchange.instruments import LIMIT
from sim.exchange.kernel import state as st
from sim.exchange.messages import (
    M_ARG,
    M_ARG2,
    M_INSTRUMENT,
    M_KIND,
    M_PRICE,
    M_SIZE,
    M_TIME,
    MSG_COLS,
    Kind,
)
from sim.exchange.names import state_of
from sim.exchange.result import Outcome, Result

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
# Sent at multiples of these in UTC, in this order at one moment.
PERIODS_US: dict[Kind, int] = {
    Kind.MARK: SECOND_US,
    Kind.PREMIUM: 5 * SECOND_US,
    Kind.FUNDING: HOUR_US,
    Kind.INTEREST: HOUR_US,
    Kind.SETTLE: SECOND_US,
    Kind.LIQUIDATE: SECOND_US,
}
AT_ONCE_US = HOUR_US  # longer spans are sent in parts
LONGEST_S = 10**7  # of one `advance`, 115 days: minutes of work; more is a mistake in the unit


def regular(from_us: int, until_us: int) -> np.ndarray:
    """The exchange's regular messages with `from_us` < time <= `until_us`, in order: int64[n, 12]."""
    times, kinds = [], []
    for kind, every in PERIODS_US.items():
        due = np.arange((from_us // every + 1) * every, until_us + 1, every, dtype=np.int64)
        times.append(due)
        kinds.append(np.full(len(due), kind, np.int64))
    block = np.zeros((sum(map(len, times)), MSG_COLS), np.int64)
    block[:, M_TIME] = np.concatenate(times)
    block[:, M_KIND] = np.concatenate(kinds)
    return block[np.argsort(block[:, M_TIME], kind="stable")]


class House(Engine):
    """What the exchange does by itself or is told from outside."""

    def price(
        self,
        feed: str | int,
        ticks: int,
        *,
        confidence: int = 0,
        sources: int | None = None,
        read_us: int | None = None,
    ) -> Result:
        """A reading of a feed, in ticks; marks follow at the next tick of the exchange (`advance`).

        confidence: half-width in ticks.  sources: how many were fresh (default: what the feed
        asks for).  read_us: when it was taken (default: now).
        """
        f = self.names.feeds(feed)
        if sources is None:
            known = 0 <= f < len(self.listing.feeds)
            sources = max(1, self.listing.feeds[f].min_sources) if known else 1
        return self.call(
            Kind.INDEX,
            instrument=f,
            price=ticks,
            size=confidence,
            arg=self.now if read_us is None else read_us,
            arg2=sources,
        )

    def external(
        self, instrument: str | int, ticks: int | None, *, read_us: int | None = None
    ) -> Result:
        """The mid of other venues for a derivative; None takes it back."""
        return self.call(
            Kind.EXTERNAL,
            instrument=self.names.instruments(instrument),
            price=0 if ticks is None else ticks,
            arg=self.now if read_us is None else read_us,
        )

    def advance(
        self, seconds: float = 0.0, *, to_us: int | None = None, hold: bool = False
    ) -> Outcome:
        """Let time pass and the exchange do what it does regularly (`PERIODS_US`).

        Args:
            seconds: how long; `to_us` instead: until when (microseconds).
            hold: repeat every feed's latest reading each second, so that no price becomes stale.

        Raises ValueError when time would run backwards, for more than `LONGEST_S` seconds at once
        (or inf, or nan), and for a time of 2^62 us or later.
        """
        start = self.now
        end = _end(start, seconds, to_us)
        first = self.seq + 1
        while True:
            until = min(end, start + AT_ONCE_US)
            block = regular(start, until)
            if hold:
                block = _merged(self._readings(start, until), block)
            if len(block):
                self.process(block)
            start = until
            if start == end:
                break
        self.clock = end
        self._since = first
        return self.outcome_since(first)

    def _readings(self, from_us: int, until_us: int) -> np.ndarray:
        """The latest reading of every feed again, each second."""
        rows = self.state.feeds[: len(self.listing.feeds)]
        outside = np.array([not f.own_book for f in self.listing.feeds], bool)
        feeds = np.flatnonzero(outside & (rows[:, st.D_PRICE] > 0))
        start = (from_us // SECOND_US + 1) * SECOND_US
        times = np.arange(start, until_us + 1, SECOND_US, dtype=np.int64)
        block = np.zeros((len(times) * len(feeds), MSG_COLS), np.int64)
        block[:, M_KIND] = Kind.INDEX
        block[:, M_TIME] = block[:, M_ARG] = np.repeat(times, len(feeds))
        which = np.tile(feeds, len(times))
        block[:, M_INSTRUMENT] = which
        block[:, M_PRICE] = rows[which, st.D_PRICE]
        block[:, M_SIZE] = rows[which, st.D_CONF]
        block[:, M_ARG2] = np.maximum(rows[which, st.D_MIN_SOURCES], 1)
        return block

    def resolve(
        self, event: str | int, outcome: str | int | None, *, value: int | None = None, tag: int = 0
    ) -> Result:
        """Settle an event: the winner by name or number, None (or "void") for void.

        value: of a scalar event, whose outcome may then be anything but void.  tag: kept in the
        RESOLVE event (1: known to be wrong).
        """
        e = self.names.events(event)
        arg = 0 if value is not None else self.names.outcome(e, outcome)
        return self.call(Kind.RESOLVE, instrument=e, arg=arg, arg2=value or 0, flags=tag)

    def propose(
        self,
        account: int,
        event: str | int,
        outcome: str | int | None,
        bond: int,
        *,
        value: int | None = None,
    ) -> Result:
        """Propose how an event ends, with a bond in micro-USDC (SET-02)."""
        e = self.names.events(event)
        arg = 0 if value is not None else self.names.outcome(e, outcome)
        return self.call(Kind.PROPOSE, account, e, size=bond, arg=arg, arg2=value or 0)

    def dispute(self, account: int, event: str | int, bond: int) -> Result:
        """Dispute the open proposal, with the same bond."""
        return self.call(Kind.DISPUTE, account, self.names.events(event), size=bond)

    def settle(self) -> Result:
        """Settle what is due now: expired futures, forgotten events."""
        return self.call(Kind.SETTLE)

    def set_state(self, instrument: str | int, state: str | int, *, until_us: int = 0) -> Result:
        """Put a book into a state of ORD-03; until_us: end of an auction (0: open end)."""
        i = self.names.instruments(instrument)
        return self.call(Kind.STATE, instrument=i, arg=state_of(state), arg2=until_us)


def _end(start: int, seconds: float, to_us: int | None) -> int:
    """Where `advance` stops, microseconds; raises ValueError as it does."""
    if to_us is None:
        if not math.isfinite(seconds):
            raise ValueError(f"advance by a finite number of seconds, not {seconds}")
        end = start + round(seconds * SECOND_US)
    else:
        end = operator.index(to_us)
    if end < start:
        raise ValueError(f"time runs backwards: to {end} us, exchange at {start} us")
    if end - start > LONGEST_S * SECOND_US:
        raise ValueError(
            f"{(end - start) / SECOND_US:.6g} seconds: `advance` takes at most {LONGEST_S:,} at once, "
            "as it sends messages for each; to skip time, give a message a later time "
            "(`send(Kind.MARK, time_us)`)"
        )
    if end >= LIMIT:
        raise ValueError(f"time must stay below 2^62 us, not {end} us")
    return end


def _merged(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two blocks by time, `first` first at one moment."""
    both = np.concatenate([first, second])
    return both[np.argsort(both[:, M_TIME], kind="stable")]
