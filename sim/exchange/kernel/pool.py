"""The pool of each asset: lenders' shares, what they may claim, what may still be borrowed (INT-01)."""

from __future__ import annotations

from sim.exchange.kernel.bits import muldiv
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.state import (
    A_BORROW_CAP,
    A_BORROWED,
    A_POOL,
    A_SHARES,
    N_ACCOUNTS,
    THROTTLE,
)
from sim.exchange.messages import Reason

R_BALANCE, R_LIQUIDITY = int(Reason.INSUFFICIENT_BALANCE), int(Reason.NO_LIQUIDITY)


@kernel
def worth_of(s, k, shares):
    """Units that so many shares of pool k may claim."""
    return muldiv(shares, s.assets[k, A_POOL], s.assets[k, A_SHARES])


@inlined
def claim(s, a, k):
    """Units of asset k that account a has lent, with interest."""
    shares = s.lent[a, k]
    return worth_of(s, k, shares) if shares != 0 else shares


@inlined
def shares_for(s, k, units):
    """Shares that `units` brought to pool k are worth."""
    pool = s.assets[k, A_POOL]
    total = s.assets[k, A_SHARES]
    return units if pool == 0 or total == 0 else muldiv(units, total, pool)


@kernel
def burn(s, a, k, units):
    """Take `units` of a claim out of pool k; the caller says where they go."""
    row = s.assets[k]
    shares = s.lent[a, k]
    if units != claim(s, a, k):
        up = muldiv(units, row[A_SHARES], row[A_POOL])
        # muldiv floors; one more share unless it was exact (both sides modulo 2^64)
        if up * row[A_POOL] != units * row[A_SHARES]:
            up += 1
        shares = min(shares, up)
    s.lent[a, k] -= shares
    row[A_SHARES] -= shares
    take_from_pool(s, k, units)


@kernel
def take_from_pool(s, k, units):
    """Lower the pool; when nothing is left all shares are void."""
    row = s.assets[k]
    row[A_POOL] -= units
    if row[A_POOL] == 0:
        row[A_SHARES] = 0
        for a in range(s.h[N_ACCOUNTS]):
            s.lent[a, k] = 0


@inlined
def room_reason(s, k, now, units):
    """Why a debt in asset k may not become `units` (it is `now`); 0 if it may."""
    row = s.assets[k]
    after = row[A_BORROWED] - now + units
    if row[A_POOL] == 0:
        return R_BALANCE
    if float(after) > s.assetf[k, THROTTLE] * float(row[A_POOL]):
        return R_LIQUIDITY
    if row[A_BORROW_CAP] > 0 and after > row[A_BORROW_CAP]:
        return R_LIQUIDITY
    return 0


@inlined
def headroom(s, k):
    """Units of asset k that may still be borrowed."""
    row = s.assets[k]
    limit = int(s.assetf[k, THROTTLE] * float(row[A_POOL]))
    if row[A_BORROW_CAP] > 0:
        limit = min(limit, row[A_BORROW_CAP])
    return max(limit * 0, limit - row[A_BORROWED])
