"""The figures again, when another instrument or other colours are chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dash import Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from dashboard.drawings import GRAPHS, draw
from dashboard.runs import RunError, load_run
from dashboard.theme import message, scheme_of


def register(app: Dash, runs: Path) -> None:
    """One callback per figure; the first figure of each comes with the page."""
    for name, (choice, _) in GRAPHS.items():
        inputs = [Input("scheme", "data")]
        if choice is not None:
            inputs.append(Input(choice, "value"))
        app.callback(
            Output(name, "figure"),
            *inputs,
            State("run", "data"),
            State("time", "data"),
            prevent_initial_call=True,
        )(_drawer(name, runs))


def _drawer(name: str, runs: Path) -> Any:
    def redraw(scheme: Any, *rest: Any) -> Any:
        *chosen, run_id, t = rest
        if not run_id:
            raise PreventUpdate
        colours = scheme_of(scheme)
        try:
            return draw(name, load_run(runs, run_id), (chosen or [None])[0], colours, t)
        except RunError as error:
            return message(str(error), colours)

    return redraw
