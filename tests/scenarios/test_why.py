"""Why accounts of a run were liquidated: chains of causes, sums, and what is said of the others."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import scenarios
from scenarios import tables_explain
from scenarios.errors import ScenarioError
from scenarios.explain import explain_account
from scenarios.runner import run
from scenarios.runs import open_run
from scenarios.why import RecordedTruth, declared, stored_rows, why_liquidated, why_of
from sim.exchange import messages as m
from sim.exchange.messages import Event
from sim.record.store import Run
from sim.risk.cascade import Cascade
from sim.risk.why import Liquidation

# The fall of oct-2025 on a twentieth of its accounts: forced orders that cause others.
FALL = {"start": "2025-10-10T21:08:00Z", "end": "2025-10-10T21:22:00Z"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def fall(folder: Path) -> Run:
    scenario = scenarios.load("oct-2025", [f"{k}={v}" for k, v in FALL.items()])
    return open_run(run(scenario, scale=0.05, out=folder).run_id, folder)


@pytest.fixture(scope="module")
def rows(fall: Run) -> np.ndarray:
    found = stored_rows(fall)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def cases(fall: Run, rows: np.ndarray) -> list[Liquidation]:
    """Every liquidation of the run."""
    flagged = np.unique(rows[rows[:, m.E_KIND] == Event.FLAG][:, m.E_ACCOUNT]).tolist()
    end = fall.manifest["end_us"]
    return [case for a in flagged for case in why_of(fall, rows, a, end).liquidations]


@pytest.mark.spec("LIQ-09", "MAR-11")
def test_every_chain_goes_back_in_time_to_what_came_from_outside(
    rows: np.ndarray, cases: list[Liquidation]
) -> None:
    at = {int(row[m.E_SEQ]): row for row in rows}
    for case in cases:
        assert case.exact
        assert case.cause.event in ("INDEX", "NONE")
        links = [link.event for link in case.chain]
        assert links == ["FLAG", *["FILL", "STEP", "FLAG"] * case.forced_trades, case.cause.event]
        seqs = [link.seq for link in case.chain]
        assert seqs == sorted(seqs, reverse=True)
        for link, cause in zip(case.chain, case.chain[1:], strict=False):
            row, before = at[link.seq], at.get(cause.seq)
            if link.event == "FLAG":
                assert row[m.E_PARENT] == cause.seq
            if link.event == "FILL":
                assert -row[m.E_ORDER] == cause.seq
            if link.event == "STEP":
                assert before is not None
                assert before[m.E_ACCOUNT] == row[m.E_ACCOUNT]
    assert max(case.forced_trades for case in cases) >= 3
    assert sum(case.cause.event == "INDEX" for case in cases) > 0.9 * len(cases)


@pytest.mark.spec("LIQ-09")
def test_the_parents_are_those_of_the_cascade(rows: np.ndarray, cases: list[Liquidation]) -> None:
    """The step behind a flag's forced fill is the parent order of the account's own steps."""
    cascade = Cascade()
    fills = rows[rows[:, m.E_KIND] == Event.FILL]
    cascade.add(rows[rows[:, m.E_KIND] == Event.STEP], fills)
    parents = {int(row[0]): int(row[5]) for row in cascade.table()}
    seen = 0
    for case in cases:
        expected = case.chain[2].seq if case.forced_trades else 0
        for line in case.lines:
            if line.event == "STEP":
                assert parents[line.seq] == expected
                seen += expected > 0
    assert seen > 10


@pytest.mark.spec("LIQ-08", "MAR-11")
def test_the_sums_are_the_reports(fall: Run, cases: list[Liquidation]) -> None:
    report = fall.manifest["report"]

    def total(name: str) -> float:
        return sum(case.totals[name] for case in cases)

    for name in ("book_usd", "backstop_usd", "insurance_usd", "adl_usd", "socialised_usd"):
        assert total(name) == pytest.approx(report["stages"][name], abs=1e-6), name
    assert total("adl_usd") > 0
    returned = report["metrics"]["insurance_used_usd"]["value"]
    assert total("insurance_usd") - total("returned_usd") == pytest.approx(returned, abs=1e-6)


def test_a_reading_is_told_with_what_was_before_and_the_true_price(
    fall: Run, rows: np.ndarray, cases: list[Liquidation]
) -> None:
    listing, _ = declared(fall)
    truth = RecordedTruth(fall, listing)
    cause = next(case.cause for case in cases if case.cause.event == "INDEX")
    feed = listing.feed_id(cause.data["feed"])
    tick = listing.feeds[feed].tick_micro / 1e6
    readings = rows[(rows[:, m.E_KIND] == Event.INDEX) & (rows[:, m.E_INSTRUMENT] == feed)]
    at = int(np.searchsorted(readings[:, m.E_SEQ], cause.seq))
    assert cause.data["after_usd"] == readings[at, m.E_PRICE] * tick
    assert cause.data["before_usd"] == readings[at - 1, m.E_PRICE] * tick
    assert cause.data["true_after_usd"] == truth.sample(feed, np.array([cause.time_us]))[0]
    assert cause.data["true_after_usd"] == pytest.approx(cause.data["after_usd"], rel=0.02)
    assert cause.data["move_300s"] < -0.01


def test_a_run_without_events_is_repeated_and_tells_the_same(
    tmp_path: Path,
) -> None:
    smoke = scenarios.load("smoke")
    kept, bare = (
        run(smoke, out=tmp_path / record, record=record).run_id for record in ("fills", "summary")
    )
    stored = stored_rows(open_run(kept, tmp_path / "fills"))
    assert stored is not None
    assert stored_rows(open_run(bare, tmp_path / "summary")) is None
    flags = stored[stored[:, m.E_KIND] == Event.FLAG]
    account = int(flags[0, m.E_ACCOUNT])
    told = why_liquidated(kept, account, runs=tmp_path / "fills")
    again = why_liquidated(bare, account, runs=tmp_path / "summary")
    assert (told.pop("repeated"), again.pop("repeated")) == (False, True)
    assert told["why"] == again["why"]
    assert told["why"]["liquidations"]
    assert json.loads(json.dumps(told)) == told
    # a time before its flag: not liquidated yet; how close it was then is not recorded
    start = open_run(kept, tmp_path / "fills").manifest["start_us"]
    early = (int(flags[0, m.E_TIME]) - start) // 10**6 - 1
    before = why_liquidated(kept, account, str(early), runs=tmp_path / "fills")["why"]
    assert (before["liquidations"], before["nearest"]) == ([], None)
    # the whole explanation looks every second, and says where the account would be liquidated
    whole = explain_account(kept, account, str(early), runs=tmp_path / "fills")
    near = whole["why"]["nearest"]
    assert near["ne_usd"] >= near["mm_usd"]
    assert near["looked"] == "of all whole seconds"
    assert whole["liquidation"]["safe"]
    assert any(path["down"] or path["up"] for path in whole["liquidation"]["feeds"])


def shown(found: dict[str, Any]) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(tables_explain.why(found["why"], found["at"]))
    return console.export_text()


def test_the_text_names_events_times_and_clauses(fall: Run, cases: list[Liquidation]) -> None:
    deepest = max(cases, key=lambda case: case.forced_trades)
    found = why_liquidated(fall.run_id, deepest.account, runs=fall.path.parent)
    text = shown(found)
    assert f"through {deepest.forced_trades} forced trades" in text
    assert "from outside: index of" in text
    assert "add up to the recorded NE and MM" in text
    assert f"#{deepest.seq}" in text
    assert "more events: see --json" in text or deepest.forced_trades < 4
    assert "LIQ-02" in text


def test_the_page_shows_what_the_command_prints(fall: Run, repo: Path) -> None:
    """docs/explain.md; the commands that made its example stand in it."""
    page = (repo / "docs" / "explain.md").read_text("utf-8")
    settings = " ".join(f"--set {name}={value}" for name, value in FALL.items())
    assert f"windtunnel run oct-2025 --scale 0.05 {settings}" in page
    text = shown(why_liquidated(fall.run_id, 33, runs=fall.path.parent))
    assert "\n".join(line.rstrip() for line in text.strip().splitlines()) in page


def test_an_account_that_was_never_liquidated_is_told_so(
    fall: Run, cases: list[Liquidation]
) -> None:
    flagged = {case.account for case in cases}
    safe = next(a for a in range(fall.manifest["report"]["accounts"]) if a not in flagged)
    found = why_liquidated(fall.run_id, safe, runs=fall.path.parent)
    near = found["why"]["nearest"]
    assert near["time_us"] == fall.manifest["end_us"]
    assert near["ne_usd"] >= near["mm_usd"]
    assert f"Account {safe} was not liquidated until 21:22:00" in shown(found)


def test_losses_that_reached_a_winner_are_told(fall: Run, rows: np.ndarray) -> None:
    closed = rows[rows[:, m.E_KIND] == Event.ADL]
    winner = int(closed[0, m.E_OTHER])
    found = why_liquidated(fall.run_id, winner, runs=fall.path.parent)
    suffered = found["why"]["suffered"]
    own = closed[closed[:, m.E_OTHER] == winner]
    assert [s["seq"] for s in suffered] == own[:, m.E_SEQ].tolist()
    assert sum(s["usd"] for s in suffered) == pytest.approx(own[:, m.E_AMOUNT].sum() / 1e6)
    assert "Losses of others reached it" in shown(found)


@pytest.mark.parametrize(
    ("account", "at", "said"), [(10**6, None, "not between"), (0, "x", "--at")]
)
def test_what_does_not_exist_is_refused(fall: Run, account: int, at: str | None, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        why_liquidated(fall.run_id, account, at, runs=fall.path.parent)
