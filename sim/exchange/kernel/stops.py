"""Conditional orders that wait: one list per instrument, one per account, by acceptance (ORD-01)."""

from __future__ import annotations

from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.state import (
    C_OPEN,
    C_STOPS,
    C_STOPS_END,
    I_BY_LAST,
    I_STOPS,
    I_STOPS_END,
    N_IDS,
    STOPS_FREE,
    T_ACC,
    T_ANEXT,
    T_APREV,
    T_FLAGS,
    T_ID,
    T_INS,
    T_NEXT,
    T_PREV,
    T_PRICE,
    T_SIDE,
    T_SIZE,
)
from sim.exchange.messages import Event, Flag

CANCELLED = int(Event.CANCELLED)
BY_LAST = int(Flag.BY_LAST)


@inlined
def add_stop(s, a, i, oid, flags):
    """A free row, linked in as the last of its instrument and account; the caller fills the rest."""
    h = s.h
    h[STOPS_FREE] -= 1
    slot = s.stops_free[h[STOPS_FREE]]
    t = s.stops[slot]
    t[T_ID] = oid
    t[T_ACC] = a
    t[T_INS] = i
    t[T_FLAGS] = flags
    ins = s.ins[i]
    t[T_NEXT] = 0
    t[T_PREV] = ins[I_STOPS_END]
    if ins[I_STOPS_END] != 0:
        s.stops[ins[I_STOPS_END], T_NEXT] = slot
    else:
        ins[I_STOPS] = slot
    ins[I_STOPS_END] = slot
    account = s.acct[a]
    t[T_ANEXT] = 0
    t[T_APREV] = account[C_STOPS_END]
    if account[C_STOPS_END] != 0:
        s.stops[account[C_STOPS_END], T_ANEXT] = slot
    else:
        account[C_STOPS] = slot
    account[C_STOPS_END] = slot
    account[C_OPEN] += 1
    s.slot_of[oid % h[N_IDS]] = -slot
    if flags & BY_LAST:
        ins[I_BY_LAST] += 1
    return slot


@kernel
def remove_stop(s, slot):
    """Unlink a conditional order and free its row."""
    h = s.h
    t = s.stops[slot]
    ins = s.ins[t[T_INS]]
    after = t[T_NEXT]
    before = t[T_PREV]
    if before != 0:
        s.stops[before, T_NEXT] = after
    else:
        ins[I_STOPS] = after
    if after != 0:
        s.stops[after, T_PREV] = before
    else:
        ins[I_STOPS_END] = before
    account = s.acct[t[T_ACC]]
    after = t[T_ANEXT]
    before = t[T_APREV]
    if before != 0:
        s.stops[before, T_ANEXT] = after
    else:
        account[C_STOPS] = after
    if after != 0:
        s.stops[after, T_APREV] = before
    else:
        account[C_STOPS_END] = before
    account[C_OPEN] -= 1
    s.slot_of[t[T_ID] % h[N_IDS]] = 0
    if t[T_FLAGS] & BY_LAST:
        ins[I_BY_LAST] -= 1
    t[T_ID] = 0
    s.stops_free[h[STOPS_FREE]] = slot
    h[STOPS_FREE] += 1


@inlined
def find_stop(s, a, oid):
    """Row of an account's waiting conditional order, 0 if there is none."""
    if oid <= 0:
        return oid * 0
    slot = -s.slot_of[oid % s.h[N_IDS]]
    if slot <= 0 or s.stops[slot, T_ID] != oid or s.stops[slot, T_ACC] != a:
        return oid * 0
    return slot


@kernel
def cancel_stop(s, slot, reason):
    """Take a conditional order out and say why."""
    t = s.stops[slot]
    emit(
        s, CANCELLED, t[T_ACC], t[T_INS], t[T_SIDE], t[T_PRICE], t[T_SIZE], 0, t[T_ID], 0, 0, reason, 0, 0, 0
    )  # fmt: skip
    remove_stop(s, slot)


@kernel
def cancel_stops(s, i, reason):
    """Cancel every conditional order of an instrument."""
    slot = s.ins[i, I_STOPS]
    while slot != 0:
        after = s.stops[slot, T_NEXT]
        cancel_stop(s, slot, reason)
        slot = after
