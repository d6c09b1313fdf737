"""Marks of perpetuals, futures, spot and event books (PRC-02, PRC-03), and what else a MARK does."""

from __future__ import annotations

import math

import numpy as np

from sim.exchange.kernel.auction import end_auction, remember_mark
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ladder import follow
from sim.exchange.kernel.oracle import take
from sim.exchange.kernel.quality import VOLATILE_GRADE, grade
from sim.exchange.kernel.state import (
    BOOK_TAU,
    D_BOUND,
    D_INDEX,
    D_MIN_SOURCES,
    D_OWN,
    EVENT_BOOK,
    EXTERNAL_US,
    F_BOOK_DEN,
    F_BOOK_NUM,
    F_MEAN_DEN,
    F_MEAN_NUM,
    F_PREM_DEN,
    F_PREM_NUM,
    I_CLOSED,
    I_EVENT,
    I_EXTERNAL,
    I_EXTERNAL_TIME,
    I_FEED,
    I_HISTORY,
    I_KIND,
    I_LAST,
    I_MARK,
    I_MARKED,
    I_PAYOFF,
    I_STATE,
    MARK_MAX,
    MARK_MIN,
    MARK_TIME,
    MEAN_CAP,
    MEAN_TAU,
    N_FEEDS,
    N_INSTRUMENTS,
    NOW,
    PREMIUM_TAU,
    S_AUCTION,
    S_CLOSED,
    SPOT,
    V_SHARES,
)
from sim.exchange.kernel.tiers import new_day
from sim.exchange.messages import Event

MARK = int(Event.MARK)


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
def external_mid(s, i):
    """The median of external mids in ticks, -1.0 when there is none or it is too old."""
    ins = s.ins[i]
    if ins[I_EXTERNAL] == 0 or s.h[NOW] - ins[I_EXTERNAL_TIME] > s.h[EXTERNAL_US]:
        return -1.0
    return float(ins[I_EXTERNAL])


@kernel
def near_average(s, i, dt, mark):
    """The mark within a factor of the average of earlier ones, which then takes it (PRC-02)."""
    average = s.insf[i, F_MEAN_NUM] / s.insf[i, F_MEAN_DEN]
    low = np.int64(math.ceil(average / s.rules[MEAN_CAP]))
    high = np.int64(math.floor(average * s.rules[MEAN_CAP]))
    kept = max(np.int64(1), min(max(mark, low), high))
    if dt > 0.0:
        decay(s, i, F_MEAN_NUM, F_MEAN_DEN, s.rules[MEAN_TAU], dt, kept)
    return kept


@inlined
def derivative_mark(s, i, dt):
    """Mark of a perpetual or future in ticks and whether the per-update clamp bound (PRC-02)."""
    f = s.insf[i]
    index = s.feeds[s.ins[i, I_FEED], D_INDEX]
    bid = s.best[2 * i]
    ask = s.best[2 * i + 1]
    if dt > 0.0 and bid >= 0 and ask >= 0:
        decay(s, i, F_PREM_NUM, F_PREM_DEN, s.rules[PREMIUM_TAU], dt, (bid + ask) / 2.0 - index)
    median = book_median(s, i)
    if dt > 0.0 and median >= 0.0:
        decay(s, i, F_BOOK_NUM, F_BOOK_DEN, s.rules[BOOK_TAU], dt, median)
    value = index + (f[F_PREM_NUM] / f[F_PREM_DEN] if f[F_PREM_DEN] > 0.0 else 0.0)
    outside = external_mid(s, i)
    other = median if median >= 0.0 else outside
    if median >= 0.0 and outside >= 0.0:
        value = median3(value, median, outside)
    elif other >= 0.0:
        if f[F_BOOK_DEN] > 0.0:
            value = median3(value, other, f[F_BOOK_NUM] / f[F_BOOK_DEN])
        else:
            value = (value + other) / 2.0
    mark = max(np.int64(1), round_tick(value))
    kept = mark
    if s.ins[i, I_MARKED] != 0:
        old = s.ins[i, I_MARK]
        low = np.int64(math.ceil(old * s.rules[MARK_MIN]))
        high = np.int64(math.floor(old * s.rules[MARK_MAX]))
        kept = min(max(mark, low), high)
    clamped = 1 if kept != mark else 0
    if s.rules[MEAN_CAP] > 0.0:
        near = near_average(s, i, dt, kept)
        clamped = 1 if near != kept else clamped
        kept = near
    return kept, clamped


@inlined
def share_book_mark(s, i):
    """Mark of an event book: median of best bid, best ask and last (PRC-03)."""
    ins = s.ins[i]
    bid = max(s.best[2 * i], 0)
    ask = s.best[2 * i + 1]
    payoff = ins[I_PAYOFF]
    if ask < 0:
        ask = payoff
    last = float(ins[I_LAST]) if ins[I_LAST] >= 0 else payoff / s.events[ins[I_EVENT], V_SHARES]
    return round_tick(median3(float(bid), float(ask), last))


@kernel
def mark_one(s, i, dt):
    """Recompute one mark; the ladder follows it."""
    ins = s.ins[i]
    kind = ins[I_KIND]
    mark = ins[I_MARK]
    clamped = 0
    index = mark * 0
    if kind == EVENT_BOOK:
        mark = share_book_mark(s, i)
    else:
        index = s.feeds[ins[I_FEED], D_INDEX]
        if kind == SPOT:
            mark = index
        elif grade(s, ins[I_FEED]) >= VOLATILE_GRADE:
            return
        else:
            mark, clamped = derivative_mark(s, i, dt)
            ins[I_MARKED] = 1
    if mark != ins[I_MARK]:
        ins[I_MARK] = mark
        emit(
            s, MARK, 0, i, 0, mark, index, ins[I_LAST], 0, 0, 0, clamped, 0, s.best[2 * i],
            s.best[2 * i + 1],
        )  # fmt: skip
    if ins[I_HISTORY] >= 0:
        remember_mark(s, i)
    if kind != EVENT_BOOK:
        follow(s, i, mark)


@inlined
def read_own_books(s):
    """PRC-01 policy: feeds that take their readings from a spot book of this exchange."""
    for f in range(s.h[N_FEEDS]):
        feed = s.feeds[f]
        if feed[D_OWN] >= 0:
            median = book_median(s, feed[D_OWN])
            if median >= 0.0:
                price = max(np.int64(1), round_tick(median))
                if price <= feed[D_BOUND]:
                    fresh = max(feed[D_MIN_SOURCES], price * 0 + 1)
                    take(s, f, price, price * 0, s.h[NOW], fresh)


@kernel
def marks(s, m):
    """MARK: own-book readings, fee tiers, ends of auctions, every mark."""
    h = s.h
    now = h[NOW]
    dt = (now - h[MARK_TIME]) / 1e6 if h[MARK_TIME] >= 0 else 0.0
    h[MARK_TIME] = now
    read_own_books(s)
    new_day(s)
    for i in range(h[N_INSTRUMENTS]):
        ins = s.ins[i]
        if ins[I_STATE] == S_AUCTION:
            end_auction(s, i)
        if ins[I_CLOSED] == 0 and ins[I_STATE] != S_CLOSED and ins[I_STATE] != S_AUCTION:
            mark_one(s, i, dt)
    return 0
