"""The depth heat map: how much rests at which distance from the mid, over time."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.figures.axes import Span, edges, over_time
from dashboard.theme import HEAT, VERMILION, Scheme, base, message
from dashboard.units import Unit, plain
from sim.exchange.messages import BUY, DEPTH_EDGES_BPS

BUCKETS = len(DEPTH_EDGES_BPS)


def bands() -> list[str]:
    """Labels of the rows from the deepest bid to the deepest ask."""
    bounds = (0, *DEPTH_EDGES_BPS)
    steps = [f"{bounds[n]}–{bounds[n + 1]} bp" for n in range(BUCKETS)]
    return [f"{s} below the mid (bids)" for s in reversed(steps)] + [
        f"{s} above the mid (asks)" for s in steps
    ]


def depth(frame: pl.DataFrame, unit: Unit, span: Span, scheme: Scheme) -> go.Figure:
    """Rows of equal height per bucket, colour by USD per bp on a log scale.

    `frame`: `time, side, bucket, lots, usd, usd_per_bp`.
    """
    if frame.is_empty():
        return message(f"The book of {unit.name} was not recorded.", scheme)
    rows = frame.with_columns(
        pl.when(pl.col("side") == BUY)
        .then(BUCKETS - 1 - pl.col("bucket"))
        .otherwise(BUCKETS + pl.col("bucket"))
        .alias("row")
    )
    times = rows["time"].unique().sort().to_list()
    column = {time: n for n, time in enumerate(times)}
    shape = (2 * BUCKETS, len(times))
    density, value, size = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for time, row, usd_per_bp, usd, lots in rows.select(
        "time", "row", "usd_per_bp", "usd", "lots"
    ).iter_rows():
        at = row, column[time]
        density[at], value[at], size[at] = usd_per_bp, usd, lots * unit.lot
    logs = np.array([[math.log10(x) if x >= 1 else 0.0 for x in line] for line in density])
    top = max(1, math.ceil(logs.max()))
    low = min(top - 1, max(0, math.floor(np.min(logs[logs > 0], initial=top))))
    hover = [
        [
            f"{label}<br>{value[r, c]:,.0f} USD ({plain(float(size[r, c]), 4)} {unit.size_unit})"
            f"<br>{density[r, c]:,.0f} USD per bp"
            for c in range(len(times))
        ]
        for r, label in enumerate(bands())
    ]
    figure = base(scheme, 420)
    figure.add_heatmap(
        x=edges(times, span[1]),
        y=list(range(2 * BUCKETS + 1)),
        z=logs,
        zmin=low,
        zmax=top,
        text=hover,
        hovertemplate="%{x|%H:%M:%S} UTC<br>%{text}<extra></extra>",
        colorscale=HEAT,
        colorbar={
            "title": {"text": "USD per bp", "side": "right"},
            "tickvals": list(range(low, top + 1)),
            "ticktext": [_power(n) for n in range(low, top + 1)],
            "thickness": 12,
        },
    )
    marks = [-edge for edge in reversed(DEPTH_EDGES_BPS)] + [0, *DEPTH_EDGES_BPS]
    shown = [n for n in range(2 * BUCKETS + 1) if abs(n - BUCKETS) % 2 == 0]
    figure.update_yaxes(
        title_text="bp from the mid",
        tickvals=shown,
        ticktext=[f"{marks[n]:+d}".replace("-", "−") if marks[n] else "mid" for n in shown],
        showgrid=False,
    )
    figure.update_layout(margin={"t": 12})
    over_time(figure, span, line=VERMILION)
    figure.update_layout(hovermode="closest")
    return figure


def _power(exponent: int) -> str:
    return f"{'≤ ' if exponent == 0 else ''}" + (
        f"{10**exponent}" if exponent < 3 else f"{10 ** (exponent % 3)}{' kMG'[exponent // 3]}"
    )
