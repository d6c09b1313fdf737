"""When equity is gone: insurance, auto-deleveraging, haircut, write-off (LIQ-04 … LIQ-08)."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.backstop import backstop
from sim.exchange.kernel.bits import muldiv
from sim.exchange.kernel.events import emit, say
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import cash, coin, retire
from sim.exchange.kernel.legs import equity_share, tradable
from sim.exchange.kernel.margin import equity
from sim.exchange.kernel.pool import take_from_pool
from sim.exchange.kernel.positions import trade, unrealised
from sim.exchange.kernel.state import (
    A_FEED,
    A_POOL,
    A_ROUNDING,
    A_TV,
    C_DRAWN,
    C_PARENT,
    COST,
    D_INDEX,
    I_MARK,
    I_UNITS,
    INSURANCE,
    N_ACCOUNTS,
    N_COINS,
    N_DERIVATIVES,
    SIZE,
    SNAPSHOT,
)
from sim.exchange.kernel.value import micro, notional, worth
from sim.exchange.messages import Event

E_INSURANCE, E_ADL, E_HAIRCUT, E_WRITE_OFF, E_DEFICIT = (
    int(Event.INSURANCE),
    int(Event.ADL),
    int(Event.HAIRCUT),
    int(Event.WRITE_OFF),
    int(Event.DEFICIT),
)
GAINS, LENDERS, BALANCES, NOBODY = 0, 1, 2, 3
MAX = np.int64(1 << 62)


@inlined
def draw(s, a, need):
    """Insurance pays up to `need`; returns what it paid."""
    paid = min(need, s.h[INSURANCE])
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


@kernel
def haircut(s, a, i, amount):
    """LIQ-06: cover a shortfall from gains in instrument i, then from positive USDC balances."""
    left = amount
    if i >= 0:
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


@inlined
def close_against(s, a, j, i, lots, forgone, code):
    """Close `lots` of bankrupt a against j at mark, j giving up `forgone` micro-USDC."""
    size = s.pos[a, i, SIZE]
    sign = np.int64(1 if size > 0 else -1)
    mark = s.ins[i, I_MARK]
    value = worth(s, i, sign * lots, mark)
    if s.ins[i, I_UNITS] == 0:
        value += forgone
    else:
        cash(s, j, -forgone)
        cash(s, a, forgone)
    trade(s, a, i, -sign * lots, -value)
    gained = trade(s, j, i, sign * lots, value)
    emit(s, E_ADL, a, i, 0, mark, lots, forgone, 0, j, 0, code, s.acct[a, C_PARENT], gained, 0)
    retire(s, j, i)


@inlined
def affordable(equity_now, lots, deficit):
    """Most lots whose part of the deficit leaves the counterparty's equity >= 0."""
    if equity_now <= 0:
        return lots * 0
    return MAX if equity_now >= deficit else muldiv(equity_now, lots, deficit)


@kernel
def deleverage(s, a, i, deficit):
    """LIQ-05 for one position; returns (PnL forgone by counterparties, shortfall left)."""
    size = s.pos[a, i, SIZE]
    whole = abs(size)
    mark = s.ins[i, I_MARK]
    n = 0
    for j in range(s.h[N_ACCOUNTS]):
        held = s.pos[j, i, SIZE]
        e = s.scratch[j, SNAPSHOT]
        if j == a or held == 0 or (held > 0) == (size > 0) or e <= 0:
            continue
        value = float(max(abs(worth(s, i, held, mark)), 1))
        cost = float(max(abs(s.pos[j, i, COST]), 1))
        gains = value / cost if held > 0 else cost / value
        if s.ins[i, I_UNITS] != 0:  # a dearer coin makes the same contracts worth fewer units
            gains = cost / value if held > 0 else value / cost
        s.scratch[n, 0] = j
        s.fscratch[n, 0] = gains * (float(notional(s, i, abs(held), mark)) / float(e))
        n += 1
    open_lots = whole
    left = deficit
    while open_lots > 0:
        best = -1
        high = -1.0
        for k in range(n):
            if s.fscratch[k, 0] > high:
                high = s.fscratch[k, 0]
                best = k
        if best < 0:
            break
        s.fscratch[best, 0] = -2.0
        j = s.scratch[best, 0]
        lots = min(abs(s.pos[j, i, SIZE]), open_lots)
        part = left
        if deficit > 0:
            e = equity(s, j)
            lots = min(lots, affordable(e, whole, deficit))
            if lots == open_lots and left > e:
                lots -= 1
            if lots < open_lots:
                part = muldiv(deficit, lots, whole)
        elif lots < open_lots:  # what the floors of an inverse left above zero is shared out
            part = (deficit * lots) // whole
        if lots <= 0:
            continue
        close_against(s, a, j, i, lots, part, 0)
        open_lots -= lots
        left -= part
    forgone = deficit - left
    if open_lots > 0:
        for j in range(s.h[N_ACCOUNTS]):
            held = s.pos[j, i, SIZE]
            if j == a or held == 0 or (held > 0) == (size > 0) or open_lots == 0:
                continue
            lots = min(abs(held), open_lots)
            close_against(s, a, j, i, lots, left * 0, 1)
            open_lots -= lots
    retire(s, a, i)
    return forgone, left


@kernel
def bankrupt(s, a):
    """LIQ-04, 05, 06 in one go for an account with E < 0 and open positions."""
    h = s.h
    e = equity(s, a)
    need = -e
    paid = draw(s, a, need)
    if paid == need:
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
        lenders = min(left, s.assets[0, A_POOL])
        if lenders > 0:
            take_from_pool(s, 0, lenders)
            cash(s, a, lenders)
            emit(s, E_HAIRCUT, -1, -1, 0, 0, 0, lenders, 0, a, 0, LENDERS, 0, 0, 0)
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
