"""Sources: when they publish, what they are made of, what they cover, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_scene import BTC, END, ETH, EXACT, START, S, at, fault, make

from sim.exchange.messages import M_ARG, M_ARG2, M_INSTRUMENT, M_PRICE, M_SIZE, M_TIME
from sim.oracle.fault import OracleError
from sim.oracle.median import weighted_median
from sim.oracle.policy import Policy
from sim.oracle.price import PriceOracle
from sim.oracle.readings import Readings
from sim.oracle.source import Source, Span, derived
from sim.oracle.truth import TruthPath, flat


def btc(oracle: PriceOracle, *seconds: float) -> np.ndarray:
    rows = oracle.messages(at(*seconds))
    return rows[rows[:, M_INSTRUMENT] == 0]


# when they publish ------------------------------------------------------------------------
def test_by_deviation_a_source_publishes_a_move_or_a_heartbeat() -> None:
    values = np.full((1, 4001), 100.0)
    values[0, 1000:] = 101.0  # 1 %
    values[0, 2000:] = 101.4  # less than half a percent more
    truth = TruthPath(("BTC",), START, values)
    source = Source("a", lag_us=0, noise_bps=0, deviation_bps=50, heartbeat_us=900 * S, look_us=S)
    oracle = make([source], truth=truth, feeds=[BTC])
    when, read, price = oracle.published("BTC", "a")
    seconds = (when - when[0]) // S
    assert seconds.tolist() == [0, 900, 1001, 1901, 2801, 3701]
    assert price.round(2).tolist() == [100, 100, 101, 101, 101.4, 101.4]
    np.testing.assert_array_equal(when, read)


@given(st.integers(1, 200), st.integers(2, 400), st.integers(0, 5))
def test_between_publications_a_source_is_within_its_deviation(
    deviation_bps: int, heartbeat_s: int, seed: int
) -> None:
    source = Source(
        "a", lag_us=0, noise_bps=5, deviation_bps=deviation_bps, heartbeat_us=heartbeat_s * S
    )
    when, _, price = make([source], seed=seed).published("BTC", "a")
    gaps, moves = np.diff(when), np.abs(np.diff(price)) / price[:-1]
    assert (gaps <= heartbeat_s * S).all()
    assert ((moves >= deviation_bps / 1e4) | (gaps == heartbeat_s * S)).all()


def test_a_source_answers_within_its_limits_only() -> None:
    source = Source("a", noise_bps=0, min_usd={"BTC": 200.0}, max_usd={"BTC": 300.0})
    rows = btc(make([source]), 500, 1500, 2500)
    assert (rows[:, M_PRICE] / 1e4).round(1).tolist() == [200.0, pytest.approx(250, abs=0.3), 300.0]


@pytest.mark.spec("PRC-01")
def test_what_sources_claim_is_published_or_the_dispersion_if_that_is_more() -> None:
    sources = [Source(n, noise_bps=0, lag_us=0, confidence_bps=100) for n in "abc"]
    row = btc(make(sources), 1000)[0]
    assert row[M_SIZE] == pytest.approx(0.01 * row[M_PRICE], rel=1e-2)
    apart = [
        fault("bias", start_s=0, bias_pct=pct, sources=(n,)) for n, pct in (("a", 5), ("b", -5))
    ]
    row = btc(make(sources, apart), 1000)[0]
    assert row[M_SIZE] == pytest.approx(0.05 * row[M_PRICE], rel=2e-2)


@pytest.mark.spec("PRC-01")
@pytest.mark.parametrize(("count", "index"), [(3, "334"), (2, "500.5")])
def test_confidence_is_the_distance_from_the_median_not_from_the_mean(
    repo: Path, count: int, index: str
) -> None:
    truth = TruthPath(("BTC",), START, np.ones((1, 4001)))
    wrong = fault("factor", factor=1000.0, sources=("a",))
    oracle = make(
        EXACT[:count], [wrong], truth=truth, feeds=[BTC], policy=Policy("mean"), dispersion=True
    )
    row = btc(oracle, 2500)[0]
    assert row[[M_PRICE, M_SIZE]].tolist() == [round(float(index) * 1e4), 0]
    told = (repo / "docs" / "oracle.md").read_text("utf-8")
    assert f" {index} and " in told
    assert "its distance from the index" not in told


@pytest.mark.spec("PRC-01")
def test_a_reading_is_fresh_up_to_the_very_age_at_which_it_is_stale() -> None:
    oracle = make(EXACT[:1], [fault("freeze", start_s=1000, duration_s=500)], feeds=[BTC])
    last = oracle.published("BTC", "a")[1]
    read = int(last[last < START + 1000 * S].max())
    times = np.array([read, read + 60 * S, read + 60 * S + 1])
    assert oracle.messages(times)[:, M_ARG2].tolist() == [1, 1, 0]


# what they are made of ------------------------------------------------------------------------
def test_a_source_made_of_others_is_their_mean_and_as_old_as_the_oldest() -> None:
    mix = Source("mix", lag_us=0, noise_bps=0, upstream={"a": 0.25, "b": 0.75})
    bias = fault("bias", bias_pct=10.0, sources=("b",), duration_s=500)
    stop = fault("freeze", start_s=2600, sources=("a",))
    oracle = make([*EXACT[:2], mix], [bias, stop])
    for second in (1000, 2300, 3000):
        # Its parts as they were at its own last beat.
        when, read, price = oracle.published("BTC", "mix")
        k = np.searchsorted(when, at(second)[0], side="right") - 1
        beat = when[k : k + 1]
        a, b = (oracle.reading("BTC", n, beat)[0] for n in "ab")
        assert price[k] == 0.25 * a + 0.75 * b
        assert (beat[0] - read[k] > 300 * S) == (second == 3000)  # a is frozen
    assert btc(oracle, 3000)[0, M_ARG2] == 1  # only b is fresh


def test_what_is_made_of_dropped_sources_goes_on_with_their_last_readings() -> None:
    mix = Source("mix", lag_us=0, noise_bps=0, upstream={"a": 1.0})
    oracle = make([EXACT[0], mix], [fault("drop", share=1.0, sources=("a",), start_s=1000)])
    assert btc(oracle, 1030, 1070)[:, M_ARG2].tolist() == [1, 0]


@pytest.mark.parametrize("deviation_bps", [0.0, 500.0])
def test_what_is_made_of_others_speaks_once_they_have(deviation_bps: float) -> None:
    """It looks a second before the start, a lag before its upstream's first reading."""
    mix = Source(
        "mix", lag_us=90 * S, noise_bps=0, upstream={"a": 1.0}, deviation_bps=deviation_bps,
        heartbeat_us=(1 if deviation_bps == 0 else 300) * S,
    )  # fmt: skip
    oracle = make([EXACT[0], mix], truth=flat({"BTC": 100.0, "ETH": 50.0}, START, END))
    first = int(oracle.published("BTC", "a")[0][0])
    when, read, price = oracle.published("BTC", "mix")
    assert first + 90 * S <= when[0] < first + 91 * S
    assert read[0] == first
    assert price[0] == 100.0
    row = btc(oracle, 92)[0]  # its reading is 92 s old: count only a; but it is there
    assert row[M_ARG2] == 1
    quotes = oracle.quotes(0, at(88, 92))
    assert quotes.gone[:, 1].tolist() == [True, False]


