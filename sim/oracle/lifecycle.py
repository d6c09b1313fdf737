"""The states of an event on its way to a resolution, and every step between them (SET-02).

The path is UMA's optimistic oracle as Polymarket uses it: a proposal with a bond is final after
its liveness; a first dispute resets the question, a second one sends it to the voters.
Sources: docs.uma.xyz (optimistic oracle v2), docs.polymarket.com/developers/resolution/UMA.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where an event stands."""

    OPEN = "open"  # nobody has said anything
    PROPOSED = "proposed"  # the first proposal's liveness runs
    DISPUTED = "disputed"  # it was disputed; the reset follows at once
    RESET = "reset"  # one more proposal may come
    PROPOSED_AGAIN = "proposed-again"
    DISPUTED_AGAIN = "disputed-again"  # the vote, if there is one, begins at once
    VOTING = "voting"
    DECIDED = "decided"  # the answer stands; its delay runs
    REFUSED = "refused"  # the exchange did not take the resolution
    FINAL = "final"
    VOID = "void"


class Step(StrEnum):
    """What can happen to an event."""

    PROPOSE = "propose"
    DISPUTE = "dispute"
    RESET = "reset"
    VOTE = "vote"  # the vote is called
    DECIDE = "decide"  # liveness is over, the votes are counted, or a direct answer is known
    REFUSE = "refuse"
    FINISH = "finish"
    ANNUL = "annul"


class StepRefused(ValueError):
    """A step that a state does not know."""


_S, _P = State, Step
STEPS: dict[tuple[State, Step], State] = {
    (_S.OPEN, _P.PROPOSE): _S.PROPOSED,
    (_S.PROPOSED, _P.DISPUTE): _S.DISPUTED,
    (_S.DISPUTED, _P.RESET): _S.RESET,
    (_S.RESET, _P.PROPOSE): _S.PROPOSED_AGAIN,
    (_S.PROPOSED_AGAIN, _P.DISPUTE): _S.DISPUTED_AGAIN,
    (_S.DISPUTED_AGAIN, _P.VOTE): _S.VOTING,
    # The exchange takes a proposal or a dispute until the resolution is there: it comes too late
    # to change anything but bonds.
    (_S.DECIDED, _P.PROPOSE): _S.DECIDED,
    (_S.DECIDED, _P.DISPUTE): _S.DECIDED,
    (_S.REFUSED, _P.PROPOSE): _S.REFUSED,
    (_S.REFUSED, _P.DISPUTE): _S.REFUSED,
}
DECIDABLE = (
    _S.OPEN,
    _S.PROPOSED,
    _S.RESET,
    _S.PROPOSED_AGAIN,
    _S.DISPUTED_AGAIN,
    _S.VOTING,
    _S.REFUSED,
)
STEPS.update({(state, _P.DECIDE): _S.DECIDED for state in DECIDABLE})
# The exchange has the last word: it refuses what it cannot take and voids what nobody resolved.
LIVE = tuple(state for state in _S if state not in (_S.FINAL, _S.VOID))
STEPS.update({(state, _P.REFUSE): _S.REFUSED for state in LIVE})
STEPS.update({(state, _P.FINISH): _S.FINAL for state in LIVE})
STEPS.update({(state, _P.ANNUL): _S.VOID for state in LIVE})
# A resolution after the resolution is refused and changes nothing (SET-03).
STEPS.update({(state, _P.REFUSE): state for state in (_S.FINAL, _S.VOID)})


def after(state: State, step: Step) -> State:
    """The state that a step leads to; StepRefused if there is none."""
    try:
        return STEPS[state, step]
    except KeyError:
        known = sorted(p for s, p in STEPS if s == state)
        raise StepRefused(f"{state}: no step {step}; there are {', '.join(known)}") from None
