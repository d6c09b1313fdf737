"""Liquidations over time: notional by stage, and how many accounts are flagged."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboard.figures.axes import Span, over_time
from dashboard.theme import ROLES, Scheme, base, message
from dashboard.units import duration

STAGE_LABELS = {
    "book_usd": "book (LIQ-02)",
    "backstop_usd": "backstop (LIQ-03)",
    "adl_usd": "auto-deleveraging (LIQ-05)",
}


def liquidations(frame: pl.DataFrame, interval_us: int, span: Span, scheme: Scheme) -> go.Figure:
    """Stacked bars per interval; `frame`: `time`, the stages in USD, `flagged_accounts`."""
    if (
        frame.is_empty()
        or not frame.select(*STAGE_LABELS, "flagged_accounts").sum().sum_horizontal()[0]
    ):
        return message("Nothing was closed by force.", scheme)
    figure = make_subplots(
        rows=2,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=[0.68, 0.32],
        figure=base(scheme, 380),
    )
    half = interval_us / 2000  # milliseconds: bars stand in the middle of their interval
    for stage, label in STAGE_LABELS.items():
        figure.add_bar(
            x=frame["time"].to_numpy(),
            y=frame[stage].to_numpy(),
            name=label,
            marker={"color": ROLES[scheme][stage], "line": {"width": 0}},
            width=2 * half,
            offset=0,
            hovertemplate="%{y:,.0f} USD",
            row=1,
            col=1,
        )
    figure.add_scatter(
        x=frame["time"].to_numpy(),
        y=frame["flagged_accounts"].to_numpy(),
        name="accounts being liquidated",
        mode="lines",
        line={"color": ROLES[scheme]["flagged_accounts"], "shape": "hv", "width": 1.6},
        hovertemplate="%{y:,}",
        row=2,
        col=1,
    )
    every = duration(interval_us / 1e6)
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_yaxes(title_text=f"USD per {every}", tickformat="~s", row=1, col=1)
    figure.update_yaxes(title_text="accounts", rangemode="tozero", row=2, col=1)
    return over_time(figure, span)
