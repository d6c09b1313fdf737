"""The liquidation tick: one turn of the waterfall for each flagged account (LIQ-00 … LIQ-03)."""

from __future__ import annotations

from sim.exchange.kernel.ahead import fetch_account, fetch_positions
from sim.exchange.kernel.backstop import backstop, is_safe
from sim.exchange.kernel.bankruptcy import bankrupt, write_off
from sim.exchange.kernel.disposal import waits
from sim.exchange.kernel.events import say
from sim.exchange.kernel.flagging import exposed, flag
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import cash
from sim.exchange.kernel.legs import (
    coin_price,
    has_tradable,
)
from sim.exchange.kernel.lending import LIQUIDATION as LIQUIDATED
from sim.exchange.kernel.lending import take_back
from sim.exchange.kernel.margin import equity, maintenance
from sim.exchange.kernel.pool import claim
from sim.exchange.kernel.prefilter import FOREVER, drive, next_unsafe, settle_for
from sim.exchange.kernel.quality import grade
from sim.exchange.kernel.shares import change_sets, complete
from sim.exchange.kernel.state import (
    A_BORROWED,
    A_FEED,
    A_POOL,
    BACKSTOP_ON,
    C_DRAWN,
    C_FAILED,
    C_FLAGGED,
    C_PARENT,
    C_WAIT,
    D_INDEX,
    D_TICK_INDEX,
    FAILED_STEPS,
    FLAGGED_COUNT,
    G_LIQUIDATE,
    I_MARK,
    I_TICK_MARK,
    INSURANCE,
    N_ACCOUNTS,
    N_ASSETS,
    N_DERIVATIVES,
    N_EVENTS,
    N_FEEDS,
    N_INSTRUMENTS,
    N_LEGS,
    N_POOLS,
    QUEUE,
    SIZE,
    TRIGGER,
    V_RESOLVED,
)
from sim.exchange.kernel.steps import step
from sim.exchange.messages import Event

UNFLAG, MERGE, RETURN = int(Event.UNFLAG), int(Event.MERGE), int(Event.FUND_RETURN)


@inlined
def has_position(s, a):
    for i in range(s.h[N_DERIVATIVES]):
        if s.pos[a, i, SIZE] != 0:
            return True
    return False


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
            if grade(s, s.assets[k, A_FEED]) >= h[G_LIQUIDATE]:
                return False  # nobody knows what it is worth
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
    account[C_WAIT] = 0
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
    if (
        s.h[BACKSTOP_ON]
        and e >= 0
        and (ne < s.rules[TRIGGER] * mm or account[C_FAILED] >= s.h[FAILED_STEPS])
    ):
        backstop(s, a, False)
        if is_safe(s, a):
            release(s, a, True)
            return
    if not waits(s, a):
        if step(s, a) == 0:
            account[C_FAILED] += 1
        else:
            account[C_FAILED] = 0
    if sold_out(s, a):
        write_off(s, a)
    release(s, a, False)


@kernel
def tick(s, m):
    """LIQUIDATE: flag whoever is below maintenance, then give every flagged account its turn."""
    h = s.h
    reading = drive(s)
    a = next_unsafe(s, 0, reading)
    second = next_unsafe(s, a + 1, reading)  # on its way while a is checked, as is the third
    fetch_account(s, second)
    while a < h[N_ACCOUNTS]:
        third = next_unsafe(s, second + 1, reading)
        fetch_account(s, third)
        fetch_positions(s, second)
        if s.acct[a, C_FLAGGED] == 0:
            if not exposed(s, a):
                s.safe[a] = FOREVER
            else:
                ne, mm, _ = maintenance(s, a, False)
                if ne < mm:
                    flag(s, a, ne, mm)
                else:
                    settle_for(s, a, ne, mm, reading)
        a, second = second, third
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
