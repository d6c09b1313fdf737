"""The unified account: equity, net equity, initial and maintenance margin (MAR-01 … MAR-05).

Sums run balances, positions, events, each by ascending id, as one float64 running sum in USD, so
that the reference exchange reaches the same last bit.
"""

from __future__ import annotations

import math

from sim.exchange.kernel.bits import ONE, ZERO, bit, lowest
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.state import (
    A_FEED,
    A_SPOT,
    A_TOTAL,
    A_TV,
    ASK,
    ASK_COST,
    B_BASE,
    B_BASE_M,
    B_FACTOR,
    B_FACTOR_M,
    B_INV_LIMIT,
    BID,
    BID_COST,
    CAP,
    COST,
    D_BAD,
    D_CONF,
    D_COUNT,
    D_FRESH,
    D_INDEX,
    D_MIN_SOURCES,
    D_PRICE,
    D_READ,
    D_STALE_AT,
    D_STALE_US,
    D_TWAP,
    D_VOLATILE,
    EVALUATIONS,
    EVENT_FEE_RATE,
    F_BASE,
    F_BASE_M,
    F_FACTOR,
    F_FACTOR_M,
    F_INV_LIMIT,
    F_LAMBDA,
    F_OI_LOW,
    F_OI_UP,
    FEE_RATE,
    I_ASSET,
    I_EVENT,
    I_FEED,
    I_MARK,
    I_OI,
    I_PAYOFF,
    I_TV,
    KAPPA,
    N_ACTIVE,
    N_ASK,
    N_ASK_COST,
    N_BID,
    N_BID_COST,
    N_COINS,
    N_PERPETUALS,
    N_SPOTS,
    NOW,
    PHI,
    SIZE,
    STALE_GUARD,
    STRICT,
    UNCERTAIN,
    V_RESOLVED,
    V_YES,
    B,
    W,
)

MICRO = 1_000_000
NEVER = 1 << 62  # microseconds
SURELY = 1.0 - 1e-9  # a comparison with this much room needs no square root
STALE, INSUFFICIENT, UNCERTAIN_GRADE, VOLATILE_GRADE, NON_POSITIVE = 1, 2, 3, 4, 5


@inlined
def usd(x):
    return x / 1e6


@inlined
def reading(s, feed):
    """Quality of a feed's latest reading, its age apart (PRC-04)."""
    f = s.feeds[feed]
    if f[D_BAD] != 0:
        return NON_POSITIVE
    if f[D_COUNT] == 0:
        return STALE
    if f[D_VOLATILE] != 0:
        return VOLATILE_GRADE
    if f[D_CONF] > s.rules[UNCERTAIN] * f[D_PRICE]:
        return UNCERTAIN_GRADE
    if f[D_FRESH] < f[D_MIN_SOURCES]:
        return INSUFFICIENT
    return 0


@inlined
def note_quality(s, feed):
    """After a reading: from when on (microseconds) the feed is graded STALE or worse."""
    f = s.feeds[feed]
    if reading(s, feed) != 0:
        f[D_STALE_AT] = 0
    elif s.h[STALE_GUARD]:
        f[D_STALE_AT] = f[D_READ] + f[D_STALE_US] + 1
    else:
        f[D_STALE_AT] = NEVER


@inlined
def stale(s, feed):
    """Whether the grade is STALE or worse now: one comparison, for the hot path."""
    return s.h[NOW] >= s.feeds[feed, D_STALE_AT]


@inlined
def grade(s, feed):
    """Quality of a feed's latest reading now (PRC-04); an event book (feed -1) is always valid."""
    if feed < 0:
        return 0
    found = reading(s, feed)
    return STALE if found == 0 and stale(s, feed) else found


@inlined
def weight(s, k, value, price):
    """w of MAR-02 for a positive coin balance worth `value` USD at `price`."""
    f = s.assetf[k]
    room = f[B] - f[W]
    slope = f[W] * f[KAPPA]
    w = f[W]
    if room <= 0.0 or slope * slope * value > room * room * SURELY:
        w = min(w, f[B] / (1.0 + f[KAPPA] * math.sqrt(value)))
    if f[CAP] > 0.0:
        total = usd(s.assets[k, A_TOTAL] * price * s.assets[k, A_TV])
        if total > 0.0:
            w = w * min(1.0, f[CAP] / total)
    return w


@inlined
def coin_value(s, k, units, strict):
    """NE of `units` of coin k in USD."""
    if units == 0:
        return 0.0
    feed = s.assets[k, A_FEED]
    price = s.feeds[feed, D_INDEX]
    if strict:
        twap = s.feeds[feed, D_TWAP]
        price = min(price, twap) if units > 0 else max(price, twap)
    value = usd(units * price * s.assets[k, A_TV])
    if units < 0:
        return value
    if strict and stale(s, feed):
        return 0.0
    return value * weight(s, k, value, price)


