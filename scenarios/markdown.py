"""Outcomes of checks and controls as tables of a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scenarios.tables import NOTHING, number

HEAD = ("control", "expected", "variant", "metric", "median", "lowest … highest", "seeds", "")


def page(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """A section for each of the outcomes of `scenarios.controls.check_scenario`."""
    return "\n\n".join(section(found) for found in outcomes)


def section(found: Mapping[str, Any]) -> str:
    """One scenario: a row for each metric of each variant, the verdict on the first row."""
    lines = [f"## {found['scenario']}", ""]
    if not found["checks"] and not found["controls"]:
        return "\n".join([*lines, NOTHING])
    rows = [_row(HEAD), _row(["---"] * len(HEAD))]
    for check in found["checks"]:
        verdict = "pass" if check["passed"] else "**miss**"
        value = number(check["value"])
        rows.append(_row((check["id"], _code(check["expect"]), "", "", value, "", "1", verdict)))
    for control in found["controls"]:
        rows += _control(control)
    missed = [f"- {c['id']}: {c['why']}" for c in found["controls"] if c["why"]]
    return "\n".join([*lines, *rows, *(["", *missed] if missed else [])])


def _control(control: Mapping[str, Any]) -> list[str]:
    verdict = "pass" if control["passed"] else "**miss**"
    if control["expect"] == "reported":
        verdict = ""
    expected = "; ".join(_code(text) for text in control["checks"])
    expected = f"{control['expect']}: {expected}" if expected else control["expect"]
    first = [control["id"], expected]
    rows = []
    for row in control["rows"]:
        median, low, high = (number(row[k], row["unit"]) for k in ("median", "low", "high"))
        span = low if low == high else f"{low} … {high}"
        metric = f"{_code(row['metric'])} ({row['unit']})"
        rows.append(
            _row((*first, row["variant"], metric, median, span, str(row["seeds"]), verdict))
        )
        first, verdict = ["", ""], ""
    return rows


def _code(text: str) -> str:
    return f"`{text}`"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
