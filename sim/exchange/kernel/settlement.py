"""Final outcomes: events are resolved, futures settle (SET-01, SET-03, SET-05)."""

from __future__ import annotations

from sim.exchange.kernel.auction import EXPIRED, cancel_book, close_book
from sim.exchange.kernel.bits import half_even, muldiv
from sim.exchange.kernel.bonds import MOST, dispute, is_open, propose, return_bonds
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import cash, retire
from sim.exchange.kernel.oracle import settle_time
from sim.exchange.kernel.positions import trade
from sim.exchange.kernel.quality import grade
from sim.exchange.kernel.shares import MICRO
from sim.exchange.kernel.state import (
    A_ROUNDING,
    D_INDEX,
    G_SETTLEMENT,
    I_AUCTION_END,
    I_CLOSED,
    I_EXPIRY,
    I_FEED,
    I_MARK,
    I_SETTLE_SUM,
    I_SETTLE_US,
    I_SHUT,
    I_STATE,
    N_ACCOUNTS,
    N_DERIVATIVES,
    N_EVENTS,
    N_INVERSES,
    N_PERPETUALS,
    NOW,
    S_CLOSED,
    SIZE,
    V_BOOKS,
    V_DATE,
    V_HIGH,
    V_INSTRUMENT,
    V_LOW,
    V_OUTCOME,
    V_PAYOFF,
    V_PROPOSALS,
    V_RESOLVED,
    V_SETS,
    V_SHARE,
    V_SHARES,
    VOID_US,
)
from sim.exchange.kernel.value import worth
from sim.exchange.messages import (
    M_ACCOUNT,
    M_ARG,
    M_ARG2,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_SIZE,
    Event,
    Kind,
    Reason,
)

PAYOUT, RESOLVE, SETTLED, SETTLEMENT = (
    int(Event.PAYOUT),
    int(Event.RESOLVE),
    int(Event.SETTLED),
    int(Event.SETTLEMENT),
)
R_EVENT, R_RESOLVED, R_OUTCOME, R_TWO, RESOLVED = (
    int(Reason.UNKNOWN_EVENT),
    int(Reason.ALREADY_RESOLVED),
    int(Reason.UNKNOWN_OUTCOME),
    int(Reason.TWO_WINNERS),
    int(Reason.RESOLVED),
)
R_ACCOUNT, R_STATE, R_SIZE = (
    int(Reason.UNKNOWN_ACCOUNT),
    int(Reason.BOOK_STATE),
    int(Reason.BAD_SIZE),
)
K_DISPUTE = int(Kind.DISPUTE)
VOID = -1


@inlined
def is_scalar(s, e):
    return s.events[e, V_HIGH] > s.events[e, V_LOW]


@inlined
def outcome_reason(s, e, outcome, value):
    """Why a resolution or proposal names no possible outcome, or 0."""
    if is_scalar(s, e):
        if outcome == VOID:
            return 0
        inside = s.events[e, V_LOW] <= value and value <= s.events[e, V_HIGH]
        return 0 if outcome == 0 and inside else R_OUTCOME
    if value != 0:
        return R_TWO
    return 0 if outcome >= VOID and outcome < s.events[e, V_SHARES] else R_OUTCOME


@inlined
def payout(s, a, e, outcome, value):
    """Micro-USDC that an account's shares of event e are finally worth."""
    event = s.events[e]
    first = event[V_SHARE]
    n = event[V_SHARES]
    if outcome == VOID:
        total = first * 0
        for k in range(n):
            total += s.bal[a, first + k]
        return total * MICRO // n
    if is_scalar(s, e):
        span = event[V_HIGH] - event[V_LOW]
        up = value - event[V_LOW]
        return muldiv(s.bal[a, first] * MICRO, up, span) + muldiv(
            s.bal[a, first + 1] * MICRO, span - up, span
        )
    return s.bal[a, first + outcome] * MICRO


@inlined
def final_mark(s, e, k, outcome, value):
    """Last mark in ticks of the event's k-th book."""
    event = s.events[e]
    payoff = event[V_PAYOFF]
    if outcome == VOID:
        return payoff // event[V_SHARES]
    if is_scalar(s, e):
        return muldiv(value - event[V_LOW], payoff, event[V_HIGH] - event[V_LOW])
    return payoff if k == outcome else payoff * 0


