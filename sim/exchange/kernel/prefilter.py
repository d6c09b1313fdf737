"""Which accounts cannot be below maintenance at this tick, so that the scan may skip them (MAR-09).

An *odometer* adds up how far prices have moved since the start: per tick the largest relative move
of any mark or index.  When an account is checked, ``safe`` keeps the reading up to which no path of
prices can eat its surplus NE - MM; whoever trades, pays or is paid is checked at the next tick
again.  Event shares are bounded by their worst outcome, not by a return.  The bound is generous,
so that what is skipped is certain; what is not skipped is computed exactly.
"""

from __future__ import annotations

from sim.exchange.kernel.bits import ONE, ZERO, lowest
from sim.exchange.kernel.collateral import holding
from sim.exchange.kernel.fractions import mmf
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import UNCHECKED
from sim.exchange.kernel.portfolio import linked
from sim.exchange.kernel.shares import MICRO, event_value, usd
from sim.exchange.kernel.state import (
    A_FEED,
    A_TV,
    CAP,
    COST,
    D_FIRST,
    D_INDEX,
    D_TICK_INDEX,
    EXTREME,
    EXTREME_WEIGHT,
    F_LAMBDA,
    I_EVENT,
    I_GROUPED,
    I_MARK,
    I_SAME,
    I_TICK_MARK,
    I_UNITS,
    N_ACCOUNTS,
    N_ACTIVE,
    N_COINS,
    N_DERIVATIVES,
    N_FEEDS,
    N_SPOTS,
    PORTFOLIO,
    SIZE,
    V_FEED,
    V_INSTRUMENT,
    V_RESOLVED,
    V_STRIKE,
)
from sim.exchange.kernel.value import micro, notional, worth

FOREVER = 1e300
FARTHEST = 0.69  # of the odometer: prices at most double or halve, which the slopes below assume
CLOSE = 1e-6  # a surplus below this share of the sums may be rounding
LANES = 8


@inlined
def moved(new, old):
    """Relative distance of two prices, at least |ln(new/old)|."""
    return max(new, old) / min(new, old) - 1.0


@kernel
def drive(s):
    """Add the largest move since the previous tick to the odometer; returns its reading."""
    far = 0.0
    for i in range(s.h[N_DERIVATIVES]):
        far = max(far, moved(float(s.ins[i, I_MARK]), float(s.ins[i, I_TICK_MARK])))
    for f in range(s.h[N_FEEDS]):
        if s.feeds[f, D_INDEX] > 0:
            far = max(far, moved(float(s.feeds[f, D_INDEX]), float(s.feeds[f, D_TICK_INDEX])))
    s.odometer[0] += far
    return s.odometer[0]


@inlined
def next_unsafe(s, a, reading):
    """First account from a on that must be checked at this reading; the number of accounts if none."""
    n = s.h[N_ACCOUNTS]
    while a + LANES <= n:
        low = s.safe[a]
        for k in range(1, LANES):
            low = min(low, s.safe[a + k])
        if low <= reading:
            break
        a += LANES
    while a < n and s.safe[a] > reading:
        a += 1
    return a


@kernel
def forget_all(s):
    """Everybody is checked at the next tick: something changed that is no price."""
    for a in range(s.h[N_ACCOUNTS]):
        s.safe[a] = UNCHECKED


@inlined
def slope(s, i, n):
    """How fast N and MM of a linear position may eat surplus, per USD of notional."""
    if s.h[PORTFOLIO] != 0:
        return 2.0 + s.rules[EXTREME] * s.rules[EXTREME_WEIGHT]
    if s.ins[i, I_GROUPED] != 0:
        return 4.0
    return 1.0 + min(1.5, 2.25 * mmf(s, i, n))


@kernel
def unhedged(s, a, f):
    """At least what MM_u of feed f is without its events, USD (MAR-07).

    With shares of a strike event it is at most this and the shares' value above complete sets, at
    whatever mark, in every scenario and for the floor too: weights, floor and lambda are at most 1,
    and no end pays less than the sets.
    """
    n = 0.0
    i = s.feeds[f, D_FIRST]
    while i >= 0:
        n += usd(notional(s, i, abs(s.pos[a, i, SIZE]), s.ins[i, I_MARK]))
        i = s.ins[i, I_SAME]
    return n * s.grid[f, 0] * max(1.0, s.rules[EXTREME] * s.rules[EXTREME_WEIGHT])


@kernel
def stretch(s, a):
    """(USD of surplus lost per unit of move at most, surplus that events may take); -1: not bounded."""
    h = s.h
    gross = 0.0
    taken = 0.0
    for k in range(1, 1 + h[N_COINS]):
        units = holding(s, a, k, False)
        if units != 0 or s.bal[a, k] != 0:
            if s.assetf[k, CAP] > 0.0:
                return -1.0, 0.0
            most = max(abs(units), abs(s.bal[a, k]))
            value = usd(most * s.feeds[s.assets[k, A_FEED], D_INDEX] * s.assets[k, A_TV])
            gross += 3.0 * value
            if h[PORTFOLIO] != 0:  # in use against a short
                gross += s.rules[EXTREME] * s.rules[EXTREME_WEIGHT] * value
    spots = h[N_DERIVATIVES] + h[N_SPOTS]
    for word in range(h[N_ACTIVE]):
        bits = s.active[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            bits &= bits - ONE
            if i < h[N_DERIVATIVES]:
                size = s.pos[a, i, SIZE]
                if size == 0:
                    continue
                n = usd(notional(s, i, abs(size), s.ins[i, I_MARK]))
                gross += n * slope(s, i, n)
                if s.ins[i, I_UNITS] != 0:  # its value moves with the mark and with its coin
                    value = abs(worth(s, i, size, s.ins[i, I_MARK]))
                    gross += 3.1 * usd(micro(s, i, value + abs(s.pos[a, i, COST])))
            elif i >= spots:
                e = s.ins[i, I_EVENT]
                if i == s.events[e, V_INSTRUMENT] and s.events[e, V_RESOLVED] == 0:
                    v, sets = event_value(s, a, i, 0, 0)
                    if v == 0:
                        continue
                    if h[PORTFOLIO] != 0 and linked(s, e):
                        if s.events[e, V_STRIKE] == 0:  # a jump scales the moves: not bounded
                            return -1.0, 0.0
                        taken += usd(v - sets * MICRO) + unhedged(s, a, s.events[e, V_FEED])
                        continue
                    taken += (1.0 - s.insf[i, F_LAMBDA]) * usd(v - sets * MICRO)
    return gross, taken


@kernel
def settle_for(s, a, ne, mm, reading):
    """Keep how far prices may go before account a, just found safe, has to be checked again."""
    gross, taken = stretch(s, a)
    surplus = ne - mm - taken
    s.safe[a] = UNCHECKED
    if gross < 0.0 or surplus <= CLOSE * (abs(ne) + mm + gross):
        return
    if gross == 0.0:
        s.safe[a] = FOREVER
        return
    share = surplus / gross
    s.safe[a] = reading + min(FARTHEST, share / (1.0 + share)) * (1.0 - CLOSE)
