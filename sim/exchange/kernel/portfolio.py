"""Portfolio margin: the largest loss per underlying over prices and event outcomes (MAR-07).

Derivatives are linear in the move of their underlying, so that without events the widest moves
decide.  An event's PnL at each of its ends (outcomes, then void) is computed once per evaluation
into ``ends``; a point of the grid then only adds.
"""

from __future__ import annotations

from sim.exchange.kernel.bits import ZERO, bit
from sim.exchange.kernel.collateral import coin_value
from sim.exchange.kernel.fractions import price_of, signed
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.pool import claim
from sim.exchange.kernel.shares import (
    MICRO,
    asks_filled,
    bids_filled,
    event_value,
    single,
    usd,
)
from sim.exchange.kernel.state import (
    A_FEED,
    A_SPOT,
    ASK,
    BID,
    D_FIRST,
    D_INDEX,
    D_LINKED,
    D_MOVES,
    ENDS,
    EXTREME,
    EXTREME_WEIGHT,
    F_LAMBDA,
    FLOOR,
    I_OUTCOME,
    I_SAME,
    JUMP,
    N_COINS,
    SIZE,
    V_BELOW,
    V_BOOKS,
    V_FEED,
    V_INSTRUMENT,
    V_NEXT,
    V_PROPOSALS,
    V_RESOLVED,
    V_SHARE,
    V_SHARES,
    V_STRIKE,
)
from sim.exchange.kernel.value import notional

NONE = 0  # no strike
COUNTED = ENDS - 1  # column of `ends`: 1.0 if the event counts in this evaluation


@inlined
def linked(s, e):
    """Whether portfolio margin looks at event e through its underlying."""
    event = s.events[e]
    return event[V_FEED] >= 0 and event[V_RESOLVED] == 0 and event[V_PROPOSALS] == 0


@kernel
def counts(s, a, e, orders):
    """Whether a linked event matters to the account: it holds shares or, if asked, has orders."""
    if not linked(s, e):
        return False
    event = s.events[e]
    for k in range(event[V_SHARE], event[V_SHARE] + event[V_SHARES]):
        if s.bal[a, k] != 0:
            return True
    if orders:
        for i in range(event[V_INSTRUMENT], event[V_INSTRUMENT] + event[V_BOOKS]):
            if s.quoted[a, i >> 6] & bit(i & 63) != ZERO:
                return True
    return False


@kernel
def end_value(s, a, e, i, end, x, y):
    """Micro-USDC the shares of event e pay at an end, book i's outcome x more and its NO y more."""
    event = s.events[e]
    first = event[V_SHARE]
    n = event[V_SHARES]
    if single(s, e):
        if end == n:
            return ((s.bal[a, first] + x + s.bal[a, first + 1] + y) * MICRO) // n
        return (s.bal[a, first + end] + (x if end == 0 else y)) * MICRO
    own = s.ins[i, I_OUTCOME]
    if end < n:
        return (s.bal[a, first + end] + (x if end == own else y)) * MICRO
    total = first * 0
    for k in range(n):
        total += s.bal[a, first + k] + (x if k == own else y)
    return (total * MICRO) // n


@kernel
def after_fill(s, a, e, i, end, x, y):
    """PnL in USD of event e at an end after a fill in book i."""
    v, _ = event_value(s, a, i, x, y)
    return usd(end_value(s, a, e, i, end, x, y) - v)


@kernel
def fill_single(s, a, e, i, lam):
    """Add the worse fill of the one book of event e to its ends; returns the larger R_e after one."""
    n = s.events[e, V_SHARES]
    r = 0.0
    bid, no = bids_filled(s, a, i)
    ask, yes = asks_filled(s, a, i)
    v_bid = v_ask = bid * 0
    if bid != 0:
        v_bid, sets = event_value(s, a, i, bid - no, -no)
        r = max(r, lam * usd(v_bid - sets * MICRO))
    if ask != 0:
        v_ask, sets = event_value(s, a, i, -yes, ask - yes)
        r = max(r, lam * usd(v_ask - sets * MICRO))
    for end in range(n + 1):
        base = s.ends[e, end]
        worst = 0.0
        if bid != 0:
            worst = min(worst, usd(end_value(s, a, e, i, end, bid - no, -no) - v_bid) - base)
        if ask != 0:
            worst = min(worst, usd(end_value(s, a, e, i, end, -yes, ask - yes) - v_ask) - base)
        s.ends[e, end] = base + worst
    return r


