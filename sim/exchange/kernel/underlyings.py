"""Portfolio margin of an account over all underlyings: only those on which it has something (MAR-07)."""

from __future__ import annotations

from sim.exchange.kernel.bits import ONE, ZERO, bit, lowest
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.portfolio import underlying
from sim.exchange.kernel.state import (
    I_EVENT,
    I_FEED,
    N_ACTIVE,
    N_DERIVATIVES,
    N_FEEDS,
    N_SPOTS,
    V_FEED,
)


@kernel
def touched(s, a, word):
    """Bits of the 64 feeds of a word on which the account has, or had, a derivative or an event.

    All others ask for exactly nothing.
    """
    h = s.h
    spots = h[N_DERIVATIVES] + h[N_SPOTS]
    found = ZERO
    for k in range(h[N_ACTIVE]):
        bits = s.active[a, k]
        while bits != ZERO:
            i = k * 64 + lowest(bits)
            bits &= bits - ONE
            feed = h[N_FEEDS] * 0 - 1
            if i < h[N_DERIVATIVES]:
                feed = s.ins[i, I_FEED]
            elif i >= spots:
                feed = s.events[s.ins[i, I_EVENT], V_FEED]
            if feed >= 0 and feed >> 6 == word:
                found |= bit(feed & 63)
    return found


@inlined
def all_underlyings(s, a, before, factor, orders, strict, at_index):
    """`before` plus `factor` times MM_u of each underlying, by feed id, as one running sum."""
    total = before
    for word in range((s.h[N_FEEDS] + 63) >> 6):
        bits = touched(s, a, word)
        while bits != ZERO:
            f = word * 64 + lowest(bits)
            bits &= bits - ONE
            total += factor * underlying(s, a, f, orders, strict, at_index)
    return total
