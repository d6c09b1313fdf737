"""What is on the page: a run, the list of runs, or a message."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from dash import Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from dashboard.cursor import Cursor
from dashboard.pages.library import SHOWN, library
from dashboard.pages.run import run_picker, run_view, unknown
from dashboard.runs import UNREADABLE, RunError, list_runs, load_run, run_ids
from dashboard.theme import scheme_of
from dashboard.widgets import notice

log = logging.getLogger(__name__)


def register(app: Dash, runs: Path) -> None:
    """One callback: run → page."""

    @app.callback(
        Output("page", "children"),
        Output("picker", "children"),
        Input("run", "data"),
        Input("scheme", "data"),
        State("time", "data"),
        State("account", "data"),
    )
    def show(run_id: str, scheme: Any, t: float | None, account: int | None) -> tuple[Any, Any]:
        """The page; a change of colours alone is the figures' business."""
        if list(ctx.triggered_prop_ids) == ["scheme.data"]:
            raise PreventUpdate
        if not run_id:
            return library(runs, list_runs(runs, SHOWN)), None
        ids = run_ids(runs)
        picker = run_picker(ids, run_id) if ids else None
        try:
            run = load_run(runs, run_id)
            return run_view(run, Cursor(run_id, t, account), scheme_of(scheme)), picker
        except UNREADABLE as error:
            log.warning("run %s: %r", run_id, error)
            text = str(error) if isinstance(error, RunError) else f"It cannot be read: {error}"
            return notice(f"Run {run_id} cannot be shown", [text, unknown(ids)]), picker
