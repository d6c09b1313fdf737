"""Eisenberg and Noe (2001): clearing payments and the waves in which nodes default."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from sim.network.clearing import clear

# Three banks owe one another and, in the last column, everybody else, who owes nothing.
LIABILITIES = [[0, 8, 2, 10], [4, 0, 6, 10], [5, 5, 0, 10], [0, 0, 0, 0]]
CASH = [0, 10, 16, 0]


def test_the_published_example() -> None:
    found = clear(LIABILITIES, CASH)
    expected = [Fraction(200, 23), Fraction(425, 23), 20, 0]
    assert found.paid == pytest.approx([float(p) for p in expected], rel=1e-14)
    assert found.waves == ((0,), (1,))  # the first bank, and the second because of it
    assert found.owed.tolist() == [20, 20, 20, 0]
    assert found.unpaid_share == pytest.approx(1 - float(sum(expected[:3])) / 60)


def test_everybody_pays_who_can() -> None:
    found = clear(LIABILITIES, [20, 20, 20, 0])
    assert found.paid.tolist() == [20, 20, 20, 0]
    assert found.waves == ()
    assert found.unpaid_share == 0


def test_nobody_owes_anything() -> None:
    assert clear(np.zeros((2, 2)), [1, 0]).unpaid_share is None


def test_dues_in_a_circle_pay_themselves() -> None:
    """Ten owed round a ring are paid without any money; what is owed on top is not."""
    assert clear([[0, 10, 0], [0, 0, 10], [10, 0, 0]], [0, 0, 0]).paid.tolist() == [10, 10, 10]
    found = clear([[0, 10], [5, 0]], [0, 0])
    assert found.paid == pytest.approx([5, 5])
    assert found.waves == ((0,),)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_greatest_vector_that_keeps_the_rules(seed: int) -> None:
    """Against the plain iteration from above, p ← min(p̄, cash + Πᵀp), on random networks."""
    rng = np.random.default_rng(seed)
    n = 30
    owes = rng.pareto(1.5, (n, n)) * (rng.random((n, n)) < 0.2)
    np.fill_diagonal(owes, 0)
    owed = owes.sum(axis=1)
    cash = rng.random(n) * 0.3 * owed.mean()
    found = clear(owes, cash)
    share = np.divide(owes, owed[:, None], out=np.zeros_like(owes), where=owed[:, None] > 0)
    plain = owed.copy()
    for _ in range(20_000):
        plain = np.minimum(owed, cash + share.T @ plain)
    assert len(found.waves) > 1
    assert found.paid == pytest.approx(plain, rel=1e-6, abs=1e-9)
    received = cash + share.T @ found.paid
    at_limit = np.minimum(owed, received)
    assert found.paid == pytest.approx(at_limit, rel=1e-9, abs=1e-12)
    defaulted = {node for wave in found.waves for node in wave}
    short = np.flatnonzero(found.paid < owed * (1 - 1e-9)).tolist()
    assert set(short) == defaulted
    assert sum(len(wave) for wave in found.waves) == len(defaulted)


@pytest.mark.parametrize(
    ("liabilities", "cash"),
    [
        ([[0, 1], [1, 0]], [1, 2, 3]),
        ([[0, -1], [1, 0]], [1, 2]),
        ([[0, 1], [1, 0]], [1, -2]),
        ([[0, np.nan], [1, 0]], [1, 2]),
    ],
)
def test_nonsense_is_refused(liabilities: list[list[float]], cash: list[float]) -> None:
    with pytest.raises(ValueError, match=r"liabilities|cash"):
        clear(liabilities, cash)
