"""The margin of one account, explained: waterfall and legs, each with its clauses (MAR-11)."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
import polars as pl
from dash import dcc, html

from dashboard import data, margins
from dashboard.cursor import Cursor
from dashboard.explanation import Explanation
from dashboard.figures.margin import margin
from dashboard.runs import Run
from dashboard.theme import Scheme
from dashboard.units import clock, number, usd
from dashboard.widgets import graph, notice, panel, table

PARTS = ("equity", "net_equity", "initial", "maintenance")
HEAD = ("Leg", "Clause", "Held, price, rates", "E, USD", "NE, USD", "IM, USD", "MM, USD")
LINKS = 12


def account_view(run: Run, cursor: Cursor, scheme: Scheme) -> Any:
    """The panel of the cursor's account, explained at its last flag before the cursor."""
    if cursor.account is None:
        return None
    row = data.account_row(run, cursor.account)
    if row is None:
        text = f"Run {run.id} has no account {cursor.account}."
        return notice("No such account", text, "no-account")
    until = None if cursor.t is None else cursor.at_us(run.start_us, run.end_us)
    explanation = margins.margin_explanation(run, cursor.account, until)
    title = f"Margin of account {cursor.account} explained"
    who = (
        f"Cohort {row['cohort']}; profit or loss {usd(row['pnl_usd'], 2)};"
        f" last stage reached: {row['stage']}."
    )
    if explanation is None:
        why = (
            "This account was never flagged for liquidation, and the run holds no"
            " final holdings (holdings.parquet), so there is nothing to explain its margin from."
        )
        return panel(title, who, notice("No holdings recorded", why, "no-holdings"))
    flags = margins.flags(run, cursor.account)
    return panel(
        title,
        who,
        html.P(verdict(explanation, flagged=flags.height > 0), id="verdict"),
        *_flag_links(flags, explanation, cursor, run.start_us),
        graph("waterfall", margin(explanation, scheme)),
        legs_table(explanation),
        html.P(_footnote(explanation), className="muted", id="footnote"),
    )


def verdict(explanation: Explanation, flagged: bool) -> str:
    """One sentence: when, NE against MM, and what follows."""
    net, required = explanation.total("net_equity"), explanation.total("maintenance")
    when = f"At {clock(explanation.at_us)}" + (" it was flagged" if flagged else ", the end")
    compare = "below" if net < required else "not below"
    return (
        f"{when}: net equity {usd(net, 2)}, {compare} its maintenance margin of"
        f" {usd(required, 2)} (MAR-09); {'short by' if net < required else 'to spare:'}"
        f" {usd(abs(net - required), 2)}."
    )


def legs_table(explanation: Explanation) -> Any:
    """Legs in the rulebook's order; the foot is their sum."""
    rows = [
        (leg.name, leg.clause, leg.detail, *(number(getattr(leg, p), 2) for p in PARTS))
        for leg in explanation.legs
    ]
    total = ("Sum", "", "", *(number(explanation.total(p), 2) for p in PARTS))
    return table(HEAD, rows, numeric=(3, 4, 5, 6), foot=[total], name="legs")


def _flag_links(
    flags: pl.DataFrame, explanation: Explanation, cursor: Cursor, start_us: int
) -> list[Any]:
    times = flags["time_us"].to_list()
    if len(times) < 2:
        return []
    links: list[Any] = [html.Span(f"Flagged {number(len(times))} times:")]
    for time in times[:LINKS]:
        chosen = time == explanation.at_us
        target = cursor.to(t=(time - start_us) / 1e6)
        links.append(html.B(clock(time)) if chosen else dcc.Link(clock(time), href=target.href))
    if len(times) > LINKS:
        links.append(html.Span(f"and {number(len(times) - LINKS)} more"))
    return [dmc.Group(links, gap="sm", id="flag-links")]


def _footnote(explanation: Explanation) -> str:
    text = (
        "E raw equity (MAR-01), NE net equity after haircuts (MAR-02), IM initial margin without"
        " resting orders (MAR-03 to 05), MM maintenance margin. "
    )
    if explanation.agrees is not None and explanation.recorded:
        told = ", ".join(usd(x, 2) for x in explanation.recorded)
        verb = "agree with" if explanation.agrees else "DIFFER from"
        text += f"E, NE and MM {verb} what the exchange recorded at the flag: {told}. "
    return text + "".join(f"Note: {note}. " for note in explanation.notes)
