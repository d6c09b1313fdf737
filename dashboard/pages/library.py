"""The first page: the runs on disk, the newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dash import dcc, html

from dashboard.cursor import Cursor
from dashboard.headline import figures
from dashboard.runs import Run, run_ids
from dashboard.units import day, duration, number
from dashboard.widgets import notice, panel, table

SHOWN = 100


def library(runs: Path, found: list[Run]) -> Any:
    """A table of runs with a link each, or what to do when there is none."""
    total = len(run_ids(runs))
    if not found:
        return only_studies(runs) if total else no_runs(runs)
    hint = f"{number(total)} complete {'run' if total == 1 else 'runs'} in {runs}, newest first."
    if total > len(found):
        hint += f" Shown: {number(len(found))}."
    head = ("Run", "Scenario", "Seed", "Simulated", "Accounts liquidated", "Bad debt, USD")
    rows = [_row(run) for run in found]
    return panel("Runs", hint, table(head, rows, numeric=(2, 4, 5), name="runs"))


def _row(run: Run) -> tuple[Any, ...]:
    seen = figures(run)
    debt = seen.get("bad_debt_usd")
    length = duration((run.end_us - run.start_us) / 1e6)
    return (
        dcc.Link(run.id, href=Cursor(run.id).href),
        run.scenario,
        str(run.seed),
        f"{day(run.start_us)}, {length}",
        number(seen.get("liquidated_accounts"), 0),
        number(None if debt is None else float(debt)),
    )


def only_studies(runs: Path) -> Any:
    """What is said when nothing among the runs can be shown here."""
    return notice(
        "No market's run",
        [
            html.P(["What is in ", html.Code(str(runs)), " are studies, or cannot be read."]),
            html.P("A study's tables and pictures lie in its folder, as CSV and SVG."),
        ],
    )


def no_runs(runs: Path) -> Any:
    """What a newcomer reads."""
    return notice(
        "No runs yet",
        [
            html.P(["There is no complete run in ", html.Code(str(runs)), "."]),
            html.P("Make one on the command line, then reload this page:"),
            html.Pre("windtunnel run oct-2025"),
        ],
    )
