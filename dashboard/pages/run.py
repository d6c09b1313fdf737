"""One run: headline, prices, liquidations, insurance, depth, accounts, and a margin explained."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard import data
from dashboard.cursor import Cursor
from dashboard.drawings import GRAPHS, draw
from dashboard.grid import accounts_grid
from dashboard.headline import cards, check_rows, metric_rows
from dashboard.pages.account import account_view
from dashboard.runs import Run
from dashboard.theme import Scheme
from dashboard.units import MISSING, clock, number, price_digits
from dashboard.widgets import card, graph, panel, table
from sim.exchange.instruments import Kind

CLICK = "A click on a point moves the time cursor there."


def headline(run: Run) -> Any:
    """The cards of a run."""
    return dmc.SimpleGrid(
        [card(content) for content in cards(run)],
        cols={"base": 2, "sm": 5},
        spacing="sm",
    )


def run_picker(ids: list[str], run: str) -> Any:
    """The choice of a run; it lives in the header."""
    return dmc.Select(
        id="run-picker",
        data=ids if run in ids else [run, *ids],
        value=run,
        searchable=True,
        allowDeselect=False,
        w=320,
        maw="60vw",
        **{"aria-label": "run"},
    )


def run_view(run: Run, cursor: Cursor, scheme: Scheme) -> Any:
    """The whole page of a run at a cursor."""
    traded = run.instruments(Kind.PERPETUAL, Kind.SPOT)
    events = run.instruments(Kind.EVENT)
    chosen = {
        "instrument": str(traded[0]) if traded else None,
        "event": str(events[0]) if events else None,
    }

    def drawn(name: str) -> Any:
        choice = GRAPHS[name][0]
        instrument = chosen[choice] if choice else None
        return graph(name, draw(name, run, instrument, scheme, cursor.t))

    first = traded[0] if traded else None
    return [
        headline(run),
        dmc.SimpleGrid(
            [
                panel(
                    "Index, mark and quotes",
                    ["Prices over time. ", CLICK],
                    _choice("instrument", "Instrument", run, traded),
                    drawn("prices"),
                    html.Div(
                        "" if first is None else readout(run, first, cursor.t),
                        id="readout",
                        className="readout",
                        role="status",
                    ),
                ),
                panel(
                    "Event price",
                    "Price of a YES share: 0 USD if it is sure to lose, 1 USD to win.",
                    _choice("event", "Event", run, events),
                    drawn("event-prices"),
                ),
                panel(
                    "Liquidations by stage",
                    "Notional closed by force, and how many accounts are flagged.",
                    drawn("liquidations"),
                ),
                panel(
                    "Insurance fund",
                    "What is in the fund; below, on its own scale, what it paid and what others bore.",
                    drawn("insurance"),
                ),
            ],
            cols={"base": 1, "lg": 2},
            spacing="md",
            mt="md",
        ),
        panel(
            ["Depth of the book", html.Span(_of(run, first), id="depth-of")],
            "Resting orders by distance from the mid: bids below, asks above. The brighter, the"
            " deeper; rows are the bands that the exchange reports, each equally high.",
            drawn("depth"),
        ),
        accounts_panel(run, cursor),
        html.Div(account_view(run, cursor, scheme), id="explanation"),
        html.Div(details(run), id="details"),
    ]


def _of(run: Run, instrument: int | None) -> str:
    return "" if instrument is None else f": {run.units[instrument].name}"


def _choice(name: str, label: str, run: Run, instruments: list[int]) -> Any:
    return dmc.Select(
        id=name,
        label=label,
        data=[{"value": str(i), "label": run.units[i].name} for i in instruments],
        value=str(instruments[0]) if instruments else None,
        searchable=True,
        allowDeselect=False,
        w=240,
    )


def readout(run: Run, instrument: int, t: float | None) -> str:
    """The prices of an instrument at the cursor, in words."""
    at_us = Cursor(t=t).at_us(run.start_us, run.end_us)
    seen = data.at(run, instrument, at_us)
    unit = run.units[instrument]
    digits = price_digits(unit.tick_usd)
    parts = [f"{n} {number(seen.get(n), digits)}" for n in ("index", "mark", "bid", "ask")]
    index, mark = seen.get("index"), seen.get("mark")
    if index and mark:
        parts.append(f"mark against index {number((mark / index - 1) * 1e4, 1)} bp")
    if seen.get("oi") and unit.kind == Kind.PERPETUAL:
        parts.append(f"open interest {number(seen['oi'], 2)} {unit.size_unit}")
    when = clock(at_us) if t is not None else f"{clock(at_us)}, the end"
    return f"{unit.name} at {when}, {unit.price_unit}: " + " · ".join(parts)


def accounts_panel(run: Run, cursor: Cursor) -> Any:
    """The table of accounts."""
    frame, total = data.accounts(run), data.account_count(run)
    hint = "Sorted by loss; a click on a row explains that account's margin below."
    if frame.height < total:
        hint += f" Shown: the {number(frame.height)} with the largest loss of {number(total)}."
    return panel("Accounts", hint, accounts_grid(frame, cursor.account))


def details(run: Run) -> Any:
    """Metrics, invariants and checks, digest and versions, folded away."""
    facts = [
        ("digest", run.digest or MISSING),
        *((k, str(v)) for k, v in (run.manifest.get("versions") or {}).items()),
        ("platform", ", ".join((run.manifest.get("platform") or {}).values()) or MISSING),
        ("wall time", f"{number(run.manifest.get('wall_seconds'))} s"),
    ]
    parts = [html.Details([html.Summary("Digest and versions"), table(("What", "Value"), facts)])]
    metrics = metric_rows(run)
    if metrics:
        body = table(("Metric", "Value", "Unit"), metrics, numeric=(1,), name="metrics")
        parts.append(html.Details([html.Summary(f"All {len(metrics)} metrics"), body]))
    checks = check_rows(run)
    if checks:
        body = table(("Id", "Outcome", "Detail"), checks, name="checks")
        bad = sum(outcome in ("violated", "failed") for _, outcome, _ in checks)
        told = f"Invariants and checks: {number(len(checks))}, {number(bad)} not held"
        parts.append(html.Details([html.Summary(told), body]))
    return parts


def unknown(ids: list[str]) -> Any:
    """Links out of a page whose run is not there."""
    links = [html.Li(html.A(name, href=Cursor(name).href)) for name in ids[:10]]
    return html.Ul([*links, html.Li(html.A("all runs", href="/"))])