def test_what_is_made_of_the_silent_is_silent() -> None:
    mix = Source("mix", lag_us=0, upstream={"a": 1.0})
    late = Source("late", lag_us=0, upstream={"mix": 1.0})
    found = derived([(Readings.room(0), 1.0)], "BTC", mix, Span(1, START, END))
    assert len(found) == 0
    assert len(derived([(found, 1.0)], "BTC", late, Span(1, START, END))) == 0
    gone = make([EXACT[0], mix, late], [fault("drop", start_s=-9, duration_s=9e4, share=1.0,
                                              sources=("a",))])  # fmt: skip
    assert len(gone.messages(at(50, 3000))) == 0
    assert np.isnan(gone.reading("BTC", "late", at(50))).all()


def test_the_graph_has_what_a_source_fails_with_and_what_it_is_made_of() -> None:
    sources = [
        Source("a", upstream=("cloud",)),
        Source("b", upstream={"a": 1.0}),
        Source("c", upstream=("b",)),
        Source("d"),
    ]
    oracle = make(sources)
    assert oracle.graph.edges["b", "a"]["share"] == 1.0
    assert oracle.graph.edges["a", "cloud"]["share"] is None
    assert oracle.dependents("cloud") == {"cloud", "a", "b", "c"}
    # Bias on a reaches b by its value, and nothing doubles it.
    wrong = make(sources, [fault("bias", bias_pct=10.0, sources=("a",))])
    ratio = wrong.reading("BTC", "b", at(2500)) / oracle.reading("BTC", "b", at(2500))
    assert ratio[0] == pytest.approx(1.1)
    assert wrong.reading("BTC", "c", at(2500)) == oracle.reading("BTC", "c", at(2500))


# what they cover ------------------------------------------------------------------------------
def test_sources_cover_the_coins_they_name() -> None:
    sources = [EXACT[0], Source("only", noise_bps=0, coins=("ETH",))]
    rows = make(sources).messages(at(100))
    assert rows[:, M_ARG2].tolist() == [1, 2]


