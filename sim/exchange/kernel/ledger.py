"""Money: every movement of USDC, coins and positions goes through here (LED-02, LED-03)."""

from __future__ import annotations

from sim.exchange.kernel.bits import bit, cdiv
from sim.exchange.kernel.jit import inlined
from sim.exchange.kernel.state import (
    A_TOTAL,
    ASK,
    BID,
    BORROWED,
    COST,
    I_CLEARING,
    I_OI,
    SIZE,
)


@inlined
def cash(s, a, delta):
    """Move USDC (micro) on an account's balance; keeps the sum of debts."""
    old = s.bal[a, 0]
    new = old + delta
    s.bal[a, 0] = new
    if old < 0 or new < 0:
        s.h[BORROWED] += max(-new, 0) - max(-old, 0)


@inlined
def coin(s, a, asset, delta):
    """Move units of a coin; keeps the exchange-wide sum of positive balances (collateral cap)."""
    old = s.bal[a, asset]
    new = old + delta
    s.bal[a, asset] = new
    s.assets[asset, A_TOTAL] += max(new, 0) - max(old, 0)


@inlined
def activate(s, a, i):
    """Remember that the account has something in instrument i."""
    s.active[a, i >> 6] |= bit(i & 63)


@inlined
def retire(s, a, i):
    """Forget a perpetual or spot book in which the account has nothing left."""
    p = s.pos[a, i]
    if p[SIZE] == 0 and p[BID] == 0 and p[ASK] == 0:
        s.active[a, i >> 6] &= ~bit(i & 63)


@inlined
def trade(s, a, i, lots, value):
    """Book a perpetual trade of signed lots at a signed value (micro-USDC); returns realised PnL.

    Closing books cost pro rata, rounded up; the realised PnL stands against clearing[i].
    """
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
        cash(s, a, realised)
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
