"""``Exchange``: the whole engine as a Python object.

Messages in, events out, everything readable.  The parts: ``engine`` (blocks and single messages),
``trading``, ``treasury`` and ``house`` (one call a message, by name), ``readings``, ``units``,
``frames`` (Polars) and ``snapshot``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sim.exchange.engine import EventOverflow
from sim.exchange.explain import Explanation, explain
from sim.exchange.house import House
from sim.exchange.readings import Readings
from sim.exchange.snapshot import Arenas, Snapshot, blank, copy_state
from sim.exchange.trading import Trading
from sim.exchange.treasury import Treasury
from sim.exchange.units import Units

if TYPE_CHECKING:
    import polars as pl

__all__ = ["EventOverflow", "Exchange", "Snapshot"]


class Exchange(Trading, Treasury, House, Readings, Units):
    """A unified-margin exchange for a fixed number of accounts.

    ``process`` takes int64[n, 12] messages in time order and returns the int64[k, 16] events they
    caused (columns: ``docs/formats.md``).  Equal messages give equal events, bit for bit, however
    they are cut into blocks, and also when they go in one by one through ``submit`` and the like.

    Args:
        listing, rules: what is traded and how.
        accounts: how many; their ids are 0 … accounts - 1.
        order_slots: orders that may rest at once.  order_ids: ids that may live at once.
        event_rows: rows of the event log; one message may cause at most so many events.
        keep_events: how many of the latest events ``events`` can show (at least).

    Raises pydantic.ValidationError for bad rules or listings, ValueError for a block of the wrong
    shape, dtype or time order, UnknownName (a ValueError) for a name that is not listed.  What the
    engine refuses never raises: it comes back as a REJECT event or a false `Result`.
    """

    _spare: list[Arenas] | None = None  # buffers of snapshots that are gone, for the next ones

    # --- frames -----------------------------------------------------------------------------
    def instruments(self) -> pl.DataFrame:
        """What is listed, with prices now."""
        from sim.exchange import frames

        return frames.instruments(self)

    def books(self) -> pl.DataFrame:
        """The touch, lots and orders of every book."""
        from sim.exchange import frames

        return frames.books(self)

    def book_frame(self, instrument: str | int) -> pl.DataFrame:
        """Every order of one book, by priority."""
        from sim.exchange import frames

        return frames.book(self, self.names.instruments.known(instrument))

    def accounts_frame(self, ids: Iterable[int] | None = None) -> pl.DataFrame:
        """Equity, margin and free collateral of these accounts (default: all)."""
        from sim.exchange import frames

        return frames.accounts(self, ids)

    def positions_frame(self, ids: Iterable[int] | None = None) -> pl.DataFrame:
        """Open positions of these accounts (default: all)."""
        from sim.exchange import frames

        return frames.positions(self, ids)

    def balances_frame(self, ids: Iterable[int] | None = None) -> pl.DataFrame:
        """Balances of these accounts (default: all) that are not 0."""
        from sim.exchange import frames

        return frames.balances(self, ids)

    def events(self, *, last: bool = False) -> pl.DataFrame:
        """The latest events (at least `keep_events`), or those of the last call; names decoded."""
        from sim.exchange.eventframe import events_frame

        return events_frame(self, self.event_rows(last=last))

    # --- explanation, invariants ----------------------------------------------------------------
    def explain(self, account: int) -> Explanation:
        """NE, IM and MM as legs with clause ids that add exactly (MAR-11)."""
        return explain(self, self.account_id(account))

    def verify(self) -> dict[str, int]:
        """Violations now, by invariant id, of those that the state alone can show."""
        from sim.exchange.invariants import verify

        return verify(self)

    # --- copies -----------------------------------------------------------------------------
    def snapshot(self) -> Snapshot:
        """The whole exchange as it is now.

        The first one takes new memory, which is slow; one that is thrown away leaves its memory to
        the next.
        """
        self._flush()
        if self._spare is None:
            self._spare = []
        buffers = self._spare.pop() if self._spare else blank(self.arenas)
        return Snapshot(self, buffers, self._spare, self.history.copy())

    def restore(self, snapshot: Snapshot) -> None:
        """Back to a snapshot; raises ValueError for one of an exchange of another shape.

        Raises TypeError for anything but a `Snapshot`.
        """
        if not isinstance(snapshot, Snapshot):
            raise TypeError(f"restore takes what `snapshot` gave, not {type(snapshot).__name__}")
        same = snapshot.listing == self.listing and snapshot.rules == self.rules
        if not same or not snapshot.fits(self.arenas):
            raise ValueError("snapshot of an exchange of another shape")
        copy_state(snapshot.state, self.state)
        self.history = snapshot.history.copy()
        self.next_order, self.clock = snapshot.next_order, snapshot.clock
        self.era += 1
        self._since = self.seq + 1

    def fork(self) -> Exchange:
        """An independent exchange in the same state."""
        self._flush()
        twin = type(self).__new__(type(self))
        twin.listing, twin.rules, twin.accounts = self.listing, self.rules, self.accounts
        twin.names, twin.history, twin.era = self.names, self.history.copy(), 0
        twin.next_order, twin.clock = self.next_order, self.clock
        arenas = blank(self.arenas)
        twin._adopt(arenas)
        copy_state(self.state, twin.state)
        twin._since = self._since
        return twin

    def __repr__(self) -> str:
        count = self.counters()
        at = datetime.fromtimestamp(self.now / 1e6, UTC).isoformat(sep=" ", timespec="milliseconds")
        return (
            f"<Exchange at {at[:-6]} UTC: {len(self.names.instruments.names)} instruments, "
            f"{self.accounts:,} accounts, {count['live_orders']:,} orders resting, "
            f"{count['fills']:,} fills, {count['rejects']:,} refusals, {len(self.flagged())} in liquidation>"
        )
