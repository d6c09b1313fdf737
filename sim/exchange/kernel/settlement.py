"""Resolution of binary events: orders out, shares paid, vault emptied (SET-03)."""

from __future__ import annotations

from sim.exchange.kernel.book import above
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import entry
from sim.exchange.kernel.ledger import cash
from sim.exchange.kernel.margin import MICRO
from sim.exchange.kernel.matching import cancel
from sim.exchange.kernel.state import (
    HEAD,
    I_CLOSED,
    I_MARK,
    N_ACCOUNTS,
    N_EVENTS,
    NEXT,
    V_INSTRUMENT,
    V_OUTCOME,
    V_PAYOFF,
    V_RESOLVED,
    V_SETS,
    V_YES,
    views,
)
from sim.exchange.messages import M_ARG, M_INSTRUMENT, Event, Reason

PAYOUT, RESOLVE = int(Event.PAYOUT), int(Event.RESOLVE)
R_EVENT, R_RESOLVED, R_OUTCOME, RESOLVED = (
    int(Reason.UNKNOWN_EVENT),
    int(Reason.ALREADY_RESOLVED),
    int(Reason.UNKNOWN_OUTCOME),
    int(Reason.RESOLVED),
)
YES, NO, VOID = 0, 1, -1


@entry
def resolve(arenas, m):
    """RESOLVE: final outcome of an event; returns a reject reason or 0.

    SET-04 bonds and SET-02 disputes happen outside; a wrong outcome settles like a right one.
    """
    s = views(arenas)
    e = m[M_INSTRUMENT]
    outcome = m[M_ARG]
    if e < 0 or e >= s.h[N_EVENTS]:
        return R_EVENT
    event = s.events[e]
    if event[V_RESOLVED]:
        return R_RESOLVED
    if outcome != YES and outcome != NO and outcome != VOID:
        return R_OUTCOME
    i = event[V_INSTRUMENT]
    for side in range(2 * i, 2 * i + 2):
        k = above(s, side, i * 0)
        while k >= 0:
            slot = s.levels[side, k, HEAD]
            while slot != 0:
                after = s.orders[slot, NEXT]
                cancel(s, slot, RESOLVED)
                slot = after
            k = above(s, side, k + 1)
    pay_yes = MICRO if outcome == YES else (MICRO // 2 if outcome == VOID else 0)
    pay_no = MICRO if outcome == NO else (MICRO // 2 if outcome == VOID else 0)
    yes = event[V_YES]
    total = i * 0
    for a in range(s.h[N_ACCOUNTS]):
        hold_yes = s.bal[a, yes]
        hold_no = s.bal[a, yes + 1]
        if hold_yes == 0 and hold_no == 0:
            continue
        paid = hold_yes * pay_yes + hold_no * pay_no
        s.bal[a, yes] = 0
        s.bal[a, yes + 1] = 0
        cash(s, a, paid)
        total += paid
        emit(s, PAYOUT, a, e, 0, 0, 0, paid, 0, 0, 0, 0, 0, 0, 0)
    event[V_SETS] -= total // MICRO
    event[V_RESOLVED] = 1
    event[V_OUTCOME] = outcome
    s.ins[i, I_CLOSED] = 1
    s.ins[i, I_MARK] = (
        event[V_PAYOFF] if outcome == YES else (event[V_PAYOFF] // 2 if outcome == VOID else 0)
    )
    emit(s, RESOLVE, 0, e, 0, 0, 0, total, 0, 0, 0, outcome, 0, 0, 0)
    return 0
