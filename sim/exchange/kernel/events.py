"""The event log: one int64[16] row per thing that happened."""

from __future__ import annotations

from sim.exchange.kernel.jit import inlined
from sim.exchange.kernel.state import LOGGED, N_LOG, NOW, OVERFLOW, SEQ


@inlined
def emit(
    s,
    kind,
    account,
    instrument,
    side,
    price,
    size,
    amount,
    order,
    other,
    other_order,
    code,
    parent,
    x,
    y,
):
    """Append an event; returns its sequence number.  A full log sets OVERFLOW (the caller raises)."""
    h = s.h
    seq = h[SEQ] + 1
    h[SEQ] = seq
    n = h[LOGGED]
    if n >= h[N_LOG]:
        h[OVERFLOW] = 1
        return seq
    h[LOGGED] = n + 1
    row = s.log[n]
    row[0] = seq
    row[1] = h[NOW]
    row[2] = kind
    row[3] = account
    row[4] = instrument
    row[5] = side
    row[6] = price
    row[7] = size
    row[8] = amount
    row[9] = order
    row[10] = other
    row[11] = other_order
    row[12] = code
    row[13] = parent
    row[14] = x
    row[15] = y
    return seq


@inlined
def say(s, kind, account, instrument, size, amount, code):
    """A short event: the columns most events need."""
    return emit(s, kind, account, instrument, 0, 0, size, amount, 0, 0, 0, code, 0, 0, 0)
