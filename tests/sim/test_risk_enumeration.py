"""Exact tails: by hand, against quadrature, against sampling, and what is refused."""

from __future__ import annotations

from itertools import pairwise
from math import asin, pi

import numpy as np
import pytest
from risk_desk import desk, linked
from scipy.integrate import quad
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal

from sim.risk.comonotone import comonotone_tail
from sim.risk.correlation import Correlation
from sim.risk.enumeration import enumerate_states
from sim.risk.errors import CorrelationError, RiskError, TooManyStates
from sim.risk.events import Digital, Event, Outcome
from sim.risk.mixture import Mixture
from sim.risk.orthants import box_probabilities, one_factor
from sim.risk.portfolio import Portfolio
from sim.risk.prices import PriceLeg, Underlying
from sim.risk.simulation import simulate
from sim.risk.states import Joint, state_probabilities

COIN = Underlying("COIN", price_usd=100, sigma=0.1)


def binaries(n: int, chance: float = 0.5) -> tuple[Event, ...]:
    return tuple(Event.binary(f"E{i}", chance) for i in range(n))


def test_two_events_by_hand() -> None:
    """Short 10 YES at .1 and 10 at .2: losses −3, 7 (.08), 7 (.18), 17 (.02)."""
    book = Portfolio(
        events=(Event.binary("a", 0.1), Event.binary("b", 0.2)),
        shares={"a": {"YES": -10}, "b": {"YES": -10}},
    )
    exact = enumerate_states(book)
    assert exact.label(0) == {"a": "YES", "b": "YES"}
    assert exact.mean_loss_usd == pytest.approx([17, 7, 7, -3])
    assert exact.probability == pytest.approx([0.02, 0.08, 0.18, 0.72])
    tail = exact.tail(0.95)
    assert tail.var_usd == pytest.approx(7)
    assert tail.es_usd == pytest.approx((17 * 0.02 + 7 * 0.03) / 0.05)


def test_a_joint_table() -> None:
    """The same marginals, never both: losses −3 (.7) and 7 (.3)."""
    book = Portfolio(
        events=(Event.binary("a", 0.1), Event.binary("b", 0.2)),
        shares={"a": {"YES": -10}, "b": {"YES": -10}},
    )
    never = Joint({("YES", "NO"): 0.1, ("NO", "YES"): 0.2, ("NO", "NO"): 0.7})
    assert enumerate_states(book, never).tail(0.95).es_usd == pytest.approx(7)
    with pytest.raises(
        RiskError, match=r"event a.YES: the table gives it 0.2, the event itself 0.1"
    ):
        enumerate_states(book, Joint({("YES", "NO"): 0.2, ("NO", "YES"): 0.2, ("NO", "NO"): 0.6}))
    with pytest.raises(RiskError, match=r"event b has no outcome 'MAYBE'; allowed: YES, NO"):
        enumerate_states(book, Joint({("YES", "MAYBE"): 1.0}))
    with pytest.raises(RiskError, match=r"probability 1.2 is outside \[0, 1\]"):
        enumerate_states(book, Joint({("YES", "NO"): 1.2}))


def test_a_void_pays_half_and_a_jump_moves_the_price() -> None:
    """10 YES at .4 and 1 coin; the coin jumps by ±5 % of 100; void with .1, then no jump."""
    event = Event.binary(
        "e", 0.5, 0.4, jumps_yes={"COIN": 0.05}, jumps_no={"COIN": -0.05}, void=0.1
    )
    still = Underlying("COIN", 100, sigma=0.0)
    book = Portfolio((still,), (event,), legs=(PriceLeg("COIN", 100),), shares={"e": {"YES": 10}})
    exact = enumerate_states(book)
    assert exact.probability == pytest.approx([0.45, 0.45, 0.1])
    assert exact.mean_loss_usd == pytest.approx([-(6 + 5), -(-4 - 5), -1])
    assert exact.tail(0.5).var_usd == pytest.approx(-1)
    assert exact.tail(0.99).es_usd == pytest.approx(9)