@kernel
def fill_ends(s, a, e, orders):
    """PnL of event e at each end into ``ends``; returns its R_e (MAR-05), the worst one with orders."""
    event = s.events[e]
    first = event[V_INSTRUMENT]
    n = event[V_SHARES]
    v, sets = event_value(s, a, first, 0, 0)
    lam = s.insf[first, F_LAMBDA]
    r = lam * usd(v - sets * MICRO)
    for end in range(n + 1):
        s.ends[e, end] = usd(end_value(s, a, e, first, end, 0, 0) - v)
    if not orders:
        return r
    if single(s, e):
        if s.quoted[a, first >> 6] & bit(first & 63) != ZERO:
            r = max(r, fill_single(s, a, e, first, lam))
        return r
    for end in range(n + 1):
        base = s.ends[e, end]
        for i in range(first, first + event[V_BOOKS]):
            if s.quoted[a, i >> 6] & bit(i & 63) == ZERO:
                continue
            worst = 0.0
            lots, d = bids_filled(s, a, i)
            if lots != 0:
                worst = min(worst, after_fill(s, a, e, i, end, lots - d, -d) - base)
            lots, d = asks_filled(s, a, i)
            if lots != 0:
                worst = min(worst, after_fill(s, a, e, i, end, -d, lots - d) - base)
            s.ends[e, end] += worst
    for i in range(first, first + event[V_BOOKS]):
        lots, d = bids_filled(s, a, i)
        if lots != 0:
            v, sets = event_value(s, a, i, lots - d, -d)
            r = max(r, lam * usd(v - sets * MICRO))
        lots, d = asks_filled(s, a, i)
        if lots != 0:
            v, sets = event_value(s, a, i, -d, lots - d)
            r = max(r, lam * usd(v - sets * MICRO))
    return r


@kernel
def worst_end(s, e, n):
    low = s.ends[e, 0]
    for end in range(1, n + 1):
        low = min(low, s.ends[e, end])
    return low


@kernel
def loss_at(s, f, choice, m, exposure, strike, side):
    """Unweighted loss at a move m; ``choice``: the joint end of jump events, -1 the worst of each.

    At ``strike`` the price is just below it (side 0) or at it (side 1).
    """
    total = m * exposure
    price = float(s.feeds[f, D_INDEX]) * (1.0 + m)
    e = s.feeds[f, D_LINKED]
    while e >= 0:
        if s.ends[e, COUNTED] != 0.0:
            event = s.events[e]
            n = event[V_SHARES]
            if event[V_STRIKE] != 0:
                above = price >= float(event[V_STRIKE])
                if event[V_STRIKE] == strike:
                    above = side == 1
                end = n * 0 + (0 if above != (event[V_BELOW] != 0) else 1)
                total += min(s.ends[e, end], s.ends[e, n])
            elif choice < 0:
                total += worst_end(s, e, n)
            else:
                total += s.ends[e, choice % (n + 1)]
                choice //= n + 1
        e = s.events[e, V_NEXT]
    return -total


@kernel
def jump_of(s, f, choice):
    """J: what the events' ends of a joint choice make of the price."""
    factor = 1.0
    e = s.feeds[f, D_LINKED]
    while e >= 0:
        if s.events[e, V_STRIKE] == 0 and s.ends[e, COUNTED] != 0.0:
            n = s.events[e, V_SHARES]
            end = choice % (n + 1)
            choice //= n + 1
            if end < n:
                factor *= 1.0 + s.assetf[s.events[e, V_SHARE] + end, JUMP]
        e = s.events[e, V_NEXT]
    return factor


@kernel
def spot_in_use(s, a, f, orders, strict):
    """NE of the coins on feed f that may hedge a short, USD."""
    total = 0.0
    for k in range(1, 1 + s.h[N_COINS]):
        if s.assets[k, A_FEED] == f:
            units = s.bal[a, k] + claim(s, a, k)
            if orders and s.assets[k, A_SPOT] >= 0:
                units -= s.pos[a, s.assets[k, A_SPOT], ASK]
            if units > 0:
                total += coin_value(s, k, units, strict)
    return total


@inlined
def grid_point(s, f, point):
    """(move, weight) of a point: 0, the grid moves down and up, then the extremes down and up."""
    last = 2 * s.feeds[f, D_MOVES]
    if point > last:
        extreme = s.rules[EXTREME] * s.grid[f, 0]
        return (extreme if point & 1 == 0 else max(-extreme, -1.0)), s.rules[EXTREME_WEIGHT]
    if point == 0:
        return 0.0, 1.0
    x = s.grid[f, (point - 1) >> 1]
    return (-x if point & 1 else x), 1.0


