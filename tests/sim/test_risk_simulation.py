"""Monte Carlo with copulas: laws, dependence, seeds."""

from __future__ import annotations

from math import asin, pi, sqrt

import numpy as np
import pytest
from risk_desk import desk, linked
from scipy.stats import kstest, norm
from scipy.stats import t as student

from sim.risk.correlation import Correlation
from sim.risk.errors import CorrelationError, RiskError
from sim.risk.events import Digital, Event, Outcome
from sim.risk.portfolio import Portfolio
from sim.risk.prices import PriceLeg, Underlying
from sim.risk.simulation import simulate

COIN = Underlying("COIN", price_usd=100, sigma=0.1)
HEAVY = Underlying("HEAVY", price_usd=10, sigma=0.2, drift=0.01, df=5)
E = Event.binary("E", 0.3)
F = Event("F", (Outcome("A", 0.2), Outcome("B", 0.5), Outcome("C", 0.3)))
NAMES = ("COIN", "HEAVY", "E", "F")
PAIRS = {
    ("COIN", "HEAVY"): 0.6,
    ("COIN", "E"): 0.5,
    ("COIN", "F"): -0.3,
    ("HEAVY", "E"): 0.2,
    ("HEAVY", "F"): 0.0,
    ("E", "F"): 0.4,
}


def book() -> Portfolio:
    return Portfolio((COIN, HEAVY), (E, F))


@pytest.mark.parametrize("df", [None, 3.0, 5.0])
def test_every_copula_keeps_each_law(df: float | None) -> None:
    n = 200_000
    paths = simulate(book(), Correlation.of_pairs(NAMES, PAIRS), paths=n, seed=4, copula_df=df)
    assert kstest(paths.moves[:, 0] / 0.1, norm.cdf).pvalue > 0.001
    unit = 0.2 * sqrt(3 / 5)
    assert kstest((paths.moves[:, 1] - 0.01) / unit, lambda x: student.cdf(x, 5)).pvalue > 0.001
    for event in (E, F):
        for name, p in zip(event.names, event.probabilities, strict=True):
            assert abs(paths.frequencies(event.name)[name] - p) < 4.5 * sqrt(p * (1 - p) / n)


def test_the_gaussian_copula_has_its_correlations() -> None:
    """Prices by Pearson; COIN and E by E(r; YES)/sigma = ρ φ(Φ⁻¹(.3)), positive with YES."""
    n = 400_000
    paths = simulate(book(), Correlation.of_pairs(NAMES, PAIRS), paths=n, seed=9)
    coin, yes = paths.moves[:, 0] / 0.1, paths.outcomes[:, 0] == 0
    assert (coin * yes).mean() == pytest.approx(0.5 * norm.pdf(norm.ppf(0.3)), abs=5 / sqrt(n))
    rank = norm.ppf(student.cdf((paths.moves[:, 1] - 0.01) / (0.2 * sqrt(3 / 5)), 5))
    assert np.corrcoef(coin, rank)[0, 1] == pytest.approx(0.6, abs=5 / sqrt(n))


def test_a_t_copula_joins_the_tails() -> None:
    """Two fair events with t cuts: P(both) = 1/4 + asin ρ/2π still; rare ones more often."""
    pair = Correlation.of_matrix(("a", "b"), [[1, 0.5], [0.5, 1]])
    n = 400_000

    def both(chance: float, df: float | None) -> float:
        events = (Event.binary("a", chance), Event.binary("b", chance))
        paths = simulate(Portfolio(events=events), pair, paths=n, seed=1, copula_df=df)
        return float((paths.outcomes == 0).all(axis=1).mean())

    for df in (None, 3.0):
        assert both(0.5, df) == pytest.approx(0.25 + asin(0.5) / (2 * pi), abs=4e-3)
    assert both(0.01, 3.0) > 2 * both(0.01, None)


def test_a_strong_factor_makes_a_book_of_events_fall_together() -> None:
    events = tuple(Event.binary(f"E{i}", 0.05) for i in range(20))
    short = Portfolio(events=events, shares={f"E{i}": {"YES": -100.0} for i in range(20)})
    names = short.event_names
    high = Correlation(names, np.full((20, 20), 0.8) + np.eye(20) * 0.2)
    alone = simulate(short, paths=50_000, seed=2).tail(0.99)
    joined = simulate(short, high, paths=50_000, seed=2).tail(0.99)
    assert joined.es_low_usd > 2 * alone.es_high_usd


