"""What lots are worth, and in which asset: linear products in USDC, inverse ones in their coin (PRD-01)."""

from __future__ import annotations

from sim.exchange.kernel.jit import inlined
from sim.exchange.kernel.ledger import cash, coin
from sim.exchange.kernel.state import D_INDEX, I_ASSET, I_FACE, I_FEED, I_TV, I_UNITS


@inlined
def worth(s, i, lots, price):
    """pv of signed lots at a price: micro-USDC, for an inverse base units."""
    per_price = s.ins[i, I_UNITS]
    if per_price == 0:
        return lots * price * s.ins[i, I_TV]
    units = (abs(lots) * per_price) // price
    return -units if lots > 0 else units


@inlined
def notional(s, i, lots, price):
    """Micro-USD of lots >= 0 at a price; a contract of an inverse is always its face."""
    face = s.ins[i, I_FACE]
    return lots * (face if face != 0 else price * s.ins[i, I_TV])


@inlined
def micro(s, i, amount):
    """An amount in what instrument i settles in as micro-USDC, coins at their index."""
    if s.ins[i, I_UNITS] == 0:
        return amount
    return amount * s.feeds[s.ins[i, I_FEED], D_INDEX] * s.ins[i, I_TV]


@inlined
def settle(s, a, i, amount):
    """Pay `amount` of what instrument i settles in into an account's balance."""
    if s.ins[i, I_UNITS] == 0:
        cash(s, a, amount)
    else:
        coin(s, a, s.ins[i, I_ASSET], amount)
