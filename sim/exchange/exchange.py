"""``Exchange``: the engine as a Python object.  Messages in, events out, everything readable."""

from __future__ import annotations

import hashlib

import numpy as np

from sim.exchange.arenas import build, python_views
from sim.exchange.explain import Explanation, explain
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.invariants import verify
from sim.exchange.kernel import loop
from sim.exchange.kernel import state as st
from sim.exchange.kernel.readout import read_equity, read_initial, read_maintenance
from sim.exchange.messages import M_TIME, MSG_COLS, BookState, Kind
from sim.exchange.rules import Rules


class EventOverflow(RuntimeError):
    """One message caused more events than the log holds; build the exchange with more event_rows."""


class Exchange:
    """A unified-margin exchange for a fixed number of accounts.

    ``process`` takes int64[n, 12] messages in time order and returns the int64[k, 16] events they
    caused (columns: ``docs/formats.md``).  Equal messages give equal events, bit for bit, however
    they are cut into blocks.

    Raises pydantic.ValidationError for bad rules or listings, ValueError for a block of the wrong
    shape, dtype or time order.  Bad *messages* never raise: they come back as REJECT events.
    """

    def __init__(
        self,
        listing: Listing,
        rules: Rules | None = None,
        accounts: int = 1000,
        *,
        order_slots: int = 1 << 18,
        order_ids: int = 1 << 21,
        event_rows: int = 1 << 19,
    ) -> None:
        self.listing = listing
        self.rules = rules or Rules()
        self.accounts = accounts
        self.arenas = build(listing, self.rules, accounts, order_slots, order_ids, event_rows)
        self.state = python_views(self.arenas)

    # --- messages ---------------------------------------------------------------------------
    def process(self, block: np.ndarray) -> np.ndarray:
        """Handle a block of messages; returns a copy of the events, int64[k, 16]."""
        self._check(block)
        parts = []
        k = 0
        n = block.shape[0]
        while True:
            k = loop.process(self.arenas, block, k)
            parts.append(self._drain())
            if k >= n:
                break
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

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
        h = self.state.h
        if h[st.OVERFLOW]:
            raise EventOverflow(f"more than {h[st.N_LOG]} events in one message: raise event_rows")
        events = self.state.log[: h[st.LOGGED]].copy()
        h[st.LOGGED] = 0
        return events

    def send(self, kind: Kind, time_us: int | None = None, **columns: int) -> np.ndarray:
        """One message by column names of ``docs/formats.md``: ``send(Kind.NEW, account=3, …)``."""
        names = (
            "time",
            "kind",
            "account",
            "instrument",
            "side",
            "price",
            "size",
            "flags",
            "order",
            "arg",
            "arg2",
        )
        unknown = set(columns) - set(names[2:])
        if unknown:
            raise ValueError(f"unknown message columns {sorted(unknown)}; known: {list(names[2:])}")
        block = np.zeros((1, MSG_COLS), np.int64)
        block[0, 0] = self.now if time_us is None else time_us
        block[0, 1] = kind
        for name, value in columns.items():
            block[0, names.index(name)] = value
        return self.process(block)

    # --- readings ---------------------------------------------------------------------------
    @property
    def now(self) -> int:
        """Time of the last message, microseconds."""
        return int(self.state.h[st.NOW])

    def balance(self, account: int, asset: int) -> int:
        """Smallest units of an asset (micro-USDC for asset 0)."""
        return int(self.state.bal[account, asset])

    def position(self, account: int, instrument: int) -> tuple[int, int]:
        """(size in lots, cost in micro-USDC) of a perpetual position, both signed."""
        row = self.state.pos[account, instrument]
        return int(row[st.SIZE]), int(row[st.COST])

    def equity(self, account: int) -> int:
        """Raw equity E in micro-USDC (MAR-01)."""
        return int(self.equities()[account])

    def equities(self) -> np.ndarray:
        """E of every account, int64[accounts], micro-USDC."""
        out = np.zeros(self.accounts, np.int64)
        read_equity(self.arenas, out)
        return out

    def positions(self) -> np.ndarray:
        """Signed lots, int64[accounts, derivatives]."""
        return self.state.pos[:, : len(self.listing.derivatives()), st.SIZE].copy()

    def claim(self, account: int, asset: int) -> int:
        """Units of an asset that an account has lent to the pool, with interest (INT-01)."""
        a = self.state.assets[asset]
        shares = int(self.state.lent[account, asset])
        return shares * int(a[st.A_POOL]) // int(a[st.A_SHARES]) if shares else 0

    def book_state(self, instrument: int) -> BookState:
        """Whether a book is open, in auction, closed … (ORD-03)."""
        return BookState(int(self.state.ins[instrument, st.I_STATE]))

    def maintenance(self, account: int) -> tuple[float, float]:
        """(NE, MM) in USD at marks."""
        ne, mm, _ = read_maintenance(self.arenas, account)
        return float(ne), float(mm)

    def initial(self, account: int) -> tuple[float, float]:
        """(NE at strict prices, IM) in USD, resting orders counted."""
        ne, im = read_initial(self.arenas, account)
        return float(ne), float(im)

    def bucket(self, name: str, index: int = 0) -> int:
        """A ledger bucket: pool, external, fees, rounding (by asset); insurance, bonds; clearing, vault."""
        s = self.state
        single = {"insurance": st.INSURANCE, "bonds": st.BONDS}
        by_asset = {
            "pool": st.A_POOL,
            "external": st.A_EXTERNAL,
            "fees": st.A_FEES,
            "rounding": st.A_ROUNDING,
        }
        if name in single:
            return int(s.h[single[name]])
        if name in by_asset:
            return int(s.assets[index, by_asset[name]])
        if name == "clearing":
            return int(s.ins[index, st.I_CLEARING])
        if name == "vault":
            return int(s.events[index, st.V_SETS]) * MICRO
        raise ValueError(
            f"unknown bucket {name!r}; known: pool external fees rounding (by asset), insurance bonds, "
            "clearing (by instrument), vault (by event)"
        )

    def mark(self, instrument: int) -> int:
        return int(self.state.ins[instrument, st.I_MARK])

    def index(self, feed: int) -> int:
        return int(self.state.feeds[feed, st.D_INDEX])

    def twap(self, feed: int) -> int:
        return int(self.state.feeds[feed, st.D_TWAP])

    def flagged(self) -> list[int]:
        """Accounts in liquidation, by id."""
        return [int(a) for a in np.flatnonzero(self.state.acct[:, st.C_FLAGGED])]

    def counters(self) -> dict[str, int]:
        """Messages, fills, rejects, margin evaluations and live orders so far."""
        h = self.state.h
        keys = {
            "messages": st.MESSAGES,
            "fills": st.FILLS,
            "rejects": st.REJECTS,
            "evaluations": st.EVALUATIONS,
            "live_orders": st.LIVE,
            "events": st.SEQ,
        }
        return {name: int(h[key]) for name, key in keys.items()}

    def book(self, instrument: int) -> list[tuple[int, int, int, int, int]]:
        """(side, price, remaining lots, order id, account) by priority, bids first."""
        s = self.state
        rows = []
        for side in (0, 1):
            levels = s.levels[2 * instrument + side]
            ticks = np.flatnonzero(levels[:, st.HEAD])
            for k in ticks[::-1] if side == 0 else ticks:
                slot = int(levels[k, st.HEAD])
                while slot:
                    o = s.orders[slot]
                    rows.append(
                        (side, int(o[st.PX]), int(o[st.REST]), int(o[st.ID]), int(o[st.ACC]))
                    )
                    slot = int(o[st.NEXT])
        return rows

    # --- explanation, invariants, copies ---------------------------------------------------------
    def explain(self, account: int) -> Explanation:
        """NE, IM and MM as legs with clause ids that add exactly (MAR-11)."""
        return explain(self, account)

    def verify(self) -> dict[str, int]:
        """Violations now, by invariant id, of those that the state alone can show."""
        return verify(self)

    def snapshot(self) -> tuple[bytes, bytes, bytes]:
        """The whole state as bytes."""
        i64, f64, u64 = self.arenas
        return i64.tobytes(), f64.tobytes(), u64.tobytes()

    def restore(self, snapshot: tuple[bytes, bytes, bytes]) -> None:
        """Back to a snapshot of an exchange of the same shape; raises ValueError otherwise."""
        if [len(x) for x in snapshot] != [x.nbytes for x in self.arenas]:
            raise ValueError("snapshot of an exchange of another shape")
        for arena, data in zip(self.arenas, snapshot, strict=True):
            arena[:] = np.frombuffer(data, arena.dtype)

    def state_digest(self) -> str:
        """SHA-256 of everything but scratch and log, first 16 hex digits."""
        s = self.state
        h = hashlib.sha256()
        header = s.h.copy()
        header[st.EVALUATIONS] = header[st.LOGGED] = 0
        h.update(header.tobytes())
        for part in (
            s.ins,
            s.feeds,
            s.assets,
            s.events,
            s.bal,
            s.pos,
            s.acct[:, st.C_OPEN :],
            s.insf,
            s.lent,
            s.volume,
            s.history,
        ):
            h.update(np.ascontiguousarray(part).tobytes())
        for i in range(len(self.listing.instrument_names())):
            h.update(repr(self.book(i)).encode())
        return h.hexdigest()[:16]
