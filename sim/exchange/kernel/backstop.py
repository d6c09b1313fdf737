"""Backstop providers take whole legs at a discount (LIQ-03)."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.bits import muldiv
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import activate, cash, retire, trade
from sim.exchange.kernel.legs import equity_share, net_shares, next_leg, own_mark
from sim.exchange.kernel.margin import equity, initial, maintenance
from sim.exchange.kernel.state import (
    BONUS_PPM,
    BORROWED,
    C_COMMIT,
    C_FLAGGED,
    C_PARENT,
    COST,
    F_CAP,
    I_CLEARING,
    I_MARK,
    I_OI,
    I_TV,
    N_ACCOUNTS,
    N_EVENTS,
    N_PERPETUALS,
    SIZE,
    UNFLAG,
    V_INSTRUMENT,
    V_YES,
)
from sim.exchange.messages import Event

BACKSTOP = int(Event.BACKSTOP)


@kernel
def is_safe(s, a):
    """Whether a flagged account may be unflagged (LIQ-00)."""
    ne, mm, events = maintenance(s, a, False)
    return ne >= mm + s.rules[UNFLAG] * (mm - events)


@inlined
def transfer(s, a, p, i, lots, value, share):
    """Book both sides of a taking; undone (returns False) when the provider lacks initial margin.

    Both sides first: open interest, which margin may depend on, does not change by a transfer.
    """
    if share >= 0:
        cash(s, p, -value)
        cash(s, a, value)
        s.bal[p, share] += lots
        s.bal[a, share] -= lots
        activate(s, p, i)
        ne, im = initial(s, p)
        if ne < im:
            cash(s, p, value)
            cash(s, a, -value)
            s.bal[p, share] -= lots
            s.bal[a, share] += lots
            return False
        return True
    size, cost, balance = s.pos[p, i, SIZE], s.pos[p, i, COST], s.bal[p, 0]
    own_size, own_cost, own_balance = s.pos[a, i, SIZE], s.pos[a, i, COST], s.bal[a, 0]
    clearing, interest, borrowed = s.ins[i, I_CLEARING], s.ins[i, I_OI], s.h[BORROWED]
    activate(s, p, i)
    trade(s, a, i, -lots, -value)
    trade(s, p, i, lots, value)
    ne, im = initial(s, p)
    if ne < im:
        s.pos[p, i, SIZE], s.pos[p, i, COST], s.bal[p, 0] = size, cost, balance
        s.pos[a, i, SIZE], s.pos[a, i, COST], s.bal[a, 0] = own_size, own_cost, own_balance
        s.ins[i, I_CLEARING], s.ins[i, I_OI], s.h[BORROWED] = clearing, interest, borrowed
        retire(s, p, i)
        return False
    retire(s, p, i)
    return True


@kernel
def offer(s, a, leg, e):
    """Offer one leg of account a (equity e) to all providers; returns the lots taken."""
    h = s.h
    perps = h[N_PERPETUALS]
    share = np.int64(-1)
    sign = np.int64(1)
    if leg < perps:
        i = np.int64(leg)
        size = s.pos[a, i, SIZE]
        q = abs(size)
        sign = np.int64(1 if size > 0 else -1)
        mark = s.ins[i, I_MARK]
        behind = equity_share(s, a, e, i)
        shown = sign
    else:
        event = leg - perps
        i = s.events[event, V_INSTRUMENT]
        q, no = net_shares(s, a, event)
        share = s.events[event, V_YES] + no
        mark = own_mark(s, i, no)
        shown = np.int64(-1 if no else 1)
        behind = e
    unit = mark * s.ins[i, I_TV]
    discount = min(max(behind, np.int64(0)), muldiv(q * unit, h[BONUS_PPM], np.int64(1_000_000)))
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
        if share < 0 and s.insf[i, F_CAP] > 0.0:
            held = s.pos[p, i, SIZE]
            if abs(held + sign * x) > abs(held):
                room = (np.int64(s.insf[i, F_CAP] * 1e6) - abs(held) * unit) // max(
                    unit, np.int64(1)
                )
                x = min(x, max(np.int64(0), room))
        took = np.int64(0)
        if x > 0:
            cut = muldiv(discount, x, q)
            value = sign * x * unit - cut
            if transfer(s, a, p, i, sign * x, value, share):
                took = x
                emit(
                    s, BACKSTOP, a, i, 0, s.ins[i, I_MARK], shown * x, cut, 0, p, 0, 0 if share < 0 else 1,
                    s.acct[a, C_PARENT], 0, 0,
                )  # fmt: skip
        passed = part + passed - took
        taken += took
    if share < 0:
        retire(s, a, i)
    return taken


@kernel
def backstop(s, a, positions_only):
    """LIQ-03: whole legs in LIQ-02 order, each offered once, until the account is safe."""
    legs = s.h[N_PERPETUALS] + (0 if positions_only else s.h[N_EVENTS])
    for leg in range(legs):
        s.scratch[leg, 2] = 0
    while not is_safe(s, a):
        e = equity(s, a)
        ne, mm, _ = maintenance(s, a, False)
        leg = next_leg(s, a, e, ne, mm, legs, True)
        if leg < 0:
            return
        s.scratch[leg, 2] = 1
        offer(s, a, leg, e)
