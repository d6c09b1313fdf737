"""Belief paths: grid, sums, scripts, the end, the same numbers whatever the end of the run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.oracle.belief import BeliefPath, News, Span, information, scripted, simulated
from sim.oracle.hypotheses import Hypotheses, fraction, learn, observe, outcomes

S = 1_000_000
HOUR = Span(0, 3600 * S, 7200 * S)
NEWS = News(2.0, 3.0, 1.0)


def path(question: Hypotheses, truth: int | None, news: News = NEWS, span: Span = HOUR, seed: int = 1
) -> np.ndarray:  # fmt: skip
    return simulated(question, truth, news, span, seed=seed, name="e")


def test_steps_add_up() -> None:
    rng = np.random.default_rng(1)
    question = outcomes((0.2, 0.3, 0.5))
    heard, noise = rng.random(50), rng.standard_normal((50, 3))
    y = observe(question.signals[1], heard, noise)
    x = np.zeros(3)
    for dy, dheard in zip(y, heard, strict=True):
        x = learn(x, question.signals, dy, np.array(dheard))
    at_once = learn(np.zeros(3), question.signals, y.sum(axis=0), np.array(heard.sum()))
    assert np.allclose(x, at_once, atol=1e-12)


def test_a_path_starts_at_its_prices_and_always_sums_to_1() -> None:
    for question in (outcomes((0.1, 0.9)), outcomes((0.2, 0.3, 0.5)), fraction(0.25, 40)):
        values = path(question, 0)
        first = [math.fsum(question.prior * question.pays[:, k]) for k in range(len(values))]
        assert values.shape == (question.pays.shape[1], 3600)
        assert np.allclose(values[:, 0], first, atol=1e-12)
        assert np.abs(values.sum(axis=0) - 1).max() < 1e-12
        assert values.min() >= 0


def test_information_grows_by_sigma_jumps_and_revelation() -> None:
    span = Span(0, 100 * S, 100 * S)
    jumps = np.zeros(99, np.int64)
    jumps[9] = 2
    total = information(News(6.0, 0.0, 3.0), span, jumps)
    assert total[0] == 0
    assert total[9] == pytest.approx(9 * 36 / 3600)
    assert total[10] == pytest.approx(10 * 36 / 3600 + 18)
    told = information(News(0.0, 0.0, 0.0, 40 * S), span, jumps * 0)
    assert told[60] == 0
    assert told[80] == pytest.approx(4.0)  # half of the time in which it comes out
    assert told[99] == pytest.approx(4.0 * 39)


@pytest.mark.parametrize("truth", [0, 1, 2])
def test_it_comes_out(truth: int) -> None:
    """Not known a minute before, certain in the last seconds, for every truth and seed."""
    question = outcomes((0.2, 0.3, 0.5))
    told = News(0.5, 0.0, 1.0, 600 * S)
    early = []
    for seed in range(20):
        values = path(question, truth, told, seed=seed)
        assert values[truth, -1] > 0.999
        early.append(values[truth, -700])
        untold = path(question, truth, News(0.5, 0.0, 1.0), seed=seed)
        assert (values[:, :3000] == untold[:, :3000]).all()
    assert max(early) < 0.95


def test_a_scalar_comes_out_near_its_value() -> None:
    question = fraction(0.3, 40)
    values = path(question, 24, News(0.0, 0.0, 0.0, 600 * S))
    assert values[0, 0] == pytest.approx(0.3)
    assert values[0, -1] == pytest.approx(0.6, abs=0.02)


def test_a_void_event_ends_with_all_shares_alike() -> None:
    told = path(outcomes((0.1, 0.2, 0.7)), None, News(1.0, 0.0, 0.0, 60 * S))
    untold = path(outcomes((0.1, 0.2, 0.7)), None, News(1.0, 0.0, 0.0))
    assert (told[:, :3540] == untold[:, :3540]).all()
    assert np.allclose(told[:, -1], 1 / 3, atol=0.02)
    assert np.abs(told.sum(axis=0) - 1).max() < 1e-12


def test_the_end_of_the_run_changes_nothing_before_it() -> None:
    question = outcomes((0.3, 0.7))
    long, short = path(question, 1), path(question, 1, span=Span(0, 3600 * S, 1000 * S))
    assert short.shape == (2, 1001)
    assert (long[:, :1001] == short).all()


def test_other_names_and_seeds_are_other_paths() -> None:
    question = outcomes((0.3, 0.7))
    base = path(question, 1)
    assert (base == path(question, 1)).all()
    assert (base != path(question, 1, seed=2)).any()
    assert (base != simulated(question, 1, NEWS, HOUR, seed=1, name="f")).any()


def test_a_beta_binomial_prior_has_its_mean_and_sums_to_1() -> None:
    for price in (0.02, 0.25, 0.5, 0.9):
        for cells in (1, 7, 64):
            question = fraction(price, cells)
            assert math.fsum(question.prior) == pytest.approx(1, abs=1e-14)
            mean = math.fsum(p * j / cells for j, p in enumerate(question.prior))
            assert mean == pytest.approx(price, abs=1e-12)
    assert fraction(0.3, 1).prior == pytest.approx((0.7, 0.3))


def test_a_script_is_followed() -> None:
    span = Span(0, 100 * S, 100 * S)
    points = [(10 * S, (0.5, 0.5)), (20 * S, (0.9, 0.1)), (20 * S, (0.2, 0.8))]
    values = scripted((0.1, 0.9), points, span)
    assert values[0, [0, 5, 10, 15, 19]] == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.86])
    assert (values[0, 20:] == 0.2).all()
    assert np.allclose(values.sum(axis=0), 1)


def test_nobody_sees_the_next_point_early_and_the_truth_before_it_is_due() -> None:
    values = np.array([[0.1, 0.2, 0.3], [0.9, 0.8, 0.7]])
    belief = BeliefPath(100, 10, values, 127, np.array([1.0, 0.0]))
    assert [belief.at(t)[0] for t in (0, 100, 109, 110, 126, 127, 10**9)] == [
        0.1, 0.1, 0.1, 0.2, 0.3, 1.0, 1.0,
    ]  # fmt: skip


def test_a_belief_that_is_due_long_after_the_run_costs_only_the_run() -> None:
    assert Span(0, 10**15, 60 * S).points == 61
    assert Span(100 * S, 200 * S, 50 * S).points == 1