@kernel
def finish(s, e, outcome, value, tag):
    """Resolve an event: orders out, shares paid, vault emptied, bonds returned."""
    event = s.events[e]
    first = event[V_INSTRUMENT]
    for i in range(first, first + event[V_BOOKS]):
        cancel_book(s, i, RESOLVED)
    shares = event[V_SHARE]
    total = first * 0
    for a in range(s.h[N_ACCOUNTS]):
        held = shares * 0
        for k in range(shares, shares + event[V_SHARES]):
            held = max(held, s.bal[a, k])
        if held == 0:
            continue
        paid = payout(s, a, e, outcome, value)
        for k in range(shares, shares + event[V_SHARES]):
            s.bal[a, k] = 0
        cash(s, a, paid)
        total += paid
        emit(s, PAYOUT, a, e, 0, 0, 0, paid, 0, 0, 0, 0, 0, 0, 0)
    left = event[V_SETS] * MICRO - total
    s.assets[0, A_ROUNDING] += left
    event[V_SETS] = 0
    event[V_RESOLVED] = 1
    event[V_OUTCOME] = outcome
    for i in range(first, first + event[V_BOOKS]):
        s.ins[i, I_CLOSED] = 1
        s.ins[i, I_STATE] = S_CLOSED
        s.ins[i, I_AUCTION_END] = 0
        s.ins[i, I_MARK] = final_mark(s, e, i - first, outcome, value)
    emit(
        s, RESOLVE, 0, e, 0, value if outcome != VOID else value * 0, 0, total, 0, 0, 0, outcome, 0, tag, left
    )  # fmt: skip
    return_bonds(s, e, outcome, value)


@kernel
def resolve(s, m):
    """RESOLVE: final outcome of an event; returns a reject reason or 0.

    A wrong outcome settles like a right one; the message's flags tag it.
    """
    e = m[M_INSTRUMENT]
    if e < 0 or e >= s.h[N_EVENTS]:
        return R_EVENT
    if s.events[e, V_RESOLVED]:
        return R_RESOLVED
    reason = outcome_reason(s, e, m[M_ARG], m[M_ARG2])
    if reason == 0:
        finish(s, e, m[M_ARG], m[M_ARG2], m[M_FLAGS])
    return reason


@kernel
def propose_or_dispute(s, m):
    """PROPOSE and DISPUTE; returns a reject reason or 0."""
    a = m[M_ACCOUNT]
    e = m[M_INSTRUMENT]
    if a < 0 or a >= s.h[N_ACCOUNTS]:
        return R_ACCOUNT
    if e < 0 or e >= s.h[N_EVENTS]:
        return R_EVENT
    if s.events[e, V_RESOLVED]:
        return R_RESOLVED
    if m[M_KIND] == K_DISPUTE:
        return dispute(s, a, e, m[M_SIZE]) if is_open(s, e) else R_STATE
    if is_open(s, e) or s.events[e, V_PROPOSALS] == MOST:
        return R_STATE
    reason = outcome_reason(s, e, m[M_ARG], m[M_ARG2])
    if reason != 0:
        return reason
    if m[M_SIZE] <= 0:
        return R_SIZE
    return propose(s, a, e, m[M_ARG], m[M_ARG2], m[M_SIZE])


@kernel
def settle_future(s, i):
    """SET-01 for a future whose time has come; waits while its reading is too bad."""
    ins = s.ins[i]
    feed = ins[I_FEED]
    settle_time(s, feed)
    if ins[I_SHUT] == 0 or ins[I_STATE] != S_CLOSED:
        ins[I_SHUT] = 1
        close_book(s, i, EXPIRED)
    if grade(s, feed) >= s.h[G_SETTLEMENT]:
        return
    price = s.feeds[feed, D_INDEX]
    if ins[I_SETTLE_US] > 0:
        price = max(price * 0 + 1, half_even(ins[I_SETTLE_SUM], ins[I_SETTLE_US]))
    emit(s, SETTLED, 0, i, 0, price, ins[I_SETTLE_US], 0, 0, 0, 0, 0, 0, 0, 0)
    for a in range(s.h[N_ACCOUNTS]):
        size = s.pos[a, i, SIZE]
        if size != 0:
            realised = trade(s, a, i, -size, worth(s, i, -size, price))
            emit(s, SETTLEMENT, a, i, 0, 0, size, realised, 0, 0, 0, 0, 0, 0, 0)
            retire(s, a, i)
    ins[I_MARK] = price
    ins[I_CLOSED] = 1
    ins[I_STATE] = S_CLOSED


@kernel
def settle_due(s, m):
    """SETTLE: expired futures, then events that nobody resolved for too long."""
    h = s.h
    for i in range(h[N_PERPETUALS] + h[N_INVERSES], h[N_DERIVATIVES]):
        if s.ins[i, I_CLOSED] == 0 and s.ins[i, I_EXPIRY] <= h[NOW]:
            settle_future(s, i)
    for e in range(h[N_EVENTS]):
        event = s.events[e]
        if event[V_RESOLVED] == 0 and event[V_DATE] > 0:
            if h[NOW] >= event[V_DATE] + h[VOID_US]:
                finish(s, e, event[V_DATE] * 0 + VOID, event[V_DATE] * 0, event[V_DATE] * 0)
    return 0
