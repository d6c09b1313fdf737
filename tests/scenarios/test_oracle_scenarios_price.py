"""The five price failures of docs/oracle-failures.md: each told in numbers, on a seed of its own.

Runs are cut short where the story is over earlier; the controls in the files run them whole.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from scenarios.controls import overrides, run_metrics
from scenarios.files import load, market, with_overrides
from scenarios.scale import resolve
from scenarios.schema import Scenario

SEED = 11  # not one of the controls'
ENDS = {
    "stuck-at-floor": "2022-05-12T10:02:00Z",
    "single-venue-spike": "2020-11-26T08:45:00Z",
    "mean-of-two": "2019-06-24T17:18:00Z",
    "pump-and-borrow": "2022-10-11T22:25:00Z",
    "confidence-blown": "2021-09-20T12:26:00Z",
}
NAMES = sorted(ENDS)
Metrics = dict[str, float | None]


@cache
def run(name: str, control: str, variant: str) -> Metrics:
    """Metrics of a control's variant over the short run."""
    scenario = market(name)
    chosen = next(c for c in scenario.control if c.id == control)
    told = next(v for v in chosen.variant if v.name == variant)
    sets: dict[str, Any] = {"end": ENDS[name], **overrides(scenario, told)}
    return run_metrics(resolve(with_overrides(scenario, sets), SEED, 1.0))


def value(metrics: Metrics, name: str) -> float:
    found = metrics[name]
    assert found is not None, name
    return found


def whole(name: str, control: str, variant: str) -> Metrics:
    """As `run`, to the end of the scenario."""
    scenario = market(name)
    chosen = next(c for c in scenario.control if c.id == control)
    told = next(v for v in chosen.variant if v.name == variant)
    return run_metrics(resolve(with_overrides(scenario, overrides(scenario, told)), SEED, 1.0))


@pytest.mark.parametrize("name", NAMES)
def test_every_file_has_its_grades_variants_and_controls(name: str) -> None:
    scenario = load(name)
    assert isinstance(scenario, Scenario)
    assert set(scenario.grades) == {"mild", "adverse", "severe"}
    assert not scenario.grades["adverse"]  # the file itself
    assert set(scenario.variants) == {"guarded", "unguarded"}
    assert all(a.source for a in scenario.assumption)
    controls = {c.id: c for c in scenario.control}
    judged = {"guarded": "holds", "unguarded": "holds", "ablation": "fails"}
    for control, expect in {**judged, "true-crash": "shrinks"}.items():
        assert controls[control].expect == expect
        assert controls[control].seeds >= 5
    asked = [(c.metric, c.compare, c.value) for c in controls["unguarded"].check]
    assert asked == [(c.metric, c.compare, c.value) for c in controls["ablation"].check]
    crash = controls["true-crash"]
    assert crash.metric == "bad_debt_true_usd"
    assert [v.name for v in crash.variant] == ["never-liquidate", "guarded", "unguarded"]


@pytest.mark.parametrize("name", NAMES)
def test_a_scripted_fault_has_no_part_in_the_true_crash(name: str) -> None:
    scenario = market(name)
    crash = next(c for c in scenario.control if c.id == "true-crash")
    for variant in crash.variant:
        varied = with_overrides(scenario, overrides(scenario, variant))
        assert not varied.oracle.fault
        assert not any(s.min_usd for s in varied.oracle.source)
        assert all(s.reads == "truth" for s in varied.oracle.source)
        assert (varied.cadence.liquidate_s == 0) == (variant.name == "never-liquidate")


def test_a_stuck_feed_lends_the_pool_against_coins_at_a_tenth() -> None:
    found = run("stuck-at-floor", "unguarded", "floor")
    # What may be lent (95 % of a million) less the 200,000 that others owe, for 200,000.
    assert value(found, "extraction_ratio") == pytest.approx(750 / 200, rel=0.02)
    assert value(found, "bad_debt_true_usd") > 500_000
    assert value(found, "oracle_undetected") == 1


