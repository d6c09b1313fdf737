"""What traders get to see: market data frames and the events of their own accounts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sim.exchange.kernel.jit import entry, inlined
from sim.exchange.messages import (
    E_ACCOUNT,
    E_AMOUNT,
    E_CODE,
    E_KIND,
    E_ORDER,
    E_OTHER,
    E_OTHER_ORDER,
    E_PRICE,
    E_SIZE,
    E_TIME,
    E_X,
    E_Y,
    EV_COLS,
    Event,
)

BOOK = int(Event.BOOK)
KEEP_US = 180_000_000

# Which events reach an inbox: 1 by the column account, 2 by account and other.
_REACHES = np.zeros(64, dtype=np.int64)
_REACHES[
    [
        Event.CANCELLED,
        Event.REJECT,
        Event.FUNDING,
        Event.FLAG,
        Event.UNFLAG,
        Event.STEP,
        Event.PAYOUT,
        Event.MINT,
        Event.MERGE,
        Event.WITHDRAW,
    ]
] = 1
_REACHES[[Event.FILL, Event.ADL, Event.BACKSTOP, Event.HAIRCUT]] = 2


@dataclass(frozen=True, slots=True)
class MarketView:
    """One market data frame: read-only int64 arrays over instruments, -1 = missing.

    Prices in ticks (``bid``, ``ask``, ``last``, ``mark``, ``index``), sizes in lots: ``bid_depth``
    and ``ask_depth`` within 50 bp of the mid, ``near_depth`` both sides within 10 bp, ``oi`` open
    interest (event books: sets).
    """

    time_us: int
    bid: np.ndarray
    ask: np.ndarray
    last: np.ndarray
    mark: np.ndarray
    index: np.ndarray
    bid_depth: np.ndarray
    ask_depth: np.ndarray
    near_depth: np.ndarray
    oi: np.ndarray


_VIEW_COLUMNS = [
    E_PRICE,
    E_SIZE,
    E_AMOUNT,
    E_ORDER,
    E_OTHER,
    E_OTHER_ORDER,
    E_CODE,
    E_X,
    E_Y,
]  # in the order of MarketView's fields after time_us


class MarketData:
    """The market data frames of the last few minutes, decoded from BOOK events."""

    def __init__(self, instruments: int, start_us: int, keep_us: int = KEEP_US) -> None:
        self.instruments = instruments
        self.keep_us = keep_us
        self._forgotten_us = -1  # time of the newest frame dropped
        self._times: list[int] = []
        self._views: list[MarketView] = []
        nothing = np.full((len(_VIEW_COLUMNS), instruments), -1, dtype=np.int64)
        nothing.flags.writeable = False
        self._nothing = MarketView(start_us, *nothing)

    def add(self, events: np.ndarray) -> None:
        """Decode the BOOK events among `events`; one per instrument and time, in order."""
        rows = events[events[:, E_KIND] == BOOK]
        for frame in rows.reshape(-1, self.instruments, EV_COLS):
            columns = frame.T[_VIEW_COLUMNS]  # a copy
            columns.flags.writeable = False
            time_us = int(frame[0, E_TIME])
            self._times.append(time_us)
            self._views.append(MarketView(time_us, *columns))
        self._forget()

    def view(self, at_us: int) -> MarketView:
        """The newest frame not later than `at_us`; all missing before the first one.

        Raises:
            LookupError: that frame is no longer kept.
        """
        i = bisect_right(self._times, at_us)
        if i:
            return self._views[i - 1]
        if self._forgotten_us >= 0:
            raise LookupError(f"market data of {at_us} us is no longer kept")
        return self._nothing

    def _forget(self) -> None:
        """Drop old frames, many at a time."""
        if not self._times or self._times[-1] - self._times[0] < 2 * self.keep_us:
            return
        old = bisect_right(self._times, self._times[-1] - self.keep_us) - 1
        self._forgotten_us = self._times[old - 1]
        del self._times[:old], self._views[:old]


BOOKS, NOTICES = 1, 2  # what `Mailroom.sort` found, bits


class Mailroom:
    """Sorts events into the inboxes of those traders that listen.

    Rows wait in one pool, chained per trader, so that sorting costs one compiled call per window
    however many traders there are.
    """

    def __init__(self, accounts: int) -> None:
        self._owner = np.full(accounts, -1, dtype=np.int64)  # account -> inbox
        self._ends = np.empty((0, 2), dtype=np.int64)  # first and last row of each inbox
        self._rows = np.empty((0, EV_COLS), dtype=np.int64)
        self._link = np.empty(0, dtype=np.int64)  # next row of the same inbox, or next free row
        self._free = np.array([-1, 0], dtype=np.int64)  # first free row, how many
        self._notices = np.zeros(64, dtype=np.bool_)  # by kind: somebody hears of every one
        self._grow(1024)

    def open(self, accounts: np.ndarray) -> Inbox:
        """A new inbox for the events of `accounts`.

        Raises:
            ValueError: an account is out of range or has an inbox already.
        """
        accounts = np.asarray(accounts, dtype=np.int64)
        if len(accounts) and (accounts.min() < 0 or accounts.max() >= len(self._owner)):
            raise ValueError(
                f"accounts {accounts.min()}…{accounts.max()} are out of range "
                f"0…{len(self._owner) - 1}"
            )
        taken = accounts[self._owner[accounts] >= 0]
        if len(taken):
            raise ValueError(f"account {taken[0]} has an inbox already")
        self._owner[accounts] = len(self._ends)
        self._ends = np.vstack((self._ends, np.full((1, 2), -1, dtype=np.int64)))
        return Inbox(self, len(self._ends) - 1)

    def notice(self, kinds: Iterable[Event]) -> None:
        """Have `sort` tell of events of these kinds."""
        self._notices[[int(kind) for kind in kinds]] = True

    def sort(self, events: np.ndarray) -> int:
        """Put each event into the inboxes it concerns.

        Returns:
            Bits: BOOKS if there are BOOK events among them, NOTICES if there are any of `notice`.
        """
        need = 2 * len(events)
        if self._free[1] < need:
            self._grow(max(len(self._rows), need))
        return _sort(
            events,
            _REACHES,
            self._notices,
            self._owner,
            self._ends,
            self._rows,
            self._link,
            self._free,
        )

    def collect(self, inbox: int, until_us: int) -> np.ndarray:
        """Take out the events of an inbox with time <= `until_us`: int64[k, 16], oldest first."""
        n = _waiting(self._ends, self._rows, self._link, inbox, until_us)
        out = np.empty((n, EV_COLS), dtype=np.int64)
        if n:
            _collect(self._ends, self._rows, self._link, self._free, inbox, out)
        return out

    def _grow(self, more: int) -> None:
        n = len(self._rows)
        rows = np.empty((n + more, EV_COLS), dtype=np.int64)
        rows[:n] = self._rows
        link = np.arange(1, n + more + 1)
        link[:n] = self._link
        link[-1] = self._free[0]
        self._rows, self._link = rows, link
        self._free[:] = n, self._free[1] + more


class Inbox:
    """The events of one trader's accounts: fills, cancellations, refusals, funding, liquidation."""

    def __init__(self, mailroom: Mailroom, index: int) -> None:
        self._mailroom, self._index = mailroom, index

    def events(self, until_us: int) -> np.ndarray:
        """Events not yet read with time <= `until_us`: int64[k, 16], oldest first."""
        return self._mailroom.collect(self._index, until_us)


