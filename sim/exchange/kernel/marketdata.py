"""BOOK and DEPTH: what the outside may see of the books, written as events."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.book import next_price
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import entry, inlined
from sim.exchange.kernel.state import (
    BINARY,
    D_INDEX,
    I_BASE,
    I_EVENT,
    I_FEED,
    I_KIND,
    I_LAST,
    I_MARK,
    I_OI,
    LOTS,
    N_INSTRUMENTS,
    V_SETS,
    views,
)
from sim.exchange.messages import DEPTH_EDGES_BPS, Event

BOOK, DEPTH = int(Event.BOOK), int(Event.DEPTH)
EDGES = DEPTH_EDGES_BPS


@inlined
def within(s, side, twice_mid, bps):
    """Lots on a book side whose price is within `bps` of the mid (given doubled, in ticks)."""
    total = side * 0
    price = s.best[side]
    while price >= 0 and abs(2 * price - twice_mid) * 10_000 <= bps * twice_mid:
        total += s.levels[side, price - s.ins[side >> 1, I_BASE], LOTS]
        price = next_price(s, side, price)
    return total


@entry
def book(arenas, m):
    """One BOOK event per instrument."""
    s = views(arenas)
    for i in range(s.h[N_INSTRUMENTS]):
        ins = s.ins[i]
        bid = s.best[2 * i]
        ask = s.best[2 * i + 1]
        index = s.feeds[ins[I_FEED], D_INDEX] if ins[I_FEED] >= 0 else np.int64(0)
        interest = ins[I_OI]
        if ins[I_KIND] == BINARY:
            interest = s.events[ins[I_EVENT], V_SETS]
        bids = np.int64(0)
        asks = np.int64(0)
        near = np.int64(0)
        if bid >= 0 and ask >= 0:
            mid = bid + ask
            bids = within(s, 2 * i, mid, 50)
            asks = within(s, 2 * i + 1, mid, 50)
            near = within(s, 2 * i, mid, 10) + within(s, 2 * i + 1, mid, 10)
        emit(
            s,
            BOOK,
            0,
            i,
            0,
            bid,
            ask,
            ins[I_LAST],
            ins[I_MARK],
            index,
            bids,
            asks,
            0,
            near,
            interest,
        )
    return 0


@entry
def depth(arenas, m):
    """Two DEPTH events per instrument: lots in the buckets of DEPTH_EDGES_BPS from the mid."""
    s = views(arenas)
    for i in range(s.h[N_INSTRUMENTS]):
        bid = s.best[2 * i]
        ask = s.best[2 * i + 1]
        for side in range(2):
            row = s.h[2] * 0
            totals = (row, row, row, row, row, row, row, row, row, row)
            if bid >= 0 and ask >= 0:
                totals = buckets(s, 2 * i + side, bid + ask)
            emit(
                s, DEPTH, 0, i, side, totals[0], totals[1], totals[2], totals[3], totals[4], totals[5], totals[6],
                totals[7], totals[8], totals[9],
            )  # fmt: skip
    return 0


@inlined
def buckets(s, side, mid):
    b0 = within(s, side, mid, EDGES[0])
    b1 = within(s, side, mid, EDGES[1])
    b2 = within(s, side, mid, EDGES[2])
    b3 = within(s, side, mid, EDGES[3])
    b4 = within(s, side, mid, EDGES[4])
    b5 = within(s, side, mid, EDGES[5])
    b6 = within(s, side, mid, EDGES[6])
    b7 = within(s, side, mid, EDGES[7])
    b8 = within(s, side, mid, EDGES[8])
    b9 = within(s, side, mid, EDGES[9])
    return b0, b1 - b0, b2 - b1, b3 - b2, b4 - b3, b5 - b4, b6 - b5, b7 - b6, b8 - b7, b9 - b8