@inlined
def imf(s, i, n):
    f = s.insf[i]
    x = max(f[F_INV_LIMIT], max(f[F_BASE], f[F_FACTOR] * math.sqrt(n)))
    if f[F_OI_UP] > 0.0:
        oi = usd(s.ins[i, I_OI] * s.ins[i, I_MARK] * s.ins[i, I_TV])
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
def profit(s, u, ignored):
    """NE of an unrealised PnL: losses whole, gains by phi, nothing when the reading is stale."""
    gain = 0.0 if ignored else s.rules[PHI]
    return u * (gain if u > 0.0 else 1.0)


@inlined
def event_value(s, i, yes, no):
    """V_e in micro-USDC (MAR-01)."""
    sets = min(yes, no)
    mark = s.ins[i, I_MARK]
    tv = s.ins[i, I_TV]
    return sets * MICRO + (yes - sets) * mark * tv + (no - sets) * (s.ins[i, I_PAYOFF] - mark) * tv


@inlined
def event_net(s, i, yes, no):
    """V_e - R_e in USD."""
    v = event_value(s, i, yes, no)
    return usd(v) - s.insf[i, F_LAMBDA] * usd(v - min(yes, no) * MICRO)


@inlined
def event_fee(s, cost, lots):
    return s.rules[EVENT_FEE_RATE] * usd(min(cost, lots * MICRO - cost))


@inlined
def event_out(s, a, i):
    """USDC that the resting orders of an event book could take out, USD."""
    p = s.pos[a, i]
    yes = s.events[s.ins[i, I_EVENT], V_YES]
    hold_yes = s.bal[a, yes]
    hold_no = s.bal[a, yes + 1]
    out = usd(p[BID_COST])
    out = out + usd(max(0, p[N_BID_COST] - min(hold_no, p[N_BID]) * MICRO))
    out = out + usd(p[N_ASK] * MICRO - p[N_ASK_COST])
    out = out + usd(max(0, p[ASK] * MICRO - p[ASK_COST] - min(hold_yes, p[ASK]) * MICRO))
    out = out + event_fee(s, p[BID_COST] + p[N_BID_COST], p[BID] + p[N_BID])
    return out + event_fee(s, p[ASK_COST] + p[N_ASK_COST], p[ASK] + p[N_ASK])


