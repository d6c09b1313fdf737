"""The engine as an object: arenas, the way messages go in, and the events that come out.

``process`` takes blocks; ``call`` takes one message through a row that is there already and leaves
its events in the log until somebody asks, which is what makes one order per Python call fast.
"""

from __future__ import annotations

import struct

import numpy as np

from sim.exchange.arenas import build, python_views
from sim.exchange.history import History
from sim.exchange.instruments import Listing
from sim.exchange.kernel import loop
from sim.exchange.kernel.state import LOGGED, N_LOG, NOW, OVERFLOW, SEQ
from sim.exchange.messages import E_CODE, E_KIND, E_X, EV_COLS, M_TIME, MSG_COLS, Event, Kind
from sim.exchange.names import Names
from sim.exchange.result import Outcome, Result
from sim.exchange.rules import Rules

COLUMNS = (
    "time", "kind", "account", "instrument", "side", "price", "size", "flags", "order", "arg", "arg2",
)  # fmt: skip
FLUSH = 4096  # log rows that calls leave before they move to the history
REJECT = int(Event.REJECT)
ORDER = int(Event.ORDER)
ACCEPTED = frozenset((ORDER, int(Event.CONDITIONAL)))
_PACK = struct.Struct(f"{MSG_COLS}q").pack_into


class EventOverflow(RuntimeError):
    """One message caused more events than the log holds; build the exchange with more event_rows."""


