"""Overlapping portfolios by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sim.network.depth import impact_usd
from sim.network.overlap import fire_sale_radius, overlap, similarity

HELD = np.array([[100.0, 0], [50, 10], [-50, 0]])
DEPTH = np.array([1000.0, 100])


def test_losses_through_the_price() -> None:
    """Selling 50 into 1000 moves the price by 5 %, which takes 5 of a book of 100."""
    found = overlap(HELD, DEPTH)
    assert found == pytest.approx(np.array([[10, 5, -5], [5, 3.5, -2.5], [-5, -2.5, 2.5]]))


def test_similarity_is_one_for_the_same_book_and_minus_one_for_the_opposite() -> None:
    found = similarity(HELD, DEPTH)
    assert np.diag(found) == pytest.approx(1)
    assert found[0, 2] == pytest.approx(-1)
    assert found[0, 1] == pytest.approx(5 / np.sqrt(10 * 3.5))
    assert similarity([[0.0], [1]], [1.0])[0].tolist() == [0, 0]


def test_a_bottomless_book_carries_nothing() -> None:
    assert impact_usd(np.array([0.0, 5])).tolist() == [np.inf, 1000]
    assert overlap([[7.0, 1]], [np.inf, 1])[0, 0] == 1


def test_fire_sales_have_the_radius_of_the_whole_matrix() -> None:
    rng = np.random.default_rng(3)
    held, depth, equity = rng.normal(0, 5, (40, 6)), 100 + rng.random(6), rng.random(40) + 0.5
    equity[7] = -1  # has nothing left to keep a leverage of
    keep = equity > 0
    whole = overlap(held[keep], depth) / equity[keep][:, None]
    expected = np.abs(np.linalg.eigvals(whole)).max()
    assert fire_sale_radius(held, depth, equity) == pytest.approx(expected)
    assert fire_sale_radius(held, depth, -np.abs(equity)) == 0


@pytest.mark.parametrize("depth", [[0.0, 1], [1.0], [np.nan, 1]])
def test_nonsense_is_refused(depth: list[float]) -> None:
    with pytest.raises(ValueError, match=r"depth|holdings"):
        overlap(HELD, depth)
