"""``policy-contest``: paired differences by hand, and the same market under several rules, small."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import scenarios
from scenarios.errors import ScenarioError
from scenarios.studies.policy_contest import PolicyContest
from scenarios.studies.policy_picture import picture
from scenarios.studies.policy_run import Flagged, Measured, from_lenders, measure
from scenarios.studies.policy_table import compare, contest, difference, paired, said, short, words
from scenarios.studies.runner import run_study
from sim.exchange.messages import EVENT_COLUMNS, Event

# Three minutes in which everything falls by three times as much, 45 accounts, hardly a fund.
SHORT = {
    "start": "2025-10-10T21:18:30Z",
    "end": "2025-10-10T21:21:00Z",
    "index.scale": 3.0,
    "insurance_usd": 1_000.0,
}
KEPT = ("steps", "placebo", "no-backstop", "capped-fund", "adl-pro-rata")


def small(*names: str, seeds: int = 2) -> PolicyContest:
    study = scenarios.load("policy-contest", {"set": SHORT, "scale": 0.01, "workers": 1})
    assert isinstance(study, PolicyContest)
    chosen = tuple(v for v in study.variant if v.name in names)
    assert len(chosen) == len(names)
    made = study.model_copy(update={"variant": chosen, "seeds": seeds})
    made._origin = study.origin
    return made


def rows(report: dict[str, Any], table: str) -> list[dict[str, Any]]:
    found = report["tables"][table]
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return run_study(small(*KEPT), out=None)[2]


def test_the_checks_hold_and_the_run_does_something(report: dict[str, Any]) -> None:
    assert [check["passed"] for check in report["checks"]] == [True] * 3
    assert report["metrics"]["policy_runs"]["value"] == 10
    runs = rows(report, "runs")
    assert sum(row["adl_notional_usd"] for row in runs) > 0
    assert sum(row["bad_debt_usd"] for row in runs) > 0
    # Prices differ between seeds, never between variants.
    assert len({row["path"] for row in runs}) == len({row["start"] for row in runs}) == 2


@pytest.mark.spec("LIQ-04", "LIQ-05", "LIQ-08")
def test_no_variant_violates_an_invariant(report: dict[str, Any]) -> None:
    """A capped fund that keeps money, and pro-rata's rows without lots, are what the rules say."""
    assert {row["variant"]: row["violations"] for row in rows(report, "runs")} == dict.fromkeys(
        KEPT, 0
    )


def test_a_difference_is_the_mean_of_the_differences_within_seeds(report: dict[str, Any]) -> None:
    runs = rows(report, "runs")
    for row in rows(report, "paired"):
        by_seed = {
            name: {r["seed"]: r[row["measure"]] for r in runs if r["variant"] == name}
            for name in (row["variant"], row["against"])
        }
        ours, theirs = by_seed[row["variant"]], by_seed[row["against"]]
        gaps = [ours[s] - theirs[s] for s in ours if None not in (ours[s], theirs[s])]
        assert row["pairs"] == len(gaps)
        assert row["lower"] + row["higher"] == sum(g != 0 for g in gaps)
        if gaps:
            assert row["difference"] == pytest.approx(sum(gaps) / len(gaps))
            assert row["low"] <= row["difference"] <= row["high"]


def test_the_same_seed_gives_the_same_numbers(report: dict[str, Any]) -> None:
    study = small("steps", "no-backstop")
    again = measure(study.plan(study.variant[1], 2))
    (row,) = [r for r in rows(report, "runs") if (r["variant"], r["seed"]) == ("no-backstop", 2)]
    assert asdict(again) == {name: row[name] for name in asdict(again)}


def test_the_shipped_study_can_be_planned() -> None:
    study = scenarios.load("policy-contest")
    assert isinstance(study, PolicyContest)
    study.resolved(None, 1.0)
    rules = [study.plan(v, 1).rules for v in study.variant]
    assert len(set(rules)) == len(rules)
    rest = [study.plan(v, 1).model_dump_json(exclude={"rules"}) for v in study.variant]
    assert len(set(rest)) == 1
    assert study.pairs()[-1][1] == "no-backstop"


# --- the parts -------------------------------------------------------------------------------


def test_differences_by_hand() -> None:
    found = difference([(5.0, 1.0), (1.0, 2.0), (3.0, 3.0)], seed=1)
    assert (found.pairs, found.lower, found.higher) == (3, 1, 1)
    assert found.interval is not None
    assert found.interval.mean == 1.0
    assert not found.clear
    # Three equal differences: every resample has the same mean.
    sure = difference([(3.0, 1.0), (4.0, 2.0), (5.0, 3.0)], seed=1)
    assert sure.clear
    assert said(sure) == "2.00 (2.00, 2.00)"
    assert said(difference([(3.0, 3.0)], seed=1)) == "0"
    assert said(difference([], seed=1)) == "—"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.0123, "0.012"), (-4.567, "-4.57"), (45.67, "45.7"), (-456.7, "-457"),
     (1234.0, "1.23k"), (-12_345.0, "-12.3k"), (123_456.0, "123k"), (0.0001, "0")],
)  # fmt: skip
def test_numbers_are_short(value: float, text: str) -> None:
    assert short(value) == text