def test_two_prices_add_up() -> None:
    """Long 100 USD of one, short 100 of the other, correlation .5: deviation 10·√(1+1−1)."""
    two = (COIN, Underlying("OTHER", 5, sigma=0.1))
    book = Portfolio(two, legs=(PriceLeg("COIN", 100), PriceLeg("OTHER", -100)))
    tail = enumerate_states(book, Correlation.of_matrix(("COIN", "OTHER"), [[1, 0.5], [0.5, 1]]))
    assert tail.tail(0.95).var_usd == pytest.approx(10 * ndtri(0.95))
    assert enumerate_states(book).tail(0.95).var_usd == pytest.approx(200**0.5 * ndtri(0.95))


def test_a_t_return() -> None:
    """Student's t with 4 degrees scaled to deviation 10: ES by integrating its quantiles."""
    from scipy.stats import t as student

    heavy = Underlying("COIN", 100, sigma=0.1, df=4)
    tail = enumerate_states(Portfolio((heavy,), legs=(PriceLeg("COIN", 100),))).tail(0.99)
    unit = 10 * (2 / 4) ** 0.5
    assert tail.var_usd == pytest.approx(unit * student.ppf(0.99, 4))
    beyond, _ = quad(lambda x: x * student.pdf(x, 4), student.ppf(0.99, 4), np.inf)
    assert tail.es_usd == pytest.approx(unit * beyond / 0.01, rel=1e-7)


def test_a_digital_covers_the_perpetual_beyond_its_strike() -> None:
    """Long 1 coin N(100, 10²), short 20 YES(price ≥ 90) at .8: the tail, integrated by hand."""
    digital = Digital("d", "COIN", 90, mark=0.8)
    book = Portfolio(
        (COIN,), digitals=(digital,), legs=(PriceLeg("COIN", 100),), shares={"d": {"YES": -20}}
    )
    exact = enumerate_states(book)

    def loss(z: float) -> float:
        return -10 * z + (20 * 0.2 if z >= -1 else -20 * 0.8)

    # Just above the strike the loss is 10 + 4; below it −10z − 16 passes that only from z = −3 on.
    tail = exact.tail(0.95)
    grid = np.linspace(-8, 8, 4_000_001)
    weight = np.exp(-grid * grid / 2)
    weight /= weight.sum()
    losses = np.where(grid >= -1, -10 * grid + 4, -10 * grid - 16)
    order = np.argsort(losses)
    at = order[np.searchsorted(np.cumsum(weight[order]), 0.95)]
    assert tail.var_usd == pytest.approx(losses[at], abs=1e-3)
    beyond = losses > losses[at]
    rest = 0.05 - weight[beyond].sum()
    es = (losses[beyond] @ weight[beyond] + losses[at] * rest) / 0.05
    assert tail.es_usd == pytest.approx(es, abs=1e-3)
    assert exact.mixture.survival(loss(-1.0)) == pytest.approx(ndtr(-3.0), abs=1e-12)


@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.0, 0.6, 0.99])
def test_an_interval_component_against_quadrature(rho: float) -> None:
    """P and E of centre + scale·W beyond x with X in [−.5, 1.2), conditioning on X by quad."""
    one = np.ones(3)
    cells = Mixture(
        one,
        2 * one,
        5 * one,
        rho * one,
        np.array([-np.inf, -0.5, 1.2]),
        np.array([-0.5, 1.2, np.inf]),
    )
    rest = (1 - rho * rho) ** 0.5
    for x in (-4.0, 2.0, 6.5):
        z = (x - 2) / 5
        for i, (low, high) in enumerate(pairwise([-9, -0.5, 1.2, 9])):

            def chance(u: float, z: float = z) -> float:
                return float(np.exp(-u * u / 2) / (2 * pi) ** 0.5 * ndtr((rho * u - z) / rest))

            def part(u: float, z: float = z) -> float:
                density = np.exp(-(((z - rho * u) / rest) ** 2) / 2) / (2 * pi) ** 0.5
                return float(
                    np.exp(-u * u / 2)
                    / (2 * pi) ** 0.5
                    * (rho * u * ndtr((rho * u - z) / rest) + rest * density)
                )

            chances, parts = cells._beyond(x)
            assert chances[i] == pytest.approx(quad(chance, low, high)[0], abs=1e-8)
            assert parts[i] == pytest.approx(quad(part, low, high)[0], abs=1e-8)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99, 0.999])