@inlined
def outflow(s, a):
    """`out`: USDC that all resting spot and event orders could take out, USD."""
    h = s.h
    out = 0.0
    spots = h[N_PERPETUALS] + h[N_SPOTS]
    for word in range(h[N_PERPETUALS] >> 6, h[N_ACTIVE]):
        bits = s.quoted[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            bits &= bits - ONE
            if i >= spots:
                out += event_out(s, a, i)
            elif i >= h[N_PERPETUALS]:
                out += usd(s.pos[a, i, BID_COST]) * (1.0 + s.rules[FEE_RATE])
    return out


@inlined
def perpetual_loss(s, a, i, ignored):
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
def spot_loss(s, a, i, strict):
    p = s.pos[a, i]
    k = s.ins[i, I_ASSET]
    f = s.rules[FEE_RATE]
    units = s.bal[a, k]
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


@inlined
def event_loss(s, a, i):
    p = s.pos[a, i]
    yes = s.events[s.ins[i, I_EVENT], V_YES]
    hold_yes = s.bal[a, yes]
    hold_no = s.bal[a, yes + 1]
    now = event_net(s, i, hold_yes, hold_no)
    loss = 0.0
    lots = p[BID] + p[N_BID]
    if lots != 0:
        cost = p[BID_COST] + p[N_BID_COST]
        d = min(hold_no, p[N_BID])
        after = event_net(s, i, hold_yes + lots - d, hold_no - d)
        loss = max(loss, now - after + usd(cost - d * MICRO) + event_fee(s, cost, lots))
    lots = p[ASK] + p[N_ASK]
    if lots != 0:
        cost = p[ASK_COST] + p[N_ASK_COST]
        d = min(hold_yes, p[ASK])
        after = event_net(s, i, hold_yes - d, hold_no + lots - d)
        loss = max(
            loss, now - after - usd(cost - lots * MICRO + d * MICRO) + event_fee(s, cost, lots)
        )
    return loss


@kernel
def initial(s, a):
    """(NE, IM) in USD for MAR-09: at strict prices if the rules say so, orders counted."""
    h = s.h
    h[EVALUATIONS] += 1
    strict = h[STRICT] != 0
    perps = h[N_PERPETUALS]
    spots = perps + h[N_SPOTS]
    ne = usd(s.bal[a, 0])
    im = 0.0
    x = outflow(s, a) - ne
    if x > 0.0:
        im += debt_initial(s, 0, x)
    for k in range(1, 1 + h[N_COINS]):
        units = s.bal[a, k]
        ne += coin_value(s, k, units, strict)
        book = s.assets[k, A_SPOT]
        if book >= 0 and s.quoted[a, book >> 6] & bit(book & 63) != ZERO:
            units -= s.pos[a, book, ASK]
        if units < 0:
            feed = s.assets[k, A_FEED]
            price = s.feeds[feed, D_INDEX]
            if strict:
                price = max(price, s.feeds[feed, D_TWAP])
            im += debt_initial(s, k, usd(-units * price * s.assets[k, A_TV]))
    for word in range(h[N_ACTIVE]):
        bits = s.active[a, word]
        quoted = s.quoted[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            others = bits & (bits - ONE)
            own = bits ^ others
            bits = others
            if i < perps:
                p = s.pos[a, i]
                ignored = strict and stale(s, s.ins[i, I_FEED])
                unit = s.ins[i, I_MARK] * s.ins[i, I_TV]
                size = p[SIZE]
                ne += profit(s, usd(size * unit - p[COST]), ignored)
                n = usd(max(abs(size), max(abs(size + p[BID]), abs(size - p[ASK]))) * unit)
                im += n * imf(s, i, n)
                if quoted & own:
                    im += perpetual_loss(s, a, i, ignored)
            elif i < spots:
                if quoted & own:
                    im += spot_loss(s, a, i, strict)
            elif s.events[s.ins[i, I_EVENT], V_RESOLVED] == 0:
                yes = s.events[s.ins[i, I_EVENT], V_YES]
                v = event_value(s, i, s.bal[a, yes], s.bal[a, yes + 1])
                sets = min(s.bal[a, yes], s.bal[a, yes + 1])
                ne += usd(v)
                im += s.insf[i, F_LAMBDA] * usd(v - sets * MICRO)
                if quoted & own:
                    im += event_loss(s, a, i)
    return ne, im


@kernel
def maintenance(s, a, at_index):
    """(NE, MM, sum of R_e) in USD at marks; with at_index perpetuals are marked at their index."""
    h = s.h
    perps = h[N_PERPETUALS]
    spots = perps + h[N_SPOTS]
    ne = usd(s.bal[a, 0])
    mm = 0.0
    events = 0.0
    if s.bal[a, 0] < 0:
        mm += debt_maintenance(s, 0, usd(-s.bal[a, 0]))
    for k in range(1, 1 + h[N_COINS]):
        units = s.bal[a, k]
        ne += coin_value(s, k, units, False)
        if units < 0:
            mm += debt_maintenance(
                s, k, usd(-units * s.feeds[s.assets[k, A_FEED], D_INDEX] * s.assets[k, A_TV])
            )
    for word in range(s.h[N_ACTIVE]):
        bits = s.active[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            bits &= bits - ONE
            if i < perps:
                size = s.pos[a, i, SIZE]
                price = s.feeds[s.ins[i, I_FEED], D_INDEX] if at_index else s.ins[i, I_MARK]
                unit = price * s.ins[i, I_TV]
                ne += profit(s, usd(size * unit - s.pos[a, i, COST]), False)
                n = usd(abs(size) * unit)
                mm += n * mmf(s, i, n)
            elif i >= spots and s.events[s.ins[i, I_EVENT], V_RESOLVED] == 0:
                yes = s.events[s.ins[i, I_EVENT], V_YES]
                v = event_value(s, i, s.bal[a, yes], s.bal[a, yes + 1])
                r = s.insf[i, F_LAMBDA] * usd(v - min(s.bal[a, yes], s.bal[a, yes + 1]) * MICRO)
                ne += usd(v)
                mm += r
                events += r
    return ne, mm, events


@kernel
def equity(s, a):
    """Raw equity E in micro-USDC (MAR-01), exact."""
    h = s.h
    perps = h[N_PERPETUALS]
    spots = perps + h[N_SPOTS]
    e = s.bal[a, 0]
    for k in range(1, 1 + h[N_COINS]):
        e += s.bal[a, k] * s.feeds[s.assets[k, A_FEED], D_INDEX] * s.assets[k, A_TV]
    for word in range(s.h[N_ACTIVE]):
        bits = s.active[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            bits &= bits - ONE
            if i < perps:
                e += s.pos[a, i, SIZE] * s.ins[i, I_MARK] * s.ins[i, I_TV] - s.pos[a, i, COST]
            elif i >= spots and s.events[s.ins[i, I_EVENT], V_RESOLVED] == 0:
                yes = s.events[s.ins[i, I_EVENT], V_YES]
                e += event_value(s, i, s.bal[a, yes], s.bal[a, yes + 1])
    return e
