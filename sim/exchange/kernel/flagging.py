"""Who is flagged for liquidation, why, and with what (LIQ-00, LIQ-09)."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.bits import ZERO
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.legs import (
    above_sets,
    debt_of,
    mark_of,
    share_of,
)
from sim.exchange.kernel.margin import equity, maintenance
from sim.exchange.kernel.orders import cancel_all
from sim.exchange.kernel.pool import claim
from sim.exchange.kernel.state import (
    A_FEED,
    A_TV,
    C_FAILED,
    C_FLAG_TIME,
    C_FLAGGED,
    C_PARENT,
    C_WAIT,
    COST,
    D_EVENT,
    D_INDEX,
    D_TICK_INDEX,
    FLAGGED_COUNT,
    I_FEED,
    I_FORCED_SEQ,
    I_FORCED_TIME,
    I_MARK,
    I_TICK_MARK,
    N_ACTIVE,
    N_ASSETS,
    N_COINS,
    N_DERIVATIVES,
    N_LEGS,
    N_POOLS,
    NOW,
    QUEUE,
    SIZE,
)
from sim.exchange.kernel.value import micro, worth
from sim.exchange.messages import Event, Reason

FLAG, LEG = int(Event.FLAG), int(Event.LEG)
LIQUIDATION = int(Reason.LIQUIDATION)
RECENT_US = 300_000_000  # a forced fill older than this is no parent (LIQ-09)


@kernel
def parent_of(s, a):
    """What pushed the account over: a forced fill that moved a mark, else an index reading (LIQ-09)."""
    h = s.h
    ne, mm, _ = maintenance(s, a, True)
    if ne >= mm:
        worst = np.int64(0)
        found = -1
        for i in range(h[N_DERIVATIVES]):
            size = s.pos[a, i, SIZE]
            if size != 0:
                index = s.feeds[s.ins[i, I_FEED], D_INDEX]
                moved = worth(s, i, size, s.ins[i, I_MARK]) - worth(s, i, size, index)
                if micro(s, i, moved) < worst:
                    worst = micro(s, i, moved)
                    found = i
        if found < 0 or h[NOW] - s.ins[found, I_FORCED_TIME] > RECENT_US:
            return worst * 0
        return s.ins[found, I_FORCED_SEQ]
    worst = np.int64(0)
    cause = np.int64(0)
    for i in range(h[N_DERIVATIVES]):
        size = s.pos[a, i, SIZE]
        now = worth(s, i, size, s.ins[i, I_MARK])
        lost = micro(s, i, now - worth(s, i, size, s.ins[i, I_TICK_MARK]))
        if lost < worst:
            worst = lost
            cause = s.feeds[s.ins[i, I_FEED], D_EVENT]
    for k in range(1, 1 + h[N_COINS]):
        feed = s.feeds[s.assets[k, A_FEED]]
        lost = s.bal[a, k] * (feed[D_INDEX] - feed[D_TICK_INDEX]) * s.assets[k, A_TV]
        if lost < worst:
            worst = lost
            cause = feed[D_EVENT]
    return cause


@kernel
def flag(s, a, ne, mm):
    """LIQ-00: flag an account, write down what it holds, cancel its orders."""
    h = s.h
    account = s.acct[a]
    account[C_FLAGGED] = 1
    account[C_FLAG_TIME] = h[NOW]
    account[C_FAILED] = 0
    account[C_WAIT] = 0
    account[C_PARENT] = parent_of(s, a)
    at = h[FLAGGED_COUNT]
    while at > 0:  # turns go by (flag time, id), also when two ticks share a time
        before = s.scratch[at - 1, QUEUE]
        if s.acct[before, C_FLAG_TIME] < h[NOW] or before < a:
            break
        s.scratch[at, QUEUE] = before
        at -= 1
    s.scratch[at, QUEUE] = a
    h[FLAGGED_COUNT] += 1
    emit(
        s, FLAG, a, 0, 0, 0, 0, equity(s, a), 0, 0, 0, 0, account[C_PARENT],
        np.int64(np.rint(ne * 1e6)), np.int64(np.rint(mm * 1e6)),
    )  # fmt: skip
    for k in range(h[N_ASSETS]):
        units = s.bal[a, k]
        if units != 0:
            price = np.int64(1)
            if k > h[N_COINS]:
                price = mark_of(s, k)
            elif k > 0:
                price = s.feeds[s.assets[k, A_FEED], D_INDEX]
            emit(s, LEG, a, k, 0, price, units, 0, 0, 0, 0, 0, 0, 0, 0)
    for k in range(h[N_POOLS]):
        units = claim(s, a, k)
        if units != 0:
            price = s.feeds[s.assets[k, A_FEED], D_INDEX] if k > 0 else np.int64(1)
            emit(s, LEG, a, k, 0, price, units, 0, 0, 0, 0, 2, 0, 0, 0)
    for i in range(h[N_DERIVATIVES]):
        size = s.pos[a, i, SIZE]
        s.flag_size[a, i] = abs(size)
        if size != 0:
            emit(s, LEG, a, i, 0, s.ins[i, I_MARK], size, s.pos[a, i, COST], 0, 0, 0, 1, 0, 0, 0)
    for leg in range(h[N_DERIVATIVES], h[N_LEGS] - h[N_POOLS]):
        s.flag_size[a, leg] = above_sets(s, a, share_of(s, leg))
    for leg in range(h[N_LEGS] - h[N_POOLS], h[N_LEGS]):
        s.flag_size[a, leg] = max(np.int64(0), -s.bal[a, debt_of(s, leg)])
    cancel_all(s, a, -1, LIQUIDATION)


@inlined
def exposed(s, a):
    """Cheap test: could NE < MM hold at all?"""
    for k in range(s.h[N_POOLS]):
        if s.bal[a, k] < 0:
            return True
    for word in range(s.h[N_ACTIVE]):
        if s.active[a, word] != ZERO:
            return True
    return False
