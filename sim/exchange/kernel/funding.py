"""Funding: premium samples every few seconds, one payment an hour (FUN-01)."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.bits import cdiv
from sim.exchange.kernel.book import next_price
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import entry, inlined
from sim.exchange.kernel.ledger import cash
from sim.exchange.kernel.margin import STALE, UNCERTAIN_GRADE, grade
from sim.exchange.kernel.state import (
    D_INDEX,
    F_IMPACT,
    F_SAMPLES,
    FUNDING_CAP,
    I_BASE,
    I_DUE,
    I_FEED,
    I_TV,
    I_USED,
    INTEREST,
    INTEREST_CLAMP,
    LOTS,
    N_ACCOUNTS,
    N_PERPETUALS,
    ROUNDING,
    SIZE,
    views,
)
from sim.exchange.messages import Event

RATE, PAYMENT = int(Event.FUNDING_RATE), int(Event.FUNDING)
BILLION = 1_000_000_000


@inlined
def impact_price(s, side):
    """Average price (ticks) of the impact notional on a book side, -1.0 if the side is too thin."""
    i = side >> 1
    tv = s.ins[i, I_TV]
    goal = s.insf[i, F_IMPACT] * 1e6
    left = goal
    lots = 0.0
    price = s.best[side]
    while price >= 0:
        value = s.levels[side, price - s.ins[i, I_BASE], LOTS] * price * tv
        if left > value:
            lots += s.levels[side, price - s.ins[i, I_BASE], LOTS]
            left -= value
        else:
            lots += left / (price * tv)
            return goal / (lots * tv)
        price = next_price(s, side, price)
    return -1.0


@entry
def sample(arenas, m):
    """PREMIUM: one sample per perpetual."""
    s = views(arenas)
    for i in range(s.h[N_PERPETUALS]):
        ins = s.ins[i]
        ins[I_DUE] += 1
        if grade(s, ins[I_FEED]) > STALE:
            continue
        index = s.feeds[ins[I_FEED], D_INDEX]
        bid = impact_price(s, 2 * i)
        ask = impact_price(s, 2 * i + 1)
        over = max(0.0, bid - index) if bid >= 0.0 else 0.0
        under = max(0.0, index - ask) if ask >= 0.0 else 0.0
        ins[I_USED] += 1
        s.insf[i, F_SAMPLES] += (over - under) / index
    return 0


@entry
def pay(arenas, m):
    """FUNDING: the hour's rate of each perpetual, paid on size times index."""
    s = views(arenas)
    h = s.h
    for i in range(h[N_PERPETUALS]):
        ins = s.ins[i]
        used = ins[I_USED]
        due = ins[I_DUE]
        total = s.insf[i, F_SAMPLES]
        ins[I_USED] = 0
        ins[I_DUE] = 0
        s.insf[i, F_SAMPLES] = 0.0
        if used == 0 or grade(s, ins[I_FEED]) >= UNCERTAIN_GRADE:
            continue
        clamp = s.rules[INTEREST_CLAMP]
        mean = total / used
        eight = mean + min(max(s.rules[INTEREST] - mean, -clamp), clamp)
        cap = s.rules[FUNDING_CAP]
        hour = min(max(eight / 8.0, -cap), cap) * (used / due)
        ppb = np.int64(np.rint(hour * 1e9))
        index = s.feeds[ins[I_FEED], D_INDEX]
        emit(s, RATE, 0, i, 0, index, 0, ppb, 0, 0, 0, 0, 0, used, due)
        rate = abs(ppb)
        unit = index * ins[I_TV]
        kept = ppb * 0
        for a in range(h[N_ACCOUNTS]):
            size = s.pos[a, i, SIZE]
            if size == 0:
                continue
            x = abs(size) * unit
            whole = x // BILLION
            part = (x - whole * BILLION) * rate
            if (size > 0) == (ppb > 0):
                change = -(whole * rate + cdiv(part, BILLION))
            else:
                change = whole * rate + part // BILLION
            cash(s, a, change)
            kept -= change
            emit(s, PAYMENT, a, i, 0, 0, size, change, 0, 0, 0, 0, 0, 0, 0)
        h[ROUNDING] += kept
    return 0
