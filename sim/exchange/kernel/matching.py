"""Continuous price-time matching and what a fill does to two accounts (ORD-01, ORD-02, PRD-03/04)."""

from __future__ import annotations

from sim.exchange.kernel.bits import bit
from sim.exchange.kernel.book import crosses, remove
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import activate, cash, coin, retire
from sim.exchange.kernel.margin import initial
from sim.exchange.kernel.pool import headroom
from sim.exchange.kernel.positions import trade
from sim.exchange.kernel.shares import held_no, held_yes, share_trade
from sim.exchange.kernel.state import (
    A_BORROWABLE,
    A_FEES,
    ACC,
    ASK,
    ASK_COST,
    BARE,
    BID,
    BID_COST,
    BY_OWNER,
    C_OWNER,
    EVENT_BOOK,
    FILLS,
    FLG,
    FORCED_LAST,
    HEAD,
    I_ASSET,
    I_AUCTION_END,
    I_AUCTION_US,
    I_BASE,
    I_BY_LAST,
    I_COST,
    I_EXTENDED,
    I_FORCED_SEQ,
    I_FORCED_TIME,
    I_HIGH,
    I_KIND,
    I_LAST,
    I_LOW,
    I_STATE,
    I_TOUCHED,
    I_TV,
    I_UNITS,
    I_VOLATILE,
    ID,
    LOTS,
    N_ASK,
    N_ASK_COST,
    N_BID,
    N_BID_COST,
    NOW,
    OUTCOME_NO,
    PENDING,
    PX,
    REST,
    S_AUCTION,
    SELF_TRADE,
    SELLS_OUTCOME,
    SIDE,
    SIZE,
    SPOT,
)
from sim.exchange.kernel.tiers import count_volume, maker_fee, taker_fee
from sim.exchange.kernel.value import settle, worth
from sim.exchange.messages import Event, Flag, Reason

FILL, CANCELLED, STATE = int(Event.FILL), int(Event.CANCELLED), int(Event.STATE)
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
        cost = lots * px * s.ins[i, I_COST]
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
        if s.ins[i, I_KIND] == EVENT_BOOK:
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
    if not s.h[BARE] and s.ins[i, I_KIND] != EVENT_BOOK:
        retire(s, a, i)


@inlined
def opposite(s, a, i, side):
    """Lots of a position that an order on `side` could close."""
    size = s.pos[a, i, SIZE]
    return max(0, -size) if side == 0 else max(0, size)


@inlined
def maker_reduces(s, a, i, side, flags, rest, px):
    """Whether a resting order, filled whole, would only reduce (MAR-09)."""
    if flags & REDUCE_ONLY:
        return True
    kind = s.ins[i, I_KIND]
    if kind == EVENT_BOOK:
        if flags & SELLS_OUTCOME == 0:
            return False
        return rest <= (held_no(s, a, i) if flags & OUTCOME_NO else held_yes(s, a, i))
    if kind == SPOT:
        units = s.bal[a, s.ins[i, I_ASSET]]
        if side == 1:
            return s.bal[a, 0] < 0 and rest <= units
        return rest <= -units and s.bal[a, 0] >= rest * px * s.ins[i, I_TV]
    return rest <= opposite(s, a, i, side)


@inlined
def sell_room(s, a, k):
    """Units of coin k that account a may still sell: its own, and what it may borrow."""
    own = max(s.bal[a, k], s.bal[a, k] * 0)
    return own + headroom(s, k) if s.assets[k, A_BORROWABLE] else own


@inlined
def same_party(s, a, m):
    """Whether two accounts count as one for self-trade prevention (ORD-02)."""
    return a == m or (s.h[BY_OWNER] != 0 and s.acct[a, C_OWNER] == s.acct[m, C_OWNER])


@inlined
def exchange(s, i, side, a, flags, m, maker_flags, lots, px):
    """Both sides of a fill: positions, shares or coins against money; returns sets minted (+) or merged."""
    signed = lots if side == 0 else -lots
    minted = lots * 0
    kind = s.ins[i, I_KIND]
    if kind == EVENT_BOOK:
        if side == 0:
            minted = share_trade(s, i, a, flags, m, maker_flags, lots, px)
        else:
            minted = share_trade(s, i, m, maker_flags, a, flags, lots, px)
    elif kind == SPOT:
        value = signed * px * s.ins[i, I_TV]
        k = s.ins[i, I_ASSET]
        coin(s, a, k, signed)
        cash(s, a, -value)
        coin(s, m, k, -signed)
        cash(s, m, value)
    else:
        value = worth(s, i, signed, px)
        activate(s, a, i)
        activate(s, m, i)
        trade(s, a, i, signed, value)
        trade(s, m, i, -signed, -value)
    return minted


