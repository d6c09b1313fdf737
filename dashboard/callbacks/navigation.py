"""The URL and what writes it: choosing a run, an account, a moment."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from dashboard.cursor import Cursor
from dashboard.drawings import GRAPHS
from dashboard.runs import RunError, load_run
from dashboard.units import moment


def register(app: Dash, runs: Path) -> None:
    @app.callback(
        Output("run", "data"),
        Output("time", "data"),
        Output("account", "data"),
        Input("url", "search"),
        State("run", "data"),
        State("time", "data"),
        State("account", "data"),
    )
    def follow(search: str, *old: Any) -> tuple[Any, ...]:
        """The cursor from the URL; only what changed is passed on."""
        to = Cursor.parse(search)
        new = (to.run or "", to.t, to.account)  # None would be no change at the start
        if ctx.triggered_id is None:
            return new
        return tuple(no_update if n == o else n for n, o in zip(new, old, strict=True))

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Input("run-picker", "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def choose_run(run: str | None, search: str) -> str:
        if not run or run == Cursor.parse(search).run:
            raise PreventUpdate
        return Cursor(run).search

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Input("accounts", "selectedRows"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def choose_account(rows: Any, search: str) -> str:
        here = Cursor.parse(search)
        if not isinstance(rows, list) or not rows or rows[0].get("account") == here.account:
            raise PreventUpdate
        return here.to(account=int(rows[0]["account"])).search

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        *(Input(name, "clickData") for name in GRAPHS),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def choose_time(*args: Any) -> str:
        search = args[-1]
        here = Cursor.parse(search)
        clicked = dict(zip(GRAPHS, args[:-1], strict=True)).get(str(ctx.triggered_id))
        if not clicked or here.run is None:
            raise PreventUpdate
        try:
            time = datetime.fromisoformat(str(clicked["points"][0]["x"]))
            start = moment(load_run(runs, here.run).start_us)
        except (KeyError, IndexError, ValueError, RunError):
            raise PreventUpdate from None
        return here.to(t=max(0.0, round((time - start).total_seconds(), 3))).search

    app.clientside_callback(
        ClientsideFunction("windtunnel", "paint"),
        Output("scheme", "data"),
        Input("theme", "id"),
    )
    app.clientside_callback(
        ClientsideFunction("windtunnel", "moveCursor"),
        *(Output(name, "figure", allow_duplicate=True) for name in GRAPHS),
        Input("time", "data"),
        *(State(name, "figure") for name in GRAPHS),
        prevent_initial_call=True,
    )
