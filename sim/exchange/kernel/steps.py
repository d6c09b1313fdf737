"""One forced order into the book, and what it pays (LIQ-02, LIQ-07)."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.bankruptcy import draw
from sim.exchange.kernel.bits import muldiv, rate_down, rate_up
from sim.exchange.kernel.disposal import wait_after
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import cash
from sim.exchange.kernel.legs import (
    POSITION_LEG,
    SALE_LEG,
    SHARE_LEG,
    equity_share,
    leg_value,
    mark_of,
    plan,
    share_of,
)
from sim.exchange.kernel.margin import equity, maintenance
from sim.exchange.kernel.matching import match
from sim.exchange.kernel.ranking import next_leg
from sim.exchange.kernel.state import (
    C_PARENT,
    D_INDEX,
    EXACT,
    EXACT_PPM,
    I_FEED,
    I_MARK,
    I_TV,
    I_UNITS,
    INSURANCE,
    LIQ_PPM,
    LOGGED,
    N_LEGS,
    N_LOG,
    OUTCOME_NO,
    SELLS_OUTCOME,
    SEQ,
    SIZE,
)
from sim.exchange.kernel.value import notional
from sim.exchange.messages import E_AMOUNT, E_X, Event

STEP, DEFICIT = int(Event.STEP), int(Event.DEFICIT)


@inlined
def fee_of_step(s, a, i, filled, mark):
    """LIQ-02: the liquidation fee, as far as equity allows, to insurance; returns it."""
    after = equity(s, a)
    fee = min(rate_up(notional(s, i, filled, mark), s.h[LIQ_PPM]), max(after, np.int64(0)))
    cash(s, a, -fee)
    s.h[INSURANCE] += fee
    return fee


@kernel
def settle_exactly(s, a, i, side, filled, whole, share, before):
    """LIQ-07, dydx_exact: what a step fetched beyond the bankruptcy price goes to the fund, or comes."""
    after = equity(s, a)
    cost = before - after
    x = muldiv(share, filled, whole) - cost if share >= 0 else -cost
    if x >= 0:
        value = filled * s.ins[i, I_MARK] * s.ins[i, I_TV]
        proceeds = value - cost if side == 1 else value + cost
        most = min(rate_down(proceeds, s.h[EXACT_PPM]), max(after, np.int64(0)))
        fee = min(x, most)
        cash(s, a, -fee)
        s.h[INSURANCE] += fee
        return fee
    paid = draw(s, a, -x)
    if paid > 0:
        emit(s, DEFICIT, a, 0, 0, 0, 0, paid, 0, 0, 0, 0, 0, paid, 0)
    return x * 0


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
    value = leg_value(s, a, leg)
    exact = h[EXACT] != 0 and code == POSITION_LEG and s.ins[i, I_UNITS] == 0
    share = np.int64(0)
    whole = np.int64(1)
    if exact:
        share = equity_share(s, a, e, i)
        whole = abs(s.pos[a, i, SIZE])
    row = h[LOGGED]
    parent = s.acct[a, C_PARENT]
    seq = h[SEQ] + 1
    emit(s, STEP, a, i, side, bound, lots, 0, -seq, 0, 0, code, parent, 0, 0)
    flags = 0
    if code == SHARE_LEG:
        flags = SELLS_OUTCOME | (OUTCOME_NO if no else 0)
    rest, _ = match(s, a, i, side, bound, lots, flags, -seq, True, parent)
    filled = lots - rest
    wait_after(s, a, filled, value)
    if exact:
        fee = np.int64(0)
        if filled > 0:
            fee = settle_exactly(s, a, i, side, filled, whole, share, e)
    else:
        mark = s.ins[i, I_MARK]
        if code == SHARE_LEG:
            mark = mark_of(s, share_of(s, leg))
        elif code >= SALE_LEG:
            mark = s.feeds[s.ins[i, I_FEED], D_INDEX]
        fee = fee_of_step(s, a, i, filled, mark)
    if row < h[N_LOG]:
        s.log[row, E_AMOUNT] = fee
        s.log[row, E_X] = filled
    return filled
