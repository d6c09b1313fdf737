"""Each invariant is broken in exactly its own way, and its own id is reported."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import programs
import pytest
from kernel_venue import KernelVenue

from sim.exchange import messages as ms
from sim.exchange.audit import CHECKED, Audit
from sim.exchange.exchange import Exchange
from sim.exchange.invariants import STATE_CHECKS, verify
from sim.exchange.kernel import state as st
from sim.exchange.messages import Event

PROGRAM = programs.program(0)


def lived(until: int | None = None) -> tuple[KernelVenue, np.ndarray]:
    """An exchange with a past: orders, positions, shares, debts; and all its events."""
    venue = KernelVenue(PROGRAM.listing, PROGRAM.rules, PROGRAM.accounts)
    return venue, venue.process(np.array(PROGRAM.messages[:until], np.int64))


def one_micro_dollar(x: Exchange) -> None:
    x.state.bal[0, 0] += 1


def one_micro_of_fees(x: Exchange) -> None:
    x.state.h[st.FEES] -= 1


def one_lot(x: Exchange) -> None:
    x.state.pos[0, 0, st.SIZE] += 1


def one_micro_of_cost(x: Exchange) -> None:
    x.state.pos[0, 0, st.COST] += 1


def one_share(x: Exchange) -> None:
    x.state.bal[0, int(x.state.events[0, st.V_YES])] += 1


def forgotten_debt(x: Exchange) -> None:
    x.state.h[st.BORROWED] += 1


def crossed_best(x: Exchange) -> None:
    x.state.best[0] = int(x.state.ins[0, st.I_BASE]) + 3


def lost_resting_lot(x: Exchange) -> None:
    slot = int(np.flatnonzero(x.state.orders[:, st.ID])[0])
    x.state.orders[slot, st.REST] += 1


def negative_fund(x: Exchange) -> None:
    x.state.h[st.INSURANCE] = -1


def shares_after_the_end(x: Exchange) -> None:
    x.state.events[0, st.V_RESOLVED] = 1
    x.state.ins[int(x.state.events[0, st.V_INSTRUMENT]), st.I_CLOSED] = 0


@pytest.mark.spec("I1", "I2", "I4", "I5", "I7", "I8", "I11", "I18")
@pytest.mark.parametrize(
    ("broken", "corrupt"),
    [
        ("I1", one_micro_dollar),
        ("I1", one_micro_of_fees),
        ("I2", one_lot),
        ("I2", one_micro_of_cost),
        ("I4", one_share),
        ("I5", forgotten_debt),
        ("I7", crossed_best),
        ("I8", lost_resting_lot),
        ("I11", negative_fund),
        ("I18", shares_after_the_end),
    ],
)
def test_a_corrupted_state_reports_its_invariant(
    broken: str, corrupt: Callable[[Exchange], None]
) -> None:
    venue, _ = lived(700)
    assert verify(venue) == dict.fromkeys(STATE_CHECKS, 0)
    corrupt(venue)
    assert verify(venue)[broken] > 0


def audited(events: np.ndarray, positions: np.ndarray) -> dict[str, int]:
    audit = Audit(KernelVenue(PROGRAM.listing, PROGRAM.rules, PROGRAM.accounts).listing, 11)
    audit.add(events)
    return audit.finish(positions)


def rows(events: np.ndarray, kind: Event) -> np.ndarray:
    found = np.flatnonzero(events[:, ms.E_KIND] == kind)
    assert len(found), f"the program causes no {kind.name}"
    return found


def unpaid_funding(events: np.ndarray) -> None:
    events[rows(events, Event.FUNDING)[0], ms.E_AMOUNT] += 1_000


def own_trade(events: np.ndarray) -> None:
    k = rows(events, Event.FILL)[0]
    events[k, ms.E_OTHER] = events[k, ms.E_ACCOUNT]


def healthy_flag(events: np.ndarray) -> None:
    k = rows(events, Event.FLAG)[0]
    events[k, ms.E_X] = events[k, ms.E_Y] + 1


def step_of_the_unflagged(events: np.ndarray) -> None:
    account = events[rows(events, Event.STEP)[0], ms.E_ACCOUNT]
    flags = rows(events, Event.FLAG)
    events[flags[events[flags, ms.E_ACCOUNT] == account][0], ms.E_KIND] = Event.FUND


def insurance_after_adl(events: np.ndarray) -> None:
    k = rows(events, Event.INSURANCE)
    adl = rows(events, Event.ADL)
    pair = next((i, j) for i in k for j in adl if j > i and events[i, 3] == events[j, 3])
    events[list(pair)] = events[list(pair[::-1])]


def adl_beyond_the_position(events: np.ndarray) -> None:
    events[rows(events, Event.ADL)[0], ms.E_SIZE] += 1_000_000


def deficit_not_covered(events: np.ndarray) -> None:
    events[rows(events, Event.DEFICIT)[0], ms.E_AMOUNT] += 1


def flagged_without_position_or_debt(events: np.ndarray) -> None:
    flag = rows(events, Event.FLAG)[0]
    for k in range(flag + 1, len(events)):
        if events[k, ms.E_KIND] != Event.LEG:
            break
        events[k, ms.E_CODE] = 0
        events[k, ms.E_SIZE] = abs(events[k, ms.E_SIZE])


@pytest.mark.spec(*CHECKED)
@pytest.mark.parametrize(
    ("broken", "corrupt"),
    [
        ("I3", unpaid_funding),
        ("I9", own_trade),
        ("I10", healthy_flag),
        ("I10", step_of_the_unflagged),
        ("I11", insurance_after_adl),
        ("I12", adl_beyond_the_position),
        ("I13", deficit_not_covered),
        ("I15", flagged_without_position_or_debt),
    ],
)
def test_a_corrupted_stream_reports_its_invariant(
    broken: str, corrupt: Callable[[np.ndarray], None]
) -> None:
    venue, events = lived()
    assert audited(events, venue.positions()) == dict.fromkeys(CHECKED, 0)
    corrupt(events)
    assert audited(events, venue.positions())[broken] > 0


def test_positions_from_events_are_the_engines() -> None:
    venue, events = lived()
    wrong = venue.positions()
    wrong[0, 0] += 1
    assert audited(events, wrong)["I12"] == 1
