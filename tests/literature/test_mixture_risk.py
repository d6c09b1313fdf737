"""Tail risk of books with binary events against closed forms.

Long 1 perpetual that moves N(0, 10²) USD and long 100 YES at .30: a mixture of two normals, whose
95 % tail a Gaussian of the same variance puts twice as far out.  Short 100 YES at .04: the VaR is
a gain and the ES is the loss (Acerbi and Tasche 2002; Rockafellar and Uryasev 2002).
"""

from __future__ import annotations

from math import exp, pi, sqrt

import pytest
from scipy.optimize import brentq
from scipy.special import ndtr

from sim.risk.enumeration import enumerate_states
from sim.risk.events import Event
from sim.risk.portfolio import Portfolio
from sim.risk.prices import PriceLeg, Underlying
from sim.risk.simulation import simulate


def book() -> Portfolio:
    return Portfolio(
        underlyings=(Underlying("COIN", price_usd=100, sigma=0.1),),
        events=(Event.binary("launch", 0.3),),
        legs=(PriceLeg.perpetual("COIN", units=1, price_usd=100),),
        shares={"launch": {"YES": 100}},
    )


@pytest.mark.parametrize(
    ("level", "mixture", "gaussian"),
    [(0.95, 49.09, 96.7), (0.975, 52.00, 109.7), (0.99, 55.42, 125.0)],
)
def test_the_mixture_and_what_a_gaussian_would_say(
    level: float, mixture: float, gaussian: float
) -> None:
    exact = enumerate_states(book())
    assert exact.tail(level).es_usd == pytest.approx(mixture, abs=0.005)
    assert exact.gaussian_tail(level).es_usd == pytest.approx(gaussian, abs=0.05)


@pytest.mark.parametrize("level", [0.5, 0.7, 0.95, 0.99, 0.999])
def test_the_mixture_by_hand(level: float) -> None:
    """Loss = 30 + 10 Z with .7, −70 + 10 Z with .3: its own root and its own integral."""
    parts = [(0.7, 30.0), (0.3, -70.0)]

    def above(x: float) -> float:
        return float(sum(w * ndtr(-(x - m) / 10) for w, m in parts))

    var = brentq(lambda x: above(x) - (1 - level), -300, 300, xtol=1e-12)
    beyond = sum(
        w * (m * ndtr(-(var - m) / 10) + 10 * exp(-(((var - m) / 10) ** 2) / 2) / sqrt(2 * pi))
        for w, m in parts
    )
    tail = enumerate_states(book()).tail(level)
    assert tail.var_usd == pytest.approx(var, abs=1e-8)
    assert tail.es_usd == pytest.approx(beyond / (1 - level), abs=1e-8)


def test_sampling_finds_the_same_tail() -> None:
    sampled, exact = simulate(book(), paths=200_000, seed=11), enumerate_states(book())
    for level in (0.95, 0.975, 0.99):
        tail = sampled.tail(level)
        assert abs(tail.es_usd - exact.tail(level).es_usd) < 4 * tail.es_error_usd
        assert tail.es_error_usd < 0.2


def test_var_is_blind_to_a_short_binary() -> None:
    short = Portfolio(events=(Event.binary("launch", 0.04),), shares={"launch": {"YES": -100}})
    tail = enumerate_states(short).tail(0.95)
    assert (tail.var_usd, tail.es_usd) == pytest.approx((-4, 76))
