"""Orders on arrival: every check of ORD-04 in the rulebook's order, then matching."""

from __future__ import annotations

import math

from sim.exchange.kernel.book import crosses, find, insert, next_price, remove
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.expiry import time_order
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import activate, retire
from sim.exchange.kernel.limits import highest_price, lowest_price
from sim.exchange.kernel.matching import cancel, match, opposite, resting
from sim.exchange.kernel.quality import grade
from sim.exchange.kernel.requirements import margin_reason, reduces
from sim.exchange.kernel.state import (
    ACC,
    ASK,
    BARE,
    BID,
    C_FLAGGED,
    C_HEAD,
    C_OPEN,
    C_STOPS,
    EVENT_BOOK,
    FLG,
    FREE,
    FUTURE,
    G_FILL,
    G_INCREASE,
    I_BASE,
    I_EXPIRY,
    I_FEED,
    I_KIND,
    I_MAX,
    I_MIN_NOTIONAL,
    I_PAYOFF,
    I_STATE,
    ID,
    LOTS,
    MAX_IMPACT,
    MAX_OPEN,
    N_ACCOUNTS,
    N_DERIVATIVES,
    N_IDS,
    N_INSTRUMENTS,
    NOW,
    OUTCOME_NO,
    PX,
    REJECTS,
    REST,
    S_AUCTION,
    S_CANCEL,
    S_LIMIT,
    S_OPEN,
    S_POST,
    SELLS_OUTCOME,
    SIDE,
    SIZE,
    SPOT,
    T_ACC,
    T_ANEXT,
    T_FLAGS,
    T_ID,
    T_INS,
    T_PRICE,
    T_SIDE,
    T_SIZE,
    T_TRIGGER,
    UNTIL,
)
from sim.exchange.kernel.stops import cancel_stop, find_stop
from sim.exchange.kernel.value import notional
from sim.exchange.messages import (
    M_ACCOUNT,
    M_ARG,
    M_ARG2,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    Event,
    Flag,
    Kind,
    Reason,
)

ORDER, CANCELLED, REJECT, CONDITIONAL = (
    int(Event.ORDER),
    int(Event.CANCELLED),
    int(Event.REJECT),
    int(Event.CONDITIONAL),
)
IOC, FOK, POST, REDUCE, MARKET = (
    int(Flag.IOC),
    int(Flag.FOK),
    int(Flag.POST_ONLY),
    int(Flag.REDUCE_ONLY),
    int(Flag.MARKET),
)
GTD = int(Flag.GTD)
KNOWN = IOC | FOK | POST | REDUCE | MARKET | GTD
K_REPLACE = int(Kind.REPLACE)
OK = int(Reason.NONE)
R_BOUNDS = int(Reason.PRICE_OUT_OF_BOUNDS)
R_CROSS = int(Reason.WOULD_CROSS)
R_REDUCE = int(Reason.REDUCE_ONLY)
R_SELF = int(Reason.SELF_TRADE)
R_STALE = int(Reason.STALE_ORACLE)
R_LIQUIDITY = int(Reason.NO_LIQUIDITY)
R_STATE = int(Reason.BOOK_STATE)
R_ORDER = int(Reason.UNKNOWN_ORDER)
R_ACCOUNT = int(Reason.UNKNOWN_ACCOUNT)
R_INSTRUMENT = int(Reason.UNKNOWN_INSTRUMENT)
R_TICK = int(Reason.BAD_TICK)
R_SIZE = int(Reason.BAD_SIZE)
R_NOTIONAL = int(Reason.MIN_NOTIONAL)
R_OPEN = int(Reason.MAX_OPEN_ORDERS)
R_FLAGGED = int(Reason.FLAGGED)
R_DUPLICATE = int(Reason.DUPLICATE_ORDER)
R_FLAGS = int(Reason.BAD_FLAGS)
R_FULL = int(Reason.BOOK_FULL)
BY_USER, IMMEDIATE, REPLACED = int(Reason.BY_USER), int(Reason.IMMEDIATE), int(Reason.REPLACED)


