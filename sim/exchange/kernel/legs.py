"""What a flagged account can sell: legs, steps, bounds and their order (LIQ-02, LIQ-07).

Leg numbers: perpetual i is leg i, event e is leg P + e, the USDC debt is leg P + E.
"""

from __future__ import annotations

import math

import numpy as np

from sim.exchange.kernel.bits import cdiv
from sim.exchange.kernel.book import crosses, next_price
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.margin import (
    VOLATILE_GRADE,
    coin_value,
    debt_maintenance,
    grade,
    mmf,
    usd,
    weight,
)
from sim.exchange.kernel.orders import highest_price, lowest_price
from sim.exchange.kernel.state import (
    A_FEED,
    A_SPOT,
    A_TV,
    D_INDEX,
    F_LAMBDA,
    FILL_BA,
    FILL_SMMR,
    I_ASSET,
    I_BASE,
    I_FEED,
    I_MARK,
    I_PAYOFF,
    I_TV,
    LIQ_FEE_RATE,
    LOTS,
    N_COINS,
    N_EVENTS,
    N_INSTRUMENTS,
    N_PERPETUALS,
    SIZE,
    STEP_MIN,
    STEP_PPM,
    V_INSTRUMENT,
    V_RESOLVED,
    V_YES,
)


@inlined
def stand_alone(s, a, i):
    """Maintenance requirement of one position alone, USD."""
    n = usd(abs(s.pos[a, i, SIZE]) * s.ins[i, I_MARK] * s.ins[i, I_TV])
    return n * mmf(s, i, n)


@inlined
def tradable(s, a, i):
    """A position whose reading may be used for liquidation (PRC-04)."""
    return s.pos[a, i, SIZE] != 0 and grade(s, s.ins[i, I_FEED]) < VOLATILE_GRADE


@inlined
def has_tradable(s, a):
    for i in range(s.h[N_PERPETUALS]):
        if tradable(s, a, i):
            return True
    return False


@kernel
def equity_share(s, a, e, wanted):
    """E_i of LIQ-07: the part of equity e (micro) that stands behind position `wanted`."""
    total = 0.0
    last = -1
    for i in range(s.h[N_PERPETUALS]):
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


@inlined
def collateral(s, a):
    """The coin that a debt step sells: lowest w first, ties by id; 0 if there is none."""
    found = 0
    low = 2.0
    for k in range(1, 1 + s.h[N_COINS]):
        units = s.bal[a, k]
        feed = s.assets[k, A_FEED]
        if units <= 0 or s.assets[k, A_SPOT] < 0 or grade(s, feed) >= VOLATILE_GRADE:
            continue
        price = s.feeds[feed, D_INDEX]
        w = weight(s, k, usd(units * price * s.assets[k, A_TV]), price)
        if w < low:
            low = w
            found = k
    return found


@inlined
def net_shares(s, a, e):
    """(lots above complete sets, 1 if they are NO)."""
    yes = s.events[e, V_YES]
    hold_yes = s.bal[a, yes]
    hold_no = s.bal[a, yes + 1]
    return abs(hold_yes - hold_no), 1 if hold_no > hold_yes else 0


@inlined
def own_mark(s, i, no):
    """Mark of what is sold: a share's own mark, otherwise the instrument's."""
    return s.ins[i, I_PAYOFF] - s.ins[i, I_MARK] if no else s.ins[i, I_MARK]


@inlined
def step_lots(s, a, column, whole, unit):
    """Lots of one step out of `whole` lots worth `unit` micro each."""
    h = s.h
    if s.flag_size[a, column] == 0:
        s.flag_size[a, column] = whole
    if whole * unit <= h[STEP_MIN]:
        return whole
    step = cdiv(s.flag_size[a, column] * h[STEP_PPM], 1_000_000)
    return min(whole, max(step, cdiv(h[STEP_MIN], unit)))


@inlined
def position_bound(s, a, i, e, ne, mm):
    """Worst price (ticks) of a forced order in a position: fillable price, bankruptcy price, ORD-04."""
    size = s.pos[a, i, SIZE]
    tv = s.ins[i, I_TV]
    value = abs(size) * s.ins[i, I_MARK] * tv
    share = equity_share(s, a, e, i)
    ratio = ne / mm if mm > 0.0 else 1.0
    abr = min(1.0, max(0.0, s.rules[FILL_BA] * (1.0 - ratio)))
    give = abr * s.rules[FILL_SMMR] * stand_alone(s, a, i)
    if size > 0:
        broke = cdiv(value - share, size * tv)
        fill = np.int64(math.ceil((usd(value) - give) * 1e6 / (size * tv)))
        return max(max(fill, max(broke, np.int64(1))), lowest_price(s, i))
    broke = (value + share) // (-size * tv)
    fill = np.int64(math.floor((usd(value) + give) * 1e6 / (-size * tv)))
    return min(min(fill, max(broke, np.int64(1))), highest_price(s, i))