def test_same_seed_same_paths_and_nobody_shifts() -> None:
    a, b = (simulate(desk(), linked(), paths=1000, seed=7) for _ in range(2))
    assert np.array_equal(a.losses_usd, b.losses_usd)
    assert not np.array_equal(
        a.losses_usd, simulate(desk(), linked(), paths=1000, seed=8).losses_usd
    )
    more = Portfolio((COIN, HEAVY), (Event.binary("new", 0.5), E, F))
    before, after = simulate(book(), paths=100, seed=1), simulate(more, paths=100, seed=1)
    assert np.array_equal(before.moves, after.moves)
    assert np.array_equal(before.outcomes, after.outcomes[:, 1:])


def test_revaluing_is_simulating_again() -> None:
    paths = simulate(desk(), linked(), paths=500, seed=7)
    other = desk().with_legs(PriceLeg("ETH", 1000)).with_shares("vote", "B", 70)
    again = simulate(other, linked(), paths=500, seed=7)
    assert np.array_equal(paths.revalued(other).losses_usd, again.losses_usd)
    with pytest.raises(RiskError, match=r"not those of the paths"):
        paths.revalued(book())


def test_curves_and_digitals_of_two_prices() -> None:
    """A protective put floors the loss at 5 + its cost; digitals of each price pay by price."""
    put = PriceLeg.of_curve("COIN", lambda r: np.maximum(-0.05 - r, 0) * 100 - 2)
    floored = Portfolio((COIN,), legs=(PriceLeg("COIN", 100), put))
    assert simulate(floored, paths=10_000).losses_usd.max() == pytest.approx(7)
    digitals = (Digital("c", "COIN", 100, 0.5), Digital("h", "HEAVY", 10.1, 0.5, above=False))
    both = Portfolio((COIN, HEAVY), digitals=digitals, shares={"c": {"YES": 1}, "h": {"NO": 2}})
    paths = simulate(both, paths=20_000, seed=6)
    by_hand = (paths.moves[:, 0] >= 0) * 1.0 - 0.5 + ((paths.moves[:, 1] >= 0.01) * 2.0 - 1)
    assert paths.losses_usd == pytest.approx(-by_hand)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_contributions_add_up_to_the_es(level: float) -> None:
    paths = simulate(desk(), linked(), paths=20_000, seed=3)
    parts = paths.contributions(level)
    assert set(parts) == {"BTC", "ETH", "bill", "vote", "up", "down"}
    assert sum(parts.values()) == pytest.approx(paths.tail(level).es_usd)


def test_contributions_of_two_shorts_by_hand() -> None:
    """Short 10 YES and 30 YES at .5, as one: the tail beyond .6 is both YES, 5 and 15."""
    events = (Event.binary("a", 0.5), Event.binary("b", 0.5))
    book = Portfolio(events=events, shares={"a": {"YES": -10}, "b": {"YES": -30}})
    as_one = Correlation.of_matrix("ab", [[1, 1], [1, 1]])
    parts = simulate(book, as_one, paths=10_000).contributions(0.6)
    assert parts == pytest.approx({"a": 5, "b": 15})
    # At .5 the tail of unlinked events is b YES: a adds nothing on average.
    apart = simulate(book, paths=200_000, seed=1).contributions(0.5)
    assert apart == pytest.approx({"a": 0, "b": 15}, abs=0.15)


def test_jumps_are_in_the_moves() -> None:
    event = Event.binary("bill", 0.4, jumps_yes={"COIN": 0.5}, jumps_no={"COIN": -0.25})
    still = Underlying("COIN", 100, sigma=0.0)
    paths = simulate(Portfolio((still,), (event,), legs=(PriceLeg("COIN", 100),)), paths=100)
    assert np.array_equal(paths.losses_usd, np.where(paths.outcomes[:, 0] == 0, -50.0, 25.0))


def test_bad_simulations() -> None:
    with pytest.raises(RiskError, match=r"paths: 1 is below 2"):
        simulate(book(), paths=1)
    with pytest.raises(RiskError, match=r"copula_df: 0 is not above 0"):
        simulate(book(), copula_df=0)
    with pytest.raises(CorrelationError, match=r"correlation of F and the others: missing"):
        simulate(book(), Correlation.independent(("COIN", "HEAVY", "E")))
