"""Orders on arrival: every check of ORD-04 and MAR-09 in the rulebook's order, then matching."""

from __future__ import annotations

import math

from sim.exchange.kernel.bits import rate_up
from sim.exchange.kernel.book import crosses, find, insert, next_price, remove
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import activate, retire
from sim.exchange.kernel.margin import (
    STALE,
    UNCERTAIN_GRADE,
    equity,
    grade,
    initial,
    outflow,
    usd,
)
from sim.exchange.kernel.matching import cancel, match, opposite, resting
from sim.exchange.kernel.state import (
    A_POOL,
    ACC,
    ASK,
    BAND,
    BARE,
    BID,
    BINARY,
    BORROWED,
    C_FLAGGED,
    C_HEAD,
    C_OPEN,
    D_INDEX,
    EVENT_PPM,
    FLG,
    FREE,
    I_ASSET,
    I_BASE,
    I_CLOSED,
    I_EVENT,
    I_FEED,
    I_KIND,
    I_MARK,
    I_MAX,
    I_MIN_NOTIONAL,
    I_PAYOFF,
    I_TICKS,
    I_TV,
    ID,
    LOTS,
    MAX_IMPACT,
    MAX_OPEN,
    N_ACCOUNTS,
    N_BID,
    N_IDS,
    N_INSTRUMENTS,
    OUTCOME_NO,
    PERPETUAL,
    PX,
    REJECTS,
    REST,
    SELLS_OUTCOME,
    SIDE,
    SPOT,
    TAKER_PPM,
    V_YES,
)
from sim.exchange.messages import (
    M_ACCOUNT,
    M_ARG,
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

ORDER, CANCELLED, REJECT = int(Event.ORDER), int(Event.CANCELLED), int(Event.REJECT)
IOC, FOK, POST, REDUCE, MARKET = (
    int(Flag.IOC),
    int(Flag.FOK),
    int(Flag.POST_ONLY),
    int(Flag.REDUCE_ONLY),
    int(Flag.MARKET),
)
KNOWN = IOC | FOK | POST | REDUCE | MARKET
K_REPLACE = int(Kind.REPLACE)
OK = int(Reason.NONE)
R_MARGIN = int(Reason.INSUFFICIENT_MARGIN)
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
R_BALANCE = int(Reason.INSUFFICIENT_BALANCE)
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
def reference(s, i):
    """What bands and expected losses are measured from: the mark, for spot the live index."""
    if s.ins[i, I_KIND] == SPOT:
        return s.feeds[s.ins[i, I_FEED], D_INDEX]
    return s.ins[i, I_MARK]


@inlined
def band(s, i):
    """Half-width of the price band in ticks (ORD-04)."""
    return int(math.floor(reference(s, i) * s.rules[BAND]))


@inlined
def lowest_price(s, i):
    """Lowest price that ladder and band allow."""
    low = max(1, s.ins[i, I_BASE])
    if s.ins[i, I_KIND] != BINARY:
        low = max(low, reference(s, i) - band(s, i))
    return low


@inlined
def highest_price(s, i):
    """Highest price that ladder and band allow."""
    if s.ins[i, I_KIND] == BINARY:
        return s.ins[i, I_PAYOFF] - 1
    return min(s.ins[i, I_BASE] + s.ins[i, I_TICKS] - 1, reference(s, i) + band(s, i))


@inlined
def enough(s, side, other_side, bound, size):
    """FOK: whether lots at crossing prices reach the size."""
    need = size
    price = s.best[other_side]
    while need > 0 and crosses(side, price, bound):
        need -= s.levels[other_side, price - s.ins[other_side >> 1, I_BASE], LOTS]
        price = next_price(s, other_side, price)
    return need <= 0


@inlined
def reduces(s, a, i, side, flags, size):
    """Whether a new order only reduces (MAR-09)."""
    if flags & REDUCE:
        return True
    kind = s.ins[i, I_KIND]
    p = s.pos[a, i]
    if kind == PERPETUAL:
        return size <= opposite(s, a, i, side) - (p[ASK] if side else p[BID])
    if kind == BINARY:
        if flags & SELLS_OUTCOME == 0:
            return False
        yes = s.events[s.ins[i, I_EVENT], V_YES]
        if flags & OUTCOME_NO:
            return size <= s.bal[a, yes + 1] - p[N_BID]
        return size <= s.bal[a, yes] - p[ASK]
    return side == 1 and s.bal[a, 0] < 0 and size <= s.bal[a, s.ins[i, I_ASSET]] - p[ASK]


@inlined
def margin_reason(s, a, i, side, flags, size, bound, reducing):
    """MAR-09 for an order whose lots have just been added to the resting numbers; 0 if it passes.

    A refused order is taken out of the numbers again.
    """
    h = s.h
    reason = OK
    if reducing:
        before = equity(s, a)
        value = size * s.ins[i, I_TV]
        gain = (bound - reference(s, i)) * value
        after = before + (gain if side else -gain)
        if s.ins[i, I_KIND] == BINARY:
            after -= rate_up(min(bound, s.ins[i, I_PAYOFF] - bound) * value, h[EVENT_PPM])
        else:
            after -= rate_up(bound * value, h[TAKER_PPM])
        if after < 0 and after < before:
            reason = R_MARGIN
    else:
        kind = s.ins[i, I_KIND]
        if kind == SPOT and side == 1 and s.bal[a, s.ins[i, I_ASSET]] < s.pos[a, i, ASK]:
            reason = R_BALANCE
        elif kind != PERPETUAL:
            out = outflow(s, a)
            debt = out - usd(s.bal[a, 0])
            now = usd(max(0, -s.bal[a, 0]))
            if debt > 0.0 and debt > now:
                resting(s, a, i, side, flags, -size, bound)
                before_out = outflow(s, a)
                resting(s, a, i, side, flags, size, bound)
                lent = s.assets[0, A_POOL]
                if out > before_out:
                    if lent == 0:
                        reason = R_BALANCE
                    elif usd(h[BORROWED]) - now + debt > usd(lent):
                        reason = R_LIQUIDITY
        if reason == OK:
            ne, im = initial(s, a)
            if ne < im:
                reason = R_MARGIN
    if reason != OK:
        resting(s, a, i, side, flags, -size, bound)
    return reason


@inlined
def submit(s, a, i, side, price, size, flags, oid, no, replaced):
    """A NEW order (or the second half of a REPLACE); returns the reason it was refused, or 0."""
    h = s.h
    if size <= 0 or size > s.ins[i, I_MAX]:
        return R_SIZE
    if s.ins[i, I_CLOSED] != 0:
        return R_STATE
    held = s.slot_of[oid % h[N_IDS]] if oid > 0 else 0
    if oid <= 0 or held != 0:
        return R_DUPLICATE
    kind = s.ins[i, I_KIND]
    own = price
    if kind == BINARY:
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
        if price < 1 or (kind == BINARY and price >= s.ins[i, I_PAYOFF]):
            return R_TICK
        bound = s.ins[i, I_PAYOFF] - price if flags & OUTCOME_NO else price
        if bound < low or bound > high:
            return R_BOUNDS
    if flags & REDUCE:
        size = min(size, opposite(s, a, i, side))
        if size == 0:
            return R_REDUCE
    elif s.ins[i, I_MIN_NOTIONAL] > 0 and size * own * s.ins[i, I_TV] < s.ins[i, I_MIN_NOTIONAL]:
        return R_NOTIONAL
    crossing = crosses(side, best, bound)
    bare = h[BARE] != 0
    reducing = True
    if not bare:
        reducing = reduces(s, a, i, side, flags, size)
        if s.acct[a, C_FLAGGED] and not reducing:
            return R_FLAGGED
    if flags & POST and crossing:
        return R_CROSS
    if not bare:
        quality = grade(s, s.ins[i, I_FEED])
        if (quality >= STALE and not reducing) or (quality >= UNCERTAIN_GRADE and crossing):
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
            if kind != BINARY:
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
        if stopped or flags & (IOC | FOK | MARKET):
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
                R_SELF if stopped else IMMEDIATE,
                0,
                0,
                0,
            )
        else:
            insert(s, a, 2 * i + side, bound, rest, oid, flags)
    if not bare and kind != BINARY:
        retire(s, a, i)
    return OK


