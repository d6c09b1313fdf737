"""Correlation matrices: what is refused, and the nearest valid one."""

from __future__ import annotations

import numpy as np
import pytest

from sim.risk.correlation import Correlation, nearest_matrix
from sim.risk.errors import CorrelationError
from sim.risk.portfolio import Portfolio
from sim.risk.prices import Underlying
from sim.risk.simulation import simulate


def test_higham_2002() -> None:
    """Higham's example: 1, 1, 0 → .7607, .7607, .1573; the error carries it."""
    with pytest.raises(
        CorrelationError, match=r"not positive semidefinite.*A–B 1 → 0.7607"
    ) as caught:
        Correlation.of_matrix("ABC", [[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    near = caught.value.nearest
    assert near is not None
    assert near.of("A", "B") == pytest.approx(0.760690, abs=1e-6)
    assert near.of("B", "C") == pytest.approx(0.760690, abs=1e-6)
    assert near.of("A", "C") == pytest.approx(0.157298, abs=1e-6)
    simulate(Portfolio((Underlying("A", 1, 1), Underlying("B", 1, 1))), near, paths=10)


def test_the_nearest_is_nearer_than_shrinking() -> None:
    """Against A + t(I − A) made barely valid, on random invalid matrices."""
    rng = np.random.default_rng(3)
    for _ in range(10):
        wrong = np.triu(rng.uniform(-1, 1, (6, 6)), 1)
        wrong = wrong + wrong.T + np.eye(6)
        least = np.linalg.eigvalsh(wrong)[0]
        if least > -0.01:
            continue
        near = nearest_matrix(wrong)
        assert np.linalg.eigvalsh(near)[0] >= 0
        assert np.array_equal(np.diag(near), np.ones(6))
        shrunk = wrong + least / (least - 1) * (np.eye(6) - wrong)
        assert np.linalg.norm(near - wrong) < np.linalg.norm(shrunk - wrong)
    valid = np.array([[1, 0.3], [0.3, 1]])
    assert nearest_matrix(valid) == pytest.approx(valid)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ({("a", "b"): 0.1, ("a", "c"): 0.2}, "correlation of b and c: missing; every pair"),
        ({("a", "b"): 1.5}, r"correlation of a and b: 1.5 is outside \[-1, 1\]"),
        ({("a", "b"): float("nan")}, "correlation of a and b: nan is outside"),
        ({("a", "bb"): 0.5}, "'bb' is unknown; did you mean 'b'"),
        ({("a", "b"): 0.5, ("b", "a"): 0.4}, "both 0.5 and 0.4"),
        ({("a", "a"): 0.5}, "both 1 and 0.5"),
    ],
)
def test_bad_pairs(pairs: dict, said: str) -> None:
    default = 0.0 if "missing" not in said else None
    with pytest.raises(CorrelationError, match=said):
        Correlation.of_pairs("abc", pairs, default=default)


def test_bad_matrices() -> None:
    with pytest.raises(
        CorrelationError, match=r"correlation of a and b: 0.3 one way and 0.2 the other"
    ):
        Correlation.of_matrix("ab", [[1, 0.3], [0.2, 1]])
    with pytest.raises(CorrelationError, match=r"correlation of b and b: 0.9 is not 1"):
        Correlation.of_matrix("ab", [[1, 0.3], [0.3, 0.9]])
    with pytest.raises(CorrelationError, match=r"shape \(1, 1\) for 2 names"):
        Correlation.of_matrix("ab", [[1]])
    with pytest.raises(CorrelationError, match=r"stands there twice"):
        Correlation.of_matrix("aa", np.eye(2))


@pytest.mark.parametrize("singular", [[[1, 1], [1, 1]], [[1, -1], [-1, 1]]])
def test_a_perfect_correlation_is_valid(singular: list) -> None:
    lower = Correlation.of_matrix("ab", singular).factor()
    assert lower @ lower.T == pytest.approx(np.array(singular))
