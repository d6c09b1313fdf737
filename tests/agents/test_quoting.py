"""The formulas behind quotes, against numbers computed elsewhere."""

from __future__ import annotations

import math

import pytest

from agents.quoting import digital, expit, glft, logit, normal_cdf


def test_glft_spreads_of_the_paper() -> None:
    c1, c2 = glft(sigma=0.3, a=0.9, k=0.3, gamma=0.01)
    bid = [c1 + (2 * q + 1) / 2 * c2 for q in (0, 5)]
    ask = c1 - (2 * 5 - 1) / 2 * c2
    assert [round(x, 4) for x in (*bid, ask)] == [3.3129, 3.6522, 2.9736]


@pytest.mark.parametrize("k", [0.0, -1.0])
def test_glft_refuses_a_decay_that_is_not_positive(k: float) -> None:
    with pytest.raises(ValueError, match="k, gamma > 0"):
        glft(0.3, 0.9, k, 0.01)


def test_normal_cdf() -> None:
    assert normal_cdf(0.0) == 0.5
    assert normal_cdf(1.96) == pytest.approx(0.9750021, abs=1e-7)


def test_digital_at_the_money_is_about_a_half() -> None:
    p, slope = digital(100.0, 100.0, 1e-3, 3600.0, below=True)
    assert p == pytest.approx(normal_cdf(0.03), abs=1e-9)
    assert slope == pytest.approx(-0.39877 / 0.06, rel=1e-4)


def test_digital_slope_is_the_derivative() -> None:
    args = (1e-3, 1800.0, True)
    up, down = digital(100.01, 98.0, *args)[0], digital(99.99, 98.0, *args)[0]
    assert digital(100.0, 98.0, *args)[1] == pytest.approx((up - down) / 2e-4, rel=1e-5)


def test_digital_above_is_the_complement() -> None:
    p, slope = digital(100.0, 103.0, 1e-3, 600.0, below=True)
    q, other = digital(100.0, 103.0, 1e-3, 600.0, below=False)
    assert (p + q, slope + other) == (1.0, 0.0)


@pytest.mark.parametrize(("price", "worth"), [(99.0, 1.0), (101.0, 0.0)])
def test_digital_at_the_end_is_decided(price: float, worth: float) -> None:
    assert digital(price, 100.0, 1e-3, 0.0, below=True) == (worth, 0.0)


@pytest.mark.parametrize("p", [0.001, 0.3, 0.5, 0.999])
def test_expit_undoes_logit(p: float) -> None:
    assert expit(logit(p)) == pytest.approx(p)
    assert math.isfinite(logit(0.0))
