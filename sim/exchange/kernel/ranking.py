"""Which leg of a flagged account goes first: relief of margin over the cost of the book (LIQ-02)."""

from __future__ import annotations

from sim.exchange.kernel.book import crosses, next_price
from sim.exchange.kernel.collateral import coin_value, holding
from sim.exchange.kernel.fractions import debt_maintenance, group_term, held_in_group, mmf
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.legs import (
    POSITION_LEG,
    PURCHASE_LEG,
    SALE_LEG,
    SHARE_LEG,
    above_sets,
    book_of,
    coin_price,
    debt_of,
    leg_kind,
    mark_of,
    plan,
    share_of,
    stand_alone,
    tradable,
    usable,
)
from sim.exchange.kernel.portfolio import linked, underlying
from sim.exchange.kernel.shares import usd
from sim.exchange.kernel.state import (
    A_EVENT,
    D_INDEX,
    F_LAMBDA,
    I_ASSET,
    I_BASE,
    I_FEED,
    I_GROUPED,
    I_MARK,
    I_TV,
    I_UNITS,
    LIQ_FEE_RATE,
    LOTS,
    PORTFOLIO,
    SIZE,
    V_FEED,
    V_RESOLVED,
)
from sim.exchange.kernel.value import notional

UNFILLABLE = -1e300  # ratio of a leg that the book cannot fill: comes last


@inlined
def walk(s, i, side, lots, bound, reference):
    """Lots a forced order would fill and what they cost against `reference` (micro)."""
    other_side = 2 * i + 1 - side
    price = s.best[other_side]
    left = lots
    cost = lots * 0
    tv = s.ins[i, I_TV]
    per_price = s.ins[i, I_UNITS]
    while left > 0 and crosses(side, price, bound):
        q = min(left, s.levels[other_side, price - s.ins[i, I_BASE], LOTS])
        if per_price == 0:
            cost += q * (price - reference if side == 0 else reference - price) * tv
        else:
            units = (q * per_price) // price - (q * per_price) // reference
            cost += (units if side == 1 else -units) * s.feeds[s.ins[i, I_FEED], D_INDEX] * tv
        left -= q
        price = next_price(s, other_side, price)
    return lots - left, cost


@kernel
def position_relief(s, a, i, closed):
    """Fall of MM when `closed` signed lots of a position are gone; below 0 for half of a hedge."""
    if s.h[PORTFOLIO] != 0:
        f = s.ins[i, I_FEED]
        before = underlying(s, a, f, False, False, False)
        s.pos[a, i, SIZE] -= closed
        after = underlying(s, a, f, False, False, False)
        s.pos[a, i, SIZE] += closed
        return before - after
    if s.ins[i, I_GROUPED] != 0:
        count, _ = held_in_group(s, a, i)
        if count >= 2:
            before = group_term(s, a, i, closed * 0, False)
            return before - group_term(s, a, i, closed, False)
    n = usd(notional(s, i, abs(s.pos[a, i, SIZE] - closed), s.ins[i, I_MARK]))
    return stand_alone(s, a, i) - n * mmf(s, i, n)


@kernel
def ratio(s, a, leg, i, side, lots, bound, code):
    """Relief of (MM - NE) over book cost (LIQ-02); UNFILLABLE when the book cannot fill a lot."""
    tv = s.ins[i, I_TV]
    mark = s.feeds[s.ins[i, I_FEED], D_INDEX] if code >= SALE_LEG else s.ins[i, I_MARK]
    filled, cost = walk(s, i, side, lots, bound, mark)
    if filled == 0:
        return UNFILLABLE
    paid = usd(notional(s, i, filled, mark))
    if code == POSITION_LEG:
        relief = position_relief(s, a, i, filled if side == 1 else -filled)
    elif code == SHARE_LEG:
        k = share_of(s, leg)
        unit = mark_of(s, k) * tv
        net = above_sets(s, a, k)
        e = s.assets[k, A_EVENT]
        if s.h[PORTFOLIO] != 0 and linked(s, e):
            f = s.events[e, V_FEED]
            relief = underlying(s, a, f, False, False, False)
            s.bal[a, k] -= filled
            relief -= underlying(s, a, f, False, False, False)
            s.bal[a, k] += filled
        else:
            lam = s.insf[i, F_LAMBDA]
            relief = lam * usd(net * unit) - lam * usd((net - filled) * unit)
        paid = usd(filled * unit)
    else:
        relief = 0.0
        owed = debt_of(s, leg)
        price = 1 if owed == 0 else coin_price(s, owed)
        if code == PURCHASE_LEG or owed == 0:
            debt = -s.bal[a, owed] * price
            after = max(0, debt - filled * mark * tv)
            relief = debt_maintenance(s, owed, usd(debt)) - debt_maintenance(s, owed, usd(after))
        if code == SALE_LEG:
            k = s.ins[i, I_ASSET]
            units = holding(s, a, k, False)
            relief += paid - (
                coin_value(s, k, units, False) - coin_value(s, k, units - filled, False)
            )
    return relief / max(usd(cost) + s.rules[LIQ_FEE_RATE] * paid, 1e-6)


@inlined
def offered(s, a, leg):
    """Whether the backstop may be offered a leg that a thin book gives no step."""
    if leg_kind(s, leg) == POSITION_LEG:
        return tradable(s, a, leg)
    k = share_of(s, leg)
    if s.events[s.assets[k, A_EVENT], V_RESOLVED] != 0:
        return False
    i, _ = book_of(s, k)
    return above_sets(s, a, k) > 0 and usable(s, i)


@kernel
def next_leg(s, a, e, ne, mm, legs, only_untried):
    """The leg to try next, -1 if none: highest ratio, then unfillable ones; ties to the earlier leg.

    Considers the first `legs` legs; with only_untried those whose scratch[leg, 2] is 0.
    """
    found = -1
    high = 2.0 * UNFILLABLE
    for leg in range(legs):
        if only_untried and s.scratch[leg, 2] != 0:
            continue
        i, side, lots, bound, _, code = plan(s, a, leg, e, ne, mm)
        x = UNFILLABLE
        if lots > 0:
            x = ratio(s, a, leg, i, side, lots, bound, code)
        elif not (only_untried and offered(s, a, leg)):
            continue
        if x > high:
            high = x
            found = leg
    return found
