"""Outcomes as Markdown: every row, the verdict once, what missed below."""

from __future__ import annotations

from typing import Any

from scenarios import markdown

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
