"""Ladders: a book's band of prices follows its mark (ORD-04)."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.bits import ZERO
from sim.exchange.kernel.book import above
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.matching import cancel
from sim.exchange.kernel.state import (
    HEAD,
    I_BASE,
    I_TICKS,
    LEVEL,
    N_SUMMARY,
    N_WORDS,
    NEXT,
)
from sim.exchange.messages import Event, Reason

REBASE = int(Event.REBASE)
R_BAND = int(Reason.OUT_OF_BAND)


@inlined
def follow(s, i, mark):
    """Move a ladder that the mark has left the middle half of."""
    ins = s.ins[i]
    quarter = ins[I_TICKS] // 4
    if mark < ins[I_BASE] + quarter or mark >= ins[I_BASE] + 3 * quarter:
        base = max(mark * 0, mark - ins[I_TICKS] // 2)
        if base != ins[I_BASE]:
            rebase(s, i, base)


@kernel
def rebase(s, i, base):
    """Move a ladder so that it starts at `base`; orders that no longer fit are cancelled (ORD-04)."""
    ins = s.ins[i]
    emit(s, REBASE, 0, i, 0, base, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    old = ins[I_BASE]
    ticks = ins[I_TICKS]
    for side in range(2 * i, 2 * i + 2):
        k = above(s, side, old * 0)
        while k >= 0:
            price = k + old
            if price < base or price >= base + ticks:
                slot = s.levels[side, k, HEAD]
                while slot != 0:
                    after = s.orders[slot, NEXT]
                    cancel(s, slot, R_BAND)
                    slot = after
            k = above(s, side, k + 1)
    shift = old - base
    for side in range(2 * i, 2 * i + 2):
        levels = s.levels[side]
        if shift < 0:
            for k in range(-shift, ticks):
                move(levels, k, k + shift)
        else:
            for k in range(ticks - 1 - shift, -1, -1):
                move(levels, k, k + shift)
        for w in range(s.h[N_WORDS]):
            s.bits[side, w] = ZERO
        for w in range(s.h[N_SUMMARY]):
            s.summary[side, w] = ZERO
        for k in range(ticks):
            if levels[k, HEAD] != 0:
                w = k >> 6
                s.bits[side, w] |= np.uint64(1) << np.uint64(k & 63)
                s.summary[side, w >> 6] |= np.uint64(1) << np.uint64(w & 63)
    ins[I_BASE] = base


@inlined
def move(levels, k, to):
    if levels[k, HEAD] != 0:
        for c in range(LEVEL):
            levels[to, c] = levels[k, c]
            levels[k, c] = 0
