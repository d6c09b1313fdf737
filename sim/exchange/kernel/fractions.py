"""Margin fractions of a notional, and the offset of derivatives on one underlying (MAR-03, MAR-06)."""

from __future__ import annotations

import math

from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.shares import usd
from sim.exchange.kernel.state import (
    ASK,
    B_BASE,
    B_BASE_M,
    B_FACTOR,
    B_FACTOR_M,
    B_INV_LIMIT,
    BID,
    D_FIRST,
    D_INDEX,
    F_BASE,
    F_BASE_M,
    F_FACTOR,
    F_FACTOR_M,
    F_INV_LIMIT,
    F_OI_LOW,
    F_OI_UP,
    I_FEED,
    I_MARK,
    I_OI,
    I_SAME,
    OFFSET,
    SIZE,
)
from sim.exchange.kernel.value import notional


@inlined
def imf(s, i, n):
    f = s.insf[i]
    x = max(f[F_INV_LIMIT], max(f[F_BASE], f[F_FACTOR] * math.sqrt(n)))
    if f[F_OI_UP] > 0.0:
        oi = usd(notional(s, i, s.ins[i, I_OI], s.ins[i, I_MARK]))
        share = min(1.0, max(0.0, (oi - f[F_OI_LOW]) / (f[F_OI_UP] - f[F_OI_LOW])))
        x = max(x, f[F_BASE] + share * (1.0 - f[F_BASE]))
    return min(1.0, x)


@inlined
def mmf(s, i, n):
    f = s.insf[i]
    return min(1.0, max(f[F_BASE_M], f[F_FACTOR_M] * math.sqrt(n)))


@inlined
def debt_initial(s, k, x):
    f = s.assetf[k]
    return x * min(1.0, max(f[B_INV_LIMIT], max(f[B_BASE], f[B_FACTOR] * math.sqrt(x))))


@inlined
def debt_maintenance(s, k, x):
    f = s.assetf[k]
    return x * min(1.0, max(f[B_BASE_M], f[B_FACTOR_M] * math.sqrt(x)))


@inlined
def signed(s, i, lots):
    """Notional at mark with the sign of `lots`, USD."""
    return usd(notional(s, i, lots, s.ins[i, I_MARK]))


@inlined
def price_of(s, i, at_index):
    """Mark of a derivative, or its index, in ticks."""
    return s.feeds[s.ins[i, I_FEED], D_INDEX] if at_index else s.ins[i, I_MARK]


@inlined
def most_notional(s, a, i):
    """USD notional of the largest position that resting orders may lead to."""
    p = s.pos[a, i]
    most = max(abs(p[SIZE]), max(abs(p[SIZE] + p[BID]), abs(p[SIZE] - p[ASK])))
    return usd(notional(s, i, most, s.ins[i, I_MARK]))


@kernel
def group_initial(s, a, i):
    """IM of instrument i within its group: its own term, the group's at its first member, or 0."""
    count = 0
    first = i * 0 - 1
    high = low = long = short = 0.0
    j = s.feeds[s.ins[i, I_FEED], D_FIRST]
    while j >= 0:
        p = s.pos[a, j]
        if p[SIZE] != 0 or p[BID] != 0 or p[ASK] != 0:
            if count == 0:
                first = j
            count += 1
            up = signed(s, j, p[SIZE] + p[BID])
            down = signed(s, j, p[SIZE] - p[ASK])
            high += up
            low += down
            long += max(0.0, up)
            short += max(0.0, -down)
        j = s.ins[j, I_SAME]
    if count < 2:
        n = most_notional(s, a, i)
        return n * imf(s, i, n)
    if i != first:
        return 0.0
    g = max(abs(high), abs(low))
    fraction = 0.0
    j = first
    while j >= 0:
        p = s.pos[a, j]
        if p[SIZE] != 0 or p[BID] != 0 or p[ASK] != 0:
            fraction = max(fraction, imf(s, j, g))
        j = s.ins[j, I_SAME]
    return g * fraction + s.rules[OFFSET] * min(long, short)


@kernel
def held_in_group(s, a, i):
    """(derivatives of i's group that the account holds, the first of them or -1)."""
    count = 0
    first = i * 0 - 1
    j = s.feeds[s.ins[i, I_FEED], D_FIRST]
    while j >= 0:
        if s.pos[a, j, SIZE] != 0:
            if count == 0:
                first = j
            count += 1
        j = s.ins[j, I_SAME]
    return count, first


@kernel
def group_term(s, a, i, closed, at_index):
    """MM of a group of which two or more are held, `closed` signed lots of instrument i gone."""
    net = long = short = 0.0
    feed = s.ins[i, I_FEED]
    j = s.feeds[feed, D_FIRST]
    while j >= 0:
        size = s.pos[a, j, SIZE]
        if size != 0:
            if j == i:
                size -= closed
            n = usd(notional(s, j, size, price_of(s, j, at_index)))
            net += n
            long += max(0.0, n)
            short += max(0.0, -n)
        j = s.ins[j, I_SAME]
    g = abs(net)
    fraction = 0.0
    j = s.feeds[feed, D_FIRST]
    while j >= 0:
        if s.pos[a, j, SIZE] != 0:
            fraction = max(fraction, mmf(s, j, g))
        j = s.ins[j, I_SAME]
    return g * fraction + s.rules[OFFSET] * min(long, short)


@kernel
def group_maintenance(s, a, i, at_index):
    """MM of instrument i within its group: its own term, the group's at its first member, or 0."""
    count, first = held_in_group(s, a, i)
    if count < 2:
        n = usd(notional(s, i, abs(s.pos[a, i, SIZE]), price_of(s, i, at_index)))
        return n * mmf(s, i, n)
    return group_term(s, a, i, s.pos[a, i, SIZE] * 0, at_index) if i == first else 0.0
