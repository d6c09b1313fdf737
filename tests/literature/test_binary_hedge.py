"""How much of a digital a perpetual hedges, and spot against an event that makes it jump."""

from __future__ import annotations

import numpy as np
import pytest

from sim.risk.events import Digital, Event
from sim.risk.hedging import delta_hedge, digital_hedge, event_jump_hedge, hedge_legs
from sim.risk.portfolio import Portfolio
from sim.risk.prices import PriceLeg, Underlying
from sim.risk.simulation import simulate


@pytest.mark.parametrize(("z", "r_squared"), [(0, 0.6366), (1, 0.4386), (2, 0.1311), (-2, 0.1311)])
def test_a_perpetual_against_a_digital(z: float, r_squared: float) -> None:
    assert digital_hedge(z).r_squared == pytest.approx(r_squared, abs=5e-5)


@pytest.mark.parametrize("z", [0.0, 1.0, 2.0])
def test_a_regression_on_simulated_paths_finds_ratio_and_r_squared(z: float) -> None:
    coin = Underlying("COIN", price_usd=100, sigma=0.05)
    digital = Digital("above", "COIN", strike_usd=100 * (1 + 0.05 * z), mark=0.5)
    book = Portfolio((coin,), digitals=(digital,), shares={"above": {"YES": 1}})
    fitted, formula = delta_hedge(simulate(book, paths=400_000, seed=5)), digital_hedge(z, coin)
    assert fitted.ratio == pytest.approx(formula.ratio, rel=0.02)
    assert fitted.r_squared == pytest.approx(formula.r_squared, abs=0.005)
    assert fitted.residual_usd == pytest.approx(formula.residual_usd, rel=0.01)


def test_spot_against_legislation() -> None:
    """p .4, jump 8,000, deviation 3,000: h* = 1,920 / (9e6 + 15.36e6), R² = h*·8,000."""
    hedge = event_jump_hedge(0.4, jump_usd=8_000, sigma_usd=3_000)
    assert hedge.ratio == pytest.approx(1_920 / 24_360_000)
    assert hedge.r_squared == pytest.approx(0.630542, abs=1e-6)


def test_the_jump_hedge_is_the_least_variance_on_simulated_paths() -> None:
    coin = Underlying("BTC", price_usd=100_000, sigma=0.03)
    bill = Event.binary("bill", 0.4, jumps_yes={"BTC": 0.08})
    book = Portfolio((coin,), (bill,), shares={"bill": {"YES": 1}})
    paths = simulate(book, paths=400_000, seed=3)
    fitted, formula = delta_hedge(paths), event_jump_hedge(0.4, 8_000, 3_000)
    assert fitted.ratio / 100_000 == pytest.approx(formula.ratio, rel=0.01)  # USD → coins
    assert fitted.r_squared == pytest.approx(formula.r_squared, abs=0.005)

    def deviation(of: Portfolio) -> float:
        return float(paths.revalued(of).losses_usd.std())

    best = deviation(book.with_legs(*hedge_legs(fitted)))
    assert best == pytest.approx(formula.residual_usd, rel=0.01)
    for off in (0.9, 1.1):
        assert deviation(book.with_legs(PriceLeg("BTC", -fitted.ratio * off))) > best


def test_a_coin_is_hedged_by_as_many_shares_as_the_jump_has_dollars() -> None:
    """The other way round: selling D shares against a coin leaves (1 − R²) of its variance."""
    coin = Underlying("BTC", price_usd=100_000, sigma=0.03)
    bill = Event.binary("bill", 0.4, jumps_yes={"BTC": 0.08})
    book = Portfolio((coin,), (bill,), legs=(PriceLeg.spot("BTC", 1, 100_000),))
    paths = simulate(book, paths=400_000, seed=3)
    hedged = paths.revalued(book.with_shares("bill", "YES", -8_000))
    left = float(np.var(hedged.losses_usd) / np.var(paths.losses_usd))
    assert left == pytest.approx(1 - event_jump_hedge(0.4, 8_000, 3_000).r_squared, abs=0.005)
