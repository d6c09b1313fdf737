"""Two plain pictures as SVG, without a plotting library: lines over a number, bars by group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 420, 80, 230, 46, 60
COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#555555", "#aaaaaa", "#222222",
)  # fmt: skip


def lines(
    title: str,
    x_label: str,
    y_label: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
) -> str:
    """Lines by name through (x, y) points; the y axis begins at 0 unless something is below."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    left, right = (min(xs), max(xs)) if xs else (0.0, 1.0)
    ticks = axis(min([0.0, *ys]), max([0.0, *ys]))
    span = (right - left) or 1.0
    parts = _frame(title, x_label, y_label, ticks)
    for x in sorted(set(xs)) if len(set(xs)) <= 12 else axis(left, right):
        if left <= x <= right:
            at = LEFT + (WIDTH - LEFT - RIGHT) * (x - left) / span
            parts.append(text(at, HEIGHT - BOTTOM + 18, f"{x:g}", anchor="middle"))
    for k, (name, points) in enumerate(series.items()):
        colour = COLOURS[k % len(COLOURS)]
        placed = [
            (LEFT + (WIDTH - LEFT - RIGHT) * (x - left) / span, _y(y, ticks))
            for x, y in sorted(points)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
        parts += _legend(k, name, colour)
    return "\n".join([*parts, "</svg>\n"])


def bars(
    title: str,
    y_label: str,
    groups: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
) -> str:
    """Bars by name, one in each group; None is no bar."""
    ys = [y for values in series.values() for y in values if y is not None]
    ticks = axis(min([0.0, *ys]), max([0.0, *ys]))
    parts = _frame(title, "", y_label, ticks)
    width = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    each = 0.8 * width / max(1, len(series))
    zero = _y(0.0, ticks)
    for g, group in enumerate(groups):
        middle = LEFT + width * (g + 0.5)
        parts.append(text(middle, HEIGHT - BOTTOM + 18, group, anchor="middle"))
        for k, values in enumerate(series.values()):
            value = values[g]
            if value is None:
                continue
            x, y = middle - 0.4 * width + k * each, _y(value, ticks)
            parts.append(
                f'<rect x="{x:.1f}" y="{min(y, zero):.1f}" width="{each * 0.92:.1f}" '
                f'height="{abs(y - zero):.1f}" fill="{COLOURS[k % len(COLOURS)]}"/>'
            )
    for k, name in enumerate(series):
        parts += _legend(k, name, COLOURS[k % len(COLOURS)])
    return "\n".join([*parts, "</svg>\n"])


def axis(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from ``low`` or below to ``high`` or above, about ``most`` of them."""
    span = (high - low) or 1.0
    raw = span / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= raw)
    first, last = math.floor(low / step), math.ceil((low + span) / step)
    return [step * k for k in range(first, last + 1)]


def _y(value: float, ticks: Sequence[float]) -> float:
    low, high = ticks[0], ticks[-1]
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)


def _frame(title: str, x_label: str, y_label: str, ticks: Sequence[float]) -> list[str]:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, 20, title, size=15),
        text(LEFT, 38, y_label, size=12),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 15, x_label, anchor="middle"),
    ]
    for tick in ticks:
        at = _y(tick, ticks)
        parts.append(
            f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="#dddddd"/>'
        )
        parts.append(text(LEFT - 8, at + 4, f"{tick:,.6g}", anchor="end"))
    return parts


def _legend(k: int, name: str, colour: str) -> list[str]:
    y = TOP + 20 * k
    box = f'<rect x="{WIDTH - RIGHT + 20}" y="{y - 6}" width="16" height="12" fill="{colour}"/>'
    return [box, text(WIDTH - RIGHT + 44, y + 4, name, size=12)]


def text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 13) -> str:
    """One line of text, escaped."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(words)}</text>"
    )
