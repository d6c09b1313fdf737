"""Continuous price-time matching and what a fill does to two accounts (ORD-01, ORD-02, PRD-03/04)."""

from __future__ import annotations

from sim.exchange.kernel.bits import bit, rate_down, rate_up
from sim.exchange.kernel.book import crosses, remove
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import activate, cash, coin, retire, trade
from sim.exchange.kernel.margin import MICRO, initial
from sim.exchange.kernel.state import (
    ACC,
    ASK,
    ASK_COST,
    BARE,
    BID,
    BID_COST,
    BINARY,
    EVENT_PPM,
    FEES,
    FILLS,
    FLG,
    FORCED_LAST,
    HEAD,
    I_ASSET,
    I_BASE,
    I_EVENT,
    I_FORCED_SEQ,
    I_FORCED_TIME,
    I_KIND,
    I_LAST,
    I_PAYOFF,
    I_TV,
    ID,
    LOTS,
    MAKER_PPM,
    N_ASK,
    N_ASK_COST,
    N_BID,
    N_BID_COST,
    NOW,
    OUTCOME_NO,
    PERPETUAL,
    PX,
    REST,
    SELF_TRADE,
    SELLS_OUTCOME,
    SIDE,
    SIZE,
    SPOT,
    TAKER_PPM,
    V_SETS,
    V_YES,
)
from sim.exchange.messages import Event, Flag, Reason

FILL, CANCELLED = int(Event.FILL), int(Event.CANCELLED)
REDUCE_ONLY = int(Flag.REDUCE_ONLY)
R_SELF, R_REDUCE, R_MARGIN, R_BALANCE = (
    int(Reason.SELF_TRADE),
    int(Reason.REDUCE_ONLY),
    int(Reason.INSUFFICIENT_MARGIN),
    int(Reason.INSUFFICIENT_BALANCE),
)


@inlined
def resting(s, a, i, side, flags, lots, px):
    """Add lots (negative: take away) to the numbers that margin counts as resting orders."""
    if flags & REDUCE_ONLY == 0:
        p = s.pos[a, i]
        cost = lots * px * s.ins[i, I_TV]
        if flags & OUTCOME_NO:
            if side == 0:
                p[N_BID] += lots
                p[N_BID_COST] += cost
            else:
                p[N_ASK] += lots
                p[N_ASK_COST] += cost
        elif side == 0:
            p[BID] += lots
            p[BID_COST] += cost
        else:
            p[ASK] += lots
            p[ASK_COST] += cost
        left = p[BID] | p[ASK]
        if s.ins[i, I_KIND] == BINARY:
            left |= p[N_BID] | p[N_ASK]
        if left != 0:
            s.quoted[a, i >> 6] |= bit(i & 63)
        else:
            s.quoted[a, i >> 6] &= ~bit(i & 63)


@kernel
def cancel(s, slot, reason):
    """Take a resting order out and say why."""
    o = s.orders[slot]
    i = o[SIDE] >> 1
    a = o[ACC]
    emit(s, CANCELLED, a, i, o[SIDE] & 1, o[PX], o[REST], 0, o[ID], 0, 0, reason, 0, 0, 0)
    if not s.h[BARE]:
        resting(s, a, i, o[SIDE] & 1, o[FLG], -o[REST], o[PX])
    remove(s, slot)
    if not s.h[BARE] and s.ins[i, I_KIND] != BINARY:
        retire(s, a, i)


@inlined
def opposite(s, a, i, side):
    """Lots of a perpetual position that an order on `side` could close."""
    size = s.pos[a, i, SIZE]
    return max(0, -size) if side == 0 else max(0, size)


@inlined
def maker_reduces(s, a, i, side, flags, rest):
    """Whether a resting order, filled whole, would only reduce (MAR-09)."""
    if flags & REDUCE_ONLY:
        return True
    kind = s.ins[i, I_KIND]
    if kind == PERPETUAL:
        return rest <= opposite(s, a, i, side)
    if kind == BINARY:
        if flags & SELLS_OUTCOME == 0:
            return False
        share = s.events[s.ins[i, I_EVENT], V_YES] + (1 if flags & OUTCOME_NO else 0)
        return rest <= s.bal[a, share]
    return side == 1 and s.bal[a, 0] < 0 and rest <= s.bal[a, s.ins[i, I_ASSET]]


@inlined
def share_trade(s, i, buyer, buyer_flags, seller, seller_flags, lots, px):
    """Exchange event shares between bid and ask side; returns sets minted (+) or merged (-)."""
    e = s.ins[i, I_EVENT]
    yes = s.events[e, V_YES]
    no = yes + 1
    give_no = min(s.bal[buyer, no], lots) if buyer_flags & SELLS_OUTCOME else lots * 0
    give_yes = min(s.bal[seller, yes], lots) if seller_flags & SELLS_OUTCOME else lots * 0
    value = lots * px * s.ins[i, I_TV]
    s.bal[buyer, no] -= give_no
    s.bal[buyer, yes] += lots - give_no
    cash(s, buyer, give_no * MICRO - value)
    s.bal[seller, yes] -= give_yes
    s.bal[seller, no] += lots - give_yes
    cash(s, seller, value - (lots - give_yes) * MICRO)
    minted = lots - give_no - give_yes
    s.events[e, V_SETS] += minted
    activate(s, buyer, i)
    activate(s, seller, i)
    return minted


