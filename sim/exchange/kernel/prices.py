"""Oracle readings, marks and ladders (PRC-02 … PRC-04)."""

from __future__ import annotations

import math

import numpy as np

from sim.exchange.kernel.bits import ZERO, half_even
from sim.exchange.kernel.book import above
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import entry, inlined, kernel
from sim.exchange.kernel.margin import VOLATILE_GRADE, grade, note_quality
from sim.exchange.kernel.matching import cancel
from sim.exchange.kernel.state import (
    BINARY,
    BOOK_TAU,
    D_BAD,
    D_BOUND,
    D_CONF,
    D_COUNT,
    D_EVENT,
    D_FRESH,
    D_INDEX,
    D_PRICE,
    D_READ,
    D_TAIL,
    D_TWAP,
    D_VOLATILE,
    F_BOOK_DEN,
    F_BOOK_NUM,
    F_PREM_DEN,
    F_PREM_NUM,
    HEAD,
    I_BASE,
    I_CLOSED,
    I_FEED,
    I_KIND,
    I_LAST,
    I_MARK,
    I_MARKED,
    I_PAYOFF,
    I_TICKS,
    LEVEL,
    MARK_MAX,
    MARK_MIN,
    MARK_TIME,
    N_FEEDS,
    N_INSTRUMENTS,
    N_RING,
    N_SUMMARY,
    N_WORDS,
    NEXT,
    NOW,
    PERPETUAL,
    PREMIUM_TAU,
    SPOT,
    TWAP_US,
    VOLATILE,
    views,
)
from sim.exchange.messages import M_ARG, M_ARG2, M_INSTRUMENT, M_PRICE, M_SIZE, Event, Reason

INDEX, MARK, REBASE = int(Event.INDEX), int(Event.MARK), int(Event.REBASE)
R_BOUNDS, R_INSTRUMENT, R_BAND = (
    int(Reason.PRICE_OUT_OF_BOUNDS),
    int(Reason.UNKNOWN_INSTRUMENT),
    int(Reason.OUT_OF_BAND),
)


@inlined
def twap(s, f, now, price):
    """Add a price to the ring and return the time-weighted mean of the window, in ticks."""
    feed = s.feeds[f]
    ring = s.ring[f]
    n = feed[D_COUNT]
    size = s.h[N_RING]
    total = price * 0
    if n > 0:
        last = ring[(n - 1) % size]
        total = last[2] + last[1] * (now - last[0])
    entry = ring[n % size]
    entry[0] = now
    entry[1] = price
    entry[2] = total
    feed[D_COUNT] = n + 1
    start = now - s.h[TWAP_US]
    tail = max(feed[D_TAIL], n + 1 - size)
    while tail < n and ring[(tail + 1) % size][0] <= start:
        tail += 1
    feed[D_TAIL] = tail
    first = ring[tail % size]
    begin = max(start, first[0])
    elapsed = now - begin
    if elapsed == 0:
        return price
    return half_even(total - first[2] - first[1] * (begin - first[0]), elapsed)


@entry
def read_index(arenas, m):
    """Take one oracle reading (INDEX message); returns a reject reason or 0."""
    s = views(arenas)
    f = m[M_INSTRUMENT]
    if f < 0 or f >= s.h[N_FEEDS]:
        return R_INSTRUMENT
    feed = s.feeds[f]
    now = s.h[NOW]
    price = m[M_PRICE]
    if price > feed[D_BOUND]:
        return R_BOUNDS
    if price <= 0:
        feed[D_BAD] = 1
    else:
        mean = twap(s, f, now, price)
        feed[D_TWAP] = mean
        feed[D_BAD] = 0
        feed[D_PRICE] = price
        feed[D_CONF] = m[M_SIZE]
        feed[D_READ] = m[M_ARG]
        feed[D_FRESH] = m[M_ARG2]
        feed[D_VOLATILE] = 1 if max(price, mean) > s.rules[VOLATILE] * min(price, mean) else 0
        if feed[D_VOLATILE] == 0:
            feed[D_INDEX] = price
    note_quality(s, f)
    seq = emit(
        s,
        INDEX,
        0,
        f,
        0,
        price,
        m[M_SIZE],
        feed[D_TWAP],
        0,
        0,
        0,
        grade(s, f),
        0,
        m[M_ARG],
        m[M_ARG2],
    )
    feed[D_EVENT] = seq
    return 0


@inlined
def median3(x, y, z):
    return max(min(x, y), min(max(x, y), z))