def test_exact_and_sampled_agree_on_the_whole_desk(level: float) -> None:
    exact, paths = (
        enumerate_states(desk(), linked()),
        simulate(desk(), linked(), paths=400_000, seed=21),
    )
    tail, sampled = exact.tail(level), paths.tail(level, coverage=0.999)
    assert sampled.var_low_usd <= tail.var_usd <= sampled.var_high_usd
    assert sampled.es_low_usd <= tail.es_usd <= sampled.es_high_usd
    mean, error = paths.mean_and_error_usd()
    assert abs(exact.mixture.mean_usd - mean) < 4 * error
    assert exact.mixture.deviation_usd == pytest.approx(paths.losses_usd.std(), rel=0.01)


def test_a_heavy_price_with_digitals_against_sampling() -> None:
    heavy = Underlying("COIN", 100, sigma=0.1, df=4)
    book = Portfolio(
        (heavy,),
        digitals=(Digital("d", "COIN", 90, 0.8), Digital("u", "COIN", 120, 0.1, above=False)),
        legs=(PriceLeg("COIN", 100),),
        shares={"d": {"YES": -20}, "u": {"YES": 15, "NO": -5}},
    )
    exact, paths = enumerate_states(book), simulate(book, paths=400_000, seed=2)
    for level in (0.9, 0.99):
        sampled = paths.tail(level, coverage=0.999)
        assert sampled.es_low_usd <= exact.tail(level).es_usd <= sampled.es_high_usd


def test_a_still_price_at_its_strike() -> None:
    """Only the bill moves it: +10 % reaches 110, so YES pays exactly when the bill passes."""
    bill = Event.binary("bill", 0.3, jumps_yes={"COIN": 0.1})
    book = Portfolio(
        (Underlying("COIN", 100, sigma=0.0),),
        (bill,),
        (Digital("d", "COIN", 110, 0.3),),
        shares={"d": {"YES": 10}},
    )
    tail = enumerate_states(book).tail(0.6)
    assert (tail.var_usd, tail.es_usd) == pytest.approx((3, 3))
    assert enumerate_states(book).mixture.mean_usd == pytest.approx(0)
    assert comonotone_tail(book, 0.6).es_usd == pytest.approx(3)
    assert simulate(book, paths=1000).losses_usd.max() == pytest.approx(3)


def test_a_pair_in_a_copula_is_the_bivariate_normal() -> None:
    """P(both above 0) = 1/4 + asin ρ/2π (Sheppard), and any cuts against scipy."""
    for rho in (-0.95, -0.4, 0.7):
        pair = Correlation.of_matrix(("E0", "E1"), [[1, rho], [rho, 1]])
        both = state_probabilities(binaries(2), pair)[0]
        assert both == pytest.approx(0.25 + asin(rho) / (2 * pi), abs=1e-13)
        events = (Event.binary("E0", 0.1), Event.binary("E1", 0.35))
        joint = multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf(ndtri([0.1, 0.35]))
        assert state_probabilities(events, pair)[0] == pytest.approx(joint, abs=1e-7)


def test_perfect_correlation_leaves_two_states() -> None:
    pair = Correlation.of_matrix(("E0", "E1"), [[1, 1], [1, 1]])
    events = (Event.binary("E0", 0.2), Event.binary("E1", 0.5))
    assert state_probabilities(events, pair) == pytest.approx([0.2, 0, 0.3, 0.5], abs=1e-9)


def test_a_copula_of_no_one_factor_keeps_marginals_and_pairs() -> None:
    """Four events in a chain: marginals exact, the pairs' probabilities to 1e-4."""
    names = tuple(f"E{i}" for i in range(4))
    matrix = [[1, 0.6, 0.1, 0], [0.6, 1, 0.5, 0.2], [0.1, 0.5, 1, -0.4], [0, 0.2, -0.4, 1]]
    chain = Correlation.of_matrix(names, matrix)
    assert one_factor(chain.matrix) is None
    events = tuple(Event.binary(f"E{i}", c) for i, c in enumerate((0.1, 0.3, 0.5, 0.8)))
    table = state_probabilities(events, chain).reshape([2] * 4)
    for e, event in enumerate(events):
        others = tuple(i for i in range(4) if i != e)
        assert table.sum(axis=others) == pytest.approx(event.probabilities, abs=1e-12)
    for a in range(4):
        for b in range(a):
            found = table.sum(axis=tuple(i for i in range(4) if i not in (a, b)))[0, 0]
            pair = state_probabilities((events[b], events[a]), chain)[0]
            assert found == pytest.approx(pair, abs=1e-4)


