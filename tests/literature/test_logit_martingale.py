"""Prices of events are martingales (Dalen, 2025; Wonham, 1964): over 100,000 paths, jumps on and off.

Paths go through the very functions that scenarios use, `observe` and `learn`; only the last
exponential is numpy's here.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.oracle.hypotheses import Hypotheses, fraction, learn, observe, outcomes

PATHS = 100_000
STEPS = 6


def softmax(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def walk(
    question: Hypotheses,
    heard_in_all: float,
    jump: float,
    rate: float,
    seed: int,
    paths: int = PATHS,
) -> tuple[np.ndarray, np.ndarray]:
    """(weights float64[paths, hypotheses] at the end, the true hypothesis of each path)."""
    rng = np.random.default_rng(seed)
    true = rng.choice(len(question.prior), p=question.prior, size=paths)
    strength = question.signals[true]
    x = np.repeat(np.log(question.prior)[None, :], paths, axis=0)
    for _ in range(STEPS):
        jumps = rng.poisson(rate / STEPS, paths)
        heard = heard_in_all / STEPS + jumps * jump * jump
        noise = rng.standard_normal(strength.shape)
        x = learn(x, question.signals, observe(strength, heard, noise), heard)
    return softmax(x), true


def within(sample: np.ndarray, expected: float, errors: float = 4.0) -> bool:
    return abs(sample.mean() - expected) <= errors * sample.std(ddof=1) / math.sqrt(len(sample))


@pytest.mark.parametrize(("rate", "jump"), [(0.0, 0.0), (3.0, 1.2)])
@pytest.mark.parametrize("hours", [0.25, 2.0, 12.0])
@pytest.mark.parametrize("sigma", [0.5, 2.0])
@pytest.mark.parametrize("price", [0.03, 0.3, 0.5, 0.9])
def test_a_price_is_a_martingale(
    price: float, sigma: float, hours: float, jump: float, rate: float
) -> None:
    question = outcomes((price, 1 - price))
    weights, _ = walk(question, sigma * sigma * hours, jump, rate * hours / 2, seed=1)
    assert within(weights[:, 0], price)


def test_without_itos_term_it_is_none() -> None:
    """The same noise without drift: the test above tells the difference."""
    rng = np.random.default_rng(1)
    x = math.log(0.1 / 0.9) + 2.0 * rng.standard_normal(PATHS)
    assert not within(1 / (1 + np.exp(-x)), 0.1, errors=40.0)


@pytest.mark.parametrize("price", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("heard", [0.01, 1.0])
def test_log_odds_drift_by_itos_term_and_spread_by_sigma(price: float, heard: float) -> None:
    """dx = (p - ½) dI + dB, to those who do not know the truth."""
    rng = np.random.default_rng(2)
    question = outcomes((price, 1 - price))
    strength = question.signals[(rng.random(PATHS) > price).astype(int)]
    news = np.full(PATHS, heard)
    y = observe(strength, news, rng.standard_normal((PATHS, 2)))
    x = learn(np.log([[price, 1 - price]]), question.signals, y, news)
    moved = x[:, 0] - x[:, 1] - math.log(price / (1 - price))
    assert within(moved, (price - 0.5) * heard)
    assert within((moved - moved.mean()) ** 2, heard + price * (1 - price) * heard**2)


def test_it_is_the_logit_diffusion_of_the_paper() -> None:
    """An Euler scheme of dx = (p - ½) sigma² dt + sigma dB with small steps ends alike."""
    paths, steps, price, variance = 20_000, 500, 0.3, 2.0
    rng = np.random.default_rng(3)
    x = np.full(paths, math.log(price / (1 - price)))
    step = variance / steps
    for _ in range(steps):
        p = 1 / (1 + np.exp(-x))
        x = x + (p - 0.5) * step + math.sqrt(step) * rng.standard_normal(paths)
    euler = 1 / (1 + np.exp(-x))
    bayes = walk(outcomes((price, 1 - price)), variance, 0.0, 0.0, seed=4, paths=paths)[0][:, 0]
    for moment in (1, 2, 3):
        a, b = euler**moment, bayes**moment
        error = math.sqrt((a.var() + b.var()) / paths)
        assert abs(a.mean() - b.mean()) < 4 * error


@pytest.mark.parametrize("price", [0.05, 0.4])
def test_a_jump_moves_the_price_by_nothing_on_average(price: float) -> None:
    rng = np.random.default_rng(5)
    question = outcomes((price, 1 - price))
    strength = question.signals[(rng.random(PATHS) > price).astype(int)]
    news = np.full(PATHS, 1.5**2)
    y = observe(strength, news, rng.standard_normal((PATHS, 2)))
    after = softmax(learn(np.log([[price, 1 - price]]), question.signals, y, news))[:, 0]
    assert after.std() > 0.05
    assert within(after, price)


@pytest.mark.parametrize(("rate", "jump"), [(0.0, 0.0), (2.0, 1.0)])
@pytest.mark.parametrize("prices", [(0.2, 0.3, 0.5), (0.01, 0.04, 0.05, 0.6, 0.3)])
def test_each_of_several_outcomes_is_a_martingale(
    prices: tuple[float, ...], rate: float, jump: float
) -> None:
    weights, _ = walk(outcomes(prices), 3.0, jump, rate, seed=6)
    assert np.abs(weights.sum(axis=1) - 1).max() < 1e-12
    for outcome, price in enumerate(prices):
        assert within(weights[:, outcome], price)


@pytest.mark.parametrize("price", [0.1, 0.5, 0.75])
def test_the_expected_fraction_of_a_scalar_is_a_martingale(price: float) -> None:
    question = fraction(price, 20)
    weights, _ = walk(question, 6.0, 1.0, 1.0, seed=7)
    for share, start in enumerate((price, 1 - price)):
        assert within(weights @ question.pays[:, share], start)


def test_prices_are_frequencies() -> None:
    """Among paths at a price of p the outcome is true in a share p of them."""
    weights, true = walk(outcomes((0.4, 0.6)), 2.0, 1.0, 1.0, seed=8)
    price = weights[:, 0]
    for low in np.arange(0.0, 1.0, 0.1):
        chosen = (price >= low) & (price < low + 0.1)
        assert chosen.sum() > 1000
        gap = (true[chosen] == 0) - price[chosen]
        assert within(gap, 0.0)
