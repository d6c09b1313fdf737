"""Small pieces of the pages: cards, panels, tables, messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.headline import Card

GRAPH_CONFIG: Any = {"displaylogo": False, "responsive": True, "displayModeBar": "hover"}


def card(content: Card) -> Any:
    """A headline card; its value carries `data-value` for whoever reads the page by program."""
    value: list[Any] = [html.Span(content.value, className="card-value", id=f"card-{content.key}")]
    if content.unit:
        value.append(html.Span(content.unit, className="card-unit"))
    return dmc.Paper(
        [
            html.Div(content.label, className="card-label"),
            html.Div(value, className="card-line"),
            html.Div(content.note, className="card-note", title=content.note),
        ],
        withBorder=True,
        p="sm",
        className="card",
    )


def panel(title: Any, hint: Any, *children: Any) -> Any:
    """A titled box; the hint says what is shown and in which unit."""
    head: list[Any] = [html.H2(title)]
    if hint is not None:  # an empty component is falsy, too
        head.append(html.P(hint, className="muted"))
    return dmc.Paper([*head, *children], withBorder=True, p="md", className="panel")


def graph(name: str, figure: Any) -> Any:
    """A figure in its place, as high as it wants to be."""
    return dcc.Graph(
        id=name,
        figure=figure,
        config={**GRAPH_CONFIG, "toImageButtonOptions": {"filename": f"windtunnel-{name}"}},
        style={"height": f"{figure.layout.height}px"},
    )


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    numeric: Sequence[int] = (),
    foot: Iterable[Sequence[Any]] = (),
    name: str | None = None,
) -> Any:
    """A plain table; columns in `numeric` are set right."""

    def line(cells: Sequence[Any], cell: Any) -> Any:
        return html.Tr(
            [cell(c, className="numeric" if n in numeric else None) for n, c in enumerate(cells)]
        )

    parts: list[Any] = [
        html.Thead(line(head, html.Th)),
        html.Tbody([line(cells, html.Td) for cells in rows]),
    ]
    footer = [line(cells, html.Td) for cells in foot]
    if footer:
        parts.append(html.Tfoot(footer))
    options: dict[str, Any] = {"id": name} if name else {}
    return html.Div(html.Table(parts, className="table", **options), className="table-scroll")


def notice(title: str, text: Any, name: str = "message") -> Any:
    """A message to the reader in place of a page or a figure."""
    return dmc.Alert(text, title=title, id=name, color="orange", variant="light", my="md")
