"""Conditional orders: accepted, tested, fired (ORD-01)."""

from __future__ import annotations

from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.orders import (
    CONDITIONAL,
    GTD,
    KNOWN,
    MARKET,
    OK,
    R_ACCOUNT,
    R_DUPLICATE,
    R_FLAGGED,
    R_FLAGS,
    R_FULL,
    R_INSTRUMENT,
    R_OPEN,
    R_SIZE,
    R_STATE,
    R_TICK,
    REDUCE,
    REJECT,
    bad_flags,
    on_ladder,
    submit,
)
from sim.exchange.kernel.quality import grade
from sim.exchange.kernel.state import (
    C_FLAGGED,
    C_OPEN,
    D_INDEX,
    EVENT_BOOK,
    G_TRIGGER,
    I_FEED,
    I_KIND,
    I_LAST,
    I_MARK,
    I_MAX,
    I_PAYOFF,
    I_STATE,
    I_STOPS,
    I_TOUCHED,
    MAX_OPEN,
    N_ACCOUNTS,
    N_IDS,
    N_INSTRUMENTS,
    NOW,
    PENDING,
    REJECTS,
    S_CANCEL,
    S_CLOSED,
    STOPS_FREE,
    T_ACC,
    T_FLAGS,
    T_ID,
    T_INS,
    T_NEXT,
    T_NO,
    T_PRICE,
    T_SIDE,
    T_SIZE,
    T_TRIGGER,
    T_UNTIL,
)
from sim.exchange.kernel.stops import add_stop, cancel_stop, remove_stop
from sim.exchange.messages import (
    M_ACCOUNT,
    M_ARG,
    M_ARG2,
    M_FLAGS,
    M_INSTRUMENT,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    Event,
    Flag,
    Kind,
    Reason,
)

TRIGGER = int(Event.TRIGGER)
TAKE_PROFIT, BY_LAST, BY_INDEX, NO = (
    int(Flag.TAKE_PROFIT),
    int(Flag.BY_LAST),
    int(Flag.BY_INDEX),
    int(Flag.NO),
)
ALL = KNOWN | TAKE_PROFIT | BY_LAST | BY_INDEX | NO
K_CONDITIONAL = int(Kind.CONDITIONAL)
EXPIRED = int(Reason.EXPIRED)
MARK, LAST, INDEX = range(3)  # sources


@kernel
def accept(s, m):
    """CONDITIONAL; returns the reason it was refused, or 0."""
    h = s.h
    a = m[M_ACCOUNT]
    i = m[M_INSTRUMENT]
    flags = m[M_FLAGS]
    oid = m[M_ORDER]
    trigger = m[M_ARG]
    side = m[M_SIDE]
    if a < 0 or a >= h[N_ACCOUNTS]:
        return R_ACCOUNT
    if i < 0 or i >= h[N_INSTRUMENTS]:
        return R_INSTRUMENT
    no = 1 if flags & NO else 0
    event = s.ins[i, I_KIND] == EVENT_BOOK
    if (
        flags & ~ALL
        or bad_flags(s, i, side, flags, no, m[M_ARG2])
        or (flags & BY_LAST and flags & BY_INDEX)
        or (flags & BY_INDEX and event)
    ):
        return R_FLAGS
    if m[M_SIZE] <= 0 or m[M_SIZE] > s.ins[i, I_MAX]:
        return R_SIZE
    if s.ins[i, I_STATE] == S_CLOSED:
        return R_STATE
    if oid <= 0 or s.slot_of[oid % h[N_IDS]] != 0:
        return R_DUPLICATE
    if not on_ladder(s, i, trigger) or (flags & MARKET == 0 and not on_ladder(s, i, m[M_PRICE])):
        return R_TICK
    if s.acct[a, C_FLAGGED] and flags & REDUCE == 0:
        return R_FLAGGED
    if s.acct[a, C_OPEN] >= h[MAX_OPEN]:
        return R_OPEN
    if h[STOPS_FREE] == 0:
        return R_FULL
    if no:
        side = 1 - side
        trigger = s.ins[i, I_PAYOFF] - trigger
    t = s.stops[add_stop(s, a, i, oid, flags)]
    t[T_SIDE] = side
    t[T_PRICE] = m[M_PRICE]
    t[T_SIZE] = m[M_SIZE]
    t[T_TRIGGER] = trigger
    t[T_UNTIL] = m[M_ARG2] if flags & GTD else 0
    t[T_NO] = no
    emit(s, CONDITIONAL, a, i, side, m[M_PRICE], m[M_SIZE], 0, oid, 0, 0, flags, 0, trigger, 0)
    return OK


