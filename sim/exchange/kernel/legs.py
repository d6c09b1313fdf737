"""What a flagged account can sell: legs, steps, bounds and their order (LIQ-02, LIQ-07).

Leg numbers: derivative i is leg i, then the shares by asset id, then the debts by asset id.
"""

from __future__ import annotations

import math

import numpy as np

from sim.exchange.kernel.bits import cdiv
from sim.exchange.kernel.collateral import weight
from sim.exchange.kernel.disposal import debt_units, step_lots
from sim.exchange.kernel.fractions import mmf
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.limits import highest_price, lowest_price
from sim.exchange.kernel.quality import grade
from sim.exchange.kernel.shares import complete, share_mark, single, usd
from sim.exchange.kernel.state import (
    A_EVENT,
    A_FEED,
    A_OUTCOME,
    A_SPOT,
    A_TV,
    D_INDEX,
    EXACT,
    FILL_BA,
    FILL_SMMR,
    G_LIQUIDATE,
    I_FEED,
    I_MARK,
    I_PAYOFF,
    I_STATE,
    I_TV,
    I_UNITS,
    N_COINS,
    N_DERIVATIVES,
    N_LEGS,
    N_POOLS,
    S_LIMIT,
    SIZE,
    V_INSTRUMENT,
    V_RESOLVED,
)
from sim.exchange.kernel.value import notional, worth

POSITION_LEG, SHARE_LEG, SALE_LEG, PURCHASE_LEG = range(4)  # code of a STEP row


@inlined
def leg_kind(s, leg):
    """POSITION_LEG, SHARE_LEG, or SALE_LEG for a debt."""
    h = s.h
    if leg < h[N_DERIVATIVES]:
        return POSITION_LEG
    return SHARE_LEG if leg < h[N_LEGS] - h[N_POOLS] else SALE_LEG


@inlined
def share_of(s, leg):
    """Asset id of a share leg."""
    return leg - s.h[N_DERIVATIVES] + s.h[N_POOLS]


@inlined
def debt_of(s, leg):
    """Asset id of a debt leg."""
    return leg - s.h[N_LEGS] + s.h[N_POOLS]


@inlined
def coin_price(s, k):
    """Micro-USDC of one unit of coin k at its index."""
    return s.feeds[s.assets[k, A_FEED], D_INDEX] * s.assets[k, A_TV]


@inlined
def stand_alone(s, a, i):
    """Maintenance requirement of one position alone, USD."""
    n = usd(notional(s, i, abs(s.pos[a, i, SIZE]), s.ins[i, I_MARK]))
    return n * mmf(s, i, n)


@inlined
def usable(s, i):
    """A book in which forced orders trade, with a reading that may be used for it (PRC-04, ORD-03)."""
    return s.ins[i, I_STATE] <= S_LIMIT and grade(s, s.ins[i, I_FEED]) < s.h[G_LIQUIDATE]


@inlined
def tradable(s, a, i):
    """A position that may be liquidated now."""
    return s.pos[a, i, SIZE] != 0 and usable(s, i)


@inlined
def has_tradable(s, a):
    for i in range(s.h[N_DERIVATIVES]):
        if tradable(s, a, i):
            return True
    return False


@kernel
def equity_share(s, a, e, wanted):
    """E_i of LIQ-07: the part of equity e (micro) that stands behind position `wanted`."""
    total = 0.0
    last = -1
    for i in range(s.h[N_DERIVATIVES]):
        if tradable(s, a, i):
            total += stand_alone(s, a, i)
            last = i
    left = e
    for i in range(last):
        if tradable(s, a, i):
            part = (
                np.int64(math.floor(float(e) * stand_alone(s, a, i) / total))
                if total > 0.0
                else np.int64(0)
            )
            if i == wanted:
                return part
            left -= part
    return left


@kernel
def collateral(s, a, apart):
    """The coin that a debt step sells: lowest w first, ties by id, not `apart`; 0 if there is none."""
    found = 0
    low = 2.0
    for k in range(1, 1 + s.h[N_COINS]):
        units = s.bal[a, k]
        if (
            k == apart
            or units <= 0
            or s.assets[k, A_SPOT] < 0
            or not usable(s, s.assets[k, A_SPOT])
        ):
            continue
        price = s.feeds[s.assets[k, A_FEED], D_INDEX]
        w = weight(s, k, usd(units * price * s.assets[k, A_TV]), price)
        if w < low:
            low = w
            found = k
    return found


@inlined
def above_sets(s, a, k):
    """Lots of share k above complete sets."""
    return s.bal[a, k] - complete(s, a, s.assets[k, A_EVENT])


@inlined
def book_of(s, k):
    """(book that trades share k, 1 if it does so as the book's NO)."""
    e = s.assets[k, A_EVENT]
    first = s.events[e, V_INSTRUMENT]
    if single(s, e):
        return first, s.assets[k, A_OUTCOME]
    return first + s.assets[k, A_OUTCOME], s.assets[k, A_OUTCOME] * 0


@inlined
def mark_of(s, k):
    """Mark in ticks of share k."""
    return share_mark(s, s.assets[k, A_EVENT], s.assets[k, A_OUTCOME])


@inlined
def ceiling(x):
    return np.int64(math.ceil(min(x, 4e18)))


