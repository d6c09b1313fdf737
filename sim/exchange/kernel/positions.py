"""Positions: trades at a value, and what realises (LED-02)."""

from __future__ import annotations

from sim.exchange.kernel.bits import cdiv
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import UNCHECKED
from sim.exchange.kernel.state import COST, I_CLEARING, I_MARK, I_OI, SIZE
from sim.exchange.kernel.value import settle, worth


@inlined
def unrealised(s, a, i, price):
    """pv of a position at a price less its cost, in what it settles in."""
    return worth(s, i, s.pos[a, i, SIZE], price) - s.pos[a, i, COST]


@inlined
def gain_at_mark(s, a, i):
    return unrealised(s, a, i, s.ins[i, I_MARK])


@kernel
def trade(s, a, i, lots, value):
    """Book a trade of signed lots at a signed value; returns realised PnL.

    Closing books cost pro rata, rounded up; the realised PnL stands against clearing[i].
    """
    s.safe[a] = UNCHECKED
    p = s.pos[a, i]
    size = p[SIZE]
    realised = lots * 0
    rest = lots
    if size != 0 and (size > 0) != (lots > 0):
        q = min(abs(lots), abs(size))
        each = value // abs(lots)
        part = each * q + ((value - each * abs(lots)) * q) // abs(lots)
        whole = abs(size)
        cost = p[COST]
        each = cost // whole
        released = each * q + cdiv((cost - each * whole) * q, whole)
        realised = -part - released
        settle(s, a, i, realised)
        s.ins[i, I_CLEARING] -= realised
        p[COST] = cost - released
        closed = q if lots > 0 else -q
        p[SIZE] = size + closed
        rest = lots - closed
        value = value - part
    if rest != 0:
        p[SIZE] += rest
        p[COST] += value
    s.ins[i, I_OI] += max(p[SIZE], 0) - max(size, 0)
    return realised
