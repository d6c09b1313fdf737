"""The picture of ``capital-silos``: capital across, harm up, a line a shock through the modes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scenarios.studies.pictures import axis, text
from scenarios.studies.silos_intervals import Interval

WIDTH, HEIGHT = 1180, 880
LEFT, TOP, PANEL_W, PANEL_H, GAP_X, GAP_Y = 74, 108, 290, 290, 78, 108
# Viridis-like from pale to dark for graded shocks; Okabe and Ito's colours for others.
GRADED = ("#fde725", "#7ad151", "#22a884", "#2a788e", "#414487", "#440154")
OTHERS = ("#e69f00", "#56b4e9", "#d55e00", "#009e73", "#cc79a7", "#0072b2")
SHAPES = {
    "unified": "circle",
    "portfolio": "diamond",
    "segregated": "square",
    "isolated": "triangle",
}

WALLETS = ("unified", "segregated", "isolated")  # one requirement, ever more wallets: solid
MARGINS = ("unified", "portfolio")  # one wallet, two requirements: dotted


@dataclass(frozen=True)
class Point:
    """One view, shock and mode.

    capital per USD of notional; bad_debt, outsiders, untouched, liquidated bp of the notional;
    lost, lost_hedged shares of parties; untouched_share of all liquidations, None without any.
    """

    view: str
    shock: str
    mode: str
    capital: Interval
    bad_debt: Interval
    outsiders: Interval
    untouched: Interval
    liquidated: Interval
    lost: Interval
    lost_hedged: Interval
    untouched_share: float | None


@dataclass(frozen=True)
class Scale:
    """Pixels of a value: linear, or logarithmic with everything up to ``floor`` at the bottom."""

    ticks: Sequence[float]
    low_px: float
    high_px: float
    floor: float = 0.0

    def at(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        if self.floor:
            low, high, value = (math.log10(max(x, self.floor)) for x in (low, high, value))
        return self.low_px + (self.high_px - self.low_px) * (value - low) / ((high - low) or 1.0)


Read = Callable[[Point], Interval]
COLUMNS: tuple[tuple[str, str, Read, float, float], ...] = (
    ("Bad debt", "bp of notional (log; 0 at the bottom)", lambda p: p.bad_debt, 1.0, 0.01),
    ("Liquidated where the shock did not strike", "% of notional", lambda p: p.untouched, 0.01, 0.0),
    ("Hedged parties that lost a leg or more", "% of hedged parties", lambda p: p.lost_hedged, 100.0, 0.0),
)  # fmt: skip


def curve(points: Sequence[Point], prices: Sequence[str], events: Sequence[str]) -> str:
    """SVG: two rows (price shocks; shocks with an event), three measures of harm."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, 26, "The same books under four margin modes: capital against harm", size=17),
        text(
            LEFT,
            46,
            "Mean over seeds, bars the 90 % bootstrap interval; each wallet has the capital that "
            "its mode asks for.  Solid: the same requirement, more wallets; dotted: portfolio margin",
            size=12,
        ),
        *_shapes(),
    ]
    capital = [p.capital for p in points]
    low, high = min(c.low for c in capital), max(c.high for c in capital)
    x_ticks = axis(100.0 * low, 100.0 * high, 5)
    for row, names in enumerate((prices, events)):
        palette = GRADED[-len(names) :] if row == 0 and len(names) <= len(GRADED) else OTHERS
        colours = {name: palette[k % len(palette)] for k, name in enumerate(names)}
        for column in range(len(COLUMNS)):
            parts += _panel(points, colours, row, column, x_ticks)
        parts += _legend(colours, row)
    return "\n".join([*parts, "</svg>\n"])


def _place(row: int, column: int) -> tuple[float, float]:
    return LEFT + column * (PANEL_W + GAP_X), TOP + row * (PANEL_H + GAP_Y)


def _panel(
    points: Sequence[Point],
    colours: dict[str, str],
    row: int,
    column: int,
    x_ticks: Sequence[float],
) -> list[str]:
    title, unit, read, factor, floor = COLUMNS[column]
    left, top = _place(row, column)
    shown = [p for p in points if p.shock in colours]
    most = max([factor * read(p).high for p in shown], default=1.0)
    if floor:
        ticks = [10.0**k for k in range(round(math.log10(floor)), math.ceil(math.log10(max(most, 1))) + 1)]  # fmt: skip
    else:
        ticks = axis(0.0, most or 1.0, 5)
    y = Scale(ticks, top + PANEL_H, top, floor)
    x = Scale(x_ticks, left, left + PANEL_W)
    parts = [text(left, top - 20, title, size=13), text(left, top - 6, unit, size=11)]
    for tick in ticks:
        at = y.at(tick)
        parts.append(_line(left, at, left + PANEL_W, at, "#e4e4e4"))
        parts.append(text(left - 6, at + 4, f"{tick:g}", anchor="end", size=11))
    for tick in x_ticks:
        at = x.at(tick)
        parts.append(_line(at, top, at, top + PANEL_H, "#f0f0f0"))
        parts.append(text(at, top + PANEL_H + 16, f"{tick:g}", anchor="middle", size=11))
    parts.append(
        text(
            left + PANEL_W / 2,
            top + PANEL_H + 34,
            "capital, % of notional",
            anchor="middle",
            size=11,
        )
    )
    for name, colour in colours.items():
        line = [p for mode in SHAPES for p in shown if p.shock == name and p.mode == mode]
        for modes, dashes in ((WALLETS, ""), (MARGINS, ' stroke-dasharray="3 4"')):
            path = " ".join(
                f"{x.at(100 * p.capital.mean):.1f},{y.at(factor * read(p).mean):.1f}"
                for mode in modes
                for p in line
                if p.mode == mode
            )
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
            )
        for p in line:
            found, at = read(p), x.at(100 * p.capital.mean)
            up, down = y.at(factor * found.high), y.at(factor * found.low)
            parts.append(_line(at, down, at, up, colour, 1.4))
            parts += [_line(at - 4, end, at + 4, end, colour, 1.4) for end in (up, down)]
            parts.append(_marker(SHAPES[p.mode], at, y.at(factor * found.mean), colour))
    return parts


def _legend(colours: dict[str, str], row: int) -> list[str]:
    """The shocks of a row, along the bottom of it."""
    left, top = _place(row, 0)
    y, parts = top + PANEL_H + 54, []
    for k, (name, colour) in enumerate(colours.items()):
        x = left + 170 * k
        parts += [_line(x, y - 4, x + 22, y - 4, colour, 3), text(x + 28, y, name, size=12)]
    return parts


def _shapes() -> list[str]:
    """The modes, under the title."""
    parts = []
    for k, (mode, shape) in enumerate(SHAPES.items()):
        x = LEFT + 6 + 120 * k
        parts += [_marker(shape, x, 62, "#444444"), text(x + 12, 66, mode, size=12)]
    return parts


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"/>'
    )


def _marker(shape: str, x: float, y: float, colour: str) -> str:
    style = f'fill="{colour}" stroke="#333333" stroke-width="0.8"'
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" {style}/>'
    corners = {
        "diamond": ((0, -6), (6, 0), (0, 6), (-6, 0)),
        "square": ((-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)),
        "triangle": ((0, -6), (5.5, 4.5), (-5.5, 4.5)),
    }[shape]
    path = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{path}" {style}/>'
