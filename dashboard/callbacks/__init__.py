"""Callbacks: the URL is the only state; what a reader does writes it, everything follows it.

URL → run, time, account → page, figures, readings
click, choice → URL
"""

from __future__ import annotations

from pathlib import Path

from dash import Dash

from dashboard.callbacks import drawing, navigation, reading, view


def register(app: Dash, runs: Path) -> None:
    """Bind every callback of the application to the folder `runs`."""
    for part in (navigation, view, drawing, reading):
        part.register(app, runs)