def test_a_feed_is_silent_until_a_source_has_spoken() -> None:
    late = Source("a", lag_us=0, heartbeat_us=100 * S)
    made = make([Source("mix", upstream={"a": 1.0}, lag_us=30 * S, coins=("ETH",)), late])
    assert len(made.messages(at(50))) == 2
    gone = make([EXACT[0]], [fault("drop", start_s=-100, share=1.0, feeds=("BTC",))])
    assert gone.messages(at(50))[:, M_INSTRUMENT].tolist() == [1]
    assert np.isnan(gone.reading("BTC", "a", at(50))).all()
    assert np.isnan(gone.index("BTC", at(50))).all()


# publication ----------------------------------------------------------------------------------
def test_an_index_arrives_a_latency_after_it_was_made() -> None:
    now, late = make(), make(latency_us=750_000)
    times = at(*range(100))
    a, b = now.messages(times), late.messages(times)
    np.testing.assert_array_equal(b[:, M_TIME], a[:, M_TIME] + 750_000)
    np.testing.assert_array_equal(np.delete(a, M_TIME, axis=1), np.delete(b, M_TIME, axis=1))


def test_readings_and_index_can_be_asked_for_afterwards() -> None:
    oracle = make()
    rows = oracle.messages(at(*range(4001)))
    rows = rows[rows[:, M_INSTRUMENT] == 0]
    index = oracle.index("BTC", at(10, 10.9, 2000))
    assert index[0] == index[1]
    np.testing.assert_allclose(index * 1e4, rows[[10, 10, 2000], M_PRICE], atol=0.5)
    assert np.isnan(oracle.index("BTC", np.array([START - 1])))
    when, _, price = oracle.published("ETH", "b")
    np.testing.assert_array_equal(oracle.reading("ETH", "b", when), price)
    assert rows[0, M_ARG] <= START


# refusals -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({"upstream": {"b": 0.5, "c": 0.4}}, "add to 0.9"),
        ({"upstream": {"b": 1.5, "c": -0.5}}, "above 0"),
        ({"upstream": {"b": 1.0}, "reads": "spot"}, "cannot read a book and be made"),
        ({"average_us": S}, "only what reads a book is averaged"),
        ({"min_usd": {"BTC": 3.0}, "max_usd": {"BTC": 2.0}}, "above its max_usd"),
        ({"deviation_bps": -1.0}, ">= 0"),
        ({"look_us": 0}, "look > 0"),
        ({"reads": "book"}, "reads 'book'"),
    ],
)
def test_a_source_that_cannot_be(numbers: dict, reason: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(OracleError, match=reason):
        Source("a", **numbers)


@pytest.mark.parametrize(
    ("sources", "entry", "reason"),
    [
        ([Source("x"), Source("a", upstream=("b",)), Source("b", upstream={"c": 1.0}),
          Source("c", upstream=("a",))], ("source", 1), "a → b → c → a"),
        ([Source("a", upstream={"z": 1.0})], ("source", 0), "made of 'z', which is no source"),
        ([Source("a", coins=("DOGE",))], ("source", 0), "unknown feed 'DOGE'"),
        ([Source("a", max_usd={"DOGE": 1.0})], ("source", 0), "unknown feed 'DOGE'"),
        ([Source("a", coins=("BTC",))], ("source",), "no source covers feed 'ETH'"),
        ([Source("a", upstream={"b": 1.0}), Source("b", coins=("ETH",)), Source("c")],
         ("source", 0), "'b', which does not cover BTC"),
    ],
)  # fmt: skip
def test_sources_that_do_not_fit_together(
    sources: list[Source], entry: tuple[str | int, ...], reason: str
) -> None:
    with pytest.raises(OracleError, match=reason) as error:
        make(sources)
    assert error.value.entry == entry


def test_a_quorum_of_more_than_there_are_is_refused() -> None:
    feed = BTC.model_copy(update={"min_sources": 4})
    with pytest.raises(OracleError, match=r"min_sources 4 of feed 'BTC' is more than the 3"):
        make(feeds=[feed, ETH])
    make(EXACT[:4], feeds=[feed, ETH])
    assert END > START


# the median under capture ---------------------------------------------------------------------
honest_prices = st.floats(1.0, 1e6, allow_nan=False)


@pytest.mark.spec("PRC-01")
@given(
    st.lists(st.tuples(honest_prices, st.integers(1, 5)), min_size=1, max_size=8),
    st.lists(st.tuples(st.floats(-1e12, 1e12), st.integers(1, 5)), max_size=8),
)
def test_with_less_than_half_of_the_weight_captured_the_median_is_an_honest_price(
    honest: list[tuple[float, int]], captured: list[tuple[float, int]]
) -> None:
    inside = sum(w for _, w in honest)
    while captured and sum(w for _, w in captured) >= inside:
        captured = captured[:-1]
    values, weights = zip(*honest, *captured, strict=True)
    prices = [p for p, _ in honest]
    assert min(prices) <= weighted_median(values, weights) <= max(prices)
