"""The insurance fund over time, above what it paid and what was left to others."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboard.figures.axes import Span, add_lines, over_time
from dashboard.theme import Scheme, base, message

FUND = {"insurance_usd": ("in the fund", "solid")}
BORNE = {
    "insurance_usd_paid": ("paid so far (LIQ-04)", "dash"),
    "socialised_usd": ("socialised so far (LIQ-06)", "dot"),
}


def insurance(frame: pl.DataFrame, span: Span, scheme: Scheme) -> go.Figure:
    """The fund and, on their own scale, the losses; `frame`: `line, time, value` in USD."""
    if frame.is_empty():
        return message("The fund was not recorded.", scheme)
    figure = make_subplots(
        rows=2,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.08,
        row_heights=[0.5, 0.5],
        figure=base(scheme, 380),
    )
    for row, (styles, title) in enumerate(((FUND, "fund, USD"), (BORNE, "losses, USD")), 1):
        before = len(figure.data)
        add_lines(figure, frame, styles, scheme, ",.2f")
        for trace in figure.data[before:]:
            trace.update(
                hovertemplate="%{y:,.2f} USD",
                xaxis=f"x{row}" if row > 1 else "x",
                yaxis=f"y{row}" if row > 1 else "y",
            )
        figure.update_yaxes(
            title_text=title, tickformat="~s", rangemode="tozero", nticks=5, row=row, col=1
        )
    return over_time(figure, span)
