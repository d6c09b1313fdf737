"""The margin of one account as a waterfall: what it has, what it must keep, what is left."""

from __future__ import annotations

import plotly.graph_objects as go

from dashboard.explanation import Explanation
from dashboard.theme import ROLES, Scheme, base, message

SHOWN = 12  # bars per half; what is smaller is drawn as one


def steps(explanation: Explanation) -> list[tuple[str, str, float]]:
    """Bars as (measure, label, USD): legs of NE, NE, legs of MM downwards, NE − MM."""
    result = [("relative", *bar) for bar in _largest(explanation, "net_equity", 1.0)]
    result.append(("total", "<b>NE</b>", explanation.total("net_equity")))
    result += [("relative", *bar) for bar in _largest(explanation, "maintenance", -1.0)]
    left = explanation.total("net_equity") - explanation.total("maintenance")
    result.append(("total", "<b>NE − MM</b>", left))
    return result


def _largest(explanation: Explanation, part: str, sign: float) -> list[tuple[str, float]]:
    name = "MM " if sign < 0 else ""
    bars = [
        (f"{name}{leg.name}", sign * getattr(leg, part))
        for leg in explanation.legs
        if getattr(leg, part)
    ]
    if len(bars) <= SHOWN:
        return bars
    kept = sorted(range(len(bars)), key=lambda n: -abs(bars[n][1]))[: SHOWN - 1]
    rest = sum(bars[n][1] for n in range(len(bars)) if n not in kept)
    return [bars[n] for n in sorted(kept)] + [(f"{name}{len(bars) - len(kept)} others", rest)]


def margin(explanation: Explanation, scheme: Scheme) -> go.Figure:
    """The waterfall from net equity to what is left above maintenance margin, in USD."""
    if not explanation.legs:
        return message("The account held nothing.", scheme)
    bars = steps(explanation)
    colours = ROLES[scheme]
    places = list(range(len(bars)))
    figure = base(scheme, 90 + 28 * len(bars))
    figure.add_waterfall(
        orientation="h",
        measure=[m for m, _, _ in bars],
        y=places,
        x=[v for _, _, v in bars],
        text=[_short(v) for _, _, v in bars],
        customdata=[[label.replace("<b>", "").replace("</b>", ""), v] for _, label, v in bars],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{customdata[0]}: %{customdata[1]:,.2f} USD<extra></extra>",
        increasing={"marker": {"color": colours["up"]}},
        decreasing={"marker": {"color": colours["down"]}},
        totals={"marker": {"color": colours["total"]}},
        connector={"line": {"color": colours["truth"], "width": 1}},
    )
    figure.update_yaxes(
        tickvals=places,
        ticktext=[f"{label} " for _, label, _ in bars],
        autorange="reversed",
        showgrid=False,
        zeroline=False,
    )
    low, high = _reach(bars)
    room = 0.14 * (high - low or 1.0)  # for the numbers beside the bars
    figure.update_xaxes(title_text="USD", tickformat="~s", range=[low - room, high + room])
    figure.update_layout(
        showlegend=False, uirevision=None, margin={"t": 12, "l": 60, "r": 60, "b": 8}
    )
    return figure


def _reach(bars: list[tuple[str, str, float]]) -> tuple[float, float]:
    """The lowest and the highest end of any bar."""
    ends, at = [0.0], 0.0
    for measure, _, value in bars:
        at = value if measure == "total" else at + value
        ends.append(at)
    return min(ends), max(ends)


def _short(value: float) -> str:
    size = abs(value)
    for scale, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= scale:
            return f"{'−' if value < 0 else ''}{size / scale:.3g}{suffix}"
    return f"{'−' if value < 0 else ''}{size:.3g}"
