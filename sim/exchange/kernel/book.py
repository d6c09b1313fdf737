"""Order books: FIFO lists on a dense tick ladder with a two-level bitmap and cached best prices.

Book side ``2*i`` holds the bids of instrument i, ``2*i + 1`` its asks.  A level keeps head, tail,
lots and, in event books, the last order that sells its outcome: those stand before the dual buys
(PRD-04).  ``I_BASE`` is the ladder's lowest tick; prices inside functions are absolute ticks.
"""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.bits import FULL, ZERO, bit, highest, lowest
from sim.exchange.kernel.expiry import forget
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.state import (
    ACC,
    ANEXT,
    APREV,
    C_HEAD,
    C_OPEN,
    C_TAIL,
    FLG,
    FREE,
    HEAD,
    I_BASE,
    ID,
    LAST_SELLER,
    LIVE,
    LOTS,
    N_IDS,
    N_SUMMARY,
    N_WORDS,
    NEXT,
    PREV,
    PX,
    REST,
    SELLS_OUTCOME,
    SIDE,
    TAIL,
)
from sim.exchange.messages import Flag

GTD = int(Flag.GTD)


@inlined
def mark_level(s, side, k):
    w = k >> 6
    s.bits[side, w] |= bit(k & 63)
    s.summary[side, w >> 6] |= bit(w & 63)


@inlined
def clear_level(s, side, k):
    w = k >> 6
    word = s.bits[side, w] & ~bit(k & 63)
    s.bits[side, w] = word
    if word == ZERO:
        s.summary[side, w >> 6] &= ~bit(w & 63)


@inlined
def above(s, side, k):
    """Lowest occupied level >= k, or -1."""
    words = s.h[N_WORDS]
    w = k >> 6
    if w >= words:
        return -1
    word = s.bits[side, w] & (FULL << np.uint64(k & 63))
    if word != ZERO:
        return w * 64 + lowest(word)
    w += 1
    block = w >> 6
    if block >= s.h[N_SUMMARY]:
        return -1
    top = s.summary[side, block] & (FULL << np.uint64(w & 63))
    while top == ZERO:
        block += 1
        if block >= s.h[N_SUMMARY]:
            return -1
        top = s.summary[side, block]
    w = block * 64 + lowest(top)
    return w * 64 + lowest(s.bits[side, w])


@inlined
def below(s, side, k):
    """Highest occupied level <= k, or -1."""
    if k < 0:
        return -1
    w = k >> 6
    word = s.bits[side, w] & (FULL >> np.uint64(63 - (k & 63)))
    if word != ZERO:
        return w * 64 + highest(word)
    w -= 1
    if w < 0:
        return -1
    block = w >> 6
    top = s.summary[side, block] & (FULL >> np.uint64(63 - (w & 63)))
    while top == ZERO:
        block -= 1
        if block < 0:
            return -1
        top = s.summary[side, block]
    w = block * 64 + highest(top)
    return w * 64 + highest(s.bits[side, w])


@inlined
def next_price(s, side, price):
    """The next worse occupied price after `price` on a book side, -1 if none."""
    base = s.ins[side >> 1, I_BASE]
    k = above(s, side, price - base + 1) if side & 1 else below(s, side, price - base - 1)
    return k + base if k >= 0 else -1


@kernel
def side_lots(s, side):
    """Lots resting on one side of a book."""
    total = s.best[side] * 0
    price = s.best[side]
    while price >= 0:
        total += s.levels[side, price - s.ins[side >> 1, I_BASE], LOTS]
        price = next_price(s, side, price)
    return total


@inlined
def crosses(side, best, bound):
    """Whether a taker on `side` (0 buy) may trade at `best` within `bound`."""
    return best >= 0 and ((side == 0 and best <= bound) or (side == 1 and best >= bound))


@inlined
def insert(s, a, side, px, rest, oid, flags):
    """Put an order at the end of its queue; the caller has checked that a slot is free."""
    h = s.h
    h[FREE] -= 1
    slot = s.free[h[FREE]]
    k = px - s.ins[side >> 1, I_BASE]
    level = s.levels[side, k]
    o = s.orders[slot]
    o[PX] = px
    o[REST] = rest
    o[ACC] = a
    o[SIDE] = side
    o[ID] = oid
    o[FLG] = flags
    if level[HEAD] == 0:
        o[NEXT] = 0
        o[PREV] = 0
        level[HEAD] = slot
        level[TAIL] = slot
        mark_level(s, side, k)
        best = s.best[side]
        if best < 0 or (side & 1 == 0 and px > best) or (side & 1 == 1 and px < best):
            s.best[side] = px
    elif flags & SELLS_OUTCOME and level[LAST_SELLER] != level[TAIL]:
        before = level[LAST_SELLER]
        after = s.orders[before, NEXT] if before != 0 else level[HEAD]
        o[PREV] = before
        o[NEXT] = after
        s.orders[after, PREV] = slot
        if before != 0:
            s.orders[before, NEXT] = slot
        else:
            level[HEAD] = slot
    else:
        tail = level[TAIL]
        o[NEXT] = 0
        o[PREV] = tail
        s.orders[tail, NEXT] = slot
        level[TAIL] = slot
    if flags & SELLS_OUTCOME:
        level[LAST_SELLER] = slot
    level[LOTS] += rest
    account = s.acct[a]
    last = account[C_TAIL]
    o[APREV] = last
    o[ANEXT] = 0
    if last != 0:
        s.orders[last, ANEXT] = slot
    else:
        account[C_HEAD] = slot
    account[C_TAIL] = slot
    account[C_OPEN] += 1
    s.slot_of[oid % h[N_IDS]] = slot
    h[LIVE] += 1
    return slot


@inlined
def remove(s, slot):
    """Take an order out of its level, its account's list and the id table."""
    h = s.h
    o = s.orders[slot]
    side = o[SIDE]
    k = o[PX] - s.ins[side >> 1, I_BASE]
    level = s.levels[side, k]
    after = o[NEXT]
    before = o[PREV]
    if before != 0:
        s.orders[before, NEXT] = after
    else:
        level[HEAD] = after
    if after != 0:
        s.orders[after, PREV] = before
    else:
        level[TAIL] = before
    if level[LAST_SELLER] == slot:
        level[LAST_SELLER] = before
    level[LOTS] -= o[REST]
    if level[HEAD] == 0:
        clear_level(s, side, k)
        if s.best[side] == o[PX]:
            found = above(s, side, k) if side & 1 else below(s, side, k)
            s.best[side] = found + s.ins[side >> 1, I_BASE] if found >= 0 else -1
    account = s.acct[o[ACC]]
    after = o[ANEXT]
    before = o[APREV]
    if before != 0:
        s.orders[before, ANEXT] = after
    else:
        account[C_HEAD] = after
    if after != 0:
        s.orders[after, APREV] = before
    else:
        account[C_TAIL] = before
    account[C_OPEN] -= 1
    s.slot_of[o[ID] % h[N_IDS]] = 0
    if o[FLG] & GTD:
        forget(s, slot)
    o[ID] = 0
    s.free[h[FREE]] = slot
    h[FREE] += 1
    h[LIVE] -= 1


@inlined
def find(s, a, oid):
    """Slot of an account's live order, 0 if there is none."""
    if oid <= 0:
        return 0
    slot = s.slot_of[oid % s.h[N_IDS]]
    if slot <= 0 or s.orders[slot, ID] != oid or s.orders[slot, ACC] != a:
        return 0
    return slot