@inlined
def well_formed(s, m):
    """The checks that need no state: account, instrument, side, flags, outcome."""
    h = s.h
    if m[M_ACCOUNT] < 0 or m[M_ACCOUNT] >= h[N_ACCOUNTS]:
        return R_ACCOUNT
    if m[M_INSTRUMENT] < 0 or m[M_INSTRUMENT] >= h[N_INSTRUMENTS]:
        return R_INSTRUMENT
    kind = s.ins[m[M_INSTRUMENT], I_KIND]
    flags = m[M_FLAGS]
    if (
        (m[M_SIDE] != 0 and m[M_SIDE] != 1)
        or flags & ~KNOWN
        or (flags & IOC and flags & FOK)
        or (flags & POST and flags & (IOC | FOK | MARKET))
        or (flags & REDUCE and kind != PERPETUAL)
        or (m[M_ARG] != 0 and (m[M_ARG] != 1 or kind != BINARY))
    ):
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
    if not s.h[BARE] and s.ins[i, I_KIND] != BINARY:
        retire(s, a, i)


@inlined
def cancel_one(s, m):
    slot = find(s, m[M_ACCOUNT], m[M_ORDER])
    if slot == 0:
        return R_ORDER
    cancel(s, slot, BY_USER)
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


@inlined
def new_or_replace(s, m):
    """NEW and REPLACE; refusals become REJECT events."""
    a, i, side, flags, no = m[M_ACCOUNT], m[M_INSTRUMENT], m[M_SIDE], m[M_FLAGS], m[M_ARG] == 1
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
            reason = R_ORDER
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
            side = 1 - book_side if no else book_side
            if (s.ins[i, I_PAYOFF] - m[M_PRICE] if no else m[M_PRICE]) == px and m[M_SIZE] <= rest:
                shrink(s, slot, m[M_SIZE])
                return
            replaced = 1
            take_out(s, slot)
    if reason == OK:
        reason = submit(s, a, i, side, m[M_PRICE], m[M_SIZE], flags, m[M_ORDER], no, replaced)
    if reason != OK:
        reject(s, m, reason)
        if replaced:
            emit(s, CANCELLED, a, i, book_side, px, rest, 0, m[M_ORDER], 0, 0, REPLACED, 0, 0, 0)
