"""An account's equity, net equity, initial and maintenance margin (MAR-01 … MAR-07).

Sums run balances, positions, events, each by ascending id, as one float64 running sum in USD, so
that the reference exchange reaches the same last bit.
"""

from __future__ import annotations

import math

import numpy as np

from sim.exchange.kernel.bits import ONE, ZERO, bit, lowest
from sim.exchange.kernel.collateral import coin_value, holding, profit
from sim.exchange.kernel.fractions import (
    debt_initial,
    debt_maintenance,
    group_initial,
    group_maintenance,
    imf,
    mmf,
    most_notional,
)
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.pool import claim
from sim.exchange.kernel.portfolio import linked
from sim.exchange.kernel.positions import unrealised
from sim.exchange.kernel.quality import stale
from sim.exchange.kernel.shares import MICRO, event_loss, event_out, event_value, usd
from sim.exchange.kernel.state import (
    A_FEED,
    A_SPOT,
    A_TV,
    ASK,
    ASK_COST,
    BID,
    BID_COST,
    COST,
    D_INDEX,
    D_TWAP,
    EVALUATIONS,
    F_LAMBDA,
    FEE_RATE,
    I_ASSET,
    I_EVENT,
    I_FACE,
    I_FEED,
    I_GROUPED,
    I_MARK,
    I_TV,
    I_UNITS,
    N_ACTIVE,
    N_COINS,
    N_DERIVATIVES,
    N_SPOTS,
    OVER,
    PORTFOLIO,
    SIZE,
    STRICT,
    V_INSTRUMENT,
    V_RESOLVED,
)
from sim.exchange.kernel.underlyings import all_underlyings
from sim.exchange.kernel.value import notional


