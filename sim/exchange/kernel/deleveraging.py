"""Auto-deleveraging: who closes against a bankrupt position, and what it costs them (LIQ-05)."""

from __future__ import annotations

import math

import numpy as np

from sim.exchange.kernel.bits import muldiv
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import cash, retire
from sim.exchange.kernel.margin import equity
from sim.exchange.kernel.positions import trade, unrealised
from sim.exchange.kernel.state import (
    ADL,
    C_FLAG_TIME,
    C_PARENT,
    COST,
    I_MARK,
    I_UNITS,
    LOTS_GIVEN,
    MONEY_GIVEN,
    N_ACCOUNTS,
    ROOM,
    SIZE,
    SNAPSHOT,
)
from sim.exchange.kernel.value import micro, notional, worth
from sim.exchange.messages import Event

E_ADL = int(Event.ADL)
HYPERLIQUID, BINANCE, RANDOM, PRO_RATA, INTEGER, RISK = range(6)  # sim.exchange.policies.ADL
MAX = np.int64(1 << 62)
MOST_WEIGHT = 2.0**52
ACCOUNT_COLUMN, WEIGHT = 0, 1


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
def close_beside(s, a, j, i, lots, forgone):
    """Close `lots` at mark on both sides; j pays `forgone` micro-USDC beside them."""
    cash(s, j, -forgone)
    cash(s, a, forgone)
    gained = lots * 0
    sign = np.int64(1 if s.pos[a, i, SIZE] > 0 else -1)
    mark = s.ins[i, I_MARK]
    if lots > 0:
        value = worth(s, i, sign * lots, mark)
        trade(s, a, i, -sign * lots, -value)
        gained = trade(s, j, i, sign * lots, value)
    emit(s, E_ADL, a, i, 0, mark, lots, forgone, 0, j, 0, 0, s.acct[a, C_PARENT], gained, 0)
    retire(s, j, i)


@inlined
def affordable(equity_now, lots, deficit):
    """Most lots whose part of the deficit leaves the counterparty's equity >= 0."""
    if equity_now <= 0:
        return lots * 0
    return MAX if equity_now >= deficit else muldiv(equity_now, lots, deficit)


@inlined
def shuffled(x):
    """The finaliser of splitmix64: a number that looks random."""
    z = np.uint64(x)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def gain_of(s, j, i):
    """u of LIQ-05: micro-USDC that j has to give in instrument i."""
    gain = micro(s, i, unrealised(s, j, i, s.ins[i, I_MARK]))
    return max(gain * 0, min(gain, s.scratch[j, SNAPSHOT]))


@kernel
def score(s, a, j, i):
    """Place of counterparty j in the queue: the highest goes first."""
    how = s.h[ADL]
    if how == RANDOM:
        key = s.acct[a, C_FLAG_TIME] + 1000003 * a + 7919 * i + 104729 * j
        return float(np.int64(shuffled(key) >> np.uint64(11)))
    held = s.pos[j, i, SIZE]
    mark = s.ins[i, I_MARK]
    value = float(max(abs(worth(s, i, held, mark)), 1))
    cost = float(max(abs(s.pos[j, i, COST]), 1))
    leverage = float(notional(s, i, abs(held), mark)) / float(s.scratch[j, SNAPSHOT])
    # A dearer coin makes the contracts of an inverse worth fewer units: the fractions turn round.
    if s.ins[i, I_UNITS] != 0:
        value, cost = cost, value
    if how == BINANCE:
        gain = value / cost - 1.0 if held > 0 else 1.0 - value / cost
        return gain * leverage if gain > 0.0 else gain / leverage
    return (value / cost if held > 0 else cost / value) * leverage


@kernel
def candidates(s, a, i):
    """Solvent accounts opposite to a's position into scratch, by id; how many."""
    size = s.pos[a, i, SIZE]
    n = 0
    for j in range(s.h[N_ACCOUNTS]):
        held = s.pos[j, i, SIZE]
        if j == a or held == 0 or (held > 0) == (size > 0) or s.scratch[j, SNAPSHOT] <= 0:
            continue
        s.scratch[n, ACCOUNT_COLUMN] = j
        n += 1
    return n


@inlined
def close_up_to(s, a, j, i, most, whole, open_lots, left, deficit):
    """Close up to `most` lots against j with their part of the deficit; returns (lots, part)."""
    lots = min(most, open_lots)
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
        return lots * 0, left * 0
    close_against(s, a, j, i, lots, part, 0)
    return lots, part


