"""Spectral radii: small, large, without a cycle, in two halves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from sim.network.spectrum import spectral_radius


def test_small_ones() -> None:
    assert spectral_radius([[0, 2], [8, 0]]) == pytest.approx(4)
    assert spectral_radius([[3]]) == 3
    assert spectral_radius(np.zeros((0, 0))) == 0


def test_without_a_cycle_it_is_exactly_zero() -> None:
    """Eigenvalues of a long chain are all 0, though rounding would say otherwise."""
    assert spectral_radius(np.triu(np.full((60, 60), 5.0), 1)) == 0


@pytest.mark.parametrize("n", [401, 1000])
def test_large_ones_agree_with_lapack(n: int) -> None:
    rng = np.random.default_rng(n)
    matrix = rng.random((n, n)) * (rng.random((n, n)) < 0.02)
    expected = np.abs(np.linalg.eigvals(matrix)).max()
    assert spectral_radius(sparse.csr_array(matrix)) == pytest.approx(expected, rel=1e-9)


def test_a_large_star_has_the_root_of_its_weights() -> None:
    """Two halves: the plain power method would swing between them for ever."""
    n = 2_000
    rows = [0] * n + list(range(1, n + 1))
    columns = list(range(1, n + 1)) + [0] * n
    star = sparse.csr_array((np.ones(2 * n), (rows, columns)), shape=(n + 1, n + 1))
    assert spectral_radius(star) == pytest.approx(np.sqrt(n), rel=1e-10)


@pytest.mark.parametrize("bad", [[[1, 2]], [[-1]], [[np.nan]], [[np.inf]]])
def test_nonsense_is_refused(bad: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="spectral radius"):
        spectral_radius(bad)
