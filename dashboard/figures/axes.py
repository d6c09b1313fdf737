"""The time axis that all figures over time share, and the cursor on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import plotly.graph_objects as go
import polars as pl

from dashboard.theme import ROLES, Scheme

Span = tuple[datetime, datetime]


def over_time(figure: go.Figure, span: Span, line: str | None = None) -> go.Figure:
    """Give the figure the run's span in UTC as its x axis; `line`: colour of its cursor."""
    figure.update_xaxes(
        type="date",
        range=list(span),
        hoverformat="%H:%M:%S UTC",
        tickformatstops=[
            {"dtickrange": [None, 60_000], "value": "%H:%M:%S"},
            {"dtickrange": [60_000, None], "value": "%H:%M"},
        ],
    )
    figure.update_xaxes(
        title_text=f"time, UTC, {span[0]:%Y-%m-%d}", selector=lambda axis: axis.matches is None
    )
    # The page moves the cursor without the server; it finds what it needs here.
    text = figure.layout.font.color
    meta = {"span": [t.isoformat() for t in span], "cursor": line or text}
    return figure.update_layout(hovermode="x unified", meta=meta)


def cursor(figure: go.Figure, time: datetime | None) -> go.Figure:
    """Draw the cursor: one thin line through the whole figure at a moment."""
    if time is not None and figure.layout.meta:
        figure.add_shape(
            type="line",
            x0=time,
            x1=time,
            y0=0,
            y1=1,
            yref="paper",
            line={"color": figure.layout.meta["cursor"], "width": 1, "dash": "dot"},
            name="cursor",
        )
    return figure


def add_lines(
    figure: go.Figure,
    frame: pl.DataFrame,
    styles: dict[str, tuple[str, str]],
    scheme: Scheme,
    hover: str,
    shape: str = "hv",
) -> go.Figure:
    """Add one line per name of `styles` (name → label, dash) from a long frame.

    `frame`: `line, time, value`; a line that is not in it is left out.
    """
    for name, (label, dash) in styles.items():
        part = frame.filter(pl.col("line") == name)
        if part.is_empty():
            continue
        figure.add_scatter(
            x=part["time"].to_numpy(),
            y=part["value"].to_numpy(),
            name=label,
            mode="lines",
            line={"color": ROLES[scheme][name], "dash": dash, "width": 1.6, "shape": shape},
            hovertemplate=f"%{{y:{hover}}}",
            connectgaps=False,
        )
    return figure


def edges(times: Sequence[datetime], end: datetime) -> list[datetime]:
    """The edges of columns that start at `times`; the last is as wide as the one before."""
    if len(times) < 2:
        return [*times, end]
    return [*times, times[-1] + (times[-1] - times[-2])]