@kernel
def inverse_bound(s, a, i, share, give):
    """Worst price of a forced order in an inverse position; `give` in micro-USD."""
    size = s.pos[a, i, SIZE]
    lots = abs(size)
    value = abs(worth(s, i, lots, s.ins[i, I_MARK]))
    price = s.feeds[s.ins[i, I_FEED], D_INDEX] * s.ins[i, I_TV]
    units = share // price
    leeway = give / price
    per_price = lots * s.ins[i, I_UNITS]
    low = lowest_price(s, i)
    high = highest_price(s, i)
    if size > 0:
        if value + units > 0:
            low = max(low, cdiv(per_price, value + units))
        return max(low, ceiling(per_price / (value + leeway)))
    if value - units > 0:
        high = min(high, max(per_price // (value - units), low * 0 + 1))
    if value - leeway > 0.0:
        high = min(high, np.int64(math.floor(per_price / (value - leeway))))
    return high


@kernel
def position_bound(s, a, i, e, ne, mm):
    """Worst price (ticks) of a forced order in a position: fillable price, bankruptcy price, ORD-04."""
    size = s.pos[a, i, SIZE]
    share = equity_share(s, a, e, i)
    ratio = ne / mm if mm > 0.0 else 1.0
    abr = min(1.0, max(0.0, s.rules[FILL_BA] * (1.0 - ratio)))
    give = abr * s.rules[FILL_SMMR] * stand_alone(s, a, i)
    if s.ins[i, I_UNITS] != 0:
        return inverse_bound(s, a, i, share, give * 1e6)
    tv = s.ins[i, I_TV]
    value = abs(size) * s.ins[i, I_MARK] * tv
    exact = s.h[EXACT] != 0  # it may pass the bankruptcy price: the fund settles the difference
    if size > 0:
        broke = cdiv(value - share, size * tv)
        fill = np.int64(math.ceil((usd(value) - give) * 1e6 / (size * tv)))
        broke = fill if exact else broke
        return max(max(fill, max(broke, np.int64(1))), lowest_price(s, i))
    broke = (value + share) // (-size * tv)
    fill = np.int64(math.floor((usd(value) + give) * 1e6 / (-size * tv)))
    broke = fill if exact else broke
    return min(min(fill, max(broke, np.int64(1))), highest_price(s, i))


@inlined
def sale(s, a, k, micro):
    """A step that sells collateral k for about `micro` USDC."""
    i = s.assets[k, A_SPOT]
    lots = min(s.bal[a, k], cdiv(micro, coin_price(s, k)))
    return i, np.int64(1), lots, lowest_price(s, i), np.int64(0), SALE_LEG


@kernel
def plan_debt(s, a, leg):
    """One step on a debt: sell collateral for USDC, or buy the owed coin."""
    none = (np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0), SALE_LEG)
    k = debt_of(s, leg)
    debt = -s.bal[a, k]
    if debt <= 0:
        return none
    if k == 0:
        c = collateral(s, a, 0)
        if c == 0:
            return none
        return sale(s, a, c, debt_units(s, a, leg, debt, np.int64(1)))
    i = s.assets[k, A_SPOT]
    price = coin_price(s, k)
    if s.bal[a, 0] >= price:
        if i < 0 or not usable(s, i):
            return none
        lots = min(debt_units(s, a, leg, debt, price), s.bal[a, 0] // price)
        return i, np.int64(0), lots, highest_price(s, i), np.int64(0), PURCHASE_LEG
    c = collateral(s, a, k)
    if c == 0:
        return none
    return sale(s, a, c, debt_units(s, a, leg, debt, price) * price)


@kernel
def plan(s, a, leg, e, ne, mm):
    """One step on a leg: (instrument, side, lots, bound, 1 if NO shares, code); lots 0: nothing to do."""
    none = (np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0), POSITION_LEG)
    kind = leg_kind(s, leg)
    if kind == POSITION_LEG:
        i = np.int64(leg)
        size = s.pos[a, i, SIZE]
        if not tradable(s, a, i):
            return none
        unit = notional(s, i, np.int64(1), s.ins[i, I_MARK])
        side = np.int64(1 if size > 0 else 0)
        lots = step_lots(s, a, leg, abs(size), unit, i, side)
        return i, side, lots, position_bound(s, a, i, e, ne, mm), np.int64(0), POSITION_LEG
    if kind == SHARE_LEG:
        k = share_of(s, leg)
        if s.events[s.assets[k, A_EVENT], V_RESOLVED] != 0:
            return none
        net = above_sets(s, a, k)
        i, no = book_of(s, k)
        if net == 0 or not usable(s, i):
            return none
        unit = mark_of(s, k) * s.ins[i, I_TV]
        side = np.int64(0 if no else 1)
        lots = net if unit == 0 else step_lots(s, a, leg, net, unit, i, side)
        if no:
            return i, side, lots, s.ins[i, I_PAYOFF] - 1, np.int64(1), SHARE_LEG
        return i, side, lots, np.int64(1), np.int64(0), SHARE_LEG
    return plan_debt(s, a, leg)


@kernel
def leg_value(s, a, leg):
    """Micro-USDC of a whole leg at mark (a debt: at its index)."""
    kind = leg_kind(s, leg)
    if kind == POSITION_LEG:
        return notional(s, leg, abs(s.pos[a, leg, SIZE]), s.ins[leg, I_MARK])
    if kind == SHARE_LEG:
        k = share_of(s, leg)
        i, _ = book_of(s, k)
        return above_sets(s, a, k) * mark_of(s, k) * s.ins[i, I_TV]
    k = debt_of(s, leg)
    return -s.bal[a, k] * (1 if k == 0 else coin_price(s, k))
