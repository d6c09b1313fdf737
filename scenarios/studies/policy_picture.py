"""The picture of a contest: each variant's paired difference with its interval, a panel a measure."""

from __future__ import annotations

from collections.abc import Sequence

from scenarios.studies.pictures import COLOURS, axis, text
from scenarios.studies.policy_table import Comparison

PANELS = (
    ("bad_debt_usd", "bad debt, USD"),
    ("adl_haircut_usd", "profit given up in ADL, USD"),
    ("adl_notional_usd", "closed by ADL, USD"),
    ("slippage_bps", "slippage of forced orders, bp"),
)
LEFT, WIDE, GAP, TOP, LINE, BOTTOM = 210, 190, 30, 70, 24, 40


def picture(compared: Sequence[Comparison]) -> str:
    """SVG; a bar from low to high, a dot at the mean, dark where the interval leaves out 0."""
    foot = TOP + LINE * len(compared)
    width, height = LEFT + len(PANELS) * (WIDE + GAP), foot + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        text(
            12,
            22,
            "Liquidation policies: difference within a seed, mean and 90 % interval",
            size=15,
        ),
    ]
    for row, c in enumerate(compared):
        label = c.variant if c.against == compared[0].against else f"{c.variant} / {c.against}"
        parts.append(text(12, TOP + LINE * (row + 0.5) + 4, label, size=12))
    for k, (name, label) in enumerate(PANELS):
        left = LEFT + k * (WIDE + GAP)
        found = [c.measures[name].interval for c in compared]
        edges = [edge for i in found if i is not None for edge in (i.low, i.high)]
        ticks = axis(min([0.0, *edges]), max([0.0, *edges]), 4)
        scale = WIDE / (ticks[-1] - ticks[0])
        parts.append(text(left, TOP - 14, label, size=12))
        for tick in ticks:
            at = left + (tick - ticks[0]) * scale
            colour = "#777777" if abs(tick) < 1e-12 else "#e4e4e4"
            parts.append(
                f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{foot}" stroke="{colour}"/>'
            )
            parts.append(text(at, foot + 16, _tick(tick), anchor="middle", size=10))
        for row, (c, i) in enumerate(zip(compared, found, strict=True)):
            if i is None:
                continue
            low, mean, high = (left + (x - ticks[0]) * scale for x in (i.low, i.mean, i.high))
            y = TOP + LINE * (row + 0.5)
            colour = COLOURS[0] if c.measures[name].clear else "#aaaaaa"
            parts.append(
                f'<line x1="{low:.1f}" y1="{y:.1f}" x2="{high:.1f}" y2="{y:.1f}" '
                f'stroke="{colour}" stroke-width="4"/>'
            )
            parts.append(f'<circle cx="{mean:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
    return "\n".join([*parts, "</svg>\n"])


def _tick(value: float) -> str:
    if abs(value) >= 1e3:
        return f"{value / 1e3:g}k"
    return f"{round(value, 9):g}"
