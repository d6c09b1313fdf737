"""Money that enters, leaves or changes form: deposits, withdrawals, pool, insurance, sets (MAR-09, PRD-03)."""

from __future__ import annotations

from sim.exchange.kernel.bits import ONE, ZERO, lowest
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import move_asset
from sim.exchange.kernel.margin import initial
from sim.exchange.kernel.pool import room_reason, shares_for
from sim.exchange.kernel.quality import grade
from sim.exchange.kernel.shares import MICRO, change_sets, complete, usd
from sim.exchange.kernel.state import (
    A_BORROWABLE,
    A_EXTERNAL,
    A_FEED,
    A_POOL,
    A_SHARES,
    A_TV,
    C_COMMIT,
    C_FLAGGED,
    C_OWNER,
    D_BOUND,
    G_WITHDRAW,
    I_FEED,
    I_MARK,
    INSURANCE,
    N_ACCOUNTS,
    N_ACTIVE,
    N_COINS,
    N_DERIVATIVES,
    N_EVENTS,
    PHI,
    SIZE,
    V_BOOKS,
    V_RESOLVED,
    V_SHARE,
    V_SHARES,
    WITHDRAW_FLOOR,
)
from sim.exchange.kernel.value import notional
from sim.exchange.messages import (
    M_ACCOUNT,
    M_ARG,
    M_INSTRUMENT,
    M_KIND,
    M_SIZE,
    Event,
    Kind,
    Reason,
)

DEPOSIT, WITHDRAW, POOL, FUND, COMMIT, MINT, MERGE, CONVERT = (
    int(Kind.DEPOSIT),
    int(Kind.WITHDRAW),
    int(Kind.POOL),
    int(Kind.FUND),
    int(Kind.COMMIT),
    int(Kind.MINT),
    int(Kind.MERGE),
    int(Kind.CONVERT),
)
E_TRANSFER = int(Event.TRANSFER)
TRANSFER = int(Kind.TRANSFER)
E_DEPOSIT, E_WITHDRAW, E_POOL, E_FUND, E_COMMIT, E_MINT, E_MERGE, E_CONVERT = (
    int(Event.DEPOSIT),
    int(Event.WITHDRAW),
    int(Event.POOL),
    int(Event.FUND),
    int(Event.COMMIT),
    int(Event.MINT),
    int(Event.MERGE),
    int(Event.CONVERT),
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
    R_FLAGS,
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
    int(Reason.BAD_FLAGS),
)
HUGE = 1 << 60  # of one message, and of all that came into an asset


@inlined
def stale_exposure(s, a, asset):
    """Whether the feed of the asset, or of an open position, is too bad to withdraw (PRC-04)."""
    limit = s.h[G_WITHDRAW]
    if asset != 0 and grade(s, s.assets[asset, A_FEED]) >= limit:
        return True
    for word in range(s.h[N_ACTIVE]):
        bits = s.active[a, word]
        while bits != ZERO:
            i = word * 64 + lowest(bits)
            bits &= bits - ONE
            if (
                i < s.h[N_DERIVATIVES]
                and s.pos[a, i, SIZE] != 0
                and grade(s, s.ins[i, I_FEED]) >= limit
            ):
                return True
    return False


@inlined
def open_notional(s, a):
    """Sum of position notionals in USD."""
    total = 0.0
    for i in range(s.h[N_DERIVATIVES]):
        size = s.pos[a, i, SIZE]
        if size != 0:
            total += usd(notional(s, i, abs(size), s.ins[i, I_MARK]))
    return total


@kernel
def may_leave(s, a, asset, units, to):
    """Take units out of a balance (to account `to`, or -1) if margin allows it (MAR-09); 0 or why not."""
    if stale_exposure(s, a, asset):
        return R_STALE
    move_asset(s, a, asset, -units)
    if to >= 0:
        move_asset(s, to, asset, units)
    _, im = initial(s, a)
    phi = s.rules[PHI]
    s.rules[PHI] = 0.0
    ne, _ = initial(s, a)
    s.rules[PHI] = phi
    if ne < max(im, s.rules[WITHDRAW_FLOOR] * open_notional(s, a)):
        move_asset(s, a, asset, units)
        if to >= 0:
            move_asset(s, to, asset, -units)
        return R_MARGIN
    return 0


@inlined
def withdraw(s, a, asset, units, borrow):
    """WITHDRAW; returns a reject reason or 0."""
    if asset < 0 or asset > s.h[N_COINS]:
        return R_ASSET
    if units <= 0 or units > HUGE:
        return R_SIZE
    if s.acct[a, C_FLAGGED]:
        return R_FLAGGED
    held = s.bal[a, asset]
    if units > held:
        if borrow != 1 or not s.assets[asset, A_BORROWABLE]:
            return R_BALANCE
        reason = room_reason(s, asset, max(0, -held), units - held)
        if reason != 0:
            return reason
    reason = may_leave(s, a, asset, units, -1)
    if reason != 0:
        return reason
    if -s.assets[asset, A_EXTERNAL] - units < 0:
        move_asset(s, a, asset, units)
        return R_LIQUIDITY
    s.assets[asset, A_EXTERNAL] += units
    emit(s, E_WITHDRAW, a, asset, 0, 0, units, 0, 0, 0, 0, 0, 0, 0, 0)
    return 0


