"""Simulated time: the SimPy clock, the transport with latency, and the matching window.

The loop, to be read in a minute: a trader wakes and *sends* one block of messages.  The transport
stamps it with arrival = now + latency and a sequence number.  At the end of each window the
exchange takes everything that has arrived, in the order (arrival, class, sequence) of SEQ-01.  No
latency is smaller than the window, so nobody could have reacted inside it: the result is the same
for every window down to one message at a time (conservative lookahead).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import simpy

from sim.exchange.kernel.jit import entry, inlined
from sim.exchange.messages import (
    M_KIND,
    M_SEQ,
    M_TIME,
    MSG_COLS,
    SEQ_CLASS,
    USERS_CLASS,
    Kind,
)

NEVER = (1 << 63) - 1
# At one SimPy time: hooks first, then the window, then the traders (SimPy's own NORMAL).
HOOK, WINDOW = -1, 0
SMALL = 128  # up to here insertion sort is the faster one

_CLASS = np.array(SEQ_CLASS, dtype=np.int64)
_BY_THE_EXCHANGE = np.zeros(64, dtype=np.bool_)
_BY_THE_EXCHANGE[
    [
        Kind.INDEX,
        Kind.MARK,
        Kind.PREMIUM,
        Kind.FUNDING,
        Kind.RESOLVE,
        Kind.LIQUIDATE,
        Kind.EXTERNAL,
        Kind.INTEREST,
        Kind.SETTLE,
        Kind.STATE,
        Kind.POOL,
        Kind.FUND,
        Kind.BOOK,
        Kind.DEPTH,
    ]
] = True


class Clock:
    """A SimPy environment whose time is an int: microseconds of simulated UTC."""

    def __init__(self, start_us: int) -> None:
        self.env = simpy.Environment(initial_time=int(start_us))

    @property
    def now_us(self) -> int:
        return self.env.now  # type: ignore[return-value]  # an int, as every delay is one

    def call_at(self, at_us: int, call: Callable[[int], None], priority: int = HOOK) -> None:
        """Have `call(at_us)` called at `at_us`, before everything of a higher `priority` number."""
        event = self.env.event()
        event._ok, event._value = True, None  # as SimPy's Timeout does: triggered from the start
        assert event.callbacks is not None
        event.callbacks.append(lambda _: call(at_us))
        self.env.schedule(event, priority, int(at_us) - self.env.now)  # type: ignore[arg-type]

    def start(self, process: Generator[Any, Any, Any]) -> simpy.Process:
        """Start a SimPy process."""
        return self.env.process(process)

    def sleep(self, us: int) -> simpy.Timeout:
        """What a process yields to sleep `us` microseconds."""
        return self.env.timeout(int(us))

    def run(self, until_us: int) -> None:
        """Run to `until_us`; processes due at that very time stay due."""
        if until_us > self.env.now:
            self.env.run(until=int(until_us))


class Transport:
    """Carries messages to the exchange and hands them over in SEQ-01 order.

    Messages of traders wait in one buffer; what the exchange sends itself is known well ahead and
    waits apart, sorted, so that a window looks only at what is on its way.
    """

    def __init__(self) -> None:
        self._pending = np.empty((1024, MSG_COLS), dtype=np.int64)
        self._waiting = 0  # rows of _pending in use, in the order of sending
        self._due = np.empty((0, MSG_COLS), dtype=np.int64)
        self._due_at = 0  # first row of _due not yet taken
        self._out = np.empty((1024, MSG_COLS), dtype=np.int64)
        self._seq = 1
        self._next_id = 1
        self.sent = 0  # messages ever sent
        self.first_us = NEVER  # earliest arrival on its way
        self.taken_us = -NEVER  # everything before this time has been taken
        self.wake: Callable[[int], None] | None = None  # told when `first_us` moves nearer

    def new_ids(self, n: int) -> np.ndarray:
        """`n` order ids never given before, increasing from 1; int64[n]."""
        first = self._next_id
        self._next_id += n
        return np.arange(first, self._next_id)

    def new_seqs(self, n: int) -> np.ndarray:
        """`n` sequence numbers for messages that are handed over directly; int64[n]."""
        self._count(n)
        return np.arange(self._seq - n, self._seq)

    def send(self, latency_us: int, block: np.ndarray, at_us: int) -> None:
        """Send a trader's block; it arrives as a whole at `at_us + latency_us`.

        Args:
            latency_us: one way, at least the matching window.
            block: int64[n, 12]; its columns time and seq are stamped here, in a copy.
            at_us: now.

        Raises:
            ValueError: a wrong shape, or a kind of message that only the exchange sends.
            RuntimeError: the arrival lies in a window that is closed.
        """
        n = len(block)
        if n == 0:
            return
        block = _rows(block)
        arrival = at_us + latency_us
        if arrival < self.taken_us:
            raise RuntimeError(f"message late: arrives {arrival}, taken up to {self.taken_us}")
        if self._waiting + n > len(self._pending):
            self._pending = _grown(self._pending, self._waiting + n)
        bad = _push(self._pending, self._waiting, block, arrival, self._seq, _BY_THE_EXCHANGE)
        if bad >= 0:
            kind = Kind(int(block[bad, M_KIND])).name
            raise ValueError(f"row {bad}: {kind} is sent by the exchange, not by a trader")
        self._count(n)
        self._waiting += n
        self._nearer(arrival)

    def schedule(self, block: np.ndarray) -> None:
        """Queue messages of the exchange's own, each to arrive at its own time column.

        Args:
            block: int64[n, 12] in any order of time, none earlier than the last window's end.

        Raises:
            ValueError: a wrong shape.
            RuntimeError: a message lies in a window that is closed.
        """
        if len(block) == 0:
            return
        block = _rows(block).copy()
        if block[:, M_TIME].min() < self.taken_us:
            raise RuntimeError(
                f"message late: arrives {block[:, M_TIME].min()}, taken up to {self.taken_us}"
            )
        block[:, M_SEQ] = self.new_seqs(len(block))
        due = np.concatenate((self._due[self._due_at :], block))
        self._due = due[_seq01(due)]
        self._due_at = 0
        self._nearer(int(self._due[0, M_TIME]))

    def take(self, until_us: int) -> np.ndarray:
        """Everything that arrives before `until_us`, in SEQ-01 order: int64[n, 12].

        The rows are a view, good until the next call.
        """
        self.taken_us = max(self.taken_us, until_us)
        if self.first_us >= until_us:
            return self._out[:0]
        most = self._waiting + len(self._due) - self._due_at
        if most > len(self._out):
            self._out = _grown(self._out, most)
        n, self._waiting, self._due_at, self.first_us = _take(
            self._pending, self._waiting, self._due, self._due_at, until_us, self._out
        )
        block = self._out[:n]
        if n > SMALL:
            block = block[_seq01(block)]
        return block

    def _count(self, n: int) -> None:
        self._seq += n
        self.sent += n

    def _nearer(self, arrival: int) -> None:
        if arrival < self.first_us:
            self.first_us = arrival
            if self.wake is not None:
                self.wake(arrival)


class Window:
    """Closes the matching windows: drains the transport into the exchange.

    A window [k·W, (k+1)·W) closes at its end, if anything arrives in it; windows without an
    arrival cost nothing.  `window_us` 0 hands over every message alone, at its arrival.
    """

    def __init__(
        self,
        clock: Clock,
        transport: Transport,
        deliver: Callable[[np.ndarray], object],
        window_us: int,
    ) -> None:
        if window_us < 0:
            raise ValueError(f"window_us {window_us} is negative")
        self.window_us = window_us
        self.closed = 0  # windows closed
        self._clock, self._transport, self._deliver = clock, transport, deliver
        self._next_us = NEVER  # the next close in SimPy's queue
        transport.wake = self._wake

    def drain(self, until_us: int) -> None:
        """Hand over everything that arrives before `until_us`."""
        block = self._transport.take(until_us)
        if len(block) == 0:
            return
        self.closed += 1
        if self.window_us:
            self._deliver(block)
        else:
            for i in range(len(block)):
                self._deliver(block[i : i + 1])

    def _wake(self, arrival_us: int) -> None:
        """Have the window of `arrival_us` closed in time."""
        w = self.window_us
        end = (arrival_us // w + 1) * w if w else arrival_us
        if end < self._next_us:
            self._next_us = end
            self._clock.call_at(end, self._close, WINDOW)

    def _close(self, now_us: int) -> None:
        if now_us >= self._next_us:
            self._next_us = NEVER
        self.drain(now_us if self.window_us else now_us + 1)
        if self._transport.first_us < NEVER:
            self._wake(self._transport.first_us)


def _rows(block: np.ndarray) -> np.ndarray:
    """`block` as contiguous int64 rows; the compiled functions know no other layout."""
    if block.ndim != 2 or block.shape[1] != MSG_COLS or block.dtype != np.int64:
        raise ValueError(
            f"a block of messages is int64[n, {MSG_COLS}], not {block.dtype}{list(block.shape)}"
        )
    return np.ascontiguousarray(block)


def _grown(rows: np.ndarray, need: int) -> np.ndarray:
    """A buffer of at least twice the size with the same rows at its beginning."""
    bigger = np.empty((max(2 * len(rows), need), rows.shape[1]), dtype=rows.dtype)
    bigger[: len(rows)] = rows
    return bigger


def _seq01(block: np.ndarray) -> np.ndarray:
    """The order of SEQ-01: by arrival, class (kind; one class for all of users'), sequence."""
    kind = block[:, M_KIND]
    known = (kind >= 0) & (kind < len(_CLASS))
    group = np.where(known, _CLASS[np.where(known, kind, 0)], USERS_CLASS)
    return np.lexsort((block[:, M_SEQ], group, block[:, M_TIME]))


@entry
def _push(pending, n, block, arrival, seq, refused):
    """Append `block`, stamped; the first row of a refused kind, or -1 when all are in."""
    for r in range(block.shape[0]):
        kind = block[r, M_KIND]
        if 0 <= kind < refused.shape[0] and refused[kind]:
            return r
        for c in range(block.shape[1]):
            pending[n + r, c] = block[r, c]
        pending[n + r, M_TIME] = arrival
        pending[n + r, M_SEQ] = seq + r
    return -1


@entry
def _take(pending, waiting, due, due_at, until, out):
    """Move what arrives before `until` to `out`; sorted as SEQ-01 says when it is small.

    Returns rows moved, rows still pending, the next row due, the earliest arrival left.
    """
    n = 0
    while due_at < due.shape[0] and due[due_at, M_TIME] < until:
        for c in range(out.shape[1]):
            out[n, c] = due[due_at, c]
        n += 1
        due_at += 1
    first = due[due_at, M_TIME] if due_at < due.shape[0] else NEVER
    left = 0
    for r in range(waiting):
        arrival = pending[r, M_TIME]
        if arrival < until:
            for c in range(out.shape[1]):
                out[n, c] = pending[r, c]
            n += 1
        else:
            first = min(first, arrival)
            if left < r:
                for c in range(out.shape[1]):
                    pending[left, c] = pending[r, c]
            left += 1
    if n <= SMALL:
        _insertion_sort(out, n)
    return n, left, due_at, first


@inlined
def _insertion_sort(rows, n):
    """Sort the first `n` rows by (time, class, seq); mostly they are in order already."""
    for i in range(1, n):
        j = i
        while j > 0 and _before(rows, j, j - 1):
            for c in range(rows.shape[1]):
                rows[j, c], rows[j - 1, c] = rows[j - 1, c], rows[j, c]
            j -= 1


@inlined
def _before(rows, a, b):
    """Whether row `a` comes before row `b` (SEQ-01)."""
    if rows[a, M_TIME] != rows[b, M_TIME]:
        return rows[a, M_TIME] < rows[b, M_TIME]
    kind_a, kind_b = rows[a, M_KIND], rows[b, M_KIND]
    group_a = _CLASS[kind_a] if 0 <= kind_a < _CLASS.shape[0] else USERS_CLASS
    group_b = _CLASS[kind_b] if 0 <= kind_b < _CLASS.shape[0] else USERS_CLASS
    if group_a != group_b:
        return group_a < group_b
    return rows[a, M_SEQ] < rows[b, M_SEQ]
