"""Money that enters, leaves or changes form: deposits, withdrawals, pool, insurance, sets (MAR-09, PRD-03)."""

from __future__ import annotations

from sim.exchange.kernel.bits import ONE, ZERO, lowest
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import entry, inlined
from sim.exchange.kernel.ledger import activate, cash, coin
from sim.exchange.kernel.margin import MICRO, STALE, grade, initial, usd
from sim.exchange.kernel.state import (
    A_EXTERNAL,
    A_FEED,
    A_POOL,
    C_COMMIT,
    C_FLAGGED,
    I_FEED,
    I_MARK,
    I_TV,
    INSURANCE,
    N_ACCOUNTS,
    N_ACTIVE,
    N_COINS,
    N_EVENTS,
    N_PERPETUALS,
    PHI,
    SIZE,
    V_INSTRUMENT,
    V_RESOLVED,
    V_SETS,
    V_YES,
    WITHDRAW_FLOOR,
    views,
)
from sim.exchange.messages import M_ACCOUNT, M_INSTRUMENT, M_KIND, M_SIZE, Event, Kind, Reason

DEPOSIT, WITHDRAW, POOL, FUND, COMMIT, MINT, MERGE = (
    int(Kind.DEPOSIT),
    int(Kind.WITHDRAW),
    int(Kind.POOL),
    int(Kind.FUND),
    int(Kind.COMMIT),
    int(Kind.MINT),
    int(Kind.MERGE),
)
E_DEPOSIT, E_WITHDRAW, E_POOL, E_FUND, E_COMMIT, E_MINT, E_MERGE = (
    int(Event.DEPOSIT),
    int(Event.WITHDRAW),
    int(Event.POOL),
    int(Event.FUND),
    int(Event.COMMIT),
    int(Event.MINT),
    int(Event.MERGE),
)
(
    R_ACCOUNT,
    R_ASSET,
    R_EVENT,
    R_SIZE,
    R_STATE,
    R_FLAGGED,
    R_BALANCE,
    R_STALE,
    R_MARGIN,
    R_LIQUIDITY,
) = (
    int(Reason.UNKNOWN_ACCOUNT),
    int(Reason.UNKNOWN_ASSET),
    int(Reason.UNKNOWN_EVENT),
    int(Reason.BAD_SIZE),
    int(Reason.BOOK_STATE),
    int(Reason.FLAGGED),
    int(Reason.INSUFFICIENT_BALANCE),
    int(Reason.STALE_ORACLE),
    int(Reason.INSUFFICIENT_MARGIN),
    int(Reason.NO_LIQUIDITY),
)
HUGE = 1 << 60  # deposits stay far below int64


@inlined
def move_asset(s, a, asset, units):
    if asset == 0:
        cash(s, a, units)
    else:
        coin(s, a, asset, units)


@inlined
def change_sets(s, a, e, sets):
    """Mint (sets > 0) or merge (sets < 0) complete sets on an account."""
    event = s.events[e]
    cash(s, a, -sets * MICRO)
    s.bal[a, event[V_YES]] += sets
    s.bal[a, event[V_YES] + 1] += sets
    event[V_SETS] += sets
    activate(s, a, event[V_INSTRUMENT])