@inlined
def outflow(s, a):
    """`out`: USDC that all resting spot and event orders could take out, USD."""
    h = s.h
    out = 0.0
    spots = h[N_DERIVATIVES] + h[N_SPOTS]
    for word in range(h[N_DERIVATIVES] >> 6, h[N_ACTIVE]):
        bits = s.quoted[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            bits &= bits - ONE
            if i >= spots:
                out += event_out(s, a, i)
            elif i >= h[N_DERIVATIVES]:
                out += usd(s.pos[a, i, BID_COST]) * (1.0 + s.rules[FEE_RATE])
    return out


@inlined
def linear_loss(s, a, i, ignored):
    p = s.pos[a, i]
    f = s.rules[FEE_RATE]
    unit = s.ins[i, I_MARK] * s.ins[i, I_TV]
    u = p[SIZE] * unit - p[COST]
    now = profit(s, usd(u), ignored)
    loss = 0.0
    if p[BID] != 0:
        loss = max(
            loss,
            now - profit(s, usd(u + p[BID] * unit - p[BID_COST]), ignored) + f * usd(p[BID_COST]),
        )
    if p[ASK] != 0:
        loss = max(
            loss,
            now - profit(s, usd(u + p[ASK_COST] - p[ASK] * unit), ignored) + f * usd(p[ASK_COST]),
        )
    return loss


@inlined
def filled_gain(s, i, lots, cost):
    """Base units that `lots` bids of an inverse gain at mark when filled at their mean price `cost`/`lots`."""
    c = float(lots)
    per_price = float(s.ins[i, I_UNITS])
    return c * c * per_price / float(cost) - c * per_price / float(s.ins[i, I_MARK])


@kernel
def inverse_loss(s, a, i, strict):
    p = s.pos[a, i]
    k = s.ins[i, I_ASSET]
    f = s.rules[FEE_RATE]
    units = holding(s, a, k, False)
    now = coin_value(s, k, units, strict)
    loss = 0.0
    if p[BID] != 0:
        after = units + np.int64(math.floor(filled_gain(s, i, p[BID], p[BID_COST])))
        fee = f * usd(p[BID] * s.ins[i, I_FACE])
        loss = max(loss, now - coin_value(s, k, after, strict) + fee)
    if p[ASK] != 0:
        after = units + np.int64(math.floor(-filled_gain(s, i, p[ASK], p[ASK_COST])))
        fee = f * usd(p[ASK] * s.ins[i, I_FACE])
        loss = max(loss, now - coin_value(s, k, after, strict) + fee)
    return loss


@kernel
def spot_loss(s, a, i, strict):
    p = s.pos[a, i]
    k = s.ins[i, I_ASSET]
    f = s.rules[FEE_RATE]
    units = holding(s, a, k, False)
    now = coin_value(s, k, units, strict)
    loss = 0.0
    if p[BID] != 0:
        loss = max(
            loss, now - coin_value(s, k, units + p[BID], strict) + usd(p[BID_COST]) * (1.0 + f)
        )
    if p[ASK] != 0:
        loss = max(
            loss, now - coin_value(s, k, units - p[ASK], strict) - usd(p[ASK_COST]) * (1.0 - f)
        )
    return loss


@kernel
def initial(s, a):
    """(NE, IM) in USD for MAR-09: at strict prices if the rules say so, orders counted."""
    h = s.h
    h[EVALUATIONS] += 1
    strict = h[STRICT] != 0
    portfolio = h[PORTFOLIO] != 0
    derivatives = h[N_DERIVATIVES]
    spots = derivatives + h[N_SPOTS]
    ne = usd(s.bal[a, 0] + claim(s, a, 0))
    im = 0.0
    x = outflow(s, a) - usd(s.bal[a, 0])
    if x > 0.0:
        im += debt_initial(s, 0, x)
    for k in range(1, 1 + h[N_COINS]):
        units = s.bal[a, k]
        ne += coin_value(s, k, holding(s, a, k, False), strict)
        book = s.assets[k, A_SPOT]
        if book >= 0 and s.quoted[a, book >> 6] & bit(book & 63) != ZERO:
            units -= s.pos[a, book, ASK]
        if units < 0:
            feed = s.assets[k, A_FEED]
            price = s.feeds[feed, D_INDEX]
            if strict:
                price = max(price, s.feeds[feed, D_TWAP])
            im += debt_initial(s, k, usd(-units * price * s.assets[k, A_TV]))
    if portfolio:
        im = all_underlyings(s, a, im, s.rules[OVER], True, strict, False)
    for word in range(h[N_ACTIVE]):
        bits = s.active[a, word]
        quoted = s.quoted[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            others = bits & (bits - ONE)
            own = bits ^ others
            bits = others
            if i < derivatives:
                if not portfolio:
                    if s.ins[i, I_GROUPED] != 0:
                        im += group_initial(s, a, i)
                    else:
                        n = most_notional(s, a, i)
                        im += n * imf(s, i, n)
                if s.ins[i, I_UNITS] == 0:
                    p = s.pos[a, i]
                    ignored = strict and stale(s, s.ins[i, I_FEED])
                    unit = s.ins[i, I_MARK] * s.ins[i, I_TV]
                    ne += profit(s, usd(p[SIZE] * unit - p[COST]), ignored)
                    if quoted & own:
                        im += linear_loss(s, a, i, ignored)
                elif quoted & own:
                    im += inverse_loss(s, a, i, strict)
            elif i < spots:
                if quoted & own:
                    im += spot_loss(s, a, i, strict)
            elif s.events[s.ins[i, I_EVENT], V_RESOLVED] == 0:
                if i == s.events[s.ins[i, I_EVENT], V_INSTRUMENT]:
                    v, sets = event_value(s, a, i, 0, 0)
                    ne += usd(v)
                    if not (portfolio and linked(s, s.ins[i, I_EVENT])):
                        im += s.insf[i, F_LAMBDA] * usd(v - sets * MICRO)
                if quoted & own:
                    own_risk = not (portfolio and linked(s, s.ins[i, I_EVENT]))
                    im += event_loss(s, a, i, s.insf[i, F_LAMBDA] if own_risk else 0.0)
    return ne, im


@kernel
def maintenance(s, a, at_index):
    """(NE, MM, sum of R_e) in USD at marks; with at_index derivatives are marked at their index."""
    h = s.h
    derivatives = h[N_DERIVATIVES]
    spots = derivatives + h[N_SPOTS]
    portfolio = h[PORTFOLIO] != 0
    ne = usd(s.bal[a, 0] + claim(s, a, 0))
    mm = 0.0
    events = 0.0
    if s.bal[a, 0] < 0:
        mm += debt_maintenance(s, 0, usd(-s.bal[a, 0]))
    for k in range(1, 1 + h[N_COINS]):
        units = s.bal[a, k]
        ne += coin_value(s, k, holding(s, a, k, at_index), False)
        if units < 0:
            mm += debt_maintenance(
                s, k, usd(-units * s.feeds[s.assets[k, A_FEED], D_INDEX] * s.assets[k, A_TV])
            )
    if portfolio:
        mm = all_underlyings(s, a, mm, 1.0, False, False, at_index)
    for word in range(h[N_ACTIVE]):
        bits = s.active[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            bits &= bits - ONE
            if i < derivatives:
                size = s.pos[a, i, SIZE]
                price = s.feeds[s.ins[i, I_FEED], D_INDEX] if at_index else s.ins[i, I_MARK]
                if s.ins[i, I_UNITS] == 0:
                    unit = price * s.ins[i, I_TV]
                    ne += profit(s, usd(size * unit - s.pos[a, i, COST]), False)
                if portfolio:
                    continue
                if s.ins[i, I_GROUPED] != 0:
                    mm += group_maintenance(s, a, i, at_index)
                else:
                    n = usd(notional(s, i, abs(size), price))
                    mm += n * mmf(s, i, n)
            elif i >= spots:
                e = s.ins[i, I_EVENT]
                if i == s.events[e, V_INSTRUMENT] and s.events[e, V_RESOLVED] == 0:
                    v, sets = event_value(s, a, i, 0, 0)
                    ne += usd(v)
                    if not (portfolio and linked(s, e)):
                        r = s.insf[i, F_LAMBDA] * usd(v - sets * MICRO)
                        mm += r
                        events += r
    return ne, mm, events


@kernel
def equity(s, a):
    """Raw equity E in micro-USDC (MAR-01), exact."""
    h = s.h
    derivatives = h[N_DERIVATIVES]
    spots = derivatives + h[N_SPOTS]
    e = s.bal[a, 0] + claim(s, a, 0)
    for k in range(1, 1 + h[N_COINS]):
        units = holding(s, a, k, False)
        e += units * s.feeds[s.assets[k, A_FEED], D_INDEX] * s.assets[k, A_TV]
    for word in range(h[N_ACTIVE]):
        bits = s.active[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            bits &= bits - ONE
            if i < derivatives:
                if s.ins[i, I_UNITS] == 0:
                    e += unrealised(s, a, i, s.ins[i, I_MARK])
            elif i >= spots:
                event = s.ins[i, I_EVENT]
                if i == s.events[event, V_INSTRUMENT] and s.events[event, V_RESOLVED] == 0:
                    v, _ = event_value(s, a, i, 0, 0)
                    e += v
    return e