@inlined
def transfer(s, a, asset, units, to):
    """TRANSFER between wallets of one owner (MAR-08); returns a reject reason or 0."""
    if to < 0 or to >= s.h[N_ACCOUNTS]:
        return R_ACCOUNT
    if asset < 0 or asset > s.h[N_COINS]:
        return R_ASSET
    if units <= 0 or units > HUGE:
        return R_SIZE
    if to == a or s.acct[to, C_OWNER] != s.acct[a, C_OWNER]:
        return R_FLAGS
    if s.acct[a, C_FLAGGED]:
        return R_FLAGGED
    if units > s.bal[a, asset]:
        return R_BALANCE
    reason = may_leave(s, a, asset, units, to)
    if reason != 0:
        return reason
    emit(s, E_TRANSFER, a, asset, 0, 0, units, 0, 0, to, 0, 0, 0, 0, 0)
    return 0


@inlined
def sets_pass(s, a, e, sets):
    """Mint or merge sets; undone (returns False) if that raises IM and leaves NE below it."""
    _, before = initial(s, a)
    change_sets(s, a, e, sets)
    ne, im = initial(s, a)
    if im > before and ne < im:
        change_sets(s, a, e, -sets)
        return False
    return True


@inlined
def convert(s, a, e, lots, mask):
    """CONVERT: NO of each outcome in the mask for USDC and the other outcomes (PRD-05)."""
    if e < 0 or e >= s.h[N_EVENTS]:
        return R_EVENT
    event = s.events[e]
    if event[V_RESOLVED]:
        return R_STATE
    if lots <= 0 or lots > HUGE // MICRO:
        return R_SIZE
    n = event[V_SHARES]
    if event[V_BOOKS] == 1 or mask <= 0 or mask >> n != 0:
        return R_FLAGS
    given = lots * 0
    for k in range(n):
        given += (mask >> k) & 1
    if given * lots > HUGE // MICRO:
        return R_BALANCE
    for k in range(n):
        if s.bal[a, event[V_SHARE] + k] < (given - ((mask >> k) & 1)) * lots:
            return R_BALANCE
    sets = (given - 1) * lots
    if sets > 0 and not sets_pass(s, a, e, -sets):
        return R_MARGIN
    emit(s, E_CONVERT, a, e, 0, 0, lots, sets * MICRO, mask, 0, 0, 0, 0, 0, 0)
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
    if kind == MINT:
        if s.bal[a, 0] < sets * MICRO:
            return R_BALANCE
    elif complete(s, a, e) < sets:
        return R_BALANCE
    if not sets_pass(s, a, e, sets if kind == MINT else -sets):
        return R_MARGIN
    emit(s, E_MINT if kind == MINT else E_MERGE, a, e, 0, 0, sets, 0, 0, 0, 0, 0, 0, 0, 0)
    return 0


@inlined
def too_much(s, asset, units):
    """BAD_SIZE of what comes in: nothing, or more (in all, too) than int64 can carry through margin."""
    row = s.assets[asset]
    most = row[A_TV] * 0 + HUGE
    if asset != 0:
        most = min(most, (1 << 62) // (s.feeds[row[A_FEED], D_BOUND] * row[A_TV]))
    return units <= 0 or units > HUGE or units - row[A_EXTERNAL] > most


@inlined
def is_money(kind):
    """Whether `funds` handles this kind of message."""
    return (
        kind == DEPOSIT
        or kind == WITHDRAW
        or kind == TRANSFER
        or kind == POOL
        or kind == FUND
        or kind == COMMIT
        or kind == MINT
        or kind == MERGE
        or kind == CONVERT
    )


@kernel
def funds(s, m):
    """DEPOSIT, WITHDRAW, TRANSFER, POOL, FUND, COMMIT, MINT, MERGE, CONVERT; a reject reason or 0."""
    h = s.h
    kind = m[M_KIND]
    a = m[M_ACCOUNT]
    x = m[M_INSTRUMENT]
    units = m[M_SIZE]
    if kind == POOL:
        if x < 0 or x > h[N_COINS]:
            return R_ASSET
        if too_much(s, x, units):
            return R_SIZE
        s.assets[x, A_SHARES] += shares_for(s, x, units)
        s.assets[x, A_POOL] += units
        s.assets[x, A_EXTERNAL] -= units
        emit(s, E_POOL, 0, x, 0, 0, units, 0, 0, 0, 0, 0, 0, 0, 0)
        return 0
    if kind == FUND:
        if too_much(s, units * 0, units):
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
        return withdraw(s, a, x, units, m[M_ARG])
    if kind == TRANSFER:
        return transfer(s, a, x, units, m[M_ARG])
    if kind == CONVERT:
        return convert(s, a, x, units, m[M_ARG])
    if kind != DEPOSIT:
        return mint_or_merge(s, a, x, units, kind)
    if x < 0 or x > h[N_COINS]:
        return R_ASSET
    if too_much(s, x, units):
        return R_SIZE
    move_asset(s, a, x, units)
    s.assets[x, A_EXTERNAL] -= units
    emit(s, E_DEPOSIT, a, x, 0, 0, units, 0, 0, 0, 0, 0, 0, 0, 0)
    return 0
