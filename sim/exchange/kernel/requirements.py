"""What an order must satisfy before it may rest or trade: MAR-09, borrowing included."""

from __future__ import annotations

from sim.exchange.kernel.bits import rate_up
from sim.exchange.kernel.jit import inlined
from sim.exchange.kernel.limits import reference
from sim.exchange.kernel.margin import equity, initial, outflow
from sim.exchange.kernel.matching import opposite, resting
from sim.exchange.kernel.pool import room_reason
from sim.exchange.kernel.quality import grade
from sim.exchange.kernel.shares import held_no, held_yes, usd
from sim.exchange.kernel.state import (
    A_BORROW_CAP,
    A_BORROWABLE,
    A_BORROWED,
    A_POOL,
    ASK,
    BID,
    EVENT_BOOK,
    EVENT_PPM,
    G_BORROW,
    I_ASSET,
    I_FEED,
    I_KIND,
    I_MARK,
    I_PAYOFF,
    I_TV,
    L_TAKER,
    N_BID,
    OUTCOME_NO,
    SELLS_OUTCOME,
    SPOT,
    THROTTLE,
)
from sim.exchange.kernel.value import micro, worth
from sim.exchange.messages import Flag, Reason

OK = int(Reason.NONE)
R_MARGIN = int(Reason.INSUFFICIENT_MARGIN)
R_STALE = int(Reason.STALE_ORACLE)
R_LIQUIDITY = int(Reason.NO_LIQUIDITY)
R_BALANCE = int(Reason.INSUFFICIENT_BALANCE)
REDUCE = int(Flag.REDUCE_ONLY)


@inlined
def reduces(s, a, i, side, flags, size, bound):
    """Whether a new order only reduces (MAR-09)."""
    if flags & REDUCE:
        return True
    kind = s.ins[i, I_KIND]
    p = s.pos[a, i]
    if kind == EVENT_BOOK:
        if flags & SELLS_OUTCOME == 0:
            return False
        if flags & OUTCOME_NO:
            return size <= held_no(s, a, i) - p[N_BID]
        return size <= held_yes(s, a, i) - p[ASK]
    if kind == SPOT:
        units = s.bal[a, s.ins[i, I_ASSET]]
        if side == 1:
            return s.bal[a, 0] < 0 and size <= units - p[ASK]
        return size <= -units - p[BID] and s.bal[a, 0] >= size * bound * s.ins[i, I_TV]
    return size <= opposite(s, a, i, side) - (p[ASK] if side else p[BID])


@inlined
def reducing_reason(s, a, i, side, size, bound):
    """A reducing order may not, filled whole at its bound, leave E below 0 and lower than it is."""
    before = equity(s, a)
    if s.ins[i, I_KIND] == EVENT_BOOK:
        gain = (bound - s.ins[i, I_MARK]) * size * s.ins[i, I_TV]
        after = before + (gain if side else -gain)
        after -= rate_up(
            min(bound, s.ins[i, I_PAYOFF] - bound) * size * s.ins[i, I_TV], s.h[EVENT_PPM]
        )
    else:
        lots = -size if side else size
        gain = worth(s, i, lots, reference(s, i)) - worth(s, i, lots, bound)
        fee = rate_up(abs(worth(s, i, lots, bound)), s.tiers[0, L_TAKER])
        after = before + micro(s, i, gain - fee)
    return R_MARGIN if after < 0 and after < before else OK


@inlined
def borrow_reason(s, a, i, side, flags, size, bound):
    """Whether the debts that all resting orders could make may be made (MAR-09 a, b); 0 if so."""
    kind = s.ins[i, I_KIND]
    if kind == SPOT and side == 1:
        k = s.ins[i, I_ASSET]
        over = s.pos[a, i, ASK] - s.bal[a, k]
        now = max(0, -s.bal[a, k])
        if over <= now:
            return OK
        if not s.assets[k, A_BORROWABLE]:
            return R_BALANCE
        reason = room_reason(s, k, now, over)
        if reason != OK:
            return reason
        return R_STALE if grade(s, s.ins[i, I_FEED]) >= s.h[G_BORROW] else OK
    if kind != SPOT and kind != EVENT_BOOK:
        return OK
    out = outflow(s, a)
    debt = out - usd(s.bal[a, 0])
    owed = usd(max(0, -s.bal[a, 0]))
    if debt > 0.0 and debt > owed:
        resting(s, a, i, side, flags, -size, bound)
        before = outflow(s, a)
        resting(s, a, i, side, flags, size, bound)
        if out > before:
            pool = s.assets[0]
            if pool[A_POOL] == 0:
                return R_BALANCE
            after = usd(pool[A_BORROWED]) - owed + debt
            if after > s.assetf[0, THROTTLE] * usd(pool[A_POOL]):
                return R_LIQUIDITY
            if pool[A_BORROW_CAP] > 0 and after > usd(pool[A_BORROW_CAP]):
                return R_LIQUIDITY
    return OK


@inlined
def margin_reason(s, a, i, side, flags, size, bound, reducing):
    """MAR-09 for an order whose lots have just been added to the resting numbers; 0 if it passes.

    A refused order is taken out of the numbers again.
    """
    if reducing:
        reason = reducing_reason(s, a, i, side, size, bound)
    else:
        reason = borrow_reason(s, a, i, side, flags, size, bound)
        if reason == OK:
            ne, im = initial(s, a)
            if ne < im:
                reason = R_MARGIN
    if reason != OK:
        resting(s, a, i, side, flags, -size, bound)
    return reason
