"""Checks and controls: when they pass, when they miss, and what they then say."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from scenarios.controls import planned, run_control
from scenarios.errors import ScenarioError
from scenarios.files import build
from scenarios.schema import Scenario
from scenarios.schema_checks import Check, Control

SCENARIO = Scenario.model_validate(
    {
        "name": "s",
        "title": "s",
        "start": "2025-01-01T00:00:00Z",
        "end": "2025-01-01T00:01:00Z",
        "coin": [{"name": "BTC", "price_usd": 100, "oi_share": 1.0}],
    }
)
CHECK = {"id": "c", "metric": "bad_debt_usd", "compare": "<", "value": 1}


def control(**fields: Any) -> Control:
    variants = [{"name": f"x{k:g}", "set": {"index.scale": k}} for k in (0.0, 0.5, 1.0)]
    return Control.model_validate(
        {"id": "k", "metric": "bad_debt_usd", "variant": variants, **fields}
    )


def outcome(made: Control, values: dict[float, list[float | None]]) -> dict[str, Any]:
    def found(plans: list[Scenario]) -> list[dict[str, float | None]]:
        return [{"bad_debt_usd": values[plan.index.scale][plan.seed - 3]} for plan in plans]

    return run_control(SCENARIO, made, 3, 0.5, found)


@pytest.mark.parametrize(
    ("compare", "value", "found", "holds"),
    [
        ("<", 1, 0.9, True),
        ("<", 1, 1, False),
        ("<=", 1, 1, True),
        (">", 1, 1, False),
        (">=", 1, 1, True),
        ("==", 0, 0, True),
        ("between", (1, 2), 2, True),
        ("between", (1, 2), 2.1, False),
        ("<", 1, None, False),
    ],
)
def test_check(compare: str, value: Any, found: float | None, holds: bool) -> None:
    check = Check.model_validate(
        {"id": "c", "metric": "bad_debt_usd", "compare": compare, "value": value}
    )
    assert check.holds(found) is holds


def test_expectation_is_readable() -> None:
    assert Check.model_validate(CHECK).expect() == "bad_debt_usd < 1"
    between = {**CHECK, "compare": "between", "value": [0, 2]}
    assert Check.model_validate(between).expect() == "0 <= bad_debt_usd <= 2"


@pytest.mark.parametrize(
    "fields",
    [{"compare": "between"}, {"value": [1, 2]}, {"compare": "~"}, {"value": float("nan")}],
)
def test_check_that_makes_no_sense(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Check.model_validate({**CHECK, **fields})


def test_never_falls() -> None:
    made = control(expect="never-falls", seeds=3)
    rising = {0.0: [0, 0, 0], 0.5: [5, 0, 1], 1.0: [9, 1, 1]}
    found = outcome(made, rising)
    assert found["passed"]
    assert [row["median"] for row in found["rows"]] == [0, 1, 1]
    assert (found["rows"][2]["low"], found["rows"][2]["high"]) == (1, 9)
    falling = outcome(made, {**rising, 1.0: [0, 0, 9]})
    assert not falling["passed"]
    assert falling["why"] == "bad_debt_usd falls from x0.5 (1) to x1 (0)"


def test_shrinks() -> None:
    made = control(expect="shrinks", seeds=1)
    assert outcome(made, {0.0: [3], 0.5: [2], 1.0: [2.5]})["passed"]
    found = outcome(made, {0.0: [3], 0.5: [2], 1.0: [3]})
    assert found["why"] == "bad_debt_usd does not shrink from x0 (3) to x1 (3)"


def test_holds() -> None:
    made = control(expect="holds", seeds=2, check=[CHECK])
    assert outcome(made, {0.0: [0, 0], 0.5: [0, 0], 1.0: [0, 0]})["passed"]
    found = outcome(made, {0.0: [0, 0], 0.5: [0, 1], 1.0: [0, None]})
    assert (
        found["why"]
        == "x0.5: bad_debt_usd < 1 misses in 1 of 2 runs; x1: bad_debt_usd < 1 misses in 1 of 2 runs"
    )


def test_metric_that_never_exists_misses() -> None:
    made = control(expect="shrinks", seeds=1)
    found = outcome(made, {0.0: [None], 0.5: [2], 1.0: [2]})
    assert found["why"] == "x0: bad_debt_usd does not exist in any run"


@pytest.mark.parametrize(
    "fields",
    [
        {"expect": "holds"},
        {"expect": "shrinks", "metric": ""},
        {"expect": "never-falls", "variant": [{"name": "only"}]},
    ],
)
def test_control_that_makes_no_sense(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        control(**fields)


def test_an_ablation_fails_only_if_no_run_passes() -> None:
    made = control(expect="fails", check=[CHECK], seeds=2)
    assert outcome(made, {0.0: [1, 2], 0.5: [3, 4], 1.0: [5, None]})["passed"]
    missed = outcome(made, {0.0: [1, 2], 0.5: [0.5, 4], 1.0: [5, 6]})
    assert not missed["passed"]
    assert missed["why"] == "x0.5: every check holds in 1 of 2 runs"


def test_what_is_only_reported_never_misses() -> None:
    made = control(expect="reported", seeds=1, metrics=["adl_notional_usd", "bad_debt_usd"])
    found = outcome(made, {0.0: [9], 0.5: [8], 1.0: [7]})
    assert found["passed"]
    names = [row["metric"] for row in found["rows"]]
    assert names == ["bad_debt_usd", "adl_notional_usd"] * 3
    with pytest.raises(ValidationError, match="needs metrics"):
        control(expect="reported", metric="")


def test_a_control_uses_variants_and_grades_of_its_scenario() -> None:
    raw = SCENARIO.model_dump(mode="json", exclude_unset=True) | {
        "variants": {"guarded": {"rules.guard_liquidate": 1}},
        "grades": {"severe": {"index.scale": 3.0, "rules.guard_liquidate": 2}},
    }
    use = {"name": "v", "use": "guarded", "grade": "severe", "set": {"pool_usd": 5.0}}
    raw["control"] = [{"id": "k", "expect": "holds", "check": [CHECK], "variant": [use]}]
    made = build(raw)
    assert isinstance(made, Scenario)
    plan = planned(made, made.control[0], 1, 1.0)[0]
    assert (plan.rules.guard_liquidate, plan.index.scale, plan.pool_usd) == (1, 3.0, 5.0)
    alone = build(raw, {"variant": "guarded"})
    assert isinstance(alone, Scenario)
    assert alone.rules.guard_liquidate == 1
    with pytest.raises(ScenarioError, match="did you mean 'guarded'"):
        build(raw, {"variant": "guared"})
    use["use"] = "guarted"
    with pytest.raises(ScenarioError, match=r"control 'k', variant 'v'.*did you mean 'guarded'"):
        build(raw)


def test_a_variant_is_not_changed_by_what_is_set_in_its_tables() -> None:
    variants = {"guarded": {"oracle": {"min_sources": 3}}}
    scenario = Scenario.model_validate({**SCENARIO.model_dump(), "variants": variants})
    told = {"name": "g", "use": "guarded", "set": {"oracle.min_sources": 5}}
    made = Control.model_validate(
        {"id": "k", "expect": "reported", "metric": "bad_debt_usd", "variant": [told]}
    )
    (plan, *_) = planned(scenario, made, 1, 1.0)
    assert plan.oracle.min_sources == 5
    assert scenario.variants == {"guarded": {"oracle": {"min_sources": 3}}}