@kernel
def by_score(s, a, i, deficit):
    """The queue: one after the other, the highest score first; returns (lots open, deficit left)."""
    n = candidates(s, a, i)
    for k in range(n):
        s.fscratch[k, 0] = score(s, a, s.scratch[k, ACCOUNT_COLUMN], i)
    whole = abs(s.pos[a, i, SIZE])
    open_lots = whole
    left = deficit
    while open_lots > 0:
        best = -1
        high = -1e300
        for k in range(n):
            if s.fscratch[k, 0] > high:
                high = s.fscratch[k, 0]
                best = k
        if best < 0:
            break
        s.fscratch[best, 0] = -1e301
        j = s.scratch[best, ACCOUNT_COLUMN]
        lots, part = close_up_to(
            s, a, j, i, abs(s.pos[j, i, SIZE]), whole, open_lots, left, deficit
        )
        open_lots -= lots
        left -= part
    return open_lots, left


@kernel
def spread(s, n, amount, into):
    """Spread `amount` over scratch[:n] by weight within room, adding to column `into`."""
    left = amount
    while left > 0:
        total = left * 0
        rooms = left * 0
        for k in range(n):
            room = s.scratch[k, ROOM] - s.scratch[k, into]
            if room > 0:
                rooms += room
                total += s.scratch[k, WEIGHT]
        if rooms == 0:
            return
        by_room = total == 0
        if by_room:
            total = rooms
        given = left * 0
        for k in range(n):
            room = s.scratch[k, ROOM] - s.scratch[k, into]
            if room > 0:
                weight = room if by_room else s.scratch[k, WEIGHT]
                part = min(muldiv(left, weight, total), room)
                s.scratch[k, into] += part
                given += part
        left -= given
        if given == 0:
            for k in range(n):
                room = s.scratch[k, ROOM] - s.scratch[k, into]
                if left > 0 and room > 0 and (by_room or s.scratch[k, WEIGHT] > 0):
                    s.scratch[k, into] += 1
                    left -= 1


@kernel
def in_proportion(s, a, i, deficit):
    """Pro rata: money by gains, lots by size; returns (lots open, deficit left)."""
    n = candidates(s, a, i)
    gains = deficit * 0
    for k in range(n):
        gain = gain_of(s, s.scratch[k, ACCOUNT_COLUMN], i)
        s.scratch[k, WEIGHT] = s.scratch[k, ROOM] = gain
        s.scratch[k, MONEY_GIVEN] = s.scratch[k, LOTS_GIVEN] = 0
        gains += gain
    spread(s, n, min(deficit, gains), MONEY_GIVEN)
    for k in range(n):
        held = abs(s.pos[s.scratch[k, ACCOUNT_COLUMN], i, SIZE])
        s.scratch[k, WEIGHT] = s.scratch[k, ROOM] = held
    open_lots = abs(s.pos[a, i, SIZE])
    spread(s, n, open_lots, LOTS_GIVEN)
    left = max(deficit, deficit * 0)  # what the floors of an inverse left above zero stays
    for k in range(n):
        lots = s.scratch[k, LOTS_GIVEN]
        part = s.scratch[k, MONEY_GIVEN]
        if lots > 0 or part > 0:
            close_beside(s, a, s.scratch[k, ACCOUNT_COLUMN], i, lots, part)
            open_lots -= lots
            left -= part
    return open_lots, left


@kernel
def in_lots(s, a, i, deficit):
    """Integer pro rata: whole lots by weight, each with its part; returns (lots open, deficit left)."""
    n = candidates(s, a, i)
    whole = abs(s.pos[a, i, SIZE])
    mark = s.ins[i, I_MARK]
    for k in range(n):
        j = s.scratch[k, ACCOUNT_COLUMN]
        weight = gain_of(s, j, i)
        held = abs(s.pos[j, i, SIZE])
        if s.h[ADL] == RISK:
            leverage = float(notional(s, i, held, mark)) / float(s.scratch[j, SNAPSHOT])
            weight = np.int64(math.floor(min(float(weight) / 1e4 * leverage, MOST_WEIGHT)))
        s.scratch[k, WEIGHT] = weight
        room = held
        if deficit > 0:
            room = min(room, affordable(equity(s, j), whole, deficit))
        s.scratch[k, ROOM] = room
        s.scratch[k, LOTS_GIVEN] = 0
    spread(s, n, whole, LOTS_GIVEN)
    open_lots = whole
    left = deficit
    for k in range(n):
        j = s.scratch[k, ACCOUNT_COLUMN]
        lots, part = close_up_to(
            s, a, j, i, s.scratch[k, LOTS_GIVEN], whole, open_lots, left, deficit
        )
        open_lots -= lots
        left -= part
    return open_lots, left


@kernel
def deleverage(s, a, i, deficit):
    """LIQ-05 for one position; returns (PnL forgone by counterparties, shortfall left)."""
    size = s.pos[a, i, SIZE]
    how = s.h[ADL]
    if how == PRO_RATA:
        open_lots, left = in_proportion(s, a, i, deficit)
    elif how == INTEGER or how == RISK:
        open_lots, left = in_lots(s, a, i, deficit)
    else:
        open_lots, left = by_score(s, a, i, deficit)
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
