"""Funding: premium samples every few seconds, one payment an hour (FUN-01)."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.bits import cdiv
from sim.exchange.kernel.book import next_price
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.quality import STALE, grade
from sim.exchange.kernel.state import (
    A_ROUNDING,
    D_INDEX,
    F_IMPACT,
    F_SAMPLES,
    FUNDING_CAP,
    G_FUNDING,
    I_ASSET,
    I_BASE,
    I_DUE,
    I_FACE,
    I_FEED,
    I_STATE,
    I_TV,
    I_UNITS,
    I_USED,
    INTEREST,
    INTEREST_CLAMP,
    LOTS,
    N_ACCOUNTS,
    N_INVERSES,
    N_PERPETUALS,
    S_AUCTION,
    S_CLOSED,
    SIZE,
)
from sim.exchange.kernel.value import settle, worth
from sim.exchange.messages import Event

RATE, PAYMENT = int(Event.FUNDING_RATE), int(Event.FUNDING)
BILLION = 1_000_000_000


@inlined
def impact_price(s, side):
    """Average price (ticks) of the impact notional on a book side, -1.0 if the side is too thin."""
    i = side >> 1
    tv = s.ins[i, I_TV]
    face = s.ins[i, I_FACE]
    goal = s.insf[i, F_IMPACT] * 1e6
    left = goal
    lots = 0.0
    price = s.best[side]
    while price >= 0:
        there = s.levels[side, price - s.ins[i, I_BASE], LOTS]
        value = there * (face if face != 0 else price * tv)
        if left > value:
            lots += value / (price * tv) if face != 0 else float(there)
            left -= value
        else:
            lots += left / (price * tv)
            return goal / (lots * tv)
        price = next_price(s, side, price)
    return -1.0


@kernel
def sample(s, m):
    """PREMIUM: one sample per perpetual."""
    for i in range(s.h[N_PERPETUALS] + s.h[N_INVERSES]):
        ins = s.ins[i]
        if ins[I_STATE] == S_CLOSED:
            continue
        ins[I_DUE] += 1
        if grade(s, ins[I_FEED]) > STALE or ins[I_STATE] == S_AUCTION:
            continue
        index = s.feeds[ins[I_FEED], D_INDEX]
        bid = impact_price(s, 2 * i)
        ask = impact_price(s, 2 * i + 1)
        over = max(0.0, bid - index) if bid >= 0.0 else 0.0
        under = max(0.0, index - ask) if ask >= 0.0 else 0.0
        ins[I_USED] += 1
        s.insf[i, F_SAMPLES] += (over - under) / index
    return 0


@kernel
def pay(s, m):
    """FUNDING: the hour's rate of each perpetual, paid on size times index."""
    h = s.h
    for i in range(h[N_PERPETUALS] + h[N_INVERSES]):
        ins = s.ins[i]
        used = ins[I_USED]
        due = ins[I_DUE]
        total = s.insf[i, F_SAMPLES]
        ins[I_USED] = 0
        ins[I_DUE] = 0
        s.insf[i, F_SAMPLES] = 0.0
        if used == 0 or grade(s, ins[I_FEED]) >= h[G_FUNDING]:
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
        kept = ppb * 0
        for a in range(h[N_ACCOUNTS]):
            size = s.pos[a, i, SIZE]
            if size == 0:
                continue
            x = abs(worth(s, i, size, index))
            whole = x // BILLION
            part = (x - whole * BILLION) * rate
            if (size > 0) == (ppb > 0):
                change = -(whole * rate + cdiv(part, BILLION))
            else:
                change = whole * rate + part // BILLION
            settle(s, a, i, change)
            kept -= change
            emit(s, PAYMENT, a, i, 0, 0, size, change, 0, 0, 0, 0, 0, 0, 0)
        s.assets[ins[I_ASSET] if ins[I_UNITS] != 0 else 0, A_ROUNDING] += kept
    return 0
