"""The oracle's guards: what each publishes instead, and that off they change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_scene import BTC, EXACT, START, S, at, fault, make

from sim.exchange.exchange import Exchange
from sim.exchange.instruments import Listing
from sim.exchange.messages import (
    E_CODE,
    E_KIND,
    M_ARG2,
    M_INSTRUMENT,
    M_PRICE,
    M_SIZE,
    Event,
    Grade,
)
from sim.exchange.rules import Rules
from sim.oracle.fault import OracleError
from sim.oracle.guards import Guard
from sim.oracle.policy import Policy
from sim.oracle.price import PriceOracle
from sim.oracle.source import Source
from sim.oracle.truth import TruthPath


def btc(oracle: PriceOracle, *seconds: float) -> np.ndarray:
    rows = oracle.messages(at(*seconds))
    return rows[rows[:, M_INSTRUMENT] == 0]


def grades(oracle: PriceOracle, *seconds: float) -> list[int]:
    """What an exchange makes of the readings at these seconds."""
    exchange = Exchange(Listing(feeds=oracle.feeds), Rules(), 1)
    events = exchange.process(oracle.messages(at(*seconds)))
    return events[events[:, E_KIND] == Event.INDEX, E_CODE].tolist()


# dispersion -------------------------------------------------------------------------------
@pytest.mark.spec("PRC-04")
def test_sources_far_apart_make_the_reading_too_uncertain() -> None:
    # The mean of two of which one is a thousand times too high.
    wild = [fault("factor", factor=1000.0, sources=("b",))]
    options = {"policy": Policy("mean"), "dispersion": False, "feeds": [BTC]}
    naive = make(EXACT[:2], wild, **options)
    guarded = make(EXACT[:2], wild, guard=Guard(dispersion_ratio=0.05), **options)
    before, during = btc(guarded, 1999, 2001)
    assert before[M_SIZE] == 0
    assert during[M_SIZE] == pytest.approx(999 * 300 * 1e4, rel=0.01)
    assert during[M_PRICE] == btc(naive, 2001)[0, M_PRICE]
    seconds = (1000, 1999, 3600)
    assert grades(naive, *seconds) == grades(guarded, *seconds) == [0, 0, 0]
    # Within the price bound of the exchange, the grade tells them apart.
    wild = [fault("factor", factor=1.5, sources=("b",))]
    naive, guarded = (
        make(EXACT[:2], wild, **options, guard=g) for g in (None, Guard(dispersion_ratio=0.05))
    )
    assert grades(naive, 2001) == [Grade.VALID]
    assert grades(guarded, 2001) == [Grade.TOO_UNCERTAIN]


def test_stale_and_absent_sources_do_not_count_as_dispersed() -> None:
    guard = Guard(dispersion_ratio=0.05)
    gone = [
        fault("bias", bias_pct=50.0, sources=("b",)),
        fault("drop", share=1.0, sources=("b",), start_s=2500),
    ]
    rows = btc(make(EXACT[:2], gone, guard=guard, dispersion=False), 2400, 2600)
    assert rows[0, M_SIZE] > 0.4 * 300 * 1e4
    assert rows[1, M_SIZE] == 0


def test_a_dispersion_below_the_ratio_is_left_alone() -> None:
    near = [fault("bias", bias_pct=3.0, sources=("b",))]
    off = btc(make(EXACT[:3], near), 2001)
    np.testing.assert_array_equal(
        btc(make(EXACT[:3], near, guard=Guard(dispersion_ratio=0.04)), 2001), off
    )


# min answer -------------------------------------------------------------------------------
def falling() -> TruthPath:
    """From 1 USD to nearly nothing at a tenth of a percent of the start per second."""
    values = np.maximum(1.0 - 0.001 * np.arange(4001), 0.01)
    return TruthPath(("LUNA",), START, values[None, :])


LUNA = BTC.model_copy(update={"name": "LUNA", "tick_micro": 100, "index_ticks": 10_000})
FLOORED = tuple(Source(n, lag_us=0, noise_bps=0, min_usd={"LUNA": 0.107}) for n in "abc")


@pytest.mark.spec("PRC-04")
def test_an_answer_at_the_floor_is_no_answer() -> None:
    naive, guarded = (
        make(FLOORED, truth=falling(), feeds=[LUNA], guard=g)
        for g in (None, Guard(min_answer=True))
    )
    seconds = (800, 891, 892, 895, 1000, 3000)
    true = falling().sample(0, at(*seconds))
    stuck = btc(naive, *seconds)[:, M_PRICE] / 1e4
    np.testing.assert_allclose(stuck, np.maximum(true, 0.107), atol=0.0015)
    assert grades(naive, *seconds) == [0] * 6  # a price ten times too high, and all is well
    assert grades(guarded, *seconds) == [0, 0, 0, *[Grade.INSUFFICIENT_SOURCES] * 3]
    assert btc(guarded, *seconds)[3:, M_ARG2].tolist() == [0, 0, 0]


def test_it_knows_only_the_limits_of_each_source() -> None:
    mixed = (FLOORED[0], *EXACT[1:3])
    oracle = make(mixed, truth=falling(), feeds=[LUNA], guard=Guard(min_answer=True))
    rows = btc(oracle, 800, 1000)
    assert rows[:, M_ARG2].tolist() == [3, 2]
    assert rows[1, M_PRICE] < 0.011 * 1e4


# rate band --------------------------------------------------------------------------------
def pumped() -> TruthPath:
    """100 USD, 13 times that from second 1,000 on (a thin token pumped)."""
    values = np.full((1, 4001), 100.0)
    values[0, 1000:] = 1300.0
    return TruthPath(("BTC",), START, values)


def test_the_band_lets_the_index_move_a_fifth_in_five_minutes() -> None:
    oracle = make(EXACT[:3], truth=pumped(), feeds=[BTC], guard=Guard(band_ratio=0.2))
    found = btc(oracle, *range(4001))[:, M_PRICE] / 1e4
    assert found[999] == pytest.approx(100)
    steps = found[[1001 + 300 * k for k in range(10)]]
    np.testing.assert_allclose(steps, 100 * 1.2 ** np.arange(1, 11), rtol=1e-4)
    assert (found[300:] <= found[:-300] * 1.2 + 1e-3).all()
    naive = btc(make(EXACT[:3], truth=pumped(), feeds=[BTC]), 1002)[0, M_PRICE] / 1e4
    assert naive == pytest.approx(1300)


@given(
    st.floats(0.01, 0.5),
    st.integers(1, 900),
    st.lists(st.integers(1, 3999), max_size=4, unique=True),
    st.integers(0, 3),
)
def test_no_price_leaves_the_band_however_the_times_are_asked_for(
    ratio: float, band_s: int, cuts: list[int], seed: int
) -> None:
    wild = [fault("spike", "severe", start_s=50, duration_s=3900)]
    guard = Guard(band_ratio=ratio, band_us=band_s * S)
    ask = [make(EXACT[:1], wild, feeds=[BTC], guard=guard, seed=seed) for _ in range(2)]
    times = at(*range(4001))
    whole = ask[0].messages(times)
    parts = [ask[1].messages(part) for part in np.split(times, sorted(cuts))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    price = whole[:, M_PRICE].astype(float)
    then = price[np.maximum(np.arange(4001) - band_s, 0)]
    assert (price <= then * (1 + ratio) + 2).all()  # ticks, each rounded
    assert (price >= then * (1 - ratio) - 2).all()


def test_with_the_band_a_time_is_asked_for_once() -> None:
    oracle = make(guard=Guard(band_ratio=0.2))
    oracle.messages(at(1, 2))
    with pytest.raises(ValueError, match="once and in order"):
        oracle.messages(at(2))


def test_the_band_harms_in_a_true_crash() -> None:
    """A guard is also judged where it does harm: the index is too high for minutes."""
    values = np.full((1, 4001), 100.0)
    values[0, 1000:] = 30.0
    truth = TruthPath(("BTC",), START, values)
    oracle = make(EXACT[:3], truth=truth, feeds=[BTC], guard=Guard(band_ratio=0.2))
    found = btc(oracle, *range(0, 4001, 100))[:, M_PRICE] / 1e4
    np.testing.assert_allclose(found[11:23:3], 100 * 0.8 ** np.arange(1, 5), rtol=1e-4)
    assert found[-1] == pytest.approx(30)


# switches ---------------------------------------------------------------------------------
def test_guards_that_find_nothing_change_nothing() -> None:
    noisy = [Source(n, noise_bps=1.0) for n in "abcde"]
    guard = Guard(dispersion_ratio=0.05, min_answer=True, band_ratio=0.5)
    times = at(*range(4001))
    np.testing.assert_array_equal(
        make(noisy, guard=guard).messages(times), make(noisy).messages(times)
    )


@pytest.mark.parametrize(
    "numbers",
    [{"dispersion_ratio": -0.1}, {"dispersion_ratio": 101.0}, {"band_ratio": 1.0},
     {"band_ratio": -0.1}, {"band_ratio": 0.2, "band_us": 0}],
)  # fmt: skip
def test_a_ratio_out_of_range_is_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(OracleError, match=r"guard: .* is not within"):
        Guard(**numbers)  # type: ignore[arg-type]
