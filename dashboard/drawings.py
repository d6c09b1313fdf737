"""The graphs of a run by name: what each reads, and which figure it becomes."""

from __future__ import annotations

import logging
from collections.abc import Callable

import plotly.graph_objects as go

from dashboard import binned, data
from dashboard.cursor import Cursor
from dashboard.figures.axes import cursor as with_cursor
from dashboard.figures.depth import depth
from dashboard.figures.insurance import insurance
from dashboard.figures.liquidations import liquidations
from dashboard.figures.prices import EVENT_STYLES, STYLES, prices
from dashboard.runs import UNREADABLE, Run
from dashboard.theme import Scheme, message
from dashboard.units import moment

log = logging.getLogger(__name__)


def _prices(run: Run, instrument: int, scheme: Scheme) -> go.Figure:
    frame = data.lines(run, instrument, tuple(STYLES))
    return prices(frame, run.units[instrument], data.span(run), scheme)


def _event_prices(run: Run, instrument: int, scheme: Scheme) -> go.Figure:
    frame = data.lines(run, instrument, tuple(EVENT_STYLES))
    return prices(frame, run.units[instrument], data.span(run), scheme)


def _liquidations(run: Run, _: int, scheme: Scheme) -> go.Figure:
    return liquidations(binned.liquidations(run), binned.interval_us(run), data.span(run), scheme)


def _insurance(run: Run, _: int, scheme: Scheme) -> go.Figure:
    return insurance(data.fund_lines(run), data.span(run), scheme)


def _depth(run: Run, instrument: int, scheme: Scheme) -> go.Figure:
    frame = binned.depth(run, instrument)
    return depth(frame, run.units[instrument], data.span(run), scheme)


# Name → the choice that it depends on, and how it is built.  They share the time axis.
GRAPHS: dict[str, tuple[str | None, Callable[[Run, int, Scheme], go.Figure]]] = {
    "prices": ("instrument", _prices),
    "event-prices": ("event", _event_prices),
    "liquidations": (None, _liquidations),
    "insurance": (None, _insurance),
    "depth": ("instrument", _depth),
}


def draw(name: str, run: Run, instrument: str | None, scheme: Scheme, t: float | None) -> go.Figure:
    """The figure of that name with the cursor at `t` seconds; a message if it cannot be read."""
    choice, build = GRAPHS[name]
    if choice is not None and instrument is None:
        return message("The run has none.", scheme)
    try:
        figure = build(run, int(instrument or 0), scheme)
    except UNREADABLE as error:
        log.warning("%s of run %s: %r", name, run.id, error)
        return message("This part of the run cannot be read.", scheme)
    return with_cursor(
        figure, None if t is None else moment(Cursor(t=t).at_us(run.start_us, run.end_us))
    )
