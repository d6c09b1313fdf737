"""Each invariant that a state can show is broken in its own way, and its own id is reported."""

from __future__ import annotations

from collections.abc import Callable

import lives
import numpy as np
import pytest
from kernel_venue import KernelVenue

from sim.exchange.invariants import STATE_CHECKS
from sim.exchange.kernel import state as st


def first(mask: np.ndarray) -> tuple[int, ...] | None:
    """Index of the first true element."""
    found = np.argwhere(mask)
    return tuple(int(x) for x in found[0]) if len(found) else None


def one_micro_dollar(x: KernelVenue) -> bool:
    x.state.bal[0, 0] += 1
    return True


def one_unit_of_a_coin(x: KernelVenue) -> bool:
    x.state.bal[0, 1] += 1
    return True


def one_micro_of_fees(x: KernelVenue) -> bool:
    x.state.assets[0, st.A_FEES] -= 1
    return True


def one_unit_of_rounding(x: KernelVenue) -> bool:
    x.state.assets[1, st.A_ROUNDING] += 1
    return True


def one_micro_of_bonds(x: KernelVenue) -> bool:
    x.state.h[st.BONDS] += 1
    return True


def one_unit_of_an_inverse(x: KernelVenue) -> bool:
    """Cost and clearing of an inverse both move, so that only its coin can show it."""
    at = first(x.state.ins[:, st.I_UNITS] != 0)
    if at is None:
        return False
    x.state.ins[at[0], st.I_CLEARING] -= 1
    x.state.pos[0, at[0], st.COST] += 1
    return True


def one_lot(x: KernelVenue) -> bool:
    x.state.pos[0, 0, st.SIZE] += 1
    return True


def one_micro_of_cost(x: KernelVenue) -> bool:
    x.state.pos[0, 0, st.COST] += 1
    return True


def open_interest(x: KernelVenue) -> bool:
    x.state.ins[0, st.I_OI] += 1
    return True


def one_share(x: KernelVenue) -> bool:
    at = first(x.state.events[:, st.V_SHARES] > 2)
    if at is None:
        return False
    x.state.bal[0, int(x.state.events[at[0], st.V_SHARE]) + 2] += 1
    return True


def share_owed(x: KernelVenue) -> bool:
    """One account owes a share that another has got."""
    events = x.listing.events
    if not events:
        return False
    share = int(x.state.events[0, st.V_SHARE])
    at = first(x.state.bal[:, share] == 0)
    if at is None:
        return False
    x.state.bal[at[0], share] -= 1
    x.state.bal[at[0] - 1, share] += 1
    return True


def forgotten_debt(x: KernelVenue) -> bool:
    x.state.assets[0, st.A_BORROWED] += 1
    return True


def forgotten_coin_debt(x: KernelVenue) -> bool:
    x.state.assets[1, st.A_BORROWED] += 1
    return True


def claims_on_nothing(x: KernelVenue) -> bool:
    at = first(x.state.lent > 0)
    if at is None:
        return False
    x.state.lent[at] += int(x.state.assets[at[1], st.A_SHARES])
    return True


def crossed_best(x: KernelVenue) -> bool:
    x.state.best[0] = int(x.state.ins[0, st.I_BASE]) + 3
    return True


def lost_resting_lot(x: KernelVenue) -> bool:
    at = first(x.state.orders[:, st.ID] > 0)
    if at is None:
        return False
    x.state.orders[at[0], st.REST] += 1
    return True


def margin_forgets_an_order(x: KernelVenue) -> bool:
    at = first(x.state.pos[:, :, st.BID] > 0)
    if at is None:
        return False
    x.state.pos[at[0], at[1], st.BID] -= 1
    return True


def negative_fund(x: KernelVenue) -> bool:
    x.state.h[st.INSURANCE] = -1
    return True


def shares_after_the_end(x: KernelVenue) -> bool:
    at = first((x.state.events[:, st.V_RESOLVED] == 0) & (x.state.events[:, st.V_SETS] > 0))
    if at is None:
        return False
    x.state.events[at[0], st.V_RESOLVED] = 1
    return True


@pytest.mark.spec("I1", "I2", "I4", "I5", "I7", "I8", "I11", "I18")
@pytest.mark.parametrize(
    ("broken", "change"),
    [
        ("I1", one_micro_dollar),
        ("I1", one_unit_of_a_coin),
        ("I1", one_micro_of_fees),
        ("I1", one_unit_of_rounding),
        ("I1", one_micro_of_bonds),
        ("I1", one_unit_of_an_inverse),
        ("I2", one_lot),
        ("I2", one_micro_of_cost),
        ("I2", open_interest),
        ("I4", one_share),
        ("I4", share_owed),
        ("I5", forgotten_debt),
        ("I5", forgotten_coin_debt),
        ("I5", claims_on_nothing),
        ("I7", crossed_best),
        ("I8", lost_resting_lot),
        ("I8", margin_forgets_an_order),
        ("I11", negative_fund),
        ("I18", shares_after_the_end),
    ],
)
def test_a_corrupted_state_reports_its_invariant(
    broken: str, change: Callable[[KernelVenue], bool]
) -> None:
    venue, before = lives.changed_venue(change)
    assert before == dict.fromkeys(STATE_CHECKS, 0)
    assert venue.verify()[broken] > 0


@pytest.mark.spec("I1", "I2", "I4", "I5", "I7", "I8", "I11", "I18")
@pytest.mark.parametrize("seed", range(12))
def test_states_of_every_product_are_sound(seed: int) -> None:
    for venue in lives.stages(seed, parts=30):
        assert venue.verify() == dict.fromkeys(STATE_CHECKS, 0)
