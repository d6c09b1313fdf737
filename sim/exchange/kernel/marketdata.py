"""BOOK and DEPTH: what the outside may see of the books, written as events."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.book import next_price
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.state import (
    D_INDEX,
    EVENT_BOOK,
    I_BASE,
    I_EVENT,
    I_FEED,
    I_KIND,
    I_LAST,
    I_MARK,
    I_OI,
    LOGGED,
    LOTS,
    N_INSTRUMENTS,
    N_LOG,
    V_SETS,
)
from sim.exchange.messages import DEPTH_EDGES_BPS, E_PRICE, Event

BOOK, DEPTH = int(Event.BOOK), int(Event.DEPTH)
EDGES = np.array(DEPTH_EDGES_BPS)


@inlined
def within(s, side, twice_mid, bps):
    """Lots on a book side whose price is within `bps` of the mid (given doubled, in ticks)."""
    total = side * 0
    price = s.best[side]
    while price >= 0:
        away = (2 * price - twice_mid) * 10_000
        if abs(away) <= bps * twice_mid:
            total += s.levels[side, price - s.ins[side >> 1, I_BASE], LOTS]
        elif (away > 0) == (side & 1 == 1):  # a crossed book's best prices lie beyond the mid
            break
        price = next_price(s, side, price)
    return total


@kernel
def book(s, m):
    """One BOOK event per instrument."""
    for i in range(s.h[N_INSTRUMENTS]):
        ins = s.ins[i]
        bid = s.best[2 * i]
        ask = s.best[2 * i + 1]
        index = s.feeds[ins[I_FEED], D_INDEX] if ins[I_FEED] >= 0 else np.int64(0)
        interest = ins[I_OI]
        if ins[I_KIND] == EVENT_BOOK:
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


@kernel
def depth(s, m):
    """Two DEPTH events per instrument: lots in the buckets of DEPTH_EDGES_BPS from the mid."""
    for i in range(s.h[N_INSTRUMENTS]):
        bid = s.best[2 * i]
        ask = s.best[2 * i + 1]
        for side in range(2):
            row = s.h[LOGGED]
            emit(s, DEPTH, 0, i, side, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
            if bid >= 0 and ask >= 0 and row < s.h[N_LOG]:
                nearer = np.int64(0)
                for k in range(len(EDGES)):
                    lots = within(s, 2 * i + side, bid + ask, EDGES[k])
                    s.log[row, E_PRICE + k] = lots - nearer
                    nearer = lots
    return 0