@inlined
def source(flags):
    return LAST if flags & BY_LAST else (INDEX if flags & BY_INDEX else MARK)


@inlined
def value_of(s, i, which):
    """Price of a source in YES terms, -1 if there is none."""
    if which == LAST:
        return s.ins[i, I_LAST]
    if which == INDEX:
        return s.feeds[s.ins[i, I_FEED], D_INDEX]
    return s.ins[i, I_MARK]


@inlined
def holds(side, flags, value, trigger):
    """Whether the condition is met: a stop follows the price, a take-profit awaits it."""
    falling = (side == 1) != (flags & TAKE_PROFIT != 0)
    return value >= 0 and (value <= trigger if falling else value >= trigger)


@inlined
def asleep(s, i):
    """Nothing fires in this state of book or feed."""
    return s.ins[i, I_STATE] >= S_CANCEL or grade(s, s.ins[i, I_FEED]) >= s.h[G_TRIGGER]


@kernel
def fire(s, slot, value):
    """The order behind a met condition, as if it came in now."""
    t = s.stops[slot]
    a = t[T_ACC]
    i = t[T_INS]
    flags = t[T_FLAGS]
    price = t[T_PRICE]
    size = t[T_SIZE]
    oid = t[T_ID]
    no = t[T_NO]
    until = t[T_UNTIL]
    side = 1 - t[T_SIDE] if no else t[T_SIDE]
    emit(s, TRIGGER, a, i, t[T_SIDE], value, 0, 0, oid, 0, 0, source(flags), 0, 0, 0)
    remove_stop(s, slot)
    reason = submit(s, a, i, side, price, size, flags & KNOWN, oid, no == 1, until, 0)
    if reason != OK:
        s.h[REJECTS] += 1
        emit(s, REJECT, a, i, side, price, size, 0, oid, 0, 0, reason, 0, K_CONDITIONAL, 0)


@kernel
def fire_by_last(s):
    """Rounds over the instruments that traded, until no BY_LAST order fires any more."""
    h = s.h
    while h[PENDING] != 0:
        h[PENDING] = 0
        for i in range(h[N_INSTRUMENTS]):
            if s.ins[i, I_TOUCHED] == 0:
                continue
            s.ins[i, I_TOUCHED] = 0
            slot = s.ins[i, I_STOPS]
            while slot != 0 and not asleep(s, i):
                t = s.stops[slot]
                after = t[T_NEXT]
                value = s.ins[i, I_LAST]
                if t[T_FLAGS] & BY_LAST and holds(t[T_SIDE], t[T_FLAGS], value, t[T_TRIGGER]):
                    fire(s, slot, value)
                slot = after


@kernel
def fire_all(s):
    """At the end of a MARK: every conditional order against the value of its source."""
    h = s.h
    for i in range(h[N_INSTRUMENTS]):
        slot = s.ins[i, I_STOPS]
        while slot != 0:
            t = s.stops[slot]
            after = t[T_NEXT]
            if t[T_UNTIL] > 0 and t[T_UNTIL] <= h[NOW]:
                cancel_stop(s, slot, EXPIRED)
            elif not asleep(s, i):
                value = value_of(s, i, source(t[T_FLAGS]))
                if holds(t[T_SIDE], t[T_FLAGS], value, t[T_TRIGGER]):
                    fire(s, slot, value)
            slot = after
    fire_by_last(s)