@inlined
def round_tick(x):
    return np.int64(np.rint(x))


@inlined
def book_median(s, i):
    """Median of best bid, best ask and last; -1.0 when nobody quotes (a last alone is no book)."""
    bid = s.best[2 * i]
    ask = s.best[2 * i + 1]
    last = s.ins[i, I_LAST]
    if bid < 0 and ask < 0:
        return -1.0
    total = 0.0
    n = 0
    if bid >= 0:
        total += bid
        n += 1
    if ask >= 0:
        total += ask
        n += 1
    if last >= 0:
        total += last
        n += 1
    if n == 3:
        return float(median3(bid, ask, last))
    return total / n


@inlined
def decay(s, i, num, den, tau, dt, x):
    """EMA of PRC-02: num <- num*exp(-dt/tau) + x*dt, den likewise."""
    d = math.exp(-dt / tau)
    s.insf[i, num] = s.insf[i, num] * d + x * dt
    s.insf[i, den] = s.insf[i, den] * d + dt


@inlined
def perpetual_mark(s, i, dt):
    """Mark of a perpetual in ticks and whether the per-update clamp bound (PRC-02)."""
    f = s.insf[i]
    index = s.feeds[s.ins[i, I_FEED], D_INDEX]
    bid = s.best[2 * i]
    ask = s.best[2 * i + 1]
    if dt > 0.0 and bid >= 0 and ask >= 0:
        decay(s, i, F_PREM_NUM, F_PREM_DEN, s.rules[PREMIUM_TAU], dt, (bid + ask) / 2.0 - index)
    median = book_median(s, i)
    if dt > 0.0 and median >= 0.0:
        decay(s, i, F_BOOK_NUM, F_BOOK_DEN, s.rules[BOOK_TAU], dt, median)
    first = index + (f[F_PREM_NUM] / f[F_PREM_DEN] if f[F_PREM_DEN] > 0.0 else 0.0)
    if median < 0.0:
        value = first
    elif f[F_BOOK_DEN] > 0.0:
        value = median3(first, median, f[F_BOOK_NUM] / f[F_BOOK_DEN])
    else:
        value = (first + median) / 2.0
    mark = max(np.int64(1), round_tick(value))
    if s.ins[i, I_MARKED] == 0:
        return mark, 0
    old = s.ins[i, I_MARK]
    low = np.int64(math.ceil(old * s.rules[MARK_MIN]))
    high = np.int64(math.floor(old * s.rules[MARK_MAX]))
    kept = min(max(mark, low), high)
    return kept, 1 if kept != mark else 0


@entry
def marks(arenas, m):
    """MARK: recompute every mark and move ladders that the mark has left."""
    s = views(arenas)
    h = s.h
    now = h[NOW]
    dt = (now - h[MARK_TIME]) / 1e6 if h[MARK_TIME] >= 0 else 0.0
    h[MARK_TIME] = now
    for i in range(h[N_INSTRUMENTS]):
        ins = s.ins[i]
        if ins[I_CLOSED] != 0:
            continue
        kind = ins[I_KIND]
        mark = ins[I_MARK]
        clamped = 0
        index = mark * 0
        if kind == PERPETUAL:
            index = s.feeds[ins[I_FEED], D_INDEX]
            if grade(s, ins[I_FEED]) >= VOLATILE_GRADE:
                continue
            mark, clamped = perpetual_mark(s, i, dt)
            ins[I_MARKED] = 1
        elif kind == SPOT:
            index = s.feeds[ins[I_FEED], D_INDEX]
            mark = index
        else:
            bid = max(s.best[2 * i], 0)
            ask = s.best[2 * i + 1]
            payoff = ins[I_PAYOFF]
            if ask < 0:
                ask = payoff
            last = float(ins[I_LAST]) if ins[I_LAST] >= 0 else payoff / 2.0
            mark = round_tick(median3(float(bid), float(ask), last))
        if mark != ins[I_MARK]:
            ins[I_MARK] = mark
            emit(
                s,
                MARK,
                0,
                i,
                0,
                mark,
                index,
                ins[I_LAST],
                0,
                0,
                0,
                clamped,
                0,
                s.best[2 * i],
                s.best[2 * i + 1],
            )
        if kind != BINARY:
            quarter = ins[I_TICKS] // 4
            if mark < ins[I_BASE] + quarter or mark >= ins[I_BASE] + 3 * quarter:
                base = max(mark * 0, mark - ins[I_TICKS] // 2)
                if base != ins[I_BASE]:
                    rebase(s, i, base)
    return 0


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