@kernel
def worst_loss(s, f, low, high, joint):
    """The largest weighted loss over the points of underlying f, at least 0."""
    worst = 0.0
    moves = s.feeds[f, D_MOVES]
    widest = s.grid[f, 0]
    extreme = s.rules[EXTREME] * widest
    weight = s.rules[EXTREME_WEIGHT]
    for choice in range(joint):
        j = jump_of(s, f, choice)
        for point in range(2 * moves + 3):
            x, w = grid_point(s, f, point)
            m = (1.0 + x) * j - 1.0
            exposure = low if m >= 0.0 else high
            worst = max(worst, w * loss_at(s, f, choice, m, exposure, NONE, 0))
    e = s.feeds[f, D_LINKED]
    while e >= 0:
        if s.events[e, V_STRIKE] != 0 and s.ends[e, COUNTED] != 0.0:
            m = float(s.events[e, V_STRIKE]) / float(s.feeds[f, D_INDEX]) - 1.0
            if abs(m) <= extreme:
                w = 1.0 if abs(m) <= widest else weight
                exposure = low if m >= 0.0 else high
                strike = s.events[e, V_STRIKE]
                for side in range(2):
                    worst = max(worst, w * loss_at(s, f, -1, m, exposure, strike, side))
        e = s.events[e, V_NEXT]
    return worst


@kernel
def one_strike_loss(s, f, e, low, high):
    """`worst_loss` where event e, with a strike, is the only one that counts: the same sums."""
    worst = 0.0
    n = s.events[e, V_SHARES]
    yes = min(s.ends[e, 0], s.ends[e, n])
    no = min(s.ends[e, 1], s.ends[e, n])
    if s.events[e, V_BELOW] != 0:
        yes, no = no, yes
    index = float(s.feeds[f, D_INDEX])
    strike = float(s.events[e, V_STRIKE])
    moves = s.feeds[f, D_MOVES]
    widest = s.grid[f, 0]
    extreme = s.rules[EXTREME] * widest
    weight = s.rules[EXTREME_WEIGHT]
    for point in range(2 * moves + 3):
        x, w = grid_point(s, f, point)
        m = (1.0 + x) - 1.0
        pnl = yes if index * (1.0 + m) >= strike else no
        worst = max(worst, w * -(m * (low if m >= 0.0 else high) + pnl))
    m = strike / index - 1.0
    if abs(m) <= extreme:
        w = 1.0 if abs(m) <= widest else weight
        linear = m * (low if m >= 0.0 else high)
        worst = max(worst, w * -(linear + no))
        worst = max(worst, w * -(linear + yes))
    return worst


@kernel
def linear_loss_of(s, f, low, high):
    """`worst_loss` of an account without events: the ends of the grid decide."""
    widest = s.grid[f, 0]
    extreme = s.rules[EXTREME] * widest
    weight = s.rules[EXTREME_WEIGHT]
    worst = max(0.0, -(((1.0 - widest) - 1.0) * high))
    worst = max(worst, -(((1.0 + widest) - 1.0) * low))
    worst = max(worst, weight * -(((1.0 + max(-extreme, -1.0)) - 1.0) * high))
    return max(worst, weight * -(((1.0 + extreme) - 1.0) * low))


@kernel
def underlying(s, a, f, orders, strict, at_index):
    """MM_u of underlying f in USD; with ``orders`` the worst of what rests is filled (IM)."""
    low = 0.0
    high = 0.0
    i = s.feeds[f, D_FIRST]
    while i >= 0:
        if s.active[a, i >> 6] & bit(i & 63) != ZERO:
            p = s.pos[a, i]
            if orders:
                low += signed(s, i, p[SIZE] - p[ASK])
                high += signed(s, i, p[SIZE] + p[BID])
            else:
                low += usd(notional(s, i, p[SIZE], price_of(s, i, at_index)))
        i = s.ins[i, I_SAME]
    if not orders:
        high = low
    joint = 0
    counting = 0
    only = s.feeds[f, D_LINKED]
    most = second = 0.0
    e = s.feeds[f, D_LINKED]
    while e >= 0:
        counted = counts(s, a, e, orders)
        s.ends[e, COUNTED] = 1.0 if counted else 0.0
        if counted:
            joint = max(joint, 1)
            counting += 1
            only = e
            r = fill_ends(s, a, e, orders)
            second = max(second, min(r, most))
            most = max(most, r)
            if s.events[e, V_STRIKE] == 0:
                joint *= s.events[e, V_SHARES] + 1
        e = s.events[e, V_NEXT]
    if low == 0.0 and high == 0.0 and joint == 0:
        return 0.0
    if low < 0.0 or high < 0.0:
        held = spot_in_use(s, a, f, orders, strict)
        low += min(held, max(0.0, -low))
        high += min(held, max(0.0, -high))
    if joint == 0:
        return linear_loss_of(s, f, low, high)
    floor = s.rules[FLOOR] * (most + second)
    if counting == 1 and s.events[only, V_STRIKE] != 0:
        return max(one_strike_loss(s, f, only, low, high), floor)
    return max(worst_loss(s, f, low, high, joint), floor)
