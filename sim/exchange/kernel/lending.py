"""Lending: claims on the pools and the hour's interest (INT-01)."""

from __future__ import annotations

import math

import numpy as np

from sim.exchange.kernel.bits import muldiv
from sim.exchange.kernel.events import emit, say
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import move_asset
from sim.exchange.kernel.margin import initial, outflow
from sim.exchange.kernel.pool import burn, claim, shares_for
from sim.exchange.kernel.state import (
    A_BORROWED,
    A_FEES,
    A_LEND_CAP,
    A_POOL,
    A_SHARES,
    A_SPOT,
    ASK,
    C_FLAGGED,
    C_SETTINGS,
    N_ACCOUNTS,
    N_COINS,
    OPTIMAL,
    RATE_MAX,
    RATE_OPTIMAL,
    RATE_ZERO,
    RESERVE_FEE,
    THROTTLE,
)
from sim.exchange.messages import M_ACCOUNT, M_INSTRUMENT, M_KIND, M_SIZE, Event, Kind, Reason

LEND = int(Kind.LEND)
E_LEND, E_REDEEM, E_INTEREST, E_RATE = (
    int(Event.LEND),
    int(Event.REDEEM),
    int(Event.INTEREST),
    int(Event.INTEREST_RATE),
)
R_ACCOUNT, R_ASSET, R_SIZE, R_FLAGGED, R_BALANCE, R_MARGIN, R_LIQUIDITY = (
    int(Reason.UNKNOWN_ACCOUNT),
    int(Reason.UNKNOWN_ASSET),
    int(Reason.BAD_SIZE),
    int(Reason.FLAGGED),
    int(Reason.INSUFFICIENT_BALANCE),
    int(Reason.INSUFFICIENT_MARGIN),
    int(Reason.NO_LIQUIDITY),
)
ASKED, AUTOMATIC, LIQUIDATION = range(3)  # code of LEND and REDEEM rows
AUTO_LEND = 2  # bit of an account's settings
YEAR = 8760 * 1_000_000_000  # hours of a year times parts per billion


@kernel
def lend(s, a, k, units, code):
    """Bring units to the pool; returns the reason it was refused, or 0."""
    row = s.assets[k]
    if units <= 0:
        return R_SIZE
    if s.acct[a, C_FLAGGED]:
        return R_FLAGGED
    if units > s.bal[a, k]:
        return R_BALANCE
    if row[A_LEND_CAP] > 0 and row[A_POOL] + units > row[A_LEND_CAP]:
        return R_LIQUIDITY
    shares = shares_for(s, k, units)
    if shares == 0:
        return R_SIZE
    _, before = initial(s, a)
    move_asset(s, a, k, -units)
    row[A_POOL] += units
    row[A_SHARES] += shares
    s.lent[a, k] += shares
    ne, im = initial(s, a)
    if im > before and ne < im:
        s.lent[a, k] -= shares
        row[A_SHARES] -= shares
        row[A_POOL] -= units
        move_asset(s, a, k, units)
        return R_MARGIN
    say(s, E_LEND, a, k, units, 0, code)
    return 0


@kernel
def take_back(s, a, k, units, code):
    """Move units of a claim to the account's balance."""
    burn(s, a, k, units)
    move_asset(s, a, k, units)
    say(s, E_REDEEM, a, k, units, 0, code)


@inlined
def redeem(s, a, k, units):
    """REDEEM; returns the reason it was refused, or 0."""
    row = s.assets[k]
    if units <= 0:
        return R_SIZE
    if units > claim(s, a, k):
        return R_BALANCE
    if float(row[A_BORROWED]) > s.assetf[k, THROTTLE] * float(row[A_POOL] - units):
        return R_LIQUIDITY
    take_back(s, a, k, units, ASKED)
    return 0


@kernel
def lend_or_redeem(s, m):
    """LEND and REDEEM; returns a reject reason or 0."""
    a = m[M_ACCOUNT]
    k = m[M_INSTRUMENT]
    if a < 0 or a >= s.h[N_ACCOUNTS]:
        return R_ACCOUNT
    if k < 0 or k > s.h[N_COINS]:
        return R_ASSET
    if m[M_KIND] == LEND:
        return lend(s, a, k, m[M_SIZE], ASKED)
    return redeem(s, a, k, m[M_SIZE])


@inlined
def rate(s, k, u):
    """Borrowers' rate a year at utilisation u."""
    f = s.assetf[k]
    if u < f[OPTIMAL]:
        return f[RATE_ZERO] + (f[RATE_OPTIMAL] - f[RATE_ZERO]) * u / f[OPTIMAL]
    if u > 1.0:
        return f[RATE_MAX]
    return f[RATE_OPTIMAL] + (f[RATE_MAX] - f[RATE_OPTIMAL]) * (u - f[OPTIMAL]) / (1.0 - f[OPTIMAL])


@kernel
def book_interest(s, k):
    """The hour's interest in one asset: borrowers by id, then the lenders' pool and the reserve."""
    row = s.assets[k]
    lent = row[A_POOL] * 1
    borrowed = row[A_BORROWED] * 1
    u = float(borrowed) / float(lent) if lent > 0 else 2.0
    r = rate(s, k, u)
    ppb = np.int64(np.rint(r * 1e9))
    lenders = np.int64(np.rint(r * u * (1.0 - s.assetf[k, RESERVE_FEE]) * 1e9))
    collected = lent * 0
    for a in range(s.h[N_ACCOUNTS]):
        debt = -s.bal[a, k]
        if debt > 0:
            whole = debt // YEAR
            pay = whole * ppb + up_part(debt - whole * YEAR, ppb)
            move_asset(s, a, k, -pay)
            collected += pay
            say(s, E_INTEREST, a, k, 0, -pay, 0)
    credit = min(muldiv(lent, lenders, YEAR), collected) if lent > 0 else lent * 0
    row[A_POOL] += credit
    row[A_FEES] += collected - credit
    emit(
        s, E_RATE, 0, k, 0, lenders, lent, ppb, 0, 0, borrowed, 0, 0, credit, collected - credit
    )  # fmt: skip


@inlined
def up_part(x, ppb):
    """Ceiling of x*ppb/YEAR for 0 <= x < YEAR."""
    down = muldiv(x, ppb, YEAR + x * 0)
    return down + (1 if down * YEAR != x * ppb else 0)


@kernel
def interest(s, m):
    """INTEREST: book the hour, then lend and repay for whom it was asked (auto-lend)."""
    h = s.h
    for k in range(1 + h[N_COINS]):
        if s.assets[k, A_BORROWED] > 0:
            book_interest(s, k)
    for a in range(h[N_ACCOUNTS]):
        if s.acct[a, C_SETTINGS] & AUTO_LEND == 0 or s.acct[a, C_FLAGGED]:
            continue
        for k in range(1 + h[N_COINS]):
            units = s.bal[a, k]
            if units < 0:
                back = min(claim(s, a, k), -units)
                if back > 0:
                    take_back(s, a, k, back, AUTOMATIC)
            elif units > 0:
                if k == 0:
                    units -= np.int64(math.ceil(1e6 * outflow(s, a)))
                elif s.assets[k, A_SPOT] >= 0:
                    units -= s.pos[a, s.assets[k, A_SPOT], ASK]
                if units > 0:
                    lend(s, a, k, units, AUTOMATIC)
    return 0
