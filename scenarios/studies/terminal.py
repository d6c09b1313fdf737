"""A study's report for a terminal: metrics, checks, the main table with units in its header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from scenarios.tables import blank_table, checks, number

# Ending of a column's name -> what stands in its header.
UNITS = {
    "usd": "USD",
    "eth": "ETH",
    "share": "%",
    "pct": "%",
    "bps": "bp",
    "ratio": "ratio",
    "s": "s",
    "musd": "m USD",
}
HEADER_WIDTH = 9
ROWS = 100  # more are in the run's folder


def report(found: Mapping[str, Any]) -> RenderableType:
    """``found`` is the object that ``run --json`` prints."""
    head = (
        f"{found['scenario']} (study {found['study']}), seed {found['seed']},"
        f" in {found['wall_seconds']:,.1f} s"
    )
    parts: list[RenderableType] = [Text(head, style="bold"), metrics(found["metrics"])]
    if found["checks"]:
        parts.append(checks(found["checks"]))
    for name in found["shown"]:
        if found["tables"][name]["rows"]:
            parts.append(shown(name, found["tables"][name], found["shown_columns"]))
    parts += [Text(note, style="dim") for note in found["notes"]]
    return Group(*parts)


def metrics(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """Name, value and unit of every metric."""
    made = blank_table("Metric", "value", "unit", right=(1,))
    for name, entry in found.items():
        unit = {"share": "", "0 or 1": ""}.get(entry["unit"], entry["unit"])
        made.add_row(name, number(entry["value"], entry["unit"]), unit)
    return made


def shown(name: str, table: Mapping[str, Any], wanted: Sequence[str] = ()) -> Table:
    """One of a report's tables: its first `ROWS` rows, the columns ``wanted`` (none named: all)."""
    there: list[str] = table["columns"]
    kept = [c for c in there if not wanted or c in wanted or c == there[0]]
    at = [there.index(c) for c in kept]
    columns: Sequence[str] = kept
    rows: Sequence[Sequence[Any]] = [[row[i] for i in at] for row in table["rows"]]
    numeric = [
        i for i in range(len(columns)) if any(isinstance(row[i], int | float) for row in rows)
    ]
    title = name.replace("_", " ")
    if len(rows) > ROWS:
        title += f" (the first {ROWS} of {len(rows)} rows)"
    made = blank_table(*(narrow(header(c)) for c in columns), title=title, right=numeric)
    made.collapse_padding = True
    for column in made.columns:
        column.no_wrap = True
        column.vertical = "bottom"
    for row in rows[:ROWS]:
        made.add_row(*(cell(v, c) for v, c in zip(row, columns, strict=True)))
    return made


def header(column: str) -> str:
    """``final_price_usd`` as ``final price, USD``."""
    words = column.split("_")
    if len(words) > 1 and words[-1] in UNITS:
        return f"{' '.join(words[:-1])}, {UNITS[words[-1]]}"
    return " ".join(words)


def narrow(words: str) -> str:
    """A header on several lines: many columns have to fit beside each other."""
    return "\n".join(wrap(words, HEADER_WIDTH, break_long_words=False)) or words


def cell(value: Any, column: str) -> str:
    """A value as people read it."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    end = column.rsplit("_", 1)[-1]
    if end == "share":
        return f"{100 * value:,.2f}"
    if isinstance(value, float) and 0 < abs(value) < 1 and end not in ("usd", "eth"):
        return f"{value:.4f}"
    return number(value, "USD" if end in ("usd", "eth") else "")


def where(report: Mapping[str, Any], path: Path | None) -> str:
    """The last lines: where everything is."""
    if path is None:
        return ""
    names = ", ".join(f"tables/{name}.csv" for name in report["tables"])
    return f"run      {path}\ntables   {names}"
