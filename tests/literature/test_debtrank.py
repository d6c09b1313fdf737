"""DebtRank: the linear one of Bardoscia et al. (2015), and the first one of Battiston et al. (2012)."""

from __future__ import annotations

import numpy as np
import pytest

from sim.network.debtrank import debtrank, leverage
from sim.network.spectrum import spectral_radius

EXTERNAL_ASSETS = np.array([40.0, 40.0, 30.0])
EXTERNAL_DEBTS = np.array([27.0, 28.0, 18.0])
# Three banks in a ring: the first owes the second 4, the second the third 3, the third the first 2.
RING = np.array([[0.0, 4, 0], [0, 0, 3], [2, 0, 0]])
# The banks of Eisenberg and Noe's example, who owe each other far more than their equity.
CLOSE = np.array([[0.0, 8, 2], [4, 0, 6], [5, 5, 0]])


def equity(liabilities: np.ndarray) -> np.ndarray:
    """What is left of external and mutual assets after external and mutual debts."""
    mutual = liabilities.sum(axis=0) - liabilities.sum(axis=1)
    return EXTERNAL_ASSETS - EXTERNAL_DEBTS + mutual


def test_the_published_example() -> None:
    """External assets lose a tenth; h and the system's loss to the digits given."""
    owned = equity(RING)
    assert owned.tolist() == [11, 13, 13]
    found = debtrank(RING.T, owned, 0.1 * EXTERNAL_ASSETS)
    assert found.final == pytest.approx([0.42398, 0.43815, 0.33188], abs=5e-6)
    assert found.loss_share == pytest.approx(0.3966, abs=5e-5)
    assert found.direct_share == pytest.approx(11 / 37)
    assert found.contagion_share == pytest.approx(found.loss_share - 11 / 37)


def test_it_solves_the_linear_system_while_nobody_is_ruined() -> None:
    owned, lost = equity(RING), 0.1 * EXTERNAL_ASSETS
    through = np.linalg.solve(np.eye(3) - RING.T / owned[:, None], lost / owned)
    assert debtrank(RING.T, owned, lost).final == pytest.approx(through, rel=1e-10)


def test_banks_as_close_as_eisenberg_and_noes_lose_everything() -> None:
    """The same shock and balance sheets on their mutual debts: every bank's equity goes."""
    owned = equity(CLOSE)
    assert owned.tolist() == [12, 15, 10]
    found = debtrank(CLOSE.T, owned, 0.1 * EXTERNAL_ASSETS)
    assert found.final.tolist() == [1, 1, 1]
    assert 0.75 < spectral_radius(leverage(CLOSE.T, owned)) < 0.87  # between Λ's row sums


def test_once_a_node_speaks_once() -> None:
    """Two that owe each other: the loss goes there, and with ``once`` not back again."""
    claims, owned, lost = [[0, 50], [50, 0]], [100, 100], [10, 0]
    assert debtrank(claims, owned, lost, once=True).final == pytest.approx([0.125, 0.05])
    assert debtrank(claims, owned, lost).final == pytest.approx([0.1 / 0.75, 0.05 / 0.75])


def test_once_a_chain_is_the_same_either_way() -> None:
    claims = [[0, 0, 0], [40, 0, 0], [0, 60, 0]]
    for once in (False, True):
        found = debtrank(claims, [100, 100, 100], [50, 0, 0], once=once)
        assert found.final == pytest.approx([0.5, 0.2, 0.12])
        assert found.contagion_share == pytest.approx(0.32 / 3)


def test_no_node_loses_more_than_it_has() -> None:
    found = debtrank([[0, 500], [500, 0]], [10, 10], [1, 0])
    assert found.final.tolist() == [1, 1]
    assert found.loss_share == 1


def test_a_node_without_equity_is_ruined_and_weighs_nothing() -> None:
    found = debtrank([[0, 20], [0, 0]], [100, -5], [0, 0])
    assert found.first.tolist() == [0, 1]
    assert found.final == pytest.approx([0.2, 1])
    assert found.loss_share == pytest.approx(0.2)


def test_nobody_has_any_equity() -> None:
    assert debtrank([[0]], [0], [0]).loss_share is None


@pytest.mark.parametrize(
    ("claims", "owned", "lost"),
    [
        ([[0, 1]], [1, 1], [0, 0]),
        ([[0, 1], [1, 0]], [1, 1], [0]),
        ([[0, 1], [1, 0]], [1, 1], [0, -1]),
        ([[0, 1], [1, 0]], [1, np.inf], [0, 0]),
    ],
)
def test_nonsense_is_refused(
    claims: list[list[float]], owned: list[float], lost: list[float]
) -> None:
    with pytest.raises(ValueError, match=r"equity|claims"):
        debtrank(np.array(claims, float), owned, lost)