class Engine:
    """Messages in, events out."""

    def __init__(
        self,
        listing: Listing,
        rules: Rules | None = None,
        accounts: int = 1000,
        *,
        order_slots: int = 1 << 18,
        order_ids: int = 1 << 21,
        event_rows: int = 1 << 19,
        keep_events: int = 200_000,
    ) -> None:
        self.listing = listing
        self.rules = rules or Rules()
        self.accounts = accounts
        self.names = Names(listing)
        self.history = History(keep_events)
        self.era = 0  # restores so far: results from before one cannot find their events
        self.next_order = 1
        self.clock = 0  # where `advance` has moved time to since the last message
        arenas = build(listing, self.rules, accounts, order_slots, order_ids, event_rows)
        self._adopt(arenas)

    def _adopt(self, arenas: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        """Make these arenas the state."""
        self.arenas = arenas
        self.state = python_views(arenas)
        # Plain memoryviews: reading one number costs a third of numpy's.
        self._h = self.state.h.data
        self._log = self.state.log.reshape(-1).data
        self._ids = self.state.slot_of.data
        self._id_count = len(self._ids)
        self._log_rows = len(self.state.log)
        self._row = np.zeros((1, MSG_COLS), np.int64)
        self._message = self._row.reshape(-1).data.cast("B")
        self._since = self._h[SEQ] + 1  # first event of the last call

    # --- blocks -----------------------------------------------------------------------------
    def process(self, block: np.ndarray) -> np.ndarray:
        """Handle a block of messages; returns a copy of the events, int64[k, 16]."""
        self._check(block)
        h = self._h
        self._flush()
        self._since = h[SEQ] + 1
        parts = []
        k = 0
        n = block.shape[0]
        while True:
            k = loop.process(self.arenas, block, k)
            parts.append(self._drain())
            if k >= n:
                break
        events = parts[0] if len(parts) == 1 else np.concatenate(parts)
        self.history.add(events)
        return events

    def _check(self, block: np.ndarray) -> None:
        if (
            block.dtype != np.int64
            or block.ndim != 2
            or block.shape[1] != MSG_COLS
            or not block.flags.c_contiguous
        ):
            raise ValueError(
                f"messages must be a contiguous int64[n, {MSG_COLS}], got {block.dtype}{block.shape}"
            )
        if len(block) and block[0, M_TIME] < self.now:
            raise ValueError(
                f"time runs backwards: message at {block[0, M_TIME]} us, exchange at {self.now} us"
            )

    def _drain(self) -> np.ndarray:
        """The events in the log, which is empty afterwards; raises EventOverflow."""
        h = self._h
        if h[OVERFLOW]:
            raise EventOverflow(f"more than {h[N_LOG]} events in one message: raise event_rows")
        events = self.state.log[: h[LOGGED]].copy()
        h[LOGGED] = 0
        return events

    def _flush(self) -> None:
        """Move what calls have left in the log to the history."""
        if self._h[LOGGED]:
            self.history.add(self._drain())

    def send(self, kind: Kind, time_us: int | None = None, **columns: int) -> np.ndarray:
        """One message by column names of ``docs/formats.md``: ``send(Kind.NEW, account=3, …)``."""
        unknown = set(columns) - set(COLUMNS[2:])
        if unknown:
            raise ValueError(
                f"unknown message columns {sorted(unknown)}; known: {list(COLUMNS[2:])}"
            )
        block = np.zeros((1, MSG_COLS), np.int64)
        block[0, 0] = self.now if time_us is None else time_us
        block[0, 1] = kind
        for name, value in columns.items():
            block[0, COLUMNS.index(name)] = value
        return self.process(block)

    # --- one message ------------------------------------------------------------------------
    def call(
        self,
        kind: int,
        account: int = 0,
        instrument: int = 0,
        side: int = 0,
        price: int = 0,
        size: int = 0,
        flags: int = 0,
        order: int = 0,
        arg: int = 0,
        arg2: int = 0,
    ) -> Result:
        """One message now.  Raises TypeError for what is no whole number."""
        h = self._h
        now = h[NOW]
        if now < self.clock:
            now = self.clock
        try:
            _PACK(
                self._message, 0, now, kind, account, instrument, side, price, size, flags, order,
                arg, arg2, 0,
            )  # fmt: skip
        except struct.error:
            raise _no_integer(
                account=account, price=price, size=size, order=order, arg=arg, arg2=arg2
            ) from None
        start = h[LOGGED]
        if start >= FLUSH:
            self._flush()
            start = 0
        first = self._since = h[SEQ] + 1
        if loop.orders(self.arenas, self._row, 0) == 0:
            start = self._no_order()
        at = start * EV_COLS
        code = 0
        end = h[LOGGED]
        if end == self._log_rows:
            self._drain()
        if end > start and self._log[at + E_KIND] != ORDER:
            code = self._code(kind, at)
        return Result(self, code, order, first, h[SEQ])

    def _no_order(self) -> int:
        """The message in the row again, which is no order or found the log too full.

        Returns where in the log its events start.
        """
        h = self._h
        if h[LOGGED] >= h[N_LOG] // 4:
            self._flush()
        start = h[LOGGED]
        loop.process(self.arenas, self._row, 0)
        return start

    def _code(self, kind: int, at: int) -> int:
        """Why the message was refused, 0 if it was not, from the log from word `at` on."""
        log = self._log
        # Expiries may come before the row that says how the message fared, triggers after it.
        for row in range(at, self._h[LOGGED] * EV_COLS, EV_COLS):
            if log[row + E_KIND] == REJECT and log[row + E_X] == kind:
                return log[row + E_CODE]
            if log[row + E_KIND] in ACCEPTED:
                break
        return 0

    def new_order(self) -> int:
        """An order id that no live order has."""
        order = self.next_order
        while self._ids[order % self._id_count]:
            order += 1
        self.next_order = order + 1
        return order

    # --- events -----------------------------------------------------------------------------
    @property
    def now(self) -> int:
        """Time of the last message, or later if `advance` has moved it since: microseconds."""
        return max(self._h[NOW], self.clock)

    @property
    def seq(self) -> int:
        """Sequence number of the latest event."""
        return self._h[SEQ]

    @property
    def sent(self) -> np.ndarray:
        """The message that the latest `call` sent, int64[12]."""
        return self._row[0].copy()

    def events_between(self, first: int, last: int) -> np.ndarray:
        """Events by sequence number, ends included; raises LookupError when no longer kept."""
        self._flush()
        return self.history.between(first, last)

    def event_rows(self, *, last: bool = False) -> np.ndarray:
        """The events kept so far, or only those of the last call: int64[k, 16]."""
        self._flush()
        return self.history.since(self._since if last else 0)

    def outcome_since(self, first: int) -> Outcome:
        """Everything from sequence number `first` on as one outcome."""
        return Outcome(self, first, self.seq)


def _no_integer(**given: object) -> TypeError:
    bad = ", ".join(f"{k}={v!r}" for k, v in given.items() if not isinstance(v, int | np.integer))
    return TypeError(
        f"prices are whole ticks, sizes whole lots, ids whole numbers below 2^63; not {bad or given}"
        " (ticks, lots and units convert USD and coins)"
    )
