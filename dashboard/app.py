"""The Dash application: the shell around the pages, and its callbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, dcc, html

from dashboard.callbacks import register
from dashboard.theme import FONT

# The scheme is set before the first paint, so that a dark page does not flash white.
INDEX = """<!DOCTYPE html>
<html lang="en">
  <head>
    {%metas%}
    <title>{%title%}</title>
    {%favicon%}
    {%css%}
    <script>
      (() => {
        const stored = localStorage.getItem("mantine-color-scheme-value");
        const dark = matchMedia("(prefers-color-scheme: dark)").matches;
        const scheme = stored === "dark" || stored === "light" ? stored : dark ? "dark" : "light";
        document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
      })();
    </script>
  </head>
  <body>
    {%app_entry%}
    <footer>{%config%}{%scripts%}{%renderer%}</footer>
  </body>
</html>"""


def create_app(runs: Path) -> Dash:
    """The application that shows the runs in the folder `runs`."""
    app = Dash(
        "windtunnel",
        title="windtunnel",
        update_title="",
        assets_folder=str(Path(__file__).with_name("assets")),
        index_string=INDEX,
        serve_locally=True,
        suppress_callback_exceptions=True,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = shell()
    register(app, runs)
    return app


def shell() -> Any:
    """What every page has: the address, the cursor, the header, the choice of colours."""
    header = html.Header(
        [
            dcc.Link("windtunnel", href="/", className="brand"),
            html.Div(id="picker"),
            html.Div(className="spring"),
            dmc.ColorSchemeToggle(
                id="theme",
                lightIcon="☀",
                darkIcon="☾",
                variant="default",
                size="lg",
                attributes={"root": {"aria-label": "dark or light colours"}},
            ),
        ],
        className="header",
    )
    return dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh=False),
            dcc.Store(id="run"),
            dcc.Store(id="time"),
            dcc.Store(id="account"),
            dcc.Store(id="scheme"),
            header,
            html.Main(id="page"),
        ],
        defaultColorScheme="auto",
        theme={"fontFamily": FONT, "primaryColor": "blue"},
    )
