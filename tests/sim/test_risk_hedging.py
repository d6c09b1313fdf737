"""Hedges by regression: an exact one, two hedges at once, and what hedges nothing."""

from __future__ import annotations

import numpy as np
import pytest

from sim.risk.errors import RiskError
from sim.risk.hedging import delta_hedge, digital_hedge, event_jump_hedge, minimum_variance
from sim.risk.portfolio import Portfolio
from sim.risk.prices import PriceLeg, Underlying
from sim.risk.simulation import simulate


def test_two_hedges_by_hand() -> None:
    """y = 3a − 2b + a rest that is orthogonal to both: the ratios are 3 and −2."""
    a = np.array([1.0, -1.0, 1.0, -1.0])
    b = np.array([1.0, 1.0, -1.0, -1.0])
    rest = np.array([1.0, -1.0, -1.0, 1.0])
    hedge = minimum_variance(3 * a - 2 * b + rest + 5, {"a": a, "b": b + 7})
    assert hedge.ratios == pytest.approx({"a": 3, "b": -2})
    assert hedge.r_squared == pytest.approx(13 / 14)
    assert hedge.residual_usd == pytest.approx(1)
    with pytest.raises(RiskError, match=r"there are 2 hedges"):
        _ = hedge.ratio


def test_a_linear_book_is_hedged_away() -> None:
    prices = (Underlying("A", 10, 0.1), Underlying("B", 20, 0.2))
    book = Portfolio(prices, legs=(PriceLeg("A", 300), PriceLeg("B", -50)))
    hedge = delta_hedge(simulate(book, paths=1000))
    assert hedge.ratios == pytest.approx({"A": 300, "B": -50})
    assert hedge.r_squared == pytest.approx(1)
    only = delta_hedge(simulate(book, paths=50_000), ["A"])
    assert only.ratios["A"] == pytest.approx(300, rel=0.02)
    # A carries 30² of 30² + 10² of variance.
    assert only.r_squared == pytest.approx(0.9, abs=0.01)


def test_a_digital_far_out_or_of_a_still_price() -> None:
    still = Underlying("A", 10, 0.0)
    with pytest.raises(RiskError, match=r"underlying A.sigma: a price that does not move"):
        digital_hedge(0, still)
    with pytest.raises(RiskError, match=r"underlying A.df: this formula is the normal law's"):
        digital_hedge(0, Underlying("A", 10, 0.1, df=4))
    with pytest.raises(RiskError, match=r"z: 60 is so far out"):
        digital_hedge(60)
    assert digital_hedge(1, Underlying("A", 10, 0.05)).ratio == pytest.approx(4.839414, abs=1e-6)


def test_a_certain_event_needs_no_hedge() -> None:
    assert event_jump_hedge(1.0, 8_000, 3_000).ratio == 0
    assert event_jump_hedge(0.5, 8_000, 0).r_squared == pytest.approx(1)  # D shares, no rest
    with pytest.raises(RiskError, match=r"nothing hedges"):
        event_jump_hedge(0.0, 8_000, 0)
    with pytest.raises(RiskError, match=r"chance: probability 1.2 is outside \[0, 1\]"):
        event_jump_hedge(1.2, 8_000, 3_000)


def test_bad_regressions() -> None:
    y = np.array([1.0, 2.0, 4.0, 3.0])
    with pytest.raises(RiskError, match=r"hedges_usd.flat: it does not vary"):
        minimum_variance(y, {"flat": np.ones(4)})
    with pytest.raises(RiskError, match=r"one of a, b is a combination of the others"):
        minimum_variance(y, {"a": y, "b": 2 * y})
    with pytest.raises(RiskError, match=r"hedges_usd.a: 3 paths, the target has 4"):
        minimum_variance(y, {"a": y[:3]})
    with pytest.raises(RiskError, match=r"2 paths are too few"):
        minimum_variance(y[:2], {"a": y[:2]})
    with pytest.raises(RiskError, match=r"hedges_usd: there are none"):
        minimum_variance(y, {})
