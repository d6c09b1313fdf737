"""The life of an event and what it did to accounts, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from scenarios.tables import blank_table, number

MOST = 20  # liquidations shown: those that cost most


def story(found: Mapping[str, Any]) -> RenderableType:
    """``found`` is what `scenarios.resolution_story.story` returns."""
    head = f"Event {found['event']} of {found['run_id']}: {', '.join(found['shares'])}"
    parts: list[RenderableType] = [Text(head, style="bold"), _steps(found["steps"])]
    parts.append(_verdict(found["resolution"]))
    parts += [
        Text(
            f"bond: {_clock(bond['time_us'])} account {bond['account']} ({bond['cohort']}) got"
            f" {bond['usd']:,.2f} USD, {bond['why']} (SET-04)"
        )
        for bond in found["bonds"]
    ]
    return Group(*parts, *_fallen(found["liquidations"], found["totals"]))


def _clock(time_us: int) -> str:
    """Month, day and time of day: a vote takes days."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%m-%d %H:%M:%S")


def _steps(steps: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not steps:
        return Text("nobody has proposed, disputed or resolved anything")
    table = blank_table(
        "time, UTC", "state", "by", "outcome", "stake for", "against", "", right=(4, 5)
    )
    for step in steps:
        voted = step["stake_for_usd"] or step["stake_against_usd"]
        stakes = [number(step[f"stake_{side}_usd"], "USD") for side in ("for", "against")]
        table.add_row(
            _clock(step["time_us"]),
            step["state"],
            step["actor"],
            step["outcome"],
            *(stakes if voted else ("", "")),
            Text(step["text"], style="dim"),
        )
    return table


def _verdict(resolution: Mapping[str, Any] | None) -> Text:
    if resolution is None:
        return Text("Not resolved in this run")
    text = Text(
        f"Resolved {resolution['outcome']} at {_clock(resolution['time_us'])} (event"
        f" {resolution['seq']}): {resolution['paid_usd']:,.2f} USD paid to"
        f" {resolution['holders']:,} holders (SET-03)"
    )
    if resolution["wrong"]:
        true = resolution["true_outcome"] or "another outcome"
        text.append(f"; wrong: the truth is {true}", style="bold red")
    return text


def _fallen(
    rows: Sequence[Mapping[str, Any]], totals: Mapping[str, float]
) -> Sequence[RenderableType]:
    if not rows:
        return [Text("It caused no liquidation")]
    count, accounts = len(rows), int(totals["accounts"])
    head = Text(
        f"It caused {count:,} liquidation{'s' * (count != 1)} of {accounts:,}"
        f" account{'s' * (accounts != 1)}: {totals['shares_lost_usd']:,.2f} USD lost on their shares,"
        f" {totals['closed_usd']:,.2f} closed by force, costs {totals['costs_usd']:,.2f},"
        f" deficits {totals['deficit_usd']:,.2f}",
        style="bold",
    )
    table: Table = blank_table(
        "time, UTC", "account", "", "pushed by", "shares lost", "closed", "costs", "deficit",
        right=(4, 5, 6, 7),
    )  # fmt: skip
    shown = sorted(rows, key=_weight, reverse=True)[:MOST]
    for row in sorted(shown, key=lambda r: int(r["seq"])):
        n = row["forced_trades"]
        by = f"{n} forced trade{'s' * (n > 1)}" if n else row["cause"]
        columns = ("shares_lost_usd", "closed_usd", "costs_usd", "deficit_usd")
        amounts = (number(row[name], "USD") for name in columns)
        table.add_row(_clock(row["time_us"]), str(row["account"]), row["cohort"], by, *amounts)
    left = count - len(shown)
    return [head, table, *([Text(f"… {left:,} more: see --json …")] if left else [])]


def _weight(row: Mapping[str, Any]) -> float:
    return float((row["shares_lost_usd"] or 0.0) + row["costs_usd"] + row["deficit_usd"])
