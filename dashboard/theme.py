"""Colours: one palette that colour-blind readers can tell apart, on dark and on light.

The hues are those of Okabe and Ito, "Color Universal Design" (2008), each taken in the shade
that stands out from the background; lines differ in their dash as well.
"""

from __future__ import annotations

from typing import Literal

import plotly.graph_objects as go

Scheme = Literal["light", "dark"]

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
HEAT = "Cividis"

# The same thing has the same colour on every figure.
ROLES: dict[Scheme, dict[str, str]] = {
    "light": {
        "index": BLUE,
        "mark": VERMILION,
        "bid": GREEN,
        "ask": "#B0568A",
        "last": "#8A6D00",
        "truth": "#6B7280",
        "book_usd": ORANGE,
        "backstop_usd": SKY,
        "adl_usd": VERMILION,
        "insurance_usd": BLUE,
        "insurance_usd_paid": GREEN,
        "socialised_usd": "#B0568A",
        "flagged_accounts": "#4B5563",
        "up": BLUE,
        "down": VERMILION,
        "total": "#4B5563",
    },
    "dark": {
        "index": SKY,
        "mark": "#FF8A3D",
        "bid": "#22C79A",
        "ask": "#E39AC4",
        "last": YELLOW,
        "truth": "#9CA3AF",
        "book_usd": ORANGE,
        "backstop_usd": SKY,
        "adl_usd": "#F2703D",
        "insurance_usd": SKY,
        "insurance_usd_paid": "#22C79A",
        "socialised_usd": "#E39AC4",
        "flagged_accounts": "#C9CDD3",
        "up": SKY,
        "down": "#F2703D",
        "total": "#C9CDD3",
    },
}
_GROUND: dict[Scheme, tuple[str, str, str]] = {  # text, grid, hover background
    "light": ("#1F2933", "#E3E6EA", "#FFFFFF"),
    "dark": ("#E5E7EB", "#3A3D42", "#25262B"),
}


def scheme_of(value: object) -> Scheme:
    """`dark` when asked for, else `light`."""
    return "dark" if value == "dark" else "light"


def base(scheme: Scheme, height: int = 320) -> go.Figure:
    """An empty figure in the house style: see-through, small margins, UTC hover."""
    text, grid, hover = _GROUND[scheme]
    axis = {
        "gridcolor": grid,
        "linecolor": grid,
        "zerolinecolor": grid,
        "automargin": True,
        "title": {"standoff": 8, "font": {"size": 13}},
    }
    figure = go.Figure()
    figure.update_layout(
        template=go.layout.Template(layout={"xaxis": axis, "yaxis": axis}),
        height=height,
        margin={"l": 8, "r": 12, "t": 36, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": text},
        hoverlabel={"bgcolor": hover, "font": {"family": FONT, "color": text}},
        legend={"orientation": "h", "traceorder": "normal", "x": 0, "y": 1.02, "yanchor": "bottom"},
        uirevision="keep",
    )
    return figure


def message(text: str, scheme: Scheme, height: int = 320) -> go.Figure:
    """A figure that says why there is nothing to see."""
    figure = base(scheme, height)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(
        text=text, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"size": 14}
    )
    return figure
