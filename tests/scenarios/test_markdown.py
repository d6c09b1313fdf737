"""Outcomes as Markdown: every row, the verdict once, what missed below."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from scenarios import markdown, tables

ROW = {"variant": "v", "metric": "bad_debt_usd", "unit": "USD", "seeds": 3}
CONTROL: dict[str, Any] = {
    "id": "k",
    "text": "",
    "expect": "holds",
    "checks": ["bad_debt_usd < 1"],
    "passed": False,
    "why": "v: misses",
    "rows": [
        {**ROW, "median": 1234.0, "low": 5.0, "high": 20000.0},
        {**ROW, "metric": "amplification", "unit": "ratio", "median": 1.5, "low": 1.5, "high": 1.5},
    ],
}


def test_a_control_is_a_row_per_metric() -> None:
    check = {"id": "c", "passed": True, "value": 2.0, "expect": "bad_debt_usd > 1"}
    page = markdown.page([{"scenario": "s", "checks": [check], "controls": [CONTROL]}])
    assert page.splitlines() == [
        "## s",
        "",
        "| control | expected | variant | metric | median | lowest … highest | seeds |  |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| c | `bad_debt_usd > 1` |  |  | 2 |  | 1 | pass |",
        "| k | holds: `bad_debt_usd < 1` | v | `bad_debt_usd` (USD) | 1,234 | 5.00 … 20,000 | 3 |"
        " **miss** |",
        "|  |  | v | `amplification` (ratio) | 1.5 | 1.5 | 3 |  |",
        "",
        "- k: v: misses",
    ]


def test_what_was_not_checked_does_not_look_like_a_pass() -> None:
    found = {"scenario": "s", "seed": 1, "scale": 1.0, "set": {}, "runs": 0}
    found |= {"checks": [], "controls": []}
    assert "nothing was checked" in markdown.page([found])
    out = Console(file=io.StringIO(), width=120)
    out.print(tables.outcome(found))
    assert "nothing was checked" in out.file.getvalue()


def test_the_headline_names_grade_and_variant_and_absent_metrics_stand_below() -> None:
    found = {
        "scenario": "s", "seed": 1, "sim_seconds": 60, "wall_seconds": 1.0, "accounts": 2,
        "instruments": 1, "messages": 3, "fills": 1, "grade": "severe", "variant": "unguarded",
        "metrics": {"bad_debt_usd": {"value": 5.0, "unit": "USD"}, "cascade_r": {"value": None, "unit": ""}},
        "stages": dict.fromkeys([*(s[0] for s in tables.STAGES), "liquidated_accounts", "adl_accounts"], 0)
        | {"first_adl_delay_s": None},
        "checks": [], "invariants": {"I1": 0},
    }  # fmt: skip
    out = Console(file=io.StringIO(), width=120)
    out.print(tables.report(found))
    text = out.file.getvalue()
    assert text.startswith("s, severe, unguarded, seed 1: 1 minutes")
    assert "Without a value in this run: cascade_r" in text
    assert text.count("cascade_r") == 1
