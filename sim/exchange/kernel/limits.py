"""Which prices an order may have: ladder, band, impact (ORD-04)."""

from __future__ import annotations

import math

from sim.exchange.kernel.jit import inlined
from sim.exchange.kernel.state import (
    BAND,
    D_INDEX,
    EVENT_BOOK,
    I_BASE,
    I_FEED,
    I_KIND,
    I_MARK,
    I_PAYOFF,
    I_TICKS,
    SPOT,
)


@inlined
def reference(s, i):
    """What bands and expected losses are measured from: the mark, for spot the live index."""
    if s.ins[i, I_KIND] == SPOT:
        return s.feeds[s.ins[i, I_FEED], D_INDEX]
    return s.ins[i, I_MARK]


@inlined
def band(s, i):
    """Half-width of the price band in ticks."""
    return int(math.floor(reference(s, i) * s.rules[BAND]))


@inlined
def lowest_price(s, i):
    """Lowest price that ladder and band allow."""
    low = max(1, s.ins[i, I_BASE])
    if s.ins[i, I_KIND] != EVENT_BOOK:
        low = max(low, reference(s, i) - band(s, i))
    return low


@inlined
def highest_price(s, i):
    """Highest price that ladder and band allow."""
    if s.ins[i, I_KIND] == EVENT_BOOK:
        return s.ins[i, I_PAYOFF] - 1
    return min(s.ins[i, I_BASE] + s.ins[i, I_TICKS] - 1, reference(s, i) + band(s, i))
