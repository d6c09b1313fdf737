"""Prices over time: index, mark, bid and ask of one instrument."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from dashboard.figures.axes import Span, add_lines, over_time
from dashboard.theme import Scheme, base, message
from dashboard.units import Unit, price_digits
from sim.exchange.instruments import Kind

# What is drawn last lies on top.
STYLES = {
    "truth": ("true price", "dot"),
    "bid": ("best bid", "solid"),
    "ask": ("best ask", "solid"),
    "index": ("index (oracle)", "solid"),
    "mark": ("mark", "dash"),
}
EVENT_STYLES = {
    "truth": ("true probability", "dot"),
    "bid": ("best bid", "solid"),
    "ask": ("best ask", "solid"),
    "mark": ("mark", "solid"),
}


def prices(frame: pl.DataFrame, unit: Unit, span: Span, scheme: Scheme) -> go.Figure:
    """Lines of one instrument; `frame`: `line, time, value` in USD."""
    if frame.is_empty():
        return message(f"No prices of {unit.name} were recorded.", scheme)
    event = unit.kind == Kind.EVENT
    figure = base(scheme)
    hover = f",.{price_digits(unit.tick_usd)}f"
    add_lines(figure, frame, EVENT_STYLES if event else STYLES, scheme, hover)
    figure.update_yaxes(title_text=f"{unit.name}, {unit.price_unit}", tickformat=",")
    if event:
        figure.update_yaxes(range=[-0.02, 1.02], tickformat=".1f")
    return over_time(figure, span)