@inlined
def reject(s, m, reason):
    s.h[REJECTS] += 1
    emit(
        s, REJECT, m[M_ACCOUNT], m[M_INSTRUMENT], m[M_SIDE], m[M_PRICE], m[M_SIZE], 0, m[M_ORDER], 0, 0, reason, 0,
        m[M_KIND], 0,
    )  # fmt: skip


@inlined
def shut(state, flags):
    """Whether a book in this state refuses a new order with these flags (ORD-03)."""
    if state == S_AUCTION:
        return flags & (IOC | FOK | MARKET | POST) != 0
    if state == S_POST:
        return flags & POST == 0
    if state == S_LIMIT:
        return flags & MARKET != 0
    return state >= S_CANCEL


@inlined
def on_ladder(s, i, price):
    """Whether a price can be one of this book at all (BAD_TICK otherwise)."""
    return price >= 1 and (s.ins[i, I_KIND] != EVENT_BOOK or price < s.ins[i, I_PAYOFF])


@inlined
def enough(s, side, other_side, bound, size):
    """FOK: whether lots at crossing prices reach the size."""
    need = size
    price = s.best[other_side]
    while need > 0 and crosses(side, price, bound):
        need -= s.levels[other_side, price - s.ins[other_side >> 1, I_BASE], LOTS]
        price = next_price(s, other_side, price)
    return need <= 0


@kernel
def submit(s, a, i, side, price, size, flags, oid, no, until, replaced):
    """A NEW order, the second half of a REPLACE or a triggered order; returns why it was refused, or 0."""
    h = s.h
    if size <= 0 or size > s.ins[i, I_MAX]:
        return R_SIZE
    if i < h[N_DERIVATIVES] and flags & REDUCE == 0:
        p = s.pos[a, i]
        after = p[ASK] - p[SIZE] if side else p[SIZE] + p[BID]
        if after + size > s.ins[i, I_MAX]:
            return R_SIZE
    state = s.ins[i, I_STATE]
    if state != S_OPEN and shut(state, flags):
        return R_STATE
    if s.ins[i, I_KIND] == FUTURE and h[NOW] >= s.ins[i, I_EXPIRY]:
        return R_STATE
    held = s.slot_of[oid % h[N_IDS]] if oid > 0 else 0
    if oid <= 0 or held != 0:
        return R_DUPLICATE
    kind = s.ins[i, I_KIND]
    own = price
    if kind == EVENT_BOOK:
        if side == 1:
            flags |= SELLS_OUTCOME
        if no:
            flags |= OUTCOME_NO
            side = 1 - side
    other_side = 2 * i + 1 - side
    best = s.best[other_side]
    low = lowest_price(s, i)
    high = highest_price(s, i)
    if flags & MARKET:
        if best < 0:
            return R_LIQUIDITY
        reach = int(math.floor(best * s.rules[MAX_IMPACT]))
        bound = best - reach if side else best + reach
        bound = max(low, min(high, bound))
        own = s.ins[i, I_PAYOFF] - bound if flags & OUTCOME_NO else bound
    else:
        if not on_ladder(s, i, price):
            return R_TICK
        bound = s.ins[i, I_PAYOFF] - price if flags & OUTCOME_NO else price
        if bound < low or bound > high:
            return R_BOUNDS
    if flags & REDUCE:
        size = min(size, opposite(s, a, i, side))
        if size == 0:
            return R_REDUCE
    elif s.ins[i, I_MIN_NOTIONAL] > 0 and notional(s, i, size, own) < s.ins[i, I_MIN_NOTIONAL]:
        return R_NOTIONAL
    crossing = state != S_AUCTION and crosses(side, best, bound)
    bare = h[BARE] != 0
    reducing = True
    if not bare:
        reducing = reduces(s, a, i, side, flags, size, bound)
        if s.acct[a, C_FLAGGED] and not reducing:
            return R_FLAGGED
    if flags & POST and crossing:
        return R_CROSS
    if not bare:
        quality = grade(s, s.ins[i, I_FEED])
        if (quality >= h[G_INCREASE] and not reducing) or (quality >= h[G_FILL] and crossing):
            return R_STALE
    if flags & (IOC | FOK | MARKET) == 0 and s.acct[a, C_OPEN] >= h[MAX_OPEN]:
        return R_OPEN
    if flags & FOK and not enough(s, side, other_side, bound, size):
        return R_LIQUIDITY
    if h[FREE] == 0:
        return R_FULL
    if not bare:
        activate(s, a, i)
        resting(s, a, i, side, flags, size, bound)
        reason = margin_reason(s, a, i, side, flags, size, bound, reducing)
        if reason != OK:
            if kind != EVENT_BOOK:
                retire(s, a, i)
            return reason
    emit(
        s,
        ORDER,
        a,
        i,
        side,
        bound,
        size,
        0,
        oid,
        0,
        0,
        flags & KNOWN,
        0,
        1 if flags & OUTCOME_NO else 0,
        replaced,
    )
    rest = size
    stopped = 0
    if crossing:
        rest, stopped = match(s, a, i, side, bound, size, flags, oid, False, 0)
    if rest > 0:
        if stopped == 1 or flags & (IOC | FOK | MARKET):
            if not bare:
                resting(s, a, i, side, flags, -rest, bound)
            emit(
                s,
                CANCELLED,
                a,
                i,
                side,
                bound,
                rest,
                0,
                oid,
                0,
                0,
                R_SELF if stopped == 1 else IMMEDIATE,
                0,
                0,
                0,
            )
        else:
            slot = insert(s, a, 2 * i + side, bound, rest, oid, flags)
            if flags & GTD:
                time_order(s, slot, until)
    if not bare and kind != EVENT_BOOK:
        retire(s, a, i)
    return OK


