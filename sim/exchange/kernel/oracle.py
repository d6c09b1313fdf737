"""Oracle readings as they arrive: TWAP, quality, what counts for settlement (PRC-04, SET-01)."""

from __future__ import annotations

from sim.exchange.kernel.bits import half_even
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.quality import UNCERTAIN_GRADE, grade, note_quality, reading
from sim.exchange.kernel.state import (
    D_BAD,
    D_BOUND,
    D_CONF,
    D_COUNT,
    D_EVENT,
    D_FRESH,
    D_GOOD,
    D_INDEX,
    D_OWN,
    D_PRICE,
    D_READ,
    D_SINCE,
    D_TAIL,
    D_TWAP,
    D_VOLATILE,
    I_CLOSED,
    I_EXPIRY,
    I_EXTERNAL,
    I_EXTERNAL_TIME,
    I_FEED,
    I_SETTLE_SUM,
    I_SETTLE_US,
    N_DERIVATIVES,
    N_FEEDS,
    N_INVERSES,
    N_PERPETUALS,
    N_RING,
    NOW,
    TWAP_US,
    VOLATILE,
    WINDOW_US,
)
from sim.exchange.messages import M_ARG, M_ARG2, M_INSTRUMENT, M_PRICE, M_SIZE, Event, Reason

INDEX, EXTERNAL = int(Event.INDEX), int(Event.EXTERNAL)
R_BOUNDS, R_INSTRUMENT, R_FLAGS = (
    int(Reason.PRICE_OUT_OF_BOUNDS),
    int(Reason.UNKNOWN_INSTRUMENT),
    int(Reason.BAD_FLAGS),
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


@kernel
def settle_time(s, f):
    """SET-01: the time since the feed's previous reading counts for the futures on it, at its price."""
    feed = s.feeds[f]
    now = s.h[NOW]
    first = s.h[N_PERPETUALS] + s.h[N_INVERSES]
    for i in range(first, s.h[N_DERIVATIVES]):
        ins = s.ins[i]
        if ins[I_FEED] != f or ins[I_CLOSED]:
            continue
        begin = max(feed[D_SINCE], ins[I_EXPIRY] - s.h[WINDOW_US])
        end = min(now, ins[I_EXPIRY])
        if feed[D_GOOD] > 0 and end > begin:
            ins[I_SETTLE_SUM] += feed[D_GOOD] * (end - begin)
            ins[I_SETTLE_US] += end - begin
    feed[D_SINCE] = now


@kernel
def take(s, f, price, confidence, time, fresh):
    """Take one oracle reading; emits INDEX."""
    feed = s.feeds[f]
    now = s.h[NOW]
    settle_time(s, f)
    if price <= 0:
        feed[D_BAD] = 1
    else:
        mean = twap(s, f, now, price)
        feed[D_TWAP] = mean
        feed[D_BAD] = 0
        feed[D_PRICE] = price
        feed[D_CONF] = confidence
        feed[D_READ] = time
        feed[D_FRESH] = fresh
        feed[D_VOLATILE] = 1 if max(price, mean) > s.rules[VOLATILE] * min(price, mean) else 0
        if feed[D_VOLATILE] == 0:
            feed[D_INDEX] = price
    note_quality(s, f)
    feed[D_GOOD] = price if reading(s, f) < UNCERTAIN_GRADE else price * 0
    seq = emit(
        s, INDEX, 0, f, 0, price, confidence, feed[D_TWAP], 0, 0, 0, grade(s, f), 0, time, fresh
    )  # fmt: skip
    feed[D_EVENT] = seq


@kernel
def read_index(s, m):
    """INDEX: one oracle reading; returns a reject reason or 0."""
    f = m[M_INSTRUMENT]
    if f < 0 or f >= s.h[N_FEEDS]:
        return R_INSTRUMENT
    if s.feeds[f, D_OWN] >= 0:
        return R_FLAGS
    if m[M_PRICE] > s.feeds[f, D_BOUND]:
        return R_BOUNDS
    take(s, f, m[M_PRICE], m[M_SIZE], m[M_ARG], m[M_ARG2])
    return 0


@kernel
def read_external(s, m):
    """EXTERNAL: the median of external mids of a derivative (PRC-02); returns a reject reason or 0."""
    i = m[M_INSTRUMENT]
    if i < 0 or i >= s.h[N_DERIVATIVES]:
        return R_INSTRUMENT
    ins = s.ins[i]
    if m[M_PRICE] > s.feeds[ins[I_FEED], D_BOUND]:
        return R_BOUNDS
    ins[I_EXTERNAL] = max(m[M_PRICE], m[M_PRICE] * 0)
    ins[I_EXTERNAL_TIME] = m[M_ARG]
    emit(s, EXTERNAL, 0, i, 0, m[M_PRICE], 0, 0, 0, 0, 0, 0, 0, m[M_ARG], 0)
    return 0
