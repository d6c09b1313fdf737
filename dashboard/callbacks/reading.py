"""What is read off at the cursor: prices in words, the margin of an account."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from dash import Dash, Input, Output, State

from dashboard.cursor import Cursor
from dashboard.pages.account import account_view
from dashboard.pages.run import readout
from dashboard.runs import UNREADABLE, load_run
from dashboard.theme import scheme_of
from dashboard.widgets import notice

log = logging.getLogger(__name__)


def register(app: Dash, runs: Path) -> None:
    """Bind both readings."""

    @app.callback(
        Output("readout", "children"),
        Output("depth-of", "children"),
        Input("instrument", "value"),
        Input("time", "data"),
        State("run", "data"),
        prevent_initial_call=True,
    )
    def read(instrument: str | None, t: float | None, run_id: str | None) -> tuple[str, str]:
        """The prices at the cursor."""
        if not run_id or instrument is None:
            return "", ""
        try:
            run = load_run(runs, run_id)
            return readout(run, int(instrument), t), f": {run.units[int(instrument)].name}"
        except UNREADABLE as error:
            return str(error), ""

    @app.callback(
        Output("explanation", "children"),
        Input("account", "data"),
        Input("time", "data"),
        Input("scheme", "data"),
        State("run", "data"),
        prevent_initial_call=True,
    )
    def explain(account: int | None, t: float | None, scheme: Any, run_id: str | None) -> Any:
        """The margin of the account that the cursor names."""
        if account is None or not run_id:
            return None
        try:
            run = load_run(runs, run_id)
            return account_view(run, Cursor(run_id, t, account), scheme_of(scheme))
        except UNREADABLE as error:
            log.warning("account %s of run %s: %r", account, run_id, error)
            return notice("The account cannot be explained", str(error), "no-explanation")
