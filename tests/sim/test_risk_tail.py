"""VaR and ES with atoms: hand-computed numbers, properties, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.risk.errors import RiskError
from sim.risk.mixture import Mixture
from sim.risk.tail import discrete_tail, sampled_tail


def test_short_binary() -> None:
    tail = discrete_tail([96, -4], [0.04, 0.96], 0.95)
    assert (tail.var_usd, tail.es_usd) == pytest.approx((-4, 76))


def test_the_part_of_the_atom_inside_the_tail_counts() -> None:
    """P(L ≤ 10) = .96: VaR95 = 10; ES95 = (50·.04 + 10·.01)/.05 = 42."""
    tail = discrete_tail([0, 10, 50], [0.90, 0.06, 0.04], 0.95)
    assert (tail.var_usd, tail.es_usd) == pytest.approx((10, 42))


@pytest.mark.parametrize(
    ("level", "var", "es"), [(0.9, 0, 26), (0.96, 10, 50), (0.97, 50, 50), (0.5, 0, 5.2)]
)
def test_a_level_on_the_edge_of_an_atom(level: float, var: float, es: float) -> None:
    """At .96 P(L ≤ 10) is the level: VaR is 10, and all beyond is 50.  At .9 likewise 0."""
    tail = discrete_tail([0, 10, 50], [0.90, 0.06, 0.04], level)
    assert (tail.var_usd, tail.es_usd) == pytest.approx((var, es))


def test_decimals_that_miss_the_level_by_rounding() -> None:
    """Nineteen times .05 is 0.9500000000000003 or less than .95, as they are added."""
    tail = discrete_tail(np.arange(20), np.full(20, 0.05), 0.95)
    assert tail.var_usd == 18
    assert tail.es_usd == pytest.approx(19)


def test_a_value_without_probability_is_no_var() -> None:
    assert discrete_tail([0, 7, 9], [0.95, 0.0, 0.05], 0.95).var_usd == 0
    assert discrete_tail([0, 9, 12], [0.5, 0.5, 0.0], 0.99).es_usd == 9


def test_a_sampled_tail_of_hundred_losses() -> None:
    tail = sampled_tail(np.arange(100, 0, -1), 0.95)
    assert (tail.var_usd, tail.es_usd) == pytest.approx((95, 98))
    excess = np.concatenate([np.zeros(95), np.arange(1, 6)])
    assert tail.es_error_usd == pytest.approx(excess.std(ddof=1) / 10 / 0.05)
    assert tail.var_low_usd <= 95 <= tail.var_high_usd
    assert tail.es_low_usd < 98 < tail.es_high_usd


def test_the_intervals_hold_as_often_as_they_say() -> None:
    """400 samples of 2,000 exponential losses: VaR95 = ln 20, ES95 = 1 + ln 20."""
    rng = np.random.default_rng(8)
    var, es = np.log(20), 1 + np.log(20)
    tails = [sampled_tail(row, 0.95) for row in rng.exponential(size=(400, 2000))]
    assert np.mean([t.var_low_usd <= var <= t.var_high_usd for t in tails]) > 0.92
    assert np.mean([t.es_low_usd <= es <= t.es_high_usd for t in tails]) > 0.90


def test_too_few_paths_for_an_upper_end() -> None:
    assert sampled_tail([1.0, 2.0, 3.0], 0.99).var_high_usd == float("inf")


chances = st.lists(st.integers(1, 50), min_size=1, max_size=8)
levels = st.sampled_from([0.5, 0.9, 0.95, 0.975, 0.99])


@st.composite
def two_books(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Losses of two books on the same states, and the states' probabilities."""
    weights = np.array(draw(chances), float)
    size = st.lists(st.integers(-1000, 1000), min_size=len(weights), max_size=len(weights))
    return np.array(draw(size), float), np.array(draw(size), float), weights / weights.sum()


@given(books=two_books(), level=levels)
def test_es_is_coherent(books: tuple[np.ndarray, np.ndarray, np.ndarray], level: float) -> None:
    a, b, p = books
    tail_a, tail_b, both = (discrete_tail(row, p, level) for row in (a, b, a + b))
    assert tail_a.es_usd >= tail_a.var_usd - 1e-9
    assert both.es_usd <= tail_a.es_usd + tail_b.es_usd + 1e-8
    assert discrete_tail(3 * a + 5, p, level).es_usd == pytest.approx(3 * tail_a.es_usd + 5)
    assert discrete_tail(np.maximum(a, b), p, level).es_usd >= tail_a.es_usd - 1e-8


@given(books=two_books(), level=levels)
def test_a_mixture_of_atoms_is_the_discrete_law(
    books: tuple[np.ndarray, np.ndarray, np.ndarray], level: float
) -> None:
    a, _, p = books
    found, expected = Mixture.plain(p, a, np.zeros(1)).tail(level), discrete_tail(a, p, level)
    assert found.var_usd == expected.var_usd
    assert found.es_usd == pytest.approx(expected.es_usd, abs=1e-8)


def test_a_mixture_cut_at_the_edge_of_an_atom() -> None:
    """Nineteen of twenty atoms: the level is reached at the nineteenth, rounding or not."""
    atoms = Mixture.plain(np.full(20, 0.05), np.arange(20.0), np.zeros(1))
    for k in range(1, 20):
        assert atoms.tail(k / 20).var_usd == k - 1


@given(books=two_books(), level=levels)
def test_es_is_the_least_of_its_optimisation(
    books: tuple[np.ndarray, np.ndarray, np.ndarray], level: float
) -> None:
    """Rockafellar and Uryasev: ES = min over c of c + E(L − c)⁺/(1 − a), reached at VaR."""
    a, _, p = books
    tail = discrete_tail(a, p, level)
    of = [c + float((np.maximum(a - c, 0) * p).sum()) / (1 - level) for c in (*a, tail.var_usd)]
    assert tail.es_usd == pytest.approx(min(of), abs=1e-7)
    assert of[-1] == pytest.approx(min(of), abs=1e-7)


@pytest.mark.parametrize(
    ("losses", "probabilities", "level", "said"),
    [
        ([1, 2], [0.5, 0.6], 0.95, "probabilities: their sum is 1.1, not 1"),
        ([1, 2], [1.5, -0.5], 0.95, r"probabilities\[0\]: probability 1.5 is outside"),
        ([1, float("nan")], [0.5, 0.5], 0.95, r"losses\[1\]: nan is not a finite number"),
        ([1, 2], [1], 0.95, "1 of them for 2 losses"),
        ([], [], 0.95, "losses: a non-empty row"),
        ([1], [1], 95, "did you mean 0.95"),
        ([1], [1], 1.0, "outside"),
    ],
)
def test_bad_input(losses: list, probabilities: list, level: float, said: str) -> None:
    with pytest.raises(RiskError, match=said):
        discrete_tail(losses, probabilities, level)
    with pytest.raises(RiskError, match=r"at least 2"):
        sampled_tail([1.0], 0.95)
