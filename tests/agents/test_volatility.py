"""The volatility estimate of a random walk, and what it does with gaps."""

from __future__ import annotations

import numpy as np
import pytest

from agents.volatility import Volatility
from sim.streams import stream


def test_it_finds_the_volatility_of_a_random_walk() -> None:
    rng = stream(1, "walk")
    estimate = Volatility(2, 5.0, fast_s=300.0, slow_s=3000.0)
    price = np.array([20_000.0, 20_000.0])
    for second in range(3000):
        price = price * (1 + np.array([2e-4, 8e-4]) * rng.normal(size=2))
        estimate.see(second * 1_000_000, price)
    assert estimate.slow == pytest.approx([2.0, 8.0], rel=0.1)
    assert estimate.fast == pytest.approx([2.0, 8.0], rel=0.2)


def test_it_waits_for_the_gap() -> None:
    estimate = Volatility(1, 1.0)
    assert not estimate.see(0, np.array([100]))
    assert not estimate.see(100_000, np.array([101]))
    assert estimate.see(1_000_000, np.array([101]))
    assert estimate.move[0] == pytest.approx(100.0)


def test_a_longer_gap_is_scaled() -> None:
    estimate = Volatility(1, 1.0)
    estimate.see(0, np.array([100]))
    estimate.see(4_000_000, np.array([102]))
    assert estimate.move[0] == pytest.approx(100.0)


def test_missing_prices_are_no_return() -> None:
    estimate = Volatility(2, 1.0)
    estimate.see(0, np.array([-1, 100]))
    estimate.see(1_000_000, np.array([50, -1]))
    assert estimate.move.tolist() == [0.0, 0.0]
    estimate.see(2_000_000, np.array([50, 101]))
    assert estimate.move.tolist() == [0.0, pytest.approx(100.0)]
