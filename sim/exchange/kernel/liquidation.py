"""The liquidation tick: who is flagged, and one turn of the waterfall each (LIQ-00 … LIQ-03, LIQ-09)."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.backstop import backstop, is_safe
from sim.exchange.kernel.bankruptcy import bankrupt, write_off
from sim.exchange.kernel.bits import ZERO, rate_up
from sim.exchange.kernel.events import emit, say
from sim.exchange.kernel.jit import entry, inlined, kernel
from sim.exchange.kernel.ledger import cash
from sim.exchange.kernel.legs import (
    SALE_LEG,
    SHARE_LEG,
    above_sets,
    coin_price,
    debt_of,
    has_tradable,
    mark_of,
    next_leg,
    plan,
    share_of,
)
from sim.exchange.kernel.lending import LIQUIDATION as LIQUIDATED
from sim.exchange.kernel.lending import take_back
from sim.exchange.kernel.margin import equity, maintenance
from sim.exchange.kernel.matching import match
from sim.exchange.kernel.orders import cancel_all
from sim.exchange.kernel.pool import claim
from sim.exchange.kernel.shares import change_sets, complete
from sim.exchange.kernel.state import (
    A_BORROWED,
    A_FEED,
    A_POOL,
    A_TV,
    C_DRAWN,
    C_FAILED,
    C_FLAG_TIME,
    C_FLAGGED,
    C_PARENT,
    COST,
    D_EVENT,
    D_INDEX,
    D_TICK_INDEX,
    FAILED_STEPS,
    FLAGGED_COUNT,
    I_FEED,
    I_FORCED_SEQ,
    I_FORCED_TIME,
    I_MARK,
    I_TICK_MARK,
    INSURANCE,
    LIQ_PPM,
    LOGGED,
    N_ACCOUNTS,
    N_ACTIVE,
    N_ASSETS,
    N_COINS,
    N_DERIVATIVES,
    N_EVENTS,
    N_FEEDS,
    N_INSTRUMENTS,
    N_LEGS,
    N_LOG,
    N_POOLS,
    NOW,
    OUTCOME_NO,
    QUEUE,
    SELLS_OUTCOME,
    SEQ,
    SIZE,
    TRIGGER,
    V_RESOLVED,
    views,
)
from sim.exchange.kernel.value import micro, notional, worth
from sim.exchange.messages import E_AMOUNT, E_X, Event, Reason

FLAG, UNFLAG, LEG, STEP, MERGE, RETURN = (
    int(Event.FLAG),
    int(Event.UNFLAG),
    int(Event.LEG),
    int(Event.STEP),
    int(Event.MERGE),
    int(Event.FUND_RETURN),
)
LIQUIDATION = int(Reason.LIQUIDATION)
RECENT_US = 300_000_000  # a forced fill older than this is no parent (LIQ-09)


@inlined
def has_position(s, a):
    for i in range(s.h[N_DERIVATIVES]):
        if s.pos[a, i, SIZE] != 0:
            return True
    return False


@kernel
def parent_of(s, a):
    """What pushed the account over: a forced fill that moved a mark, else an index reading (LIQ-09)."""
    h = s.h
    ne, mm, _ = maintenance(s, a, True)
    if ne >= mm:
        worst = np.int64(0)
        found = -1
        for i in range(h[N_DERIVATIVES]):
            size = s.pos[a, i, SIZE]
            if size != 0:
                index = s.feeds[s.ins[i, I_FEED], D_INDEX]
                moved = worth(s, i, size, s.ins[i, I_MARK]) - worth(s, i, size, index)
                if micro(s, i, moved) < worst:
                    worst = micro(s, i, moved)
                    found = i
        if found < 0 or h[NOW] - s.ins[found, I_FORCED_TIME] > RECENT_US:
            return worst * 0
        return s.ins[found, I_FORCED_SEQ]
    worst = np.int64(0)
    cause = np.int64(0)
    for i in range(h[N_DERIVATIVES]):
        size = s.pos[a, i, SIZE]
        now = worth(s, i, size, s.ins[i, I_MARK])
        lost = micro(s, i, now - worth(s, i, size, s.ins[i, I_TICK_MARK]))
        if lost < worst:
            worst = lost
            cause = s.feeds[s.ins[i, I_FEED], D_EVENT]
    for k in range(1, 1 + h[N_COINS]):
        feed = s.feeds[s.assets[k, A_FEED]]
        lost = s.bal[a, k] * (feed[D_INDEX] - feed[D_TICK_INDEX]) * s.assets[k, A_TV]
        if lost < worst:
            worst = lost
            cause = feed[D_EVENT]
    return cause


@kernel
def flag(s, a, ne, mm):
    """LIQ-00: flag an account, write down what it holds, cancel its orders."""
    h = s.h
    account = s.acct[a]
    account[C_FLAGGED] = 1
    account[C_FLAG_TIME] = h[NOW]
    account[C_FAILED] = 0
    account[C_PARENT] = parent_of(s, a)
    at = h[FLAGGED_COUNT]
    while at > 0:  # turns go by (flag time, id), also when two ticks share a time
        before = s.scratch[at - 1, QUEUE]
        if s.acct[before, C_FLAG_TIME] < h[NOW] or before < a:
            break
        s.scratch[at, QUEUE] = before
        at -= 1
    s.scratch[at, QUEUE] = a
    h[FLAGGED_COUNT] += 1
    emit(
        s, FLAG, a, 0, 0, 0, 0, equity(s, a), 0, 0, 0, 0, account[C_PARENT],
        np.int64(np.rint(ne * 1e6)), np.int64(np.rint(mm * 1e6)),
    )  # fmt: skip
    for k in range(h[N_ASSETS]):
        units = s.bal[a, k]
        if units != 0:
            price = np.int64(1)
            if k > h[N_COINS]:
                price = mark_of(s, k)
            elif k > 0:
                price = s.feeds[s.assets[k, A_FEED], D_INDEX]
            emit(s, LEG, a, k, 0, price, units, 0, 0, 0, 0, 0, 0, 0, 0)
    for k in range(h[N_POOLS]):
        units = claim(s, a, k)
        if units != 0:
            price = s.feeds[s.assets[k, A_FEED], D_INDEX] if k > 0 else np.int64(1)
            emit(s, LEG, a, k, 0, price, units, 0, 0, 0, 0, 2, 0, 0, 0)
    for i in range(h[N_DERIVATIVES]):
        size = s.pos[a, i, SIZE]
        s.flag_size[a, i] = abs(size)
        if size != 0:
            emit(s, LEG, a, i, 0, s.ins[i, I_MARK], size, s.pos[a, i, COST], 0, 0, 0, 1, 0, 0, 0)
    for leg in range(h[N_DERIVATIVES], h[N_LEGS] - h[N_POOLS]):
        s.flag_size[a, leg] = above_sets(s, a, share_of(s, leg))
    for leg in range(h[N_LEGS] - h[N_POOLS], h[N_LEGS]):
        s.flag_size[a, leg] = max(np.int64(0), -s.bal[a, debt_of(s, leg)])
    cancel_all(s, a, -1, LIQUIDATION)


@inlined
def exposed(s, a):
    """Cheap test: could NE < MM hold at all?"""
    for k in range(s.h[N_POOLS]):
        if s.bal[a, k] < 0:
            return True
    for word in range(s.h[N_ACTIVE]):
        if s.active[a, word] != ZERO:
            return True
    return False


@kernel
def step(s, a):
    """One LIQ-02 step on the best leg; returns the lots filled."""
    h = s.h
    e = equity(s, a)
    ne, mm, _ = maintenance(s, a, False)
    leg = next_leg(s, a, e, ne, mm, h[N_LEGS], False)
    if leg < 0:
        return np.int64(0)
    i, side, lots, bound, no, code = plan(s, a, leg, e, ne, mm)
    row = h[LOGGED]
    parent = s.acct[a, C_PARENT]
    seq = h[SEQ] + 1
    emit(s, STEP, a, i, side, bound, lots, 0, -seq, 0, 0, code, parent, 0, 0)
    flags = 0
    if code == SHARE_LEG:
        flags = SELLS_OUTCOME | (OUTCOME_NO if no else 0)
    rest, _ = match(s, a, i, side, bound, lots, flags, -seq, True, parent)
    filled = lots - rest
    mark = s.ins[i, I_MARK]
    if code == SHARE_LEG:
        mark = mark_of(s, share_of(s, leg))
    elif code >= SALE_LEG:
        mark = s.feeds[s.ins[i, I_FEED], D_INDEX]
    after = equity(s, a)
    fee = min(rate_up(notional(s, i, filled, mark), h[LIQ_PPM]), max(after, np.int64(0)))
    cash(s, a, -fee)
    h[INSURANCE] += fee
    if row < h[N_LOG]:
        s.log[row, E_AMOUNT] = fee
        s.log[row, E_X] = filled
    return filled


@inlined
def owes(s, a):
    """Whether any balance is negative."""
    for k in range(s.h[N_POOLS]):
        if s.bal[a, k] < 0:
            return True
    return False


@inlined
def sold_out(s, a):
    """Has a debt and neither position, coin, claim or share left, nor USDC to buy what it owes."""
    h = s.h
    owing = s.bal[a, 0] < 0
    if s.lent[a, 0] != 0:
        return False
    for k in range(1, h[N_ASSETS]):
        if s.bal[a, k] > 0 or (k < h[N_POOLS] and s.lent[a, k] != 0):
            return False
        if s.bal[a, k] < 0:
            if s.bal[a, 0] >= coin_price(s, k):
                return False
            owing = True
    return owing and not has_position(s, a)


@inlined
def return_draw(s, a):
    """LIQ-04: what an account drew comes back once it has equity but no position or debt."""
    account = s.acct[a]
    if account[C_DRAWN] == 0 or owes(s, a) or has_position(s, a):
        return
    e = equity(s, a)
    if e <= 0:
        return
    back = min(min(account[C_DRAWN], s.bal[a, 0]), e)
    account[C_DRAWN] = 0
    if back > 0:
        cash(s, a, -back)
        s.h[INSURANCE] += back
        say(s, RETURN, a, 0, 0, back, 0)


@kernel
def release(s, a, safe):
    """Fund return, then UNFLAG if the account is (known to be) safe; returns whether it was."""
    return_draw(s, a)
    if not safe and not is_safe(s, a):
        return False
    account = s.acct[a]
    account[C_FLAGGED] = 0
    account[C_FAILED] = 0
    account[C_PARENT] = 0
    for leg in range(s.h[N_LEGS]):
        s.flag_size[a, leg] = 0
    say(s, UNFLAG, a, 0, 0, equity(s, a), 0)
    return True


@inlined
def help_itself(s, a):
    """LIQ-01: merge complete sets, repay debts from claims of the same asset, redeem the rest."""
    for e in range(s.h[N_EVENTS]):
        if s.events[e, V_RESOLVED] == 0:
            sets = complete(s, a, e)
            if sets > 0:
                change_sets(s, a, e, -sets)
                say(s, MERGE, a, e, sets, 0, 1)
    for k in range(s.h[N_POOLS]):
        held = claim(s, a, k)
        repaid = min(held, max(-s.bal[a, k], held * 0))
        if repaid > 0:
            take_back(s, a, k, repaid, LIQUIDATED)
            held = claim(s, a, k)
        free = min(held, max(s.assets[k, A_POOL] - s.assets[k, A_BORROWED], held * 0))
        if free > 0:
            take_back(s, a, k, free, LIQUIDATED)


@kernel
def turn(s, a):
    """One flagged account's turn in a liquidation tick."""
    account = s.acct[a]
    help_itself(s, a)
    if is_safe(s, a):
        release(s, a, True)
        return
    e = equity(s, a)
    if e < 0 and has_tradable(s, a):
        bankrupt(s, a)
        release(s, a, False)
        return
    ne, mm, _ = maintenance(s, a, False)
    if e >= 0 and (ne < s.rules[TRIGGER] * mm or account[C_FAILED] >= s.h[FAILED_STEPS]):
        backstop(s, a, False)
        if is_safe(s, a):
            release(s, a, True)
            return
    if step(s, a) == 0:
        account[C_FAILED] += 1
    else:
        account[C_FAILED] = 0
    if sold_out(s, a):
        write_off(s, a)
    release(s, a, False)


@entry
def tick(arenas, m):
    """LIQUIDATE: flag whoever is below maintenance, then give every flagged account its turn."""
    s = views(arenas)
    h = s.h
    for a in range(h[N_ACCOUNTS]):
        if s.acct[a, C_FLAGGED] == 0 and exposed(s, a):
            ne, mm, _ = maintenance(s, a, False)
            if ne < mm:
                flag(s, a, ne, mm)
    waiting = h[FLAGGED_COUNT]
    kept = 0
    for k in range(waiting):
        a = s.scratch[k, QUEUE]
        turn(s, a)
        if s.acct[a, C_FLAGGED]:
            s.scratch[kept, QUEUE] = a
            kept += 1
    h[FLAGGED_COUNT] = kept
    for i in range(h[N_INSTRUMENTS]):
        s.ins[i, I_TICK_MARK] = s.ins[i, I_MARK]
    for f in range(h[N_FEEDS]):
        s.feeds[f, D_TICK_INDEX] = s.feeds[f, D_INDEX]
    return 0
