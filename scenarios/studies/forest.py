"""A forest plot: a row a name, a panel a measure, each mean with its interval; as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scenarios.studies.pictures import COLOURS, axis, text
from scenarios.studies.policy_table import Difference

LEFT, WIDE, GAP, TOP, LINE, BOTTOM = 210, 190, 30, 70, 24, 40


def forest(title: str, labels: Sequence[str], panels: Mapping[str, Sequence[Difference]]) -> str:
    """SVG; a bar from low to high, a dot at the mean, dark where the interval leaves out 0.

    ``panels``: by their words, a difference for each of the ``labels``.
    """
    foot = TOP + LINE * len(labels)
    width, height = LEFT + len(panels) * (WIDE + GAP), foot + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        text(12, 22, title, size=15),
    ]
    for row, label in enumerate(labels):
        parts.append(text(12, TOP + LINE * (row + 0.5) + 4, label, size=12))
    for k, (label, found) in enumerate(panels.items()):
        left = LEFT + k * (WIDE + GAP)
        edges = [edge for d in found if (i := d.interval) is not None for edge in (i.low, i.high)]
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
        for row, difference in enumerate(found):
            i = difference.interval
            if i is None:
                continue
            low, mean, high = (left + (x - ticks[0]) * scale for x in (i.low, i.mean, i.high))
            y = TOP + LINE * (row + 0.5)
            colour = COLOURS[0] if difference.clear else "#aaaaaa"
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