@inlined
def fees(s, i, lots, px, forced):
    """(taker fee, maker fee) in micro-USDC; a negative maker fee is a rebate (ORD-06)."""
    h = s.h
    tv = s.ins[i, I_TV]
    zero = lots * 0
    if s.ins[i, I_KIND] == BINARY:
        taker = (
            zero if forced else rate_up(lots * min(px, s.ins[i, I_PAYOFF] - px) * tv, h[EVENT_PPM])
        )
        return taker, zero
    value = lots * px * tv
    taker = zero if forced else rate_up(value, h[TAKER_PPM])
    maker = rate_up(value, h[MAKER_PPM]) if h[MAKER_PPM] >= 0 else -rate_down(value, -h[MAKER_PPM])
    return taker, maker


@kernel
def match(s, a, i, side, bound, size, flags, oid, forced, parent):
    """Trade an incoming order against the book.

    Returns (lots left, 1 if self-trade prevention stopped it).  The order's own lots must already
    be counted as resting (``resting``) at `bound` unless it is forced or reduce-only.
    """
    h = s.h
    other_side = 2 * i + (1 - side)
    rest = size
    bare = h[BARE] != 0
    kind = s.ins[i, I_KIND]
    while rest > 0:
        best = s.best[other_side]
        if not crosses(side, best, bound):
            break
        slot = s.levels[other_side, best - s.ins[i, I_BASE], HEAD]
        o = s.orders[slot]
        m = o[ACC]
        if m == a and not bare:
            policy = 1 if forced else h[SELF_TRADE]
            if policy != 0:
                cancel(s, slot, R_SELF)
            if policy != 1:
                return rest, 1
            continue
        lots = min(rest, o[REST])
        minted = lots * 0
        taker_fee = lots * 0
        maker_fee = lots * 0
        empty = False
        if not bare:
            if o[FLG] & REDUCE_ONLY:
                cap = opposite(s, m, i, 1 - side)
                if cap == 0:
                    cancel(s, slot, R_REDUCE)
                    continue
                lots = min(lots, cap)
                empty = lots == cap and lots < o[REST]
            elif kind == SPOT and side == 0 and s.bal[m, s.ins[i, I_ASSET]] <= 0:
                cancel(s, slot, R_BALANCE)
                continue
            elif not maker_reduces(s, m, i, 1 - side, o[FLG], o[REST]):
                ne, im = initial(s, m)
                if ne < im:
                    cancel(s, slot, R_MARGIN)
                    continue
            if kind == SPOT and side == 0:
                cap = s.bal[m, s.ins[i, I_ASSET]]
                lots = min(lots, cap)
                empty = lots == cap and lots < o[REST]
            resting(s, m, i, 1 - side, o[FLG], -lots, best)
            if not forced:
                resting(s, a, i, side, flags, -lots, bound)
            taker_fee, maker_fee = fees(s, i, lots, best, forced)
            signed = lots if side == 0 else -lots
            value = signed * best * s.ins[i, I_TV]
            if kind == PERPETUAL:
                activate(s, a, i)
                activate(s, m, i)
                trade(s, a, i, signed, value)
                trade(s, m, i, -signed, -value)
            elif kind == BINARY:
                if side == 0:
                    minted = share_trade(s, i, a, flags, m, o[FLG], lots, best)
                else:
                    minted = share_trade(s, i, m, o[FLG], a, flags, lots, best)
            else:
                k = s.ins[i, I_ASSET]
                coin(s, a, k, signed)
                cash(s, a, -value)
                coin(s, m, k, -signed)
                cash(s, m, value)
            cash(s, a, -taker_fee)
            cash(s, m, -maker_fee)
            h[FEES] += taker_fee + maker_fee
        h[FILLS] += 1
        seq = emit(
            s,
            FILL,
            a,
            i,
            side,
            best,
            lots,
            taker_fee,
            oid,
            m,
            o[ID],
            1 if forced else 0,
            parent,
            maker_fee,
            minted,
        )
        if forced:
            s.ins[i, I_FORCED_SEQ] = seq
            s.ins[i, I_FORCED_TIME] = h[NOW]
        if not forced or h[FORCED_LAST]:
            s.ins[i, I_LAST] = best
        rest -= lots
        if lots == o[REST]:
            remove(s, slot)
        else:
            o[REST] -= lots
            s.levels[other_side, best - s.ins[i, I_BASE], LOTS] -= lots
            if empty:
                cancel(s, slot, R_REDUCE if o[FLG] & REDUCE_ONLY else R_BALANCE)
        if not bare and kind != BINARY:
            retire(s, m, i)
    return rest, 0