NOTHING = Measured(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, None, None, None, 0, 0, "", "")


def test_a_measure_that_does_not_exist_in_a_run_is_left_out_of_its_pair() -> None:
    ours = [replace(NOTHING, slippage_bps=3.0), NOTHING]
    theirs = [replace(NOTHING, slippage_bps=1.0), replace(NOTHING, slippage_bps=9.0)]
    runs = {"a": theirs, "b": ours}
    compared = [compare("b", "a", ours, theirs, seed=1)]
    assert compared[0].measures["slippage_bps"].pairs == 1
    assert contest(runs)["slippage_bps"].to_list() == [5.0, 3.0]
    assert words(runs, compared, "market")["slippage_bps"].to_list() == [
        "= 5.00",
        "2.00 (2.00, 2.00)",
    ]
    lost = paired(compared)
    assert lost.filter(lost["measure"] == "cascade_r")["difference"].to_list() == [None]
    ElementTree.fromstring(picture(compared))  # well-formed


def event(kind: Event, account: int, seconds: int = 0, **more: int) -> list[int]:
    values = {"kind": int(kind), "account": account, "time_us": seconds * 1_000_000, **more}
    return [values.get(name, 0) for name in EVENT_COLUMNS]


def test_what_lenders_bear_by_hand() -> None:
    """Code 1 is the pool; gains (0) and the pool of another asset are not its USDC."""
    shares = [
        event(Event.HAIRCUT, -1, code=1, amount=5),
        event(Event.HAIRCUT, -1, code=1, amount=7, x=1),
        event(Event.HAIRCUT, 3, code=0, amount=11),
        event(Event.HAIRCUT, -1, code=1, amount=2),
    ]
    assert from_lenders(np.array(shares, np.int64)) == 7


def test_time_flagged_by_hand() -> None:
    """Account 1 is safe again after 10 s, once more after 2 s; account 2 never: 30 s to the end."""
    seen = Flagged()
    assert seen.mean_s(0) is None
    seen.add(np.array([event(Event.FLAG, 1, 0), event(Event.UNFLAG, 1, 10)], np.int64))
    seen.add(np.array([event(Event.FLAG, 1, 20), event(Event.FLAG, 2, 70)], np.int64))
    seen.add(np.array([event(Event.UNFLAG, 1, 22)], np.int64))
    assert seen.mean_s(100_000_000) == pytest.approx((10 + 2 + 30) / 3)


def test_a_measured_run_agrees_with_the_run_of_the_market() -> None:
    """The study's own watch sees what ``windtunnel run`` reports."""
    study = small("steps", "no-backstop")
    plan = study.plan(study.variant[1], 3)
    found = measure(plan)
    market = scenarios.files.market(study.scenario, {**study.set, **study.variant[1].set})
    report = scenarios.run(market, seed=3, scale=study.scale, out=None, record="summary").report
    value = {name: entry["value"] for name, entry in report["metrics"].items()}
    for name, metric in (
        ("bad_debt_usd", "bad_debt_usd"),
        ("insurance_usd", "insurance_used_usd"),
        ("adl_notional_usd", "adl_notional_usd"),
        ("adl_haircut_usd", "adl_pnl_usd"),
        ("amplification", "amplification"),
        ("cascade_r", "cascade_r"),
        ("slippage_bps", "liquidation_slippage_bps"),
    ):  # rows are added up in other chunks
        assert getattr(found, name) == pytest.approx(value[metric], rel=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"variant.full.set": {"rules.disposals": {}}}, "did you mean 'rules.disposal'"),
        ({"variant.full.set": {"index.scale": 2.0}}, "'index.scale' is no rule"),
        ({"variant.full.set": {"rules.margin_mode": "isolated"}}, "nothing could be paired"),
        ({"variant.full.against": "steep"}, "did you mean 'steps'"),
        ({"variant.full.against": "full"}, "against 'full'"),
        ({"variant.full.name": "steps"}, "declared twice"),
        ({"variant.full.set": {"rules.adl": "prorata"}}, "variant.full.set"),
        ({"scenario": "loop-ladder", "set": {}}, "is a study and no market"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        scenarios.load("policy-contest", change).resolved(None, 1.0)