@inlined
def charge(s, i, a, fee):
    """Take a fee (negative: pay a rebate) in what instrument i settles in."""
    settle(s, a, i, -fee)
    s.assets[s.ins[i, I_ASSET] if s.ins[i, I_UNITS] != 0 else 0, A_FEES] += fee


@inlined
def traded(s, i, px):
    """`last` is px now; BY_LAST orders will be looked at when the message is done."""
    s.ins[i, I_LAST] = px
    if s.ins[i, I_BY_LAST] != 0:
        s.ins[i, I_TOUCHED] = 1
        s.h[PENDING] = 1


@inlined
def fillable(s, m, i, side, flags, rest, px):
    """What bars the first order of a queue from trading: (reason or 0, most lots it may trade).

    A cap below what rests means that the order is cancelled once it has traded that much.
    """
    cap = rest
    reason = rest * 0
    if flags & REDUCE_ONLY:
        cap = opposite(s, m, i, side)
        if cap == 0:
            reason = rest * 0 + R_REDUCE
        return reason, cap
    if s.ins[i, I_KIND] == SPOT and side == 1:
        cap = sell_room(s, m, s.ins[i, I_ASSET])
        if cap == 0:
            return rest * 0 + R_BALANCE, cap
    if not maker_reduces(s, m, i, side, flags, rest, px):
        ne, im = initial(s, m)
        if ne < im:
            reason = rest * 0 + R_MARGIN
    return reason, cap


@kernel
def halt(s, i, px):
    """ORD-05: a trade at px would leave the bounds; the book goes into auction."""
    ins = s.ins[i]
    ins[I_STATE] = S_AUCTION
    ins[I_AUCTION_END] = s.h[NOW] + ins[I_AUCTION_US]
    ins[I_VOLATILE] = 1
    ins[I_EXTENDED] = 0
    emit(s, STATE, 0, i, 0, px, 0, 0, 0, 0, 0, S_AUCTION, 0, ins[I_AUCTION_END], 1)


@inlined
def fill_order(s, slot, lots, cap):
    """Take traded lots off a resting order; cancel what its cap leaves without a chance."""
    o = s.orders[slot]
    if lots == o[REST]:
        remove(s, slot)
    else:
        o[REST] -= lots
        s.levels[o[SIDE], o[PX] - s.ins[o[SIDE] >> 1, I_BASE], LOTS] -= lots
        if lots == cap:
            cancel(s, slot, R_REDUCE if o[FLG] & REDUCE_ONLY else R_BALANCE)


@kernel
def match(s, a, i, side, bound, size, flags, oid, forced, parent):
    """Trade an incoming order against the book.

    Returns (lots left, 1 if self-trade prevention stopped it, 2 if an auction did).  The order's own
    lots must already be counted as resting (``resting``) at `bound` unless it is forced or reduce-only.
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
        if s.ins[i, I_HIGH] != 0 and (best < s.ins[i, I_LOW] or best > s.ins[i, I_HIGH]):
            halt(s, i, best)
            return rest, 2
        slot = s.levels[other_side, best - s.ins[i, I_BASE], HEAD]
        o = s.orders[slot]
        m = o[ACC]
        if not bare and same_party(s, a, m):
            policy = 1 if forced else h[SELF_TRADE]
            if policy != 0:
                cancel(s, slot, R_SELF)
            if policy != 1:
                return rest, 1
            continue
        lots = min(rest, o[REST])
        cap = lots * 0 + o[REST]
        minted = lots * 0
        pays = lots * 0
        earns = lots * 0
        if not bare:
            reason, cap = fillable(s, m, i, 1 - side, o[FLG], o[REST], best)
            if reason != 0:
                cancel(s, slot, reason)
                continue
            lots = min(lots, cap)
            resting(s, m, i, 1 - side, o[FLG], -lots, best)
            if not forced:
                resting(s, a, i, side, flags, -lots, bound)
                pays = taker_fee(s, a, i, lots, best)
                count_volume(s, a, i, lots, best)
            earns = maker_fee(s, m, i, lots, best)
            count_volume(s, m, i, lots, best)
            minted = exchange(s, i, side, a, flags, m, o[FLG], lots, best)
            charge(s, i, a, pays)
            charge(s, i, m, earns)
        h[FILLS] += 1
        seq = emit(
            s, FILL, a, i, side, best, lots, pays, oid, m, o[ID], 1 if forced else 0, parent, earns, minted
        )  # fmt: skip
        if forced:
            s.ins[i, I_FORCED_SEQ] = seq
            s.ins[i, I_FORCED_TIME] = h[NOW]
        if not forced or h[FORCED_LAST]:
            traded(s, i, best)
        rest -= lots
        fill_order(s, slot, lots, cap)
        if not bare and kind != EVENT_BOOK:
            retire(s, m, i)
    return rest, 0
