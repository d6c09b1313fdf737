"""The index: a weighted median of fresh sources, whatever some of them do."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.exchange.instruments import Feed
from sim.exchange.messages import (
    M_ARG,
    M_ARG2,
    M_INSTRUMENT,
    M_KIND,
    M_PRICE,
    M_SEQ,
    M_SIZE,
    M_TIME,
    Kind,
)
from sim.oracle.faults import Bias, Freeze
from sim.oracle.median import index_rows, weighted_median
from sim.oracle.price import DEFAULT_SOURCES, PriceOracle, Source, ticks
from sim.oracle.truth import TruthPath, flat

S = 1_000_000
START, END = 1_000 * S, 1_400 * S
BTC = Feed(name="BTC", tick_micro=100_000, index_ticks=1_000_000)
ETH = Feed(name="ETH", tick_micro=10_000, index_ticks=400_000)
PRECISE = [Source(n, w, lag_us=0, noise_bps=0.0) for n, w in [("a", 3), ("b", 2), ("c", 2)]]


def rising() -> TruthPath:
    """BTC 100,000 and one dollar more each second; ETH 4,000."""
    n = (END - START) // S + 1
    return TruthPath(("BTC", "ETH"), START, np.array([100_000.0 + np.arange(n), np.full(n, 4e3)]))


def make(sources=PRECISE, faults=(), feeds=(BTC, ETH), **options) -> PriceOracle:  # type: ignore[no-untyped-def]
    options = {"seed": 1, "start_us": START, "end_us": END} | options
    return PriceOracle(
        feeds, options.pop("truth", rising()), sources=sources, faults=faults, **options
    )


def btc(oracle: PriceOracle, *seconds: float) -> np.ndarray:
    block = oracle.messages(START + np.array([int(s * S) for s in seconds]))
    return block[block[:, M_INSTRUMENT] == 0]


# the median -------------------------------------------------------------------------------
@pytest.mark.spec("PRC-01")
@pytest.mark.spec("K21")
def test_k21_weighted_median() -> None:
    assert weighted_median([100, 101, 99, 150, 100.5], [3, 2, 2, 1, 1]) == 100
    # The source at 100 is stale.
    assert weighted_median([101, 99, 150, 100.5], [2, 2, 1, 1]) == 100.5


@pytest.mark.spec("PRC-01")
def test_a_tie_takes_the_lower() -> None:
    assert weighted_median([2, 1], [1, 1]) == 1
    assert weighted_median([4, 3, 2, 1], [1, 1, 1, 1]) == 2
    assert weighted_median([1, 2], [1, 1.5]) == 2


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5)), min_size=1, max_size=8))
@pytest.mark.spec("PRC-01")
def test_the_median_is_that_of_each_value_repeated_by_its_weight(
    pairs: list[tuple[int, int]],
) -> None:
    values, weights = zip(*pairs, strict=True)
    flatly = sorted(itertools.chain.from_iterable([v] * w for v, w in pairs))
    assert weighted_median(values, weights) == flatly[(len(flatly) - 1) // 2]


@pytest.mark.parametrize(("values", "weights"), [([], []), ([1], [0]), ([1], [1, 2])])
def test_a_median_of_nothing_is_refused(values: list[float], weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weighted median"):
        weighted_median(values, weights)


@pytest.mark.spec("PRC-01")
def test_confidence_is_the_median_distance_or_absent() -> None:
    prices = np.array([[100.0, 101.0, 99.0, 150.0, 100.5]])
    weights = np.array([3.0, 2.0, 2.0, 1.0, 1.0])
    for dispersion, expected in ((True, 1.0), (False, 0.0)):  # 0(3) .5(1) 1(2) 1(2) 50(1)
        index, confidence, count = np.empty(1), np.empty(1), np.empty(1, dtype=np.int64)
        scratch, order = np.empty(5), np.empty(5, dtype=np.int64)
        fresh = np.ones((1, 5), dtype=bool)
        claimed = np.zeros((1, 5))
        index_rows(
            prices, weights, fresh, fresh, claimed, dispersion, index, confidence, count, scratch,
            order,
        )  # fmt: skip
        assert (index[0], confidence[0], count[0]) == (100.0, expected, 5)


# messages ---------------------------------------------------------------------------------
def test_messages_come_by_time_then_feed() -> None:
    block = make().messages(np.array([START, START + S]))
    assert block[:, M_KIND].tolist() == [Kind.INDEX] * 4
    assert block[:, M_TIME].tolist() == [START, START, START + S, START + S]
    assert block[:, M_INSTRUMENT].tolist() == [0, 1, 0, 1]
    assert block[:, M_SEQ].tolist() == [0] * 4
    assert block[block[:, M_INSTRUMENT] == 1, M_PRICE].tolist() == [400_000, 400_000]


def test_the_index_is_what_the_sources_saw_at_their_last_heartbeat() -> None:
    row = btc(make(sources=PRECISE[:1]), 100)[0]
    heartbeat = row[M_ARG] - START
    assert 99 * S < heartbeat <= 100 * S
    assert row[M_PRICE] == pytest.approx((100_000 + heartbeat / S) * 10, abs=0.51)
    assert row[M_ARG2] == 1


def test_a_lag_delays_the_price_not_the_time_of_the_reading() -> None:
    now, late = (
        btc(make(sources=[Source("a", lag_us=lag, noise_bps=0)]), 100)[0] for lag in (0, 5 * S)
    )
    assert late[M_ARG] == now[M_ARG]
    assert now[M_PRICE] - late[M_PRICE] == 50


def test_noise_is_seeded_and_each_source_has_its_own() -> None:
    noisy = [Source(n, noise_bps=2.0) for n in "abc"]
    seconds = np.arange(5, 395)
    one, same, other = (btc(make(noisy, seed=s), *seconds)[:, M_PRICE] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    alone = [btc(make([s]), *seconds)[:, M_PRICE] for s in noisy]
    np.testing.assert_array_equal(np.sort(alone, axis=0)[1], one)
    gap = alone[0] / (1e6 + 10 * seconds) - 1
    assert gap.std() == pytest.approx(2e-4, rel=0.1)


def test_chunks_of_time_do_not_matter() -> None:
    oracle = make([Source(n, noise_bps=1.0) for n in "abcde"])
    times = START + np.arange(400) * S
    whole = oracle.messages(times)
    parts = [
        make([Source(n, noise_bps=1.0) for n in "abcde"]).messages(p)
        for p in (times[:7], times[7:])
    ]
    np.testing.assert_array_equal(np.vstack(parts), whole)
    np.testing.assert_array_equal(oracle.messages(times[50:60]), whole[100:120])


@pytest.mark.spec("PRC-02")
def test_ticks_round_half_to_even() -> None:
    usd = np.array([0.05, 0.15, 0.25, 0.34, 0.36])
    whole = Feed(name="x", tick_micro=100_000, index_ticks=1)
    assert ticks(usd, whole).tolist() == [0, 2, 2, 3, 4]


# faults -----------------------------------------------------------------------------------
def test_a_frozen_source_repeats_price_and_time() -> None:
    oracle = make(PRECISE[:1], [Freeze(START + 100 * S, 50 * S)])
    rows = btc(oracle, 99.999999, 100, 120, 149, 151)
    before, at, during, still, after = rows[:, [M_PRICE, M_ARG]].tolist()
    assert before == at == during == still
    assert after[0] > still[0] + 500
    assert after[1] > START + 150 * S - S


def test_a_source_too_old_drops_out_and_the_rest_goes_on() -> None:
    # a (weight 3) is frozen for 200 s: it counts until it is 60 s old.
    oracle = make(faults=[Freeze(START + 100 * S, 200 * S, sources=("a",))])
    rows = btc(oracle, 99, 150, 159, 170, 299, 310)
    assert rows[:, M_ARG2].tolist() == [3, 3, 3, 2, 2, 3]
    fresh = rows[:, M_PRICE] - 10 * (100_000 + np.array([99, 150, 159, 170, 299, 310]))
    assert (np.abs(fresh) <= 10).all()  # within a second, the heartbeat


def test_when_all_are_frozen_the_last_index_is_repeated_and_ages() -> None:
    oracle = make(faults=[Freeze(START + 100 * S, 200 * S)])
    rows = btc(oracle, 100, 159, 162, 250, 310)
    assert len(set(rows[:4, M_PRICE])) == len(set(rows[:4, M_ARG])) == 1
    assert rows[:, M_ARG2].tolist() == [3, 3, 0, 0, 3]


def test_disagreement_shows_in_the_confidence() -> None:
    stuck = [
        Freeze(START + 10 * S, 300 * S, sources=("b",)),
        Freeze(START + 30 * S, 300 * S, sources=("c",)),
    ]
    rows = btc(make(faults=stuck), 5, 60)
    assert rows[0, M_SIZE] <= 10
    # USD above 100,000: a 60 (weight 3), b 10 (2), c 30 (2); index 30, distances 30, 20, 0.
    assert rows[1, M_PRICE] == pytest.approx(1_000_300, abs=10)
    assert rows[1, M_SIZE] == pytest.approx(200, abs=10)
    assert btc(make(dispersion=False), 5)[0, M_SIZE] == 0


def test_a_fault_hits_the_feeds_and_sources_it_names() -> None:
    oracle = make(PRECISE[:1], [Freeze(START, 400 * S, feeds=("ETH",))])
    assert len(set(btc(oracle, 10, 20)[:, M_ARG])) == 2
    for bad, reason in (
        (Freeze(START, S, feeds=("DOGE",)), "unknown feed 'DOGE'"),
        (Freeze(START, S, sources=("z",)), "unknown source 'z'"),
    ):
        with pytest.raises(ValueError, match=reason):
            make(faults=[bad])


def test_what_depends_on_a_frozen_source_is_frozen_too() -> None:
    sources = [
        Source("a", noise_bps=0, upstream=("relay",)),
        Source("b", noise_bps=0, upstream=("a",)),
        Source("c", noise_bps=0),
    ]
    oracle = make(sources, [Freeze(START + 10 * S, 300 * S, sources=("relay",))])
    assert set(oracle.graph.edges) == {("a", "relay"), ("b", "a")}
    assert oracle.dependents("relay") == {"relay", "a", "b"}
    assert btc(oracle, 5, 100)[:, M_ARG2].tolist() == [3, 1]


def test_faults_compose() -> None:
    both = [Freeze(START + 10 * S, 20 * S), Bias(START + 20 * S, 30 * S, bias_pct=10)]
    rows = btc(make(PRECISE[:1], both), 9.9999, 15, 25, 45, 55)
    before, stuck, twice, biased, after = rows[:, M_PRICE] / 1e6
    assert len(set(rows[:3, M_ARG])) == 1
    assert before == stuck
    assert twice == pytest.approx(1.1 * stuck, abs=1e-6)
    assert biased > twice
    assert 1.0 < after < 1.001


# configuration ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        ([], "no source"),
        ([Source("a"), Source("a")], "named twice"),
        ([Source("a", upstream=("b",)), Source("b", upstream=("a",))], "depend on each other"),
    ],
)
def test_bad_sources_are_refused(sources: list[Source], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        make(sources)


@pytest.mark.parametrize(
    "bad", [{"weight": 0}, {"lag_us": -1}, {"heartbeat_us": 0}, {"noise_bps": -1}]
)
def test_a_source_has_sane_numbers(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="source 'a'"):
        Source("a", **bad)  # type: ignore[arg-type]


def test_every_feed_needs_a_true_price() -> None:
    with pytest.raises(ValueError, match="no true price for feed 'ETH'"):
        make(truth=flat({"BTC": 1.0}, START, END))


def test_seven_sources_by_default() -> None:
    assert [s.weight for s in DEFAULT_SOURCES] == [3, 2, 2, 1, 1, 1, 1]
    assert btc(make(DEFAULT_SOURCES), 30)[0, M_ARG2] == 7


def test_prices_do_not_depend_on_the_processors_vector_units() -> None:
    code = """
        import hashlib, numpy as np
        from sim.exchange.instruments import Feed
        from sim.oracle.price import PriceOracle
        from sim.oracle.truth import Follower, follow, from_waypoints
        lead = from_waypoints([(0, 1e5), (600 * 10**6, 9e4)], seed=3, sigma_1m=0.002)
        truth = follow(lead, [Follower("X", 7.0, 1.7, 0.003)], seed=3).scaled(1.5)
        feeds = [Feed(name=n, tick_micro=1, index_ticks=1) for n in truth.names]
        oracle = PriceOracle(feeds, truth, seed=3, start_us=0, end_us=600 * 10**6)
        block = oracle.messages(np.arange(600) * 10**6)
        print(hashlib.sha256(truth.values.tobytes() + block.tobytes()).hexdigest())
    """
    seen = {
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=os.environ | features,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for features in ({}, {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL"})
    }
    assert len(seen) == 1


def test_importing_the_oracle_brings_no_compiler() -> None:
    code = "import sim.oracle.price, sys; sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
