"""Money: every movement of USDC and coins goes through here (LED-02, LED-03)."""

from __future__ import annotations

from sim.exchange.kernel.bits import bit
from sim.exchange.kernel.jit import inlined
from sim.exchange.kernel.state import A_BORROWED, A_TOTAL, ASK, BID, SIZE

UNCHECKED = -1.0  # below every reading of the odometer: the account must be looked at


@inlined
def cash(s, a, delta):
    """Move USDC (micro) on an account's balance; keeps the sum of debts."""
    old = s.bal[a, 0]
    new = old + delta
    s.bal[a, 0] = new
    s.safe[a] = UNCHECKED
    if old < 0 or new < 0:
        s.assets[0, A_BORROWED] += max(-new, 0) - max(-old, 0)


@inlined
def coin(s, a, asset, delta):
    """Move units of a coin; keeps the exchange-wide sums of positive balances and of debts."""
    old = s.bal[a, asset]
    new = old + delta
    s.bal[a, asset] = new
    s.safe[a] = UNCHECKED
    s.assets[asset, A_TOTAL] += max(new, 0) - max(old, 0)
    s.assets[asset, A_BORROWED] += max(-new, 0) - max(-old, 0)


@inlined
def move_asset(s, a, asset, units):
    """Move units of USDC or of a coin."""
    if asset == 0:
        cash(s, a, units)
    else:
        coin(s, a, asset, units)


@inlined
def activate(s, a, i):
    """Remember that the account has something in instrument i."""
    s.active[a, i >> 6] |= bit(i & 63)


@inlined
def retire(s, a, i):
    """Forget a derivative or spot book in which the account has nothing left."""
    p = s.pos[a, i]
    if p[SIZE] == 0 and p[BID] == 0 and p[ASK] == 0:
        s.active[a, i >> 6] &= ~bit(i & 63)
