"""The curve of ``bench_growth`` as an SVG, drawn without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 460, 70, 330, 40, 60
COLOURS = ("#0072b2", "#56b4e9", "#d55e00", "#e69f00", "#009e73", "#cc79a7", "#555555")
LABELS = {"book": "orders resting in the book", "messages": "messages in the flow"}


def curve(found: Sequence[dict[str, Any]], by: str) -> str:
    """Cost of a message against `by` ("book" or "messages"), both on log scales."""
    xs = sorted({row[by] for row in found})
    ys = [row["ns_per_message"] for row in found]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    span = math.log10(xs[-1] / xs[0]) or 1.0

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(value / xs[0]) / span

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log10(value) - low) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 22, "Cost of one message (CPU time)", size=15),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 15, LABELS[by], anchor="middle"),
    ]
    for power in range(low, high + 1):
        at = y(10**power)
        parts.append(_line(LEFT, at, WIDTH - RIGHT, at, "#dddddd"))
        parts.append(_text(LEFT - 8, at + 4, _time(10**power), anchor="end"))
    for value in xs:
        parts.append(_line(x(value), TOP, x(value), HEIGHT - BOTTOM, "#eeeeee"))
        parts.append(_text(x(value), HEIGHT - BOTTOM + 18, f"{value:,}", anchor="middle"))
    for k, engine in enumerate(dict.fromkeys(row["engine"] for row in found)):
        rows = sorted((row for row in found if row["engine"] == engine), key=lambda row: row[by])
        points = " ".join(f"{x(row[by]):.1f},{y(row['ns_per_message']):.1f}" for row in rows)
        colour = COLOURS[k % len(COLOURS)]
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        for row in rows:
            parts.append(
                f'<circle cx="{x(row[by]):.1f}" cy="{y(row["ns_per_message"]):.1f}" r="3" '
                f'fill="{colour}"/>'
            )
        legend = TOP + 20 * k
        parts.append(_line(WIDTH - RIGHT + 20, legend, WIDTH - RIGHT + 40, legend, colour, 3))
        parts.append(_text(WIDTH - RIGHT + 46, legend + 4, engine, size=12))
    return "\n".join([*parts, "</svg>\n"])


def _time(ns: float) -> str:
    return f"{ns:g} ns" if ns < 1000 else f"{ns / 1000:g} µs"


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 13) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(text)}</text>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: int = 1) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"/>'
    )
