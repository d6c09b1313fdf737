"""When equity is gone: insurance, haircut, write-off (LIQ-04, LIQ-06, LIQ-08)."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.backstop import backstop
from sim.exchange.kernel.bits import muldiv
from sim.exchange.kernel.deleveraging import PRO_RATA, deleverage
from sim.exchange.kernel.events import emit, say
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import cash, coin
from sim.exchange.kernel.legs import equity_share, tradable
from sim.exchange.kernel.margin import equity
from sim.exchange.kernel.pool import take_from_pool
from sim.exchange.kernel.positions import unrealised
from sim.exchange.kernel.prefilter import forget_all
from sim.exchange.kernel.state import (
    A_FEED,
    A_POOL,
    A_ROUNDING,
    A_TV,
    ADL,
    BACKSTOP_ON,
    C_DRAWN,
    D_INDEX,
    I_MARK,
    INSURANCE,
    INSURANCE_CAP,
    LENDERS_FIRST,
    N_ACCOUNTS,
    N_COINS,
    N_DERIVATIVES,
    SIZE,
    SNAPSHOT,
)
from sim.exchange.kernel.value import micro
from sim.exchange.messages import Event

E_INSURANCE, E_HAIRCUT, E_WRITE_OFF, E_DEFICIT = (
    int(Event.INSURANCE),
    int(Event.HAIRCUT),
    int(Event.WRITE_OFF),
    int(Event.DEFICIT),
)
GAINS, LENDERS, BALANCES, NOBODY = 0, 1, 2, 3


@inlined
def draw(s, a, need):
    """Insurance pays up to `need`; returns what it paid."""
    paid = min(need, s.h[INSURANCE])
    if s.h[INSURANCE_CAP] > 0:
        paid = min(paid, max(s.h[INSURANCE_CAP] - s.acct[a, C_DRAWN], need * 0))
    if paid > 0:
        s.h[INSURANCE] -= paid
        s.acct[a, C_DRAWN] += paid
        cash(s, a, paid)
        say(s, E_INSURANCE, a, 0, 0, paid, 0)
    return paid


@inlined
def collect(s, a, i, amount, n, total, code):
    """Take min(amount, total) pro rata to scratch[:n] = (account, weight); returns what was taken."""
    take = min(amount, total)
    left = take
    for k in range(n):
        part = left if k == n - 1 else muldiv(take, s.scratch[k, 1], total)
        left -= part
        if part > 0:
            j = s.scratch[k, 0]
            cash(s, j, -part)
            cash(s, a, part)
            emit(s, E_HAIRCUT, j, i, 0, 0, 0, part, 0, a, 0, code, 0, 0, 0)
    return take


@inlined
def from_lenders(s, a, i, amount):
    """Lower the index of USDC lenders by up to `amount`; returns what they bore."""
    lenders = min(amount, s.assets[0, A_POOL])
    if lenders > 0:
        take_from_pool(s, 0, lenders)
        forget_all(s)
        cash(s, a, lenders)
        emit(s, E_HAIRCUT, -1, i, 0, 0, 0, lenders, 0, a, 0, LENDERS, 0, 0, 0)
    return lenders


@kernel
def haircut(s, a, i, amount):
    """LIQ-06: cover a shortfall from gains in instrument i, then from positive USDC balances.

    With the policy ``lenders`` those of USDC come before both.
    """
    left = amount
    if i >= 0 and s.h[LENDERS_FIRST]:
        left -= from_lenders(s, a, i, left)
    if i >= 0 and s.h[ADL] != PRO_RATA:  # which has taken from gains what they had
        n = np.int64(0)
        total = np.int64(0)
        for j in range(s.h[N_ACCOUNTS]):
            if j == a or s.pos[j, i, SIZE] == 0:
                continue
            gain = micro(s, i, unrealised(s, j, i, s.ins[i, I_MARK]))
            if gain > 0:
                gain = min(gain, equity(s, j))
            if gain > 0:
                s.scratch[n, 0] = j
                s.scratch[n, 1] = gain
                total += gain
                n += 1
        if n > 0:
            left -= collect(s, a, i, left, n, total, GAINS)
    if left > 0:
        n = np.int64(0)
        total = np.int64(0)
        for j in range(s.h[N_ACCOUNTS]):
            if j != a and s.bal[j, 0] > 0:
                s.scratch[n, 0] = j
                s.scratch[n, 1] = s.bal[j, 0]
                total += s.bal[j, 0]
                n += 1
        if n > 0:
            left -= collect(s, a, i, left, n, total, BALANCES)
    if left > 0:
        s.assets[0, A_ROUNDING] -= left
        cash(s, a, left)
        emit(s, E_HAIRCUT, -1, i, 0, 0, 0, left, 0, a, 0, NOBODY, 0, 0, 0)


@kernel
def bankrupt(s, a):
    """LIQ-04, 05, 06 in one go for an account with E < 0 and open positions."""
    h = s.h
    e = equity(s, a)
    need = -e
    paid = draw(s, a, need)
    if paid == need and h[BACKSTOP_ON]:
        backstop(s, a, True)
    e = paid - need  # not read again: the floors of an inverse would move the deficit (LIQ-08)
    forgone = np.int64(0)
    socialised = np.int64(0)
    for j in range(h[N_ACCOUNTS]):
        s.scratch[j, SNAPSHOT] = equity(s, j)
    # shares of the deficit are fixed before the first position closes
    for i in range(h[N_DERIVATIVES]):
        if tradable(s, a, i):
            s.flag_size[a, i] = -equity_share(s, a, e, i)
    for i in range(h[N_DERIVATIVES]):
        if not tradable(s, a, i):
            continue
        deficit = s.flag_size[a, i]
        gave, left = deleverage(s, a, i, deficit)
        forgone += gave
        if left > 0:
            haircut(s, a, np.int64(i), left)
            socialised += left
        s.flag_size[a, i] = 0
    emit(s, E_DEFICIT, a, 0, 0, 0, 0, need, 0, 0, socialised, 0, 0, paid, forgone)


@kernel
def write_off(s, a):
    """LIQ-06 for an account with debts and nothing left to sell: USDC first, else the owed coins."""
    if s.bal[a, 0] < 0:
        write_off_cash(s, a)
        return
    for k in range(1, 1 + s.h[N_COINS]):
        if s.bal[a, k] < 0:
            write_off_coin(s, a, k)


@inlined
def write_off_cash(s, a):
    need = -s.bal[a, 0]
    paid = draw(s, a, need)
    left = need - paid
    if left > 0:
        lenders = from_lenders(s, a, np.int64(-1), left)
        if left > lenders:
            haircut(s, a, np.int64(-1), left - lenders)
        say(s, E_WRITE_OFF, a, 0, 0, left, 0)
    emit(s, E_DEFICIT, a, 0, 0, 0, 0, need, 0, 0, left, 0, 0, paid, 0)


@kernel
def write_off_coin(s, a, k):
    """An owed coin: the fund pays USDC to buy it, or, when that buys nothing, the lenders bear it."""
    price = s.feeds[s.assets[k, A_FEED], D_INDEX] * s.assets[k, A_TV]
    units = -s.bal[a, k]
    paid = draw(s, a, max(units * price - s.bal[a, 0], units * 0))
    if s.bal[a, 0] >= price:
        if paid > 0:
            emit(s, E_DEFICIT, a, 0, 0, 0, 0, paid, 0, 0, 0, 0, 0, paid, 0)
        return
    left = units
    lenders = min(left, s.assets[k, A_POOL])
    if lenders > 0:
        take_from_pool(s, k, lenders)
        forget_all(s)
        coin(s, a, k, lenders)
        left -= lenders
        emit(s, E_HAIRCUT, -1, -1, 0, 0, 0, lenders, 0, a, 0, LENDERS, 0, k, 0)
    n = np.int64(0)
    total = np.int64(0)
    for j in range(s.h[N_ACCOUNTS]):
        if j != a and s.bal[j, k] > 0:
            s.scratch[n, 0] = j
            s.scratch[n, 1] = s.bal[j, k]
            total += s.bal[j, k]
            n += 1
    take = min(left, total)
    rest = take
    for m in range(n):
        part = rest if m == n - 1 else muldiv(take, s.scratch[m, 1], total)
        rest -= part
        if part > 0:
            j = s.scratch[m, 0]
            coin(s, j, k, -part)
            coin(s, a, k, part)
            emit(s, E_HAIRCUT, j, -1, 0, 0, 0, part, 0, a, 0, BALANCES, 0, k, 0)
    left -= take
    if left > 0:
        s.assets[k, A_ROUNDING] -= left
        coin(s, a, k, left)
        emit(s, E_HAIRCUT, -1, -1, 0, 0, 0, left, 0, a, 0, NOBODY, 0, k, 0)
    emit(s, E_WRITE_OFF, a, 0, 0, 0, 0, units, 0, 0, 0, 0, 0, k, 0)
    lost = units * price
    emit(s, E_DEFICIT, a, 0, 0, 0, 0, paid + lost, 0, 0, lost, 0, 0, paid, 0)