@inlined
def stale_exposure(s, a, asset):
    """Whether the asset's feed or the feed of an open position is graded STALE or worse."""
    if asset != 0 and grade(s, s.assets[asset, A_FEED]) >= STALE:
        return True
    for word in range(s.h[N_ACTIVE]):
        bits = s.active[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            bits &= bits - ONE
            if (
                i < s.h[N_PERPETUALS]
                and s.pos[a, i, SIZE] != 0
                and grade(s, s.ins[i, I_FEED]) >= STALE
            ):
                return True
    return False


@inlined
def notional(s, a):
    """Sum of position notionals in USD."""
    total = 0.0
    for i in range(s.h[N_PERPETUALS]):
        size = s.pos[a, i, SIZE]
        if size != 0:
            total += usd(abs(size) * s.ins[i, I_MARK] * s.ins[i, I_TV])
    return total


@inlined
def withdraw(s, a, asset, units):
    """WITHDRAW; returns a reject reason or 0."""
    if asset < 0 or asset > s.h[N_COINS]:
        return R_ASSET
    if units <= 0:
        return R_SIZE
    if s.acct[a, C_FLAGGED]:
        return R_FLAGGED
    if units > s.bal[a, asset]:
        return R_BALANCE
    if stale_exposure(s, a, asset):
        return R_STALE
    move_asset(s, a, asset, -units)
    _, im = initial(s, a)
    phi = s.rules[PHI]
    s.rules[PHI] = 0.0
    ne, _ = initial(s, a)
    s.rules[PHI] = phi
    if ne < max(im, s.rules[WITHDRAW_FLOOR] * notional(s, a)):
        move_asset(s, a, asset, units)
        return R_MARGIN
    if -s.assets[asset, A_EXTERNAL] - units < 0:
        move_asset(s, a, asset, units)
        return R_LIQUIDITY
    s.assets[asset, A_EXTERNAL] += units
    emit(s, E_WITHDRAW, a, asset, 0, 0, units, 0, 0, 0, 0, 0, 0, 0, 0)
    return 0


@inlined
def mint_or_merge(s, a, e, sets, kind):
    """MINT and MERGE; returns a reject reason or 0."""
    if e < 0 or e >= s.h[N_EVENTS]:
        return R_EVENT
    if s.events[e, V_RESOLVED]:
        return R_STATE
    if sets <= 0 or sets > HUGE // MICRO:
        return R_SIZE
    if kind == MINT and s.acct[a, C_FLAGGED]:
        return R_FLAGGED
    yes = s.events[e, V_YES]
    if kind == MINT:
        if s.bal[a, 0] < sets * MICRO:
            return R_BALANCE
    elif min(s.bal[a, yes], s.bal[a, yes + 1]) < sets:
        return R_BALANCE
    signed = sets if kind == MINT else -sets
    _, before = initial(s, a)
    change_sets(s, a, e, signed)
    ne, im = initial(s, a)
    if im > before and ne < im:
        change_sets(s, a, e, -signed)
        return R_MARGIN
    emit(s, E_MINT if kind == MINT else E_MERGE, a, e, 0, 0, sets, 0, 0, 0, 0, 0, 0, 0, 0)
    return 0


@entry
def funds(arenas, m):
    """DEPOSIT, WITHDRAW, POOL, FUND, COMMIT, MINT, MERGE; returns a reject reason or 0."""
    s = views(arenas)
    h = s.h
    kind = m[M_KIND]
    a = m[M_ACCOUNT]
    x = m[M_INSTRUMENT]
    units = m[M_SIZE]
    if kind == POOL:
        if x != 0:
            return R_ASSET
        if units <= 0 or units > HUGE:
            return R_SIZE
        s.assets[0, A_POOL] += units
        s.assets[0, A_EXTERNAL] -= units
        emit(s, E_POOL, 0, x, 0, 0, units, 0, 0, 0, 0, 0, 0, 0, 0)
        return 0
    if kind == FUND:
        if units <= 0 or units > HUGE:
            return R_SIZE
        h[INSURANCE] += units
        s.assets[0, A_EXTERNAL] -= units
        emit(s, E_FUND, 0, 0, 0, 0, 0, units, 0, 0, 0, 0, 0, 0, 0)
        return 0
    if a < 0 or a >= h[N_ACCOUNTS]:
        return R_ACCOUNT
    if kind == COMMIT:
        if units < 0 or units > HUGE:
            return R_SIZE
        s.acct[a, C_COMMIT] = units
        emit(s, E_COMMIT, a, 0, 0, 0, 0, units, 0, 0, 0, 0, 0, 0, 0)
        return 0
    if kind == WITHDRAW:
        return withdraw(s, a, x, units)
    if kind != DEPOSIT:
        return mint_or_merge(s, a, x, units, kind)
    if x < 0 or x > h[N_COINS]:
        return R_ASSET
    if units <= 0 or units > HUGE:
        return R_SIZE
    move_asset(s, a, x, units)
    s.assets[x, A_EXTERNAL] -= units
    emit(s, E_DEPOSIT, a, x, 0, 0, units, 0, 0, 0, 0, 0, 0, 0, 0)
    return 0
