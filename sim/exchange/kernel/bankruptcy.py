"""When equity is gone: insurance, auto-deleveraging, haircut, write-off (LIQ-04 … LIQ-08)."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.backstop import backstop
from sim.exchange.kernel.bits import muldiv
from sim.exchange.kernel.events import emit, say
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import cash, retire, trade
from sim.exchange.kernel.legs import equity_share, tradable
from sim.exchange.kernel.margin import equity
from sim.exchange.kernel.state import (
    A_POOL,
    C_DRAWN,
    C_PARENT,
    COST,
    I_MARK,
    I_TV,
    INSURANCE,
    N_ACCOUNTS,
    N_PERPETUALS,
    ROUNDING,
    SIZE,
    SNAPSHOT,
)
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
            gain = s.pos[j, i, SIZE] * s.ins[i, I_MARK] * s.ins[i, I_TV] - s.pos[j, i, COST]
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
        s.h[ROUNDING] -= left
        cash(s, a, left)
        emit(s, E_HAIRCUT, -1, i, 0, 0, 0, left, 0, a, 0, NOBODY, 0, 0, 0)


@inlined
def close_against(s, a, j, i, lots, forgone, code):
    """Close `lots` of bankrupt a against j at mark, j giving up `forgone`."""
    size = s.pos[a, i, SIZE]
    sign = np.int64(1 if size > 0 else -1)
    mark = s.ins[i, I_MARK]
    value = sign * lots * mark * s.ins[i, I_TV] + forgone
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
    unit = s.ins[i, I_MARK] * s.ins[i, I_TV]
    n = 0
    for j in range(s.h[N_ACCOUNTS]):
        held = s.pos[j, i, SIZE]
        e = s.scratch[j, SNAPSHOT]
        if j == a or held == 0 or (held > 0) == (size > 0) or e <= 0:
            continue
        value = float(abs(held) * unit)
        cost = float(max(abs(s.pos[j, i, COST]), 1))
        s.scratch[n, 0] = j
        s.fscratch[n, 0] = (value / cost if held > 0 else cost / value) * (value / float(e))
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
        elif lots < open_lots:
            part = left * 0
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
    e = equity(s, a)
    forgone = np.int64(0)
    socialised = np.int64(0)
    for j in range(h[N_ACCOUNTS]):
        s.scratch[j, SNAPSHOT] = equity(s, j)
    # shares of the deficit are fixed before the first position closes
    for i in range(h[N_PERPETUALS]):
        if tradable(s, a, i):
            s.flag_size[a, i] = -equity_share(s, a, e, i)
    for i in range(h[N_PERPETUALS]):
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
    """LIQ-06 for an account that owes USDC and has nothing left to sell."""
    need = -s.bal[a, 0]
    paid = draw(s, a, need)
    left = need - paid
    if left > 0:
        lenders = min(left, s.assets[0, A_POOL])
        if lenders > 0:
            s.assets[0, A_POOL] -= lenders
            cash(s, a, lenders)
            emit(s, E_HAIRCUT, -1, -1, 0, 0, 0, lenders, 0, a, 0, LENDERS, 0, 0, 0)
        if left > lenders:
            haircut(s, a, np.int64(-1), left - lenders)
        say(s, E_WRITE_OFF, a, 0, 0, left, 0)
    emit(s, E_DEFICIT, a, 0, 0, 0, 0, need, 0, 0, left, 0, 0, paid, 0)