@kernel
def plan(s, a, leg, e, ne, mm):
    """One step on a leg: (instrument, side, lots, bound, 1 if NO shares); lots 0: nothing to do."""
    h = s.h
    perps = h[N_PERPETUALS]
    none = (np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0))
    if leg < perps:
        i = np.int64(leg)
        size = s.pos[a, i, SIZE]
        if not tradable(s, a, i):
            return none
        lots = step_lots(s, a, i, abs(size), s.ins[i, I_MARK] * s.ins[i, I_TV])
        side = np.int64(1 if size > 0 else 0)
        return i, side, lots, position_bound(s, a, i, e, ne, mm), np.int64(0)
    if leg < perps + h[N_EVENTS]:
        event = leg - perps
        if s.events[event, V_RESOLVED] != 0:
            return none
        net, no = net_shares(s, a, event)
        if net == 0:
            return none
        i = s.events[event, V_INSTRUMENT]
        unit = own_mark(s, i, no) * s.ins[i, I_TV]
        lots = net if unit == 0 else step_lots(s, a, i, net, unit)
        if no:
            return i, np.int64(0), lots, s.ins[i, I_PAYOFF] - 1, np.int64(1)
        return i, np.int64(1), lots, np.int64(1), np.int64(0)
    debt = -s.bal[a, 0]
    k = collateral(s, a) if debt > 0 else 0
    if k == 0:
        return none
    column = h[N_INSTRUMENTS]
    if s.flag_size[a, column] == 0:
        s.flag_size[a, column] = debt
    amount = debt
    if debt > h[STEP_MIN]:
        amount = min(debt, max(cdiv(s.flag_size[a, column] * h[STEP_PPM], 1_000_000), h[STEP_MIN]))
    i = s.assets[k, A_SPOT]
    lots = min(s.bal[a, k], cdiv(amount, s.feeds[s.assets[k, A_FEED], D_INDEX] * s.assets[k, A_TV]))
    return i, np.int64(1), lots, lowest_price(s, i), np.int64(0)


@inlined
def walk(s, i, side, lots, bound, reference):
    """Lots a forced order would fill and what they cost against `reference` (micro)."""
    other_side = 2 * i + 1 - side
    price = s.best[other_side]
    left = lots
    cost = lots * 0
    tv = s.ins[i, I_TV]
    while left > 0 and crosses(side, price, bound):
        q = min(left, s.levels[other_side, price - s.ins[i, I_BASE], LOTS])
        cost += q * (price - reference if side == 0 else reference - price) * tv
        left -= q
        price = next_price(s, other_side, price)
    return lots - left, cost


@kernel
def ratio(s, a, leg, i, side, lots, bound, no):
    """Relief of (MM - NE) over book cost (LIQ-02); -1.0 when the book cannot fill a lot."""
    perps = s.h[N_PERPETUALS]
    debt_leg = leg >= perps + s.h[N_EVENTS]
    k = s.ins[i, I_ASSET]
    tv = s.ins[i, I_TV]
    mark = s.feeds[s.assets[k, A_FEED], D_INDEX] if debt_leg else s.ins[i, I_MARK]
    filled, cost = walk(s, i, side, lots, bound, mark)
    if filled == 0:
        return -1.0
    if leg < perps:
        before = stand_alone(s, a, i)
        n = usd((abs(s.pos[a, i, SIZE]) - filled) * mark * tv)
        relief = before - n * mmf(s, i, n)
    elif not debt_leg:
        mark = own_mark(s, i, no)
        net, _ = net_shares(s, a, leg - perps)
        lam = s.insf[i, F_LAMBDA]
        relief = lam * usd(net * mark * tv) - lam * usd((net - filled) * mark * tv)
    else:
        debt = -s.bal[a, 0]
        after = max(0, debt - filled * mark * tv)
        units = s.bal[a, k]
        relief = debt_maintenance(s, 0, usd(debt)) - debt_maintenance(s, 0, usd(after))
        relief += usd(filled * mark * tv) - (
            coin_value(s, k, units, False) - coin_value(s, k, units - filled, False)
        )
    return relief / max(usd(cost) + s.rules[LIQ_FEE_RATE] * usd(filled * mark * tv), 1e-6)


@kernel
def next_leg(s, a, e, ne, mm, legs, only_untried):
    """The leg to try next, -1 if none: highest ratio, then unfillable ones; ties to the earlier leg.

    Considers the first `legs` legs; with only_untried those whose scratch[leg, 2] is 0.
    """
    found = -1
    high = -2.0
    for leg in range(legs):
        if only_untried and s.scratch[leg, 2] != 0:
            continue
        i, side, lots, bound, no = plan(s, a, leg, e, ne, mm)
        if lots <= 0:
            continue
        x = ratio(s, a, leg, i, side, lots, bound, no)
        if x > high:
            high = x
            found = leg
    return found
