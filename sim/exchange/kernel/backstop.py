"""Backstop providers take whole legs at a discount (LIQ-03)."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.bits import muldiv
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import activate, cash, retire
from sim.exchange.kernel.legs import (
    POSITION_LEG,
    above_sets,
    book_of,
    equity_share,
    leg_kind,
    mark_of,
    share_of,
)
from sim.exchange.kernel.margin import equity, initial, maintenance
from sim.exchange.kernel.positions import trade
from sim.exchange.kernel.ranking import next_leg
from sim.exchange.kernel.shares import touch
from sim.exchange.kernel.state import (
    A_BORROWED,
    A_TOTAL,
    BONUS_PPM,
    C_COMMIT,
    C_FLAGGED,
    C_PARENT,
    COST,
    F_CAP,
    I_ASSET,
    I_CLEARING,
    I_MARK,
    I_OI,
    I_TV,
    I_UNITS,
    N_ACCOUNTS,
    N_DERIVATIVES,
    N_LEGS,
    N_POOLS,
    SIZE,
    UNFLAG,
)
from sim.exchange.kernel.value import notional, worth
from sim.exchange.messages import Event

BACKSTOP = int(Event.BACKSTOP)


@kernel
def is_safe(s, a):
    """Whether a flagged account may be unflagged (LIQ-00)."""
    ne, mm, events = maintenance(s, a, False)
    return ne >= mm + s.rules[UNFLAG] * (mm - events)


@inlined
def pass_share(s, a, p, k, lots, value):
    """Shares from a to p for money."""
    cash(s, p, -value)
    cash(s, a, value)
    s.bal[p, k] += lots
    s.bal[a, k] -= lots


@kernel
def take_shares(s, a, p, k, i, lots, value):
    """Provider p buys shares; undone (returns False) when it lacks initial margin."""
    pass_share(s, a, p, k, lots, value)
    touch(s, p, i)
    ne, im = initial(s, p)
    if ne < im:
        pass_share(s, a, p, k, -lots, -value)
        return False
    return True


@kernel
def take_position(s, a, p, i, lots, cut):
    """Provider p takes signed lots at mark and `cut` micro-USDC; undone (False) when it lacks margin.

    Both sides first: open interest, which margin may depend on, does not change by a transfer.
    """
    k = s.ins[i, I_ASSET] if s.ins[i, I_UNITS] != 0 else 0
    value = worth(s, i, lots, s.ins[i, I_MARK])
    beside = cut * 0
    if k == 0:
        value -= cut
    else:
        beside = cut
    size, cost, balance, usdc = s.pos[p, i, SIZE], s.pos[p, i, COST], s.bal[p, k], s.bal[p, 0]
    own_size, own_cost, own_balance, own_usdc = (
        s.pos[a, i, SIZE], s.pos[a, i, COST], s.bal[a, k], s.bal[a, 0],
    )  # fmt: skip
    clearing, interest = s.ins[i, I_CLEARING], s.ins[i, I_OI]
    borrowed, owed, total = s.assets[0, A_BORROWED], s.assets[k, A_BORROWED], s.assets[k, A_TOTAL]
    activate(s, p, i)
    cash(s, a, -beside)
    cash(s, p, beside)
    trade(s, a, i, -lots, -value)
    trade(s, p, i, lots, value)
    ne, im = initial(s, p)
    kept = ne >= im
    if not kept:
        s.pos[p, i, SIZE], s.pos[p, i, COST], s.bal[p, k], s.bal[p, 0] = size, cost, balance, usdc
        s.pos[a, i, SIZE], s.pos[a, i, COST] = own_size, own_cost
        s.bal[a, k], s.bal[a, 0] = own_balance, own_usdc
        s.ins[i, I_CLEARING], s.ins[i, I_OI] = clearing, interest
        s.assets[k, A_BORROWED], s.assets[0, A_BORROWED] = owed, borrowed
        s.assets[k, A_TOTAL] = total
    retire(s, p, i)
    return kept


@inlined
def room(s, p, i, sign, lots):
    """Lots that the per-provider cap of instrument i lets p take out of `lots`."""
    held = s.pos[p, i, SIZE]
    if s.insf[i, F_CAP] <= 0.0 or abs(held + sign * lots) <= abs(held):
        return lots
    unit = notional(s, i, np.int64(1), s.ins[i, I_MARK])
    left = (np.int64(s.insf[i, F_CAP] * 1e6) - abs(held) * unit) // max(unit, np.int64(1))
    return min(lots, max(np.int64(0), left))


@kernel
def offer(s, a, leg, e, at_mark):
    """Offer one leg of account a (equity e) to all providers, if asked without discount; lots taken."""
    h = s.h
    position = leg_kind(s, leg) == POSITION_LEG
    sign = np.int64(1)
    shown = sign
    share = np.int64(0)
    if position:
        i = np.int64(leg)
        size = s.pos[a, i, SIZE]
        q = abs(size)
        sign = np.int64(1 if size > 0 else -1)
        shown = sign
        unit = notional(s, i, np.int64(1), s.ins[i, I_MARK])
        behind = equity_share(s, a, e, i)
    else:
        share = share_of(s, leg)
        i, no = book_of(s, share)
        q = above_sets(s, a, share)
        unit = mark_of(s, share) * s.ins[i, I_TV]
        shown = np.int64(-1 if no else 1)
        behind = e
    discount = np.int64(0)
    if not at_mark:
        most = muldiv(q * unit, h[BONUS_PPM], np.int64(1_000_000))
        discount = min(max(behind, np.int64(0)), most)
    total = np.int64(0)
    last = np.int64(-1)
    for p in range(h[N_ACCOUNTS]):
        if s.acct[p, C_COMMIT] > 0 and s.acct[p, C_FLAGGED] == 0 and p != a:
            total += s.acct[p, C_COMMIT]
            last = p
    taken = np.int64(0)
    given = np.int64(0)
    passed = np.int64(0)
    for p in range(last + 1):
        if s.acct[p, C_COMMIT] <= 0 or s.acct[p, C_FLAGGED] != 0 or p == a:
            continue
        part = q - given if p == last else muldiv(q, s.acct[p, C_COMMIT], total)
        given += part
        x = part + passed
        if position:
            x = room(s, p, i, sign, x)
        took = np.int64(0)
        if x > 0:
            cut = muldiv(discount, x, q)
            if position:
                took = x if take_position(s, a, p, i, sign * x, cut) else took
            else:
                took = x if take_shares(s, a, p, share, i, x, x * unit - cut) else took
            if took > 0:
                emit(
                    s, BACKSTOP, a, i, 0, s.ins[i, I_MARK], shown * x, cut, 0, p, 0, 0 if position else 1,
                    s.acct[a, C_PARENT], 0, 0,
                )  # fmt: skip
        passed = part + passed - took
        taken += took
    if position:
        retire(s, a, i)
    return taken


@kernel
def backstop(s, a, positions_only):
    """LIQ-03: whole legs in LIQ-02 order, each offered once, until the account is safe."""
    legs = s.h[N_DERIVATIVES] if positions_only else s.h[N_LEGS] - s.h[N_POOLS]
    for leg in range(legs):
        s.scratch[leg, 2] = 0
    while not is_safe(s, a):
        e = equity(s, a)
        ne, mm, _ = maintenance(s, a, False)
        leg = next_leg(s, a, e, ne, mm, legs, True)
        if leg < 0:
            return
        s.scratch[leg, 2] = 1
        offer(s, a, leg, e, positions_only)
