"""The insurance fund over time, beside what it paid and what was left to others."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.axes import Span, add_lines, over_time
from dashboard.theme import Scheme, base, message

STYLES = {
    "insurance_usd": ("fund", "solid"),
    "insurance_usd_paid": ("paid so far (LIQ-04)", "dash"),
    "socialised_usd": ("socialised so far (LIQ-06)", "dot"),
}


def insurance(frame: pl.DataFrame, span: Span, scheme: Scheme) -> go.Figure:
    """Three lines in USD; `frame`: `line, time, value`."""
    if frame.is_empty():
        return message("The fund was not recorded.", scheme)
    figure = add_lines(base(scheme, 380), frame, STYLES, scheme, ",.2f")
    figure.update_traces(hovertemplate="%{y:,.2f} USD")
    figure.update_yaxes(title_text="USD", tickformat="~s", rangemode="tozero")
    return over_time(figure, span)
