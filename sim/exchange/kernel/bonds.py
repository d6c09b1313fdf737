"""Proposals, disputes and their bonds, as far as the exchange holds the money (SET-02, SET-04)."""

from __future__ import annotations

from sim.exchange.kernel.bits import rate_down
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import cash
from sim.exchange.kernel.margin import initial
from sim.exchange.kernel.prefilter import forget_all
from sim.exchange.kernel.state import (
    A_FEES,
    BOND_PPM,
    BONDS,
    C_FLAGGED,
    F_LAMBDA,
    PROPOSAL,
    PROPOSAL_MARGIN,
    V_BOOKS,
    V_INSTRUMENT,
    V_PROPOSALS,
    Y_ACCOUNT,
    Y_BOND,
    Y_DISPUTED,
    Y_DISPUTER,
    Y_OUTCOME,
    Y_VALUE,
)
from sim.exchange.messages import Event, Reason

PROPOSE, DISPUTE, BOND = int(Event.PROPOSE), int(Event.DISPUTE), int(Event.BOND)
R_SIZE, R_STATE, R_FLAGGED, R_BALANCE, R_MARGIN = (
    int(Reason.BAD_SIZE),
    int(Reason.BOOK_STATE),
    int(Reason.FLAGGED),
    int(Reason.INSUFFICIENT_BALANCE),
    int(Reason.INSUFFICIENT_MARGIN),
)
MOST = 2  # proposals: the first, and one after the reset
UNDISPUTED, PROPOSER, DISPUTER = range(3)  # code of a BOND row


@inlined
def latest(s, e):
    """Column of the latest proposal of event e (there must be one)."""
    return PROPOSAL + 6 * (s.events[e, V_PROPOSALS] - 1)


@inlined
def is_open(s, e):
    """Whether a proposal waits undisputed."""
    return s.events[e, V_PROPOSALS] > 0 and s.events[e, latest(s, e) + Y_DISPUTED] == 0


@inlined
def pay_bond(s, a, bond):
    """Move a bond out of an account; returns the reason it was refused, or 0."""
    if s.acct[a, C_FLAGGED]:
        return R_FLAGGED
    if bond > s.bal[a, 0]:
        return R_BALANCE
    cash(s, a, -bond)
    ne, im = initial(s, a)
    if ne < im:
        cash(s, a, bond)
        return R_MARGIN
    s.h[BONDS] += bond
    return 0


@inlined
def set_lambda(s, e, lam):
    """MAR-05's lambda of an event, on each of its books."""
    event = s.events[e]
    for i in range(event[V_INSTRUMENT], event[V_INSTRUMENT] + event[V_BOOKS]):
        s.insf[i, F_LAMBDA] = lam
    forget_all(s)


@kernel
def propose(s, a, e, outcome, value, bond):
    """PROPOSE once the outcome has been checked; returns the reason it was refused, or 0."""
    event = s.events[e]
    first = event[V_INSTRUMENT]
    lam = s.insf[first, F_LAMBDA]
    if s.h[PROPOSAL_MARGIN]:
        set_lambda(s, e, 1.0)
    event[V_PROPOSALS] += 1  # its margin test sees it as proposed
    reason = pay_bond(s, a, bond)
    if reason != 0:
        event[V_PROPOSALS] -= 1
        set_lambda(s, e, lam)
        return reason
    if outcome < 0:
        value = value * 0
    at = latest(s, e)
    event[at + Y_ACCOUNT] = a
    event[at + Y_OUTCOME] = outcome
    event[at + Y_VALUE] = value
    event[at + Y_BOND] = bond
    event[at + Y_DISPUTED] = 0
    emit(s, PROPOSE, a, e, 0, 0, 0, bond, 0, 0, 0, outcome, 0, value, 0)
    return 0


@kernel
def dispute(s, a, e, bond):
    """DISPUTE of the open proposal; returns the reason it was refused, or 0."""
    event = s.events[e]
    at = latest(s, e)
    if bond != event[at + Y_BOND]:
        return R_SIZE
    reason = pay_bond(s, a, bond)
    if reason != 0:
        return reason
    event[at + Y_DISPUTED] = 1
    event[at + Y_DISPUTER] = a
    emit(
        s, DISPUTE, a, e, 0, 0, 0, bond, 0, 0, 0, event[at + Y_OUTCOME], 0, event[at + Y_VALUE], 0
    )  # fmt: skip
    return 0


@kernel
def return_bonds(s, e, outcome, value):
    """After a resolution: each pair pays by it; the store keeps its part of the loser's bond."""
    event = s.events[e]
    for n in range(event[V_PROPOSALS]):
        at = PROPOSAL + 6 * n
        bond = event[at + Y_BOND]
        winner = event[at + Y_ACCOUNT]
        paid = bond
        store = bond * 0
        code = UNDISPUTED
        if event[at + Y_DISPUTED]:
            right = event[at + Y_OUTCOME] == outcome and (
                outcome < 0 or event[at + Y_VALUE] == value
            )
            code = PROPOSER if right else DISPUTER
            if not right:
                winner = event[at + Y_DISPUTER]
            part = rate_down(bond, s.h[BOND_PPM])
            paid = bond + part
            store = bond - part
        s.h[BONDS] -= paid + store
        cash(s, winner, paid)
        s.assets[0, A_FEES] += store
        emit(s, BOND, winner, e, 0, 0, 0, paid, 0, 0, 0, code, 0, store, 0)
