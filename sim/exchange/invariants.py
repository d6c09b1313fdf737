"""Invariants that a state can show; each counts violations (I1, I2, I4, I5, I7, I8, I11, I18).

Compiled, so that ``--verify`` can afford a look after every batch: about half a millisecond for
4,400 accounts.  What only the stream of events shows is in ``audit.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.instruments import MICRO
from sim.exchange.kernel import state as st
from sim.exchange.kernel.bits import ZERO, lowest
from sim.exchange.kernel.book import above, below
from sim.exchange.kernel.jit import entry, inlined
from sim.exchange.kernel.state import views
from sim.exchange.messages import Flag

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

STATE_CHECKS = {
    "I1": "each asset sums to 0 over accounts and buckets",
    "I2": "sizes of a perpetual sum to 0; clearing is minus the sum of costs; open interest adds up",
    "I4": "supply of every share equals the sets in the vault; no share balance is negative",
    "I5": "the recorded debt of an asset is the sum of negative balances; pools are backed by shares",
    "I7": "best bid below best ask, auctions apart; cached best prices are the book's",
    "I8": "what margin counts as resting is what rests; level totals are the sums of their orders",
    "I11": "the insurance fund is not negative",
    "I18": "a resolved event has no shares, no sets and an empty, closed book",
}
REDUCE_ONLY = int(Flag.REDUCE_ONLY)


@inlined
def assets(s, out):
    """I1 and I5."""
    h = s.h
    for k in range(h[st.N_ASSETS]):
        row = s.assets[k]
        total = row[st.A_POOL] + row[st.A_EXTERNAL] + row[st.A_FEES] + row[st.A_ROUNDING]
        owed = np.int64(0)
        lent = np.int64(0)
        for a in range(h[st.N_ACCOUNTS]):
            total += s.bal[a, k]
            owed += max(np.int64(0), -s.bal[a, k])
            if k < h[st.N_POOLS]:
                lent += s.lent[a, k]
        for i in range(h[st.N_DERIVATIVES]):
            if k == (s.ins[i, st.I_ASSET] if s.ins[i, st.I_UNITS] != 0 else 0):
                total += s.ins[i, st.I_CLEARING]
        if k == 0:
            total += h[st.INSURANCE] + h[st.BONDS]
            for e in range(h[st.N_EVENTS]):
                total += s.events[e, st.V_SETS] * MICRO
        elif k > h[st.N_COINS]:
            total -= s.events[s.assets[k, st.A_EVENT], st.V_SETS]
        out[0] += total != 0
        if k < h[st.N_POOLS]:
            out[3] += owed != row[st.A_BORROWED]
            out[3] += row[st.A_POOL] < 0 or lent > row[st.A_SHARES]


@inlined
def positions(s, sums, out):
    """I2."""
    n = s.h[st.N_DERIVATIVES]
    sums[:n, :3] = 0
    for a in range(s.h[st.N_ACCOUNTS]):
        for i in range(n):
            size = s.pos[a, i, st.SIZE]
            if size != 0 or s.pos[a, i, st.COST] != 0:
                sums[i, 0] += size
                sums[i, 1] += s.pos[a, i, st.COST]
                sums[i, 2] += max(np.int64(0), size)
    for i in range(n):
        ins = s.ins[i]
        broken = sums[i, 0] != 0 or ins[st.I_CLEARING] != -sums[i, 1] or sums[i, 2] != ins[st.I_OI]
        out[1] += broken


@inlined
def events(s, out):
    """I4 and I18."""
    for e in range(s.h[st.N_EVENTS]):
        event = s.events[e]
        i = event[st.V_INSTRUMENT]
        held = np.int64(0)
        for k in range(event[st.V_SHARE], event[st.V_SHARE] + event[st.V_SHARES]):
            supply = np.int64(0)
            for a in range(s.h[st.N_ACCOUNTS]):
                supply += s.bal[a, k]
                out[2] += s.bal[a, k] < 0
                held += s.bal[a, k] != 0
            out[2] += supply != event[st.V_SETS]
        if event[st.V_RESOLVED]:
            out[7] += held > 0 or event[st.V_SETS] != 0
            for book in range(i, i + event[st.V_BOOKS]):
                out[7] += s.ins[book, st.I_CLOSED] == 0
                out[7] += s.best[2 * book] >= 0 or s.best[2 * book + 1] >= 0


@inlined
def books(s, out):
    """I7."""
    for i in range(s.h[st.N_INSTRUMENTS]):
        base = s.ins[i, st.I_BASE]
        high = below(s, 2 * i, s.ins[i, st.I_TICKS] - 1)
        low = above(s, 2 * i + 1, base * 0)
        bid = high + base if high >= 0 else np.int64(-1)
        ask = low + base if low >= 0 else np.int64(-1)
        out[4] += bid != s.best[2 * i]
        out[4] += ask != s.best[2 * i + 1]
        crossed = bid >= 0 and ask >= 0 and bid >= ask
        out[4] += crossed and s.ins[i, st.I_STATE] != st.S_AUCTION


@inlined
def level_adds_up(s, first):
    """Whether the lots of a level are those of its orders, from its first order on."""
    o = s.orders[first]
    side = o[st.SIDE]
    level = s.levels[side, o[st.PX] - s.ins[side >> 1, st.I_BASE]]
    lots = np.int64(0)
    slot = first
    while slot != 0:
        lots += s.orders[slot, st.REST]
        slot = s.orders[slot, st.NEXT]
    return level[st.HEAD] == first and lots == level[st.LOTS]


@inlined
def rests(s, a, sums, out):
    """I8 for one account."""
    perps = s.h[st.N_DERIVATIVES]
    n = s.h[st.N_INSTRUMENTS]
    slot = s.acct[a, st.C_HEAD]
    if slot != 0:
        sums[:n, :] = 0
    while slot != 0:
        o = s.orders[slot]
        i = o[st.SIDE] >> 1
        if o[st.PREV] == 0:
            out[5] += not level_adds_up(s, slot)
        if o[st.FLG] & REDUCE_ONLY == 0:
            ask = o[st.SIDE] & 1
            if o[st.FLG] & st.OUTCOME_NO:
                lots, cost = (st.N_ASK, st.N_ASK_COST) if ask else (st.N_BID, st.N_BID_COST)
            else:
                lots, cost = (st.ASK, st.ASK_COST) if ask else (st.BID, st.BID_COST)
            sums[i, lots] += o[st.REST]
            sums[i, cost] += o[st.REST] * o[st.PX] * s.ins[i, st.I_COST]
        slot = o[st.ANEXT]
    any_order = s.acct[a, st.C_HEAD] != 0
    for word in range(s.h[st.N_ACTIVE]):
        bits = s.active[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            bits &= bits - np.uint64(1)
            for c in range(2 if i < perps else 0, 8):
                if c < 6 or i >= perps:
                    out[5] += s.pos[a, i, c] != (sums[i, c] if any_order else 0)


@entry
def check(arenas, sums, out):
    """Count violations into out[8] in the order of STATE_CHECKS; sums: int64[instruments, 8] scratch."""
    s = views(arenas)
    out[:] = 0
    assets(s, out)
    positions(s, sums, out)
    events(s, out)
    books(s, out)
    for a in range(s.h[st.N_ACCOUNTS]):
        rests(s, a, sums, out)
    out[6] += s.h[st.INSURANCE] < 0


def verify(exchange: Exchange) -> dict[str, int]:
    """Violations by invariant id; 0 everywhere in a sound state."""
    out = np.zeros(len(STATE_CHECKS), np.int64)
    check(exchange.arenas, np.zeros((exchange.state.ins.shape[0], 8), np.int64), out)
    return dict(zip(STATE_CHECKS, out.tolist(), strict=True))