@inlined
def bad_flags(s, i, side, flags, outcome, until):
    """BAD_FLAGS of ORD-04: a side, flag or outcome that does not exist, or flags that exclude each other."""
    kind = s.ins[i, I_KIND]
    return (
        (side != 0 and side != 1)
        or (flags & IOC and flags & FOK)
        or (flags & POST and flags & (IOC | FOK | MARKET))
        or (flags & REDUCE and (kind == SPOT or kind == EVENT_BOOK))
        or (outcome != 0 and (outcome != 1 or kind != EVENT_BOOK))
        or (flags & GTD and (flags & (IOC | FOK | MARKET) or until <= s.h[NOW]))
    )


@inlined
def well_formed(s, m):
    """The checks that need no state: account, instrument, side, flags, outcome."""
    h = s.h
    if m[M_ACCOUNT] < 0 or m[M_ACCOUNT] >= h[N_ACCOUNTS]:
        return R_ACCOUNT
    if m[M_INSTRUMENT] < 0 or m[M_INSTRUMENT] >= h[N_INSTRUMENTS]:
        return R_INSTRUMENT
    i = m[M_INSTRUMENT]
    flags = m[M_FLAGS]
    if flags & ~KNOWN or bad_flags(s, i, m[M_SIDE], flags, m[M_ARG], m[M_ARG2]):
        return R_FLAGS
    return OK


@inlined
def take_out(s, slot):
    """Remove a resting order silently, ahead of its replacement."""
    o = s.orders[slot]
    a = o[ACC]
    i = o[SIDE] >> 1
    if not s.h[BARE]:
        resting(s, a, i, o[SIDE] & 1, o[FLG], -o[REST], o[PX])
    remove(s, slot)
    if not s.h[BARE] and s.ins[i, I_KIND] != EVENT_BOOK:
        retire(s, a, i)


@inlined
def cancel_one(s, m):
    slot = find(s, m[M_ACCOUNT], m[M_ORDER])
    if slot != 0:
        cancel(s, slot, BY_USER)
        return OK
    slot = find_stop(s, m[M_ACCOUNT], m[M_ORDER])
    if slot == 0:
        return R_ORDER
    cancel_stop(s, slot, BY_USER)
    return OK


