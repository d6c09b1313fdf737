"""Stresses: each oracle state by hand, jump-to-resolution, and the comonotone bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from risk_desk import desk, linked
from scipy.special import ndtri

from sim.risk.comonotone import comonotone_tail
from sim.risk.correlation import Correlation, nearest_matrix
from sim.risk.enumeration import enumerate_states
from sim.risk.errors import RiskError, TooManyStates
from sim.risk.events import Digital, Event, Outcome
from sim.risk.portfolio import Portfolio
from sim.risk.prices import PriceLeg, Underlying
from sim.risk.simulation import simulate
from sim.risk.stress import jump_exposures, stress_matrix

COIN = Underlying("COIN", price_usd=100, sigma=0.1)


def hedged() -> Portfolio:
    """1 coin of spot, short 1 perpetual, 100 YES at .3 (NO drops the coin by 10 %), 50 digital."""
    return Portfolio(
        (COIN,),
        (Event.binary("bill", 0.3, jumps_no={"COIN": -0.1}),),
        (Digital("low", "COIN", 85, 0.1, above=False),),
        (PriceLeg.spot("COIN", 1, 100), PriceLeg.perpetual("COIN", -1, 100)),
        {"bill": {"YES": 100}, "low": {"YES": -50}},
    )


def test_every_cell_by_hand() -> None:
    """Columns true, stale, wrong, void; the price legs cancel unless the oracle is stale.

    Bill YES +70, NO −30, void +20; digital (short 50 at .1): below 85 −45, else +5, void −20.
    """
    matrix = stress_matrix(hedged(), [0.0, -0.1])
    assert matrix.states == ({"bill": "YES"}, {"bill": "NO"})
    assert matrix.oracles == ("true", "stale", "wrong", "void")
    unmoved, down = matrix.pnl_usd
    assert unmoved[0] == pytest.approx([70 + 5, 0 + 5, -30 - 45, 20 - 20])
    assert unmoved[1] == pytest.approx([-30 + 5, -10 + 5, 70 - 45, 20 - 20])
    assert down[0] == pytest.approx([70 + 5, -10 + 5, -30 - 45, 20 - 20])
    # −10 % and a jump of −10 %: at 80 the digital is won by its holder.
    assert down[1] == pytest.approx([-30 - 45, -20 + 5, 70 + 5, 20 - 20])


def test_the_worst_cell_is_named() -> None:
    matrix = stress_matrix(hedged(), [0.0, {"COIN": -0.1}], oracles=("true", "stale"))
    worst = matrix.worst
    assert worst.pnl_usd == pytest.approx(-75)
    assert str(worst) == "COIN -10.0%; bill NO; oracle true: -75.00 USD"
    assert matrix.worst_by_oracle()["stale"].pnl_usd == pytest.approx(-15)


def test_a_wrong_winner_is_the_worst_of_the_others() -> None:
    """Long 10 A at .5, short 20 C at .2: A +9, B −1, C −21.  Wrong: −21, −21, −1."""
    three = Event("vote", (Outcome("A", 0.5), Outcome("B", 0.3), Outcome("C", 0.2)))
    book = Portfolio(events=(three,), shares={"vote": {"A": 10, "C": -20}})
    matrix = stress_matrix(book, [0.0], oracles=("true", "wrong"))
    assert matrix.pnl_usd[0, :, 0] == pytest.approx([9, -1, -21])
    assert matrix.pnl_usd[0, :, 1] == pytest.approx([-21, -21, -1])


def test_events_that_do_not_resolve_stay_at_their_marks() -> None:
    one = stress_matrix(desk(), [-0.2], events=["vote"], oracles=["true"])
    assert [state["vote"] for state in one.states] == ["A", "B", "C"]
    prices = -0.2 * 5000 + 0.2 * 4000
    digitals = 400 * 0.3 + (250 * (0 - 0.75) + 20 * (1 - 0.25))
    vote = np.array([200 * 0.55 + 300 * 0.2, -200 * 0.45 + 60, -90 - 300 * 0.8])
    assert one.pnl_usd[0, :, 0] == pytest.approx(prices + digitals + vote)


def test_jump_to_resolution_by_hand() -> None:
    """A long perpetual beside short YES: YES costs 70 and brings 12 on the price."""
    bill = Event.binary("bill", 0.3, jumps_yes={"COIN": 0.12}, jumps_no={"COIN": -0.05})
    book = Portfolio(
        (COIN,),
        (bill,),
        (Digital("d", "COIN", 110, 0.2),),
        (PriceLeg.perpetual("COIN", 1, 100),),
        {"bill": {"YES": -100}, "d": {"NO": 40}},
    )
    found = jump_exposures(book)
    assert found["bill"].loss_usd == pytest.approx({"YES": 70 - 12, "NO": -30 + 5})
    assert (found["bill"].worst_outcome, found["bill"].exposure_usd) == ("YES", pytest.approx(58))
    assert found["d"].loss_usd == pytest.approx({"YES": 40 * 0.8, "NO": -40 * 0.2})


def test_bad_stresses() -> None:
    with pytest.raises(RiskError, match=r"events.bil: unknown; did you mean 'bill'"):
        stress_matrix(hedged(), [0.0], events=["bil"])
    with pytest.raises(RiskError, match=r"moves.BTC: unknown; allowed: COIN"):
        stress_matrix(hedged(), [{"BTC": 0.1}])
    with pytest.raises(RiskError, match=r"moves: nan is not a finite number"):
        stress_matrix(hedged(), [float("nan")])
    with pytest.raises(RiskError, match=r"oracles: 'late' is unknown"):
        stress_matrix(hedged(), [0.0], oracles=["late"])
    with pytest.raises(RiskError, match=r"moves: there are none"):
        stress_matrix(hedged(), [])
    many = Portfolio(events=tuple(Event.binary(f"E{i}", 0.5) for i in range(13)))
    with pytest.raises(TooManyStates, match=r"8192 joint outcomes.*name fewer"):
        stress_matrix(many, [0.0])
    assert stress_matrix(many, [0.0], events=["E0"]).pnl_usd.shape == (1, 2, 4)


def test_comonotone_by_hand() -> None:
    """Long 1 N(0, 10²) and 100 YES at .3: 10·2.0627 + 30; short 100 at .04 adds 76."""
    book = Portfolio(
        (COIN,),
        (Event.binary("a", 0.3), Event.binary("b", 0.04)),
        legs=(PriceLeg("COIN", 100),),
        shares={"a": {"YES": 100}, "b": {"YES": -100}},
    )
    z = float(ndtri(0.95))
    density = float(np.exp(-z * z / 2) / np.sqrt(2 * np.pi))
    found = comonotone_tail(book, 0.95)
    assert found.by_risk["COIN"].es_usd == pytest.approx(10 * density / 0.05)
    assert found.es_usd == pytest.approx(10 * density / 0.05 + 30 + 76)
    assert found.var_usd == pytest.approx(10 * z + 30 - 4)
    assert found.worst_risk() == "b"


def test_a_jump_is_part_of_its_events_risk() -> None:
    """YES (.3) brings 70 on shares and costs 80 on the price: a loss of 10; NO costs 30."""
    bill = Event.binary("bill", 0.3, jumps_yes={"COIN": -0.8})
    book = Portfolio((COIN,), (bill,), legs=(PriceLeg("COIN", 100),), shares={"bill": {"YES": 100}})
    tail = comonotone_tail(book, 0.95).by_risk["bill"]
    assert (tail.var_usd, tail.es_usd) == pytest.approx((30, 30))


def test_a_put_is_a_risk_of_its_own() -> None:
    """A put sold at 2 with strike 95 and the 95 % shortfall of what it pays, by sampling."""
    put = PriceLeg.of_curve("COIN", lambda r: 2 - np.maximum(-0.05 - r, 0) * 100)
    book = Portfolio((COIN,), legs=(put,))
    found = comonotone_tail(book, 0.95).by_risk["COIN curves"]
    sampled = simulate(book, paths=200_000, seed=1).tail(0.95)
    assert abs(found.es_usd - sampled.es_usd) < 4 * sampled.es_error_usd + 0.01


@st.composite
def desks(draw: st.DrawFn) -> Portfolio:
    """Up to two prices and three events with jumps, random holdings."""
    cents = st.integers(1, 99).map(lambda c: c / 100)
    size = st.integers(-300, 300).map(float)
    moves = st.integers(-20, 20).map(lambda c: c / 100)
    prices = tuple(Underlying(f"P{i}", 100, sigma=0.1) for i in range(draw(st.integers(1, 2))))
    events = tuple(
        Event.binary(f"E{i}", draw(cents), draw(cents), jumps_yes={"P0": draw(moves)})
        for i in range(draw(st.integers(1, 3)))
    )
    return Portfolio(
        prices,
        events,
        legs=tuple(PriceLeg(p.name, draw(size)) for p in prices),
        shares={e.name: {"YES": draw(size)} for e in events},
    )


@st.composite
def correlations(draw: st.DrawFn, book: Portfolio) -> Correlation:
    """Any valid one among the prices and among the events, none between the two."""
    names = (*book.price_names, *book.event_names)
    prices = len(book.price_names)
    matrix = np.eye(len(names))
    for i in range(len(names)):
        for j in range(i):
            if (i < prices) == (j < prices):
                matrix[i, j] = matrix[j, i] = draw(st.integers(-99, 99)) / 100
    near = nearest_matrix(matrix)
    near[:prices, prices:] = near[prices:, :prices] = 0  # only rounding was there
    return Correlation(names, near)


@settings(max_examples=60)
@given(data=st.data(), level=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_no_dependence_is_worse_than_comonotone(data: st.DataObject, level: float) -> None:
    book = data.draw(desks())
    bound = comonotone_tail(book, level).es_usd
    for dependence in (None, data.draw(correlations(book))):
        tail = enumerate_states(book, dependence).tail(level)
        assert tail.var_usd - 1e-9 <= tail.es_usd <= bound + 1e-6


@pytest.mark.parametrize("df", [None, 3.0])
@pytest.mark.parametrize("rho", [-0.8, 0.5, 0.95])
def test_no_copula_of_prices_with_events_is_worse(rho: float, df: float | None) -> None:
    """Both prices with the bill, and the vote as far with the prices as it can be."""
    whole, signs = desk(), np.array([1, 1, np.sign(rho), 1.0])
    equal = np.full((4, 4), abs(rho)) + np.eye(4) * (1 - abs(rho))
    joined = Correlation.of_matrix(
        (*whole.price_names, *whole.event_names), np.multiply.outer(signs, signs) * equal
    )
    held = {name: whole.shares[name] for name in whole.event_names}
    book = Portfolio(whole.underlyings, whole.events, legs=whole.legs, shares=held)
    tail = simulate(book, joined, paths=50_000, seed=1, copula_df=df).tail(0.95)
    assert tail.es_usd <= comonotone_tail(book, 0.95).es_usd + 4 * tail.es_error_usd


def test_the_bound_is_reached_when_all_move_together() -> None:
    """Perfect correlations, signs as the book wants them: ES is the comonotone ES."""
    events = (Event.binary("a", 0.3), Event.binary("b", 0.04))
    book = Portfolio(
        (COIN,),
        events,
        legs=(PriceLeg("COIN", 100),),
        shares={"a": {"YES": 100}, "b": {"YES": -100}},
    )
    names = ("COIN", "a", "b")
    against = Correlation.of_matrix(names, [[1, 1, -1], [1, 1, -1], [-1, -1, 1]])
    sampled = simulate(book, against, paths=200_000, seed=4).tail(0.95)
    assert abs(sampled.es_usd - comonotone_tail(book, 0.95).es_usd) < 4 * sampled.es_error_usd
    assert (
        comonotone_tail(desk(), 0.95).es_usd > enumerate_states(desk(), linked()).tail(0.95).es_usd
    )