@entry
def _sort(events, reaches, notices, owner, ends, rows, link, free):
    found = 0
    for e in range(events.shape[0]):
        kind = events[e, E_KIND]
        if kind == BOOK:
            found |= 1
        known = 0 <= kind < reaches.shape[0]
        if known and notices[kind]:
            found |= 2
        reach = reaches[kind] if known else 0
        if reach == 0:
            continue
        account = events[e, E_ACCOUNT]
        a = owner[account] if 0 <= account < owner.shape[0] else -1
        if a >= 0:
            _append(events, e, a, ends, rows, link, free)
        if reach == 2:
            other = events[e, E_OTHER]
            b = owner[other] if 0 <= other < owner.shape[0] else -1
            if b >= 0 and b != a:
                _append(events, e, b, ends, rows, link, free)
    return found


@inlined
def _append(events, e, inbox, ends, rows, link, free):
    """Copy event `e` to a free row and chain it to the end of `inbox`."""
    row = free[0]
    free[0] = link[row]
    free[1] -= 1
    for c in range(events.shape[1]):
        rows[row, c] = events[e, c]
    link[row] = -1
    if ends[inbox, 0] < 0:
        ends[inbox, 0] = row
    else:
        link[ends[inbox, 1]] = row
    ends[inbox, 1] = row


@entry
def _waiting(ends, rows, link, inbox, until):
    n = 0
    row = ends[inbox, 0]
    while row >= 0 and rows[row, E_TIME] <= until:
        n += 1
        row = link[row]
    return n


@entry
def _collect(ends, rows, link, free, inbox, out):
    """Move the first ``len(out)`` rows of `inbox` to `out` and free them."""
    row = ends[inbox, 0]
    for i in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[i, c] = rows[row, c]
        after = link[row]
        link[row] = free[0]
        free[0] = row
        free[1] += 1
        row = after
    ends[inbox, 0] = row