@pytest.mark.parametrize("variant", ["min-answer", "stale"])
def test_a_guarded_stuck_feed_lends_nothing(variant: str) -> None:
    found = run("stuck-at-floor", "guarded", variant)
    assert value(found, "extracted_usd") == 0
    assert value(found, "bad_debt_true_usd") == 0
    assert value(found, "oracle_detect_s") <= 65


def test_a_spike_of_one_venue_costs_debtors_the_bonus() -> None:
    found = run("single-venue-spike", "unguarded", "single")
    assert 0.05 <= value(found, "wrongful_debt_share") <= 0.10
    assert value(found, "wrongful_liquidation_share") == 1
    assert value(found, "liquidation_loss_ratio") == pytest.approx(0.08, rel=0.005)
    assert value(found, "bad_debt_true_usd") == 0


def test_the_median_of_venues_does_not_see_it() -> None:
    found = run("single-venue-spike", "guarded", "median")
    assert value(found, "liquidated_accounts") == 0
    assert value(found, "oracle_error_max_bps") < 10


def test_a_mean_of_two_multiplies_a_small_trader() -> None:
    found = run("mean-of-two", "unguarded", "mean")
    # 500.5 times the price, of which 80 % count, for a debt with an initial margin of 5 %.
    assert value(found, "extraction_ratio") == pytest.approx(0.8 * 500.5 / 1.05, rel=0.005)


@pytest.mark.parametrize("variant", ["both", "quorum", "dispersion"])
def test_either_guard_keeps_a_mean_from_being_used(variant: str) -> None:
    found = run("mean-of-two", "guarded", variant)
    assert value(found, "extracted_usd") == 0
    assert value(found, "extraction_ratio") <= 1
    assert value(found, "bad_debt_true_usd") == 0


def test_a_pumped_token_takes_the_pool() -> None:
    found = run("pump-and-borrow", "unguarded", "own-book")
    assert 120_000 <= value(found, "oracle_error_max_bps") <= 230_000
    assert value(found, "extraction_ratio") >= 10
    assert value(found, "bad_debt_true_usd") > 900_000


def test_three_guards_make_the_pump_a_loss() -> None:
    found = run("pump-and-borrow", "guarded", "all-three")
    assert value(found, "extraction_ratio") <= 1
    assert value(found, "extracted_usd") == 0
    assert value(found, "bad_debt_true_usd") == 0


def test_a_price_in_doubt_liquidates_who_does_not_read_the_interval() -> None:
    found = run("confidence-blown", "unguarded", "price")
    assert value(found, "liquidated_accounts") >= 20
    assert value(found, "wrongful_liquidation_share") >= 0.95
    assert value(found, "bad_debt_true_usd") > 0


def test_a_price_in_doubt_liquidates_nobody() -> None:
    found = run("confidence-blown", "guarded", "interval")
    assert value(found, "liquidated_accounts") == 0
    assert value(found, "bad_debt_true_usd") == 0
    assert value(found, "oracle_detect_s") == 0


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("stuck-at-floor", "no-floor"),
        ("single-venue-spike", "no-leverage"),
        ("mean-of-two", "median"),
        ("pump-and-borrow", "deep-venues"),
        ("confidence-blown", "right-price"),
    ],
)
def test_without_its_mechanism_the_story_is_another(name: str, variant: str) -> None:
    found = run(name, "ablation", variant)
    checks = next(c for c in market(name).control if c.id == "ablation").check
    assert not all(c.holds(found[c.metric]) for c in checks)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_in_a_true_crash_never_to_liquidate_is_worst(name: str) -> None:
    debt = {
        variant: value(whole(name, "true-crash", variant), "bad_debt_true_usd")
        for variant in ("never-liquidate", "guarded", "unguarded")
    }
    assert debt["guarded"] < debt["never-liquidate"]
    assert debt["unguarded"] < debt["never-liquidate"]


@pytest.mark.slow
def test_waiting_in_doubt_costs_something_in_a_true_rise() -> None:
    waits = whole("confidence-blown", "true-crash-in-doubt", "guarded")
    acts = whole("confidence-blown", "true-crash-in-doubt", "unguarded")
    assert value(waits, "bad_debt_true_usd") > 10 * value(acts, "bad_debt_true_usd")
    assert value(waits, "oracle_false_alarm_s") >= 600