def test_both_integrations_agree_on_one_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    equal = Correlation.of_matrix(tuple("abcdef"), np.full((6, 6), 0.5) + np.eye(6) * 0.5)
    cuts = [np.array([np.inf, c, -np.inf]) for c in (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5)]
    loadings = one_factor(equal.matrix)
    assert loadings is not None
    assert np.abs(loadings) == pytest.approx(0.5**0.5)
    exact = box_probabilities(cuts, equal)
    monkeypatch.setattr("sim.risk.orthants.one_factor", lambda matrix: None)
    assert np.abs(box_probabilities(cuts, equal) - exact).sum() < 2e-3


def test_categorical_states_in_a_copula() -> None:
    """Three outcomes against two: the first outcomes go together."""
    three = Event("vote", (Outcome("A", 0.5), Outcome("B", 0.3), Outcome("C", 0.2)))
    pair = Correlation.of_matrix(("vote", "bill"), [[1, 0.8], [0.8, 1]])
    table = state_probabilities((three, Event.binary("bill", 0.3)), pair).reshape(3, 2)
    assert table.sum(axis=1) == pytest.approx([0.5, 0.3, 0.2])
    assert table.sum(axis=0) == pytest.approx([0.3, 0.7])
    given = table[:, 0] / table.sum(axis=1)
    assert given[0] > given[1] > given[2]


def test_twelve_events_are_enumerated_and_thirteen_are_not() -> None:
    held = {f"E{i}": {"YES": -1.0} for i in range(12)}
    exact = enumerate_states(Portfolio(events=binaries(12), shares=held))
    assert len(exact.probability) == 4096
    # 12 fair coins: P(all 12) = 1/4096, P(≥ 10) = (1 + 12 + 66)/4096 = .0193.
    assert exact.tail(0.99).var_usd == pytest.approx(10 - 6)
    with pytest.raises(TooManyStates, match=r"13 events have 8192 joint states.*Monte Carlo"):
        enumerate_states(Portfolio(events=binaries(13)))
    eleven = Portfolio((COIN,), binaries(11), (Digital("d", "COIN", 90, 0.8),))
    assert len(enumerate_states(eleven).probability) == 2048
    twelve = Portfolio((COIN,), binaries(12), (Digital("d", "COIN", 90, 0.8),))
    with pytest.raises(TooManyStates, match=r"13 events"):
        enumerate_states(twelve)


def test_what_has_no_closed_form_says_so() -> None:
    two = (COIN, Underlying("OTHER", 5, sigma=0.1))
    curve = Portfolio((COIN,), legs=(PriceLeg.of_curve("COIN", lambda r: np.maximum(r, 0)),))
    with pytest.raises(RiskError, match=r"leg on COIN: a curve .*Monte Carlo"):
        enumerate_states(curve)
    digitals = (Digital("c", "COIN", 90, 0.8), Digital("o", "OTHER", 6, 0.1))
    held = {"c": {"YES": 1}, "o": {"YES": 1}}
    with pytest.raises(RiskError, match=r"digitals on COIN and OTHER"):
        enumerate_states(Portfolio(two, digitals=digitals, shares=held))
    event = Event.binary("e", 0.5)
    pair = Correlation.of_matrix(("e", "COIN"), [[1, 0.3], [0.3, 1]])
    with pytest.raises(
        CorrelationError, match=r"correlation of e and COIN: 0.3, but .*Monte Carlo"
    ):
        enumerate_states(Portfolio((COIN,), (event,)), pair)
    heavy = (Underlying("COIN", 100, 0.1, df=4), two[1])
    legs = (PriceLeg("COIN", 1), PriceLeg("OTHER", 1))
    with pytest.raises(RiskError, match=r"underlying COIN.df: a sum of t returns \(COIN, OTHER\)"):
        enumerate_states(Portfolio(heavy, legs=legs))