@kernel
def cancel_all(s, a, instrument, reason):
    """Cancel an account's orders (in one instrument, or everywhere: -1) in the order they rested."""
    slot = s.acct[a, C_HEAD]
    while slot != 0:
        after = s.orders[slot, 8]  # ANEXT, read before the order goes
        if instrument < 0 or s.orders[slot, SIDE] >> 1 == instrument:
            cancel(s, slot, reason)
        slot = after
    slot = s.acct[a, C_STOPS]
    while slot != 0:
        after = s.stops[slot, T_ANEXT]
        if instrument < 0 or s.stops[slot, T_INS] == instrument:
            cancel_stop(s, slot, reason)
        slot = after


@inlined
def shrink(s, slot, size):
    """Replace at the same price with fewer lots: the order keeps its place."""
    o = s.orders[slot]
    i = o[SIDE] >> 1
    less = o[REST] - size
    if not s.h[BARE]:
        resting(s, o[ACC], i, o[SIDE] & 1, o[FLG], -less, o[PX])
    s.levels[o[SIDE], o[PX] - s.ins[i, I_BASE], LOTS] -= less
    o[REST] = size
    no = 1 if o[FLG] & OUTCOME_NO else 0
    emit(s, ORDER, o[ACC], i, o[SIDE] & 1, o[PX], size, 0, o[ID], 0, 0, o[FLG] & KNOWN, 0, no, 1)


@kernel
def change_stop(s, m, slot):
    """REPLACE of a conditional order: new price and size in place; the reason it was refused, or 0."""
    t = s.stops[slot]
    i = t[T_INS]
    if m[M_SIZE] <= 0 or m[M_SIZE] > s.ins[i, I_MAX]:
        return R_SIZE
    if t[T_FLAGS] & MARKET == 0 and not on_ladder(s, i, m[M_PRICE]):
        return R_TICK
    t[T_PRICE] = m[M_PRICE]
    t[T_SIZE] = m[M_SIZE]
    emit(
        s, CONDITIONAL, t[T_ACC], i, t[T_SIDE], t[T_PRICE], t[T_SIZE], 0, t[T_ID], 0, 0, t[T_FLAGS], 0,
        t[T_TRIGGER], 1,
    )  # fmt: skip
    return OK


@inlined
def new_or_replace(s, m):
    """NEW and REPLACE; refusals become REJECT events."""
    a, i, side, flags, no = m[M_ACCOUNT], m[M_INSTRUMENT], m[M_SIDE], m[M_FLAGS], m[M_ARG] == 1
    until = m[M_ARG2]
    replaced = 0
    px = side * 0
    rest = side * 0
    book_side = side * 0
    reason = OK
    if m[M_KIND] != K_REPLACE:
        reason = well_formed(s, m)
    else:
        slot = find(s, a, m[M_ORDER])
        if slot == 0:
            slot = find_stop(s, a, m[M_ORDER])
            reason = R_ORDER if slot == 0 else change_stop(s, m, slot)
            if reason == OK:
                return
        elif m[M_SIZE] <= 0:
            reason = R_SIZE
        else:
            o = s.orders[slot]
            i = o[SIDE] >> 1
            book_side = o[SIDE] & 1
            px = o[PX]
            rest = o[REST]
            flags = o[FLG] & KNOWN
            no = o[FLG] & OUTCOME_NO != 0
            until = s.timed[slot, UNTIL]
            side = 1 - book_side if no else book_side
            if (s.ins[i, I_PAYOFF] - m[M_PRICE] if no else m[M_PRICE]) == px and m[M_SIZE] <= rest:
                shrink(s, slot, m[M_SIZE])
                return
            replaced = 1
            take_out(s, slot)
    if reason == OK:
        reason = submit(
            s, a, i, side, m[M_PRICE], m[M_SIZE], flags, m[M_ORDER], no, until, replaced
        )
    if reason != OK:
        reject(s, m, reason)
        if replaced:
            emit(s, CANCELLED, a, i, book_side, px, rest, 0, m[M_ORDER], 0, 0, REPLACED, 0, 0, 0)
