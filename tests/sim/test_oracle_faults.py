"""Every kind of fault: its formula, its severities, its time, and what may not be together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_scene import EXACT, START, S, at, equal, fault, make, readings

from sim.exchange.messages import M_ARG, M_ARG2, M_INSTRUMENT, M_PRICE
from sim.oracle.fault import OracleError
from sim.oracle.faults import KINDS, MAGNITUDES, SEVERITIES
from sim.oracle.readings import Readings
from sim.oracle.source import Source

ALL = sorted(KINDS)
HONEST = readings()


def during(*faults, seed: int = 1) -> tuple[Readings, Readings]:  # type: ignore[no-untyped-def]
    """Honest and faulty readings while the first fault lasts."""
    beats = HONEST.beat_us
    within = (beats >= faults[0].start_us) & (beats < faults[0].end_us)
    return HONEST.take(within), readings(*faults, seed=seed).take(within)


# formulas ---------------------------------------------------------------------------------
def test_there_are_sixteen_kinds_and_each_has_magnitudes_of_its_own() -> None:
    assert len(KINDS) == 16
    assert set(MAGNITUDES) == set(KINDS)
    for kind, magnitudes in MAGNITUDES.items():
        assert set(magnitudes) <= set(KINDS[kind].__dataclass_fields__)


@pytest.mark.parametrize(
    ("kind", "stated", "times"),
    [
        ("bias", {"bias_pct": -2.0}, 0.98),
        ("factor", {"factor": 1000.0}, 1000.0),
        ("decimal", {"places": 3}, 1000.0),
        ("decimal", {"places": -2}, 0.01),
        ("fork", {"depth_pct": 35.0, "ramp_us": 0}, 0.65),
        ("captured", {"bias_pct": 50.0}, 1.5),
        ("spike", {"factor": 1.3, "share": 1.0}, 1.3),
    ],
)
def test_faults_that_multiply(kind: str, stated: dict[str, float], times: float) -> None:
    honest, wrong = during(fault(kind, **stated))
    np.testing.assert_allclose(wrong.price_usd, honest.price_usd * times, rtol=1e-12)
    np.testing.assert_array_equal(wrong.time_us, honest.time_us)


def test_noise_has_its_standard_deviation_and_spikes_their_share() -> None:
    honest, wrong = during(fault("noise", noise_bps=100.0))
    away = wrong.price_usd / honest.price_usd - 1
    assert away.std() == pytest.approx(0.01, rel=0.1)
    assert abs(away.mean()) < 4 * 0.01 / len(away) ** 0.5
    honest, wrong = during(fault("spike", factor=2.0, share=0.2))
    hit = wrong.price_usd > 1.5 * honest.price_usd
    assert 0.15 < hit.mean() < 0.25  # 4 standard deviations of a share of 0.2 in 1,500
    np.testing.assert_array_equal(wrong.price_usd[~hit], honest.price_usd[~hit])


def test_captured_sources_all_say_the_same() -> None:
    honest, wrong = during(fault("captured", to_usd=7.0))
    assert set(wrong.price_usd) == {7.0}
    np.testing.assert_array_equal(wrong.time_us, honest.time_us)
    noisy = [Source(n, noise_bps=50.0, lag_us=0) for n in "abcdefg"]
    oracle = make(noisy, [fault("captured", bias_pct=10.0, take=3)])
    second = at(2500)
    said = [oracle.reading("BTC", s.name, second)[0] for s in noisy]
    lies = [x for x in said if x > 1.05 * 350]
    assert len(lies) == 3
    assert max(lies) / min(lies) - 1 < 0.1 / 350 * 1.1 + 1e-9  # they look within a second: 10 cents


def test_a_fork_ramps_down_and_back() -> None:
    honest, wrong = during(fault("fork", duration_s=400, depth_pct=10.0, ramp_us=100 * S))
    depth = 1 - wrong.price_usd / honest.price_usd
    since = (honest.beat_us - START) / S - 2000
    expected = 0.1 * np.minimum(1, np.minimum(since, 400 - since) / 100)
    np.testing.assert_allclose(depth, expected, atol=1e-12)


def test_a_clamp_stops_the_price() -> None:
    honest, wrong = during(fault("clamp", floor_usd=350.0, ceiling_usd=400.0))
    np.testing.assert_array_equal(wrong.price_usd, np.clip(honest.price_usd, 350, 400))
    base = HONEST.price_usd[np.searchsorted(HONEST.beat_us, START + 2000 * S) - 1]
    honest, wrong = during(fault("clamp", "mild"))
    np.testing.assert_array_equal(
        wrong.price_usd, np.clip(honest.price_usd, base * 0.9, base * (1 + 0.1))
    )


def test_a_deadband_waits_for_a_move() -> None:
    honest, wrong = during(fault("deadband", band_pct=2.0))
    assert (np.abs(wrong.price_usd / honest.price_usd - 1) <= 0.0200001).all()
    steps = np.unique(wrong.price_usd)
    assert len(steps) < 25  # 150 USD on 300: 1.02^20
    assert (np.diff(steps) > 0.02 * steps[:-1]).all()
    np.testing.assert_array_equal(wrong.time_us, honest.time_us)


def test_a_lag_and_a_replay_look_fresh() -> None:
    honest, late = during(fault("lag", extra_us=120 * S))
    np.testing.assert_allclose(honest.price_usd - late.price_usd, 12.0)
    np.testing.assert_array_equal(late.time_us, honest.time_us)
    honest, again = during(fault("replay", age_us=300 * S))
    np.testing.assert_array_equal(again.time_us, honest.time_us)
    np.testing.assert_array_equal(again.price_usd[:300], again.price_usd[300:600])
    np.testing.assert_allclose(honest.price_usd[:300] - again.price_usd[:300], 30.0)


def test_a_freeze_holds_time_as_well_unless_it_refreshes() -> None:
    honest, stuck = during(fault("freeze"))
    assert len(set(stuck.price_usd)) == len(set(stuck.time_us)) == 1
    honest, stuck = during(fault("freeze", refresh=True))
    assert len(set(stuck.price_usd)) == 1
    np.testing.assert_array_equal(stuck.time_us, honest.time_us)
    honest, leaky = during(fault("freeze", "mild"))
    assert len(set(leaky.price_usd)) == 150
    assert (honest.beat_us - leaky.time_us <= 10 * S).all()


def test_a_shuffles_readings_overtake_each_other_and_never_come_early() -> None:
    honest, mixed = during(fault("shuffle", window_us=30 * S))
    age_s = (honest.time_us - mixed.time_us) / S
    assert age_s.min() >= 0
    assert 20 < age_s.max() < 45  # up to 30 s under way, then shown until the next one comes
    assert len(np.unique(age_s)) > 5
    assert (np.diff(mixed.time_us) < 0).any()  # an older one came after a newer one
    by_time = dict(zip(honest.time_us.tolist(), honest.price_usd.tolist(), strict=True))
    inside = mixed.time_us >= honest.time_us[0]
    rows = zip(mixed.time_us[inside].tolist(), mixed.price_usd[inside].tolist(), strict=True)
    assert all(by_time[time] == price for time, price in rows)  # each with its own time


def test_confidence_is_claimed_and_the_median_of_claims_is_published() -> None:
    _, wide = during(fault("confidence", pct=5.0))
    np.testing.assert_allclose(wide.claimed_usd, wide.price_usd * 0.05)
    hit = make(EXACT[:3], [fault("confidence", pct=5.0, sources=("a", "b"))])
    rows = hit.messages(at(2500))[:1]
    assert rows[0, 6] == pytest.approx(0.05 * rows[0, M_PRICE], rel=1e-3)


def test_a_dropped_source_is_gone_at_once_and_all_of_them_leave_the_last_reading() -> None:
    one = make(faults=[fault("drop", share=1.0, sources=("b",))])
    rows = one.messages(at(1999, 2001, 3498, 3502))
    assert rows[rows[:, M_INSTRUMENT] == 0, M_ARG2].tolist() == [3, 2, 2, 3]
    every = make(faults=[fault("drop", share=1.0)])
    rows = every.messages(at(1999, 2002, 3000, 3502))
    rows = rows[rows[:, M_INSTRUMENT] == 0]
    assert rows[:, M_ARG2].tolist() == [3, 0, 0, 3]
    assert rows[1, M_PRICE] == rows[2, M_PRICE]
    assert rows[1, M_ARG] == rows[2, M_ARG] <= START + 2000 * S
    _, some = during(fault("drop", share=0.5))
    assert 0.44 < some.absent.mean() < 0.56


@pytest.mark.parametrize("heartbeat_s", [1, 30, 300])
@pytest.mark.parametrize("kind", ["drop", "outage"])
def test_with_a_share_of_one_a_source_is_gone_from_start_to_end(
    kind: str, heartbeat_s: int
) -> None:
    sources = [Source("a", heartbeat_us=heartbeat_s * S, noise_bps=0), EXACT[1]]
    where = {} if kind == "outage" else {"sources": ("a",)}
    oracle = make(sources, [fault(kind, start_s=1000, duration_s=60, share=1.0, **where)])
    times = at(999, 1000, *range(1001, 1060), 1059.999999, 1060, 1061)
    gone = oracle.quotes(0, times).gone[:, 0].tolist()
    assert gone == [False, *[True] * 61, False, False]
    # Afterwards the last reading from before, unless a new one is out.
    quotes, (when, read, price) = oracle.quotes(0, at(1061)), oracle.published("BTC", "a")
    lost = (when >= at(1000)[0]) & (when < at(1060)[0])
    assert not lost.any()
    k = int(np.searchsorted(when, at(1061)[0], side="right")) - 1
    assert (quotes.price_usd[0, 0], quotes.read_us[0, 0]) == (price[k], read[k])


def test_an_outage_of_random_seconds_hits_slow_and_fast_at_the_same_times() -> None:
    sources = [
        Source("a", upstream=("cloud",)),
        Source("b", upstream=("cloud",), heartbeat_us=47 * S),
        Source("c"),
    ]
    oracle = make(sources, [fault("outage", upstream="cloud", share=0.5)])
    quotes = oracle.quotes(0, at(*np.arange(1990, 3510, 0.25)))
    np.testing.assert_array_equal(quotes.gone[:, 0], quotes.gone[:, 1])
    assert 0.44 < quotes.gone[40:6040, 0].mean() < 0.56
    assert not quotes.gone[:, 2].any()
    assert not quotes.gone[:40].any()
    assert not quotes.gone[6040:].any()


def test_a_fault_between_two_readings_is_idle() -> None:
    slow = Source("a", heartbeat_us=300 * S)
    when = make([slow]).published("BTC", "a")[0]
    quiet = (float(when[3] - START) / S + 1, 200.0)
    kinds = ("bias", "drop", "drop", "outage", "lag")
    shares = ({}, {"share": 0.5, "feeds": ("BTC",)}, {"share": 1.0, "feeds": ("ETH",)}, {}, {})
    for kind, stated in zip(kinds, shares, strict=True):
        idle = make([slow], [fault(kind, "mild", *quiet, **{"feeds": ("BTC",)} | stated)])
        assert idle.idle_faults() == ([] if kind == "outage" or stated.get("share") == 1 else [0])
    both = make([slow, EXACT[1]], [fault("bias", "mild", *quiet)])
    assert both.idle_faults() == []


def test_an_outage_takes_all_that_depend_on_it_in_the_same_seconds() -> None:
    sources = [
        Source("a", noise_bps=0, upstream=("cloud",)),
        Source("b", noise_bps=0, upstream=("a",)),
        Source("c", noise_bps=0, upstream={"b": 0.5, "d": 0.5}),
        Source("d", noise_bps=0),
    ]
    oracle = make(sources, [fault("outage", upstream="cloud", share=0.5)])
    a, b, c, d = oracle.readings[0]
    assert not d.absent.any()
    for hit in (a, b, c):
        assert 0.15 < hit.absent.mean() < 0.23  # half of 1,500 of 4,000
    seconds = [(r.beat_us[r.absent] - START) // S for r in (a, b, c)]
    assert set(seconds[0]) == set(seconds[1]) == set(seconds[2])


# severity ---------------------------------------------------------------------------------
def harm(wrong: Readings, honest: Readings) -> float:
    """Distance from the truth, doubt, absence; and what is far away is worse if it looks fresh."""
    away = np.abs(wrong.price_usd / honest.price_usd - 1)
    fresh = honest.time_us - wrong.time_us < 60 * S
    doubt = wrong.claimed_usd / wrong.price_usd
    return float(
        away.mean() + 0.01 * (fresh & (away > 0.01)).mean() + doubt.mean() + wrong.absent.mean()
    )


@pytest.mark.parametrize("kind", ALL)
def test_each_severity_is_worse_than_the_one_before(kind: str) -> None:
    found = []
    for severity in SEVERITIES:
        honest, wrong = during(fault(kind, severity))
        found.append(harm(wrong, honest))
    assert 0 < found[0] < found[1] < found[2], found


@pytest.mark.parametrize("kind", ALL)
def test_what_is_stated_replaces_the_severitys(kind: str) -> None:
    for field, values in MAGNITUDES[kind].items():
        stated = fault(kind, "mild", **{field: values[2]})
        assert getattr(stated, field) == values[2]
        assert getattr(fault(kind, "mild", **{field: None}), field) == values[0]


# time -------------------------------------------------------------------------------------
@given(
    st.sampled_from(ALL), st.sampled_from(SEVERITIES), st.integers(-600, 4000), st.integers(1, 900)
)
def test_nothing_changes_outside_a_faults_time(
    kind: str, severity: str, start_s: int, duration_s: int
) -> None:
    one = fault(kind, severity, start_s, duration_s)
    wrong = readings(one)
    beats = HONEST.beat_us
    out = (beats < one.start_us) | (beats >= one.end_us)
    assert equal(wrong.take(out), HONEST.take(out))
    np.testing.assert_array_equal(wrong.beat_us, beats)


@given(
    st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from(SEVERITIES)), max_size=4),
    st.integers(0, 3),
)
def test_faults_compose_and_the_seed_decides(drawn: list[tuple[str, str]], seed: int) -> None:
    # One after the other in time where two may not be together.
    faults = [
        fault(k, s, 300 * i, 300 if KINDS[k].exclusive else 3000) for i, (k, s) in enumerate(drawn)
    ]
    one = readings(*faults, seed=seed)
    assert equal(one, readings(*faults, seed=seed))
    whole = readings(seed=seed)
    oracle = make(faults=faults, seed=seed)
    for i, each in enumerate(faults):
        scope = oracle.plan.scope(i, "BTC", "a", oracle.true_price(0))
        whole = each.apply(whole, scope)
    assert equal(one, whole)


def test_the_order_of_the_file_counts() -> None:
    bias, clamp = fault("bias", bias_pct=10.0), fault("clamp", ceiling_usd=350.0)
    assert readings(bias, clamp).price_usd.max() > 350  # after 3,500 s it is honest again
    for order, most in (((bias, clamp), 350.0), ((clamp, bias), 385.0)):
        assert during(*order)[1].price_usd.max() == pytest.approx(most)


def test_a_fault_of_its_own_name_draws_the_same_wherever_it_stands() -> None:
    noise = fault("noise", name="shaky")
    alone = readings(noise).price_usd
    np.testing.assert_array_equal(readings(fault("bias", bias_pct=0.0), noise).price_usd, alone)
    other = replace(noise, name="other")
    assert not np.array_equal(readings(other).price_usd, alone)


@pytest.mark.parametrize("kind", [k for k in ALL if KINDS[k].causal])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_readings_one_by_one_become_the_same_as_all_at_once(kind: str, severity: str) -> None:
    one = fault(kind, severity, 100, 150)
    oracle = make(faults=[one])
    whole = HONEST.take(slice(0, 300))
    scopes = [oracle.plan.scope(0, "BTC", "a", oracle.true_price(0)) for _ in range(2)]
    expected = one.apply(whole, scopes[0])
    rows = [one.apply(whole.take(slice(0, k + 1)), scopes[1], k) for k in range(300)]
    assert all(len(row) == 1 for row in rows)
    assert equal(Readings.join(rows), expected)


# refusals ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("faults", "entry", "reason"),
    [
        ([fault("freeze"), fault("bias"), fault("drop")], 2, r"fault.2 \(drop\) overlaps fault.0 \(freeze\)"),
        ([fault("bias", feeds=("DOGE",))], 0, "unknown feed 'DOGE'"),
        ([fault("bias"), fault("lag", sources=("z",))], 1, "unknown source 'z'"),
        ([fault("outage", upstream="cloud")], 0, "unknown upstream 'cloud'"),
        ([fault("captured", take=4)], 0, "captures 4 of 3"),
        ([fault("bias", name="x"), fault("lag", name="x")], 1, "two faults are named 'x'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_entry(faults: list, entry: int, reason: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(OracleError, match=reason) as error:
        make(faults=faults)
    assert error.value.entry == ("fault", entry)


def test_exclusive_faults_may_follow_each_other_or_hit_different_readings() -> None:
    make(faults=[fault("freeze", duration_s=100), fault("drop", start_s=2100)])
    make(faults=[fault("freeze", sources=("a",)), fault("drop", sources=("b",))])
    make(faults=[fault("freeze", feeds=("BTC",)), fault("drop", feeds=("ETH",))])
    dependent = [Source("a"), Source("b", upstream=("a",))]
    with pytest.raises(OracleError, match="on source 'b'"):
        make(dependent, [fault("freeze", sources=("a",)), fault("drop", sources=("b",))])


def test_a_fault_on_what_covers_nothing_is_refused() -> None:
    with pytest.raises(OracleError, match="hits nothing"):
        make(
            [Source("a"), Source("b", coins=("ETH",))],
            [fault("bias", sources=("b",), feeds=("BTC",))],
        )
