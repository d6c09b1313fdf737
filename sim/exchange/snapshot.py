"""Copies of a whole exchange: ``Snapshot``, and how state is copied quickly.

A copy is a second set of arenas into which the live parts go.  Every table is copied whole but
these: the log and the float scratch (nothing of them survives a message), price levels (the
occupied ones), order slots (up to the last one in use) and the legs that a flag noted (flagged
accounts only).  What costs time otherwise is fresh memory, so the buffers of a snapshot that is
thrown away serve the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.arenas import python_views
from sim.exchange.history import History
from sim.exchange.kernel import state as st

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

Arenas = tuple[np.ndarray, np.ndarray, np.ndarray]
APART = {
    "log", "fscratch", "scratch", "levels", "free", "orders", "timed", "heap", "flag_size",
}  # fmt: skip
SPARE = 2  # buffers kept for the next snapshots


def blank(like: Arenas) -> Arenas:
    """Arenas of the same shape with nothing in them; memory is taken when it is written to."""
    i64, f64, u64 = like
    arenas = (np.zeros_like(i64), np.zeros_like(f64), np.zeros_like(u64))
    arenas[0][: st.HEADER] = like[0][: st.HEADER]
    s = python_views(arenas)
    s.free[:-1] = np.arange(len(s.free) - 1, 0, -1)
    s.h[st.FREE] = len(s.free) - 1
    s.h[st.FLAGGED_COUNT] = 0
    return arenas


def copy_state(source: st.State, target: st.State) -> None:
    """Make `target`, which holds a state or is blank, equal to `source` in all that matters."""
    _copy_levels(source, target)
    _copy_orders(source, target)
    # Rows of accounts that are not flagged are zero.
    target.flag_size[np.flatnonzero(target.acct[:, st.C_FLAGGED])] = 0
    flagged = np.flatnonzero(source.acct[:, st.C_FLAGGED])
    target.flag_size[flagged] = source.flag_size[flagged]
    queued = int(source.h[st.FLAGGED_COUNT])
    target.scratch[:queued] = source.scratch[:queued]
    for name, there in zip(source._fields, source, strict=True):
        if name not in APART:
            np.copyto(getattr(target, name), there)
    target.h[st.LOGGED] = 0


def _copy_levels(source: st.State, target: st.State) -> None:
    """Empty levels are all zero, so only those occupied in either matter."""
    target.levels[_occupied(target)] = 0
    at = _occupied(source)
    target.levels[at] = source.levels[at]


def _occupied(s: st.State) -> tuple[np.ndarray, np.ndarray]:
    """(book sides, levels) that hold orders."""
    side, word = np.nonzero(s.bits)
    bits = np.unpackbits(
        s.bits[side, word].astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"
    )
    n, bit = np.nonzero(bits)
    return side[n], word[n] * 64 + bit


def _untouched(s: st.State) -> int:
    """Free slots at the bottom of the stack that no order has used: the highest slots of all."""
    free = s.free[: s.h[st.FREE]]
    used = free != np.arange(len(s.free) - 1, len(s.free) - 1 - len(free), -1)
    return int(used.argmax()) if used.any() else len(free)


def _copy_orders(source: st.State, target: st.State) -> None:
    """Order slots up to the highest that is in use in either, and the stack of free ones."""
    same = min(_untouched(source), _untouched(target))
    top = len(source.free) - same
    target.free[same:] = source.free[same:]
    for name in ("orders", "timed", "heap"):
        if name in source._fields:
            np.copyto(getattr(target, name)[:top], getattr(source, name)[:top])


class Snapshot:
    """An exchange at one moment; ``Exchange.restore`` brings it back, as often as wanted."""

    def __init__(
        self, exchange: Exchange, buffers: Arenas, spare: list[Arenas], history: History
    ) -> None:
        self.listing, self.rules, self.accounts = (
            exchange.listing,
            exchange.rules,
            exchange.accounts,
        )
        self.next_order, self.clock, self.time_us = (
            exchange.next_order,
            exchange.clock,
            exchange.now,
        )
        self.history = history
        self._arenas = buffers
        self._spare = spare
        self.state = python_views(buffers)
        copy_state(exchange.state, self.state)

    @property
    def header(self) -> np.ndarray:
        """The state's header words, int64[HEADER]."""
        return self.state.h

    def fits(self, arenas: Arenas) -> bool:
        """Whether these arenas have the snapshot's shape."""
        h = self.state.h
        return all(len(a) == len(b) for a, b in zip(arenas, self._arenas, strict=True)) and bool(
            (arenas[0][st.OFFSETS : st.HEADER] == h[st.OFFSETS :]).all()
        )

    def __del__(self) -> None:
        if len(self._spare) < SPARE:
            self._spare.append(self._arenas)

    def __repr__(self) -> str:
        return (
            f"<Snapshot of {self.accounts:,} accounts at {self.time_us:,} us, "
            f"{int(self.state.h[st.LIVE]):,} orders resting>"
        )
