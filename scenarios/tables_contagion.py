"""Who owes whom in a run, and how its cascade spread, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from scenarios.tables import TITLES, number

INSTRUMENTS = 8  # of the next-generation matrix, those with most forced orders
HUBS = 12


def contagion(found: Mapping[str, Any]) -> RenderableType:
    """Everything: ``found`` is what `scenarios.contagion.contagion` returns."""
    parts: list[RenderableType] = [
        Text(_headline(found), style="bold"),
        _shocks(found["shocks"]),
        _hubs(found["hubs"]),
        _spreaders(found["spreaders"]),
        _overlap(found["overlap"]),
    ]
    if found["peaks"]:
        parts.append(_peaks(found["peaks"]))
    parts += _cascade(found["cascade"])
    return Group(*parts)


def _headline(found: Mapping[str, Any]) -> str:
    return (
        f"{found['run_id']} at {found['at']} UTC: {found['accounts']:,} accounts with"
        f" {found['equity_usd']:,.0f} USD, insurance {found['insurance_usd']:,.0f} USD;"
        f" radius of who owes whom {found['exposure_radius']:.3g}"
    )


def _shocks(rows: Iterable[Mapping[str, Any]]) -> Table:
    table = _table(
        "Every coin moves by", "shock itself", "+ contagion", "cannot pay", "… because of others",
        "unpaid, USD", "unpaid", title="If prices jump now (DebtRank; Eisenberg-Noe)",
        right=range(7),
    )  # fmt: skip
    for row in rows:
        table.add_row(
            f"{100 * row['move']:+g} %",
            number(row["direct_share"], "share"),
            number(row["contagion_share"], "share"),
            f"{row['defaults']:,}",
            f"{row['domino_defaults']:,}",
            number(row["unpaid_usd"], "USD"),
            number(row["unpaid_share"], "share"),
        )
    return table


def _hubs(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = _table(
        "Through", "owed, USD", "debtors", "largest", "creditors",
        title="Who owes whom after −10 %", right=range(1, 5),
    )  # fmt: skip
    for row in rows[:HUBS]:
        table.add_row(
            row["name"],
            number(row["due_usd"], "USD"),
            f"{row['debtors']:,}",
            number(row["largest_debtor_share"], "share"),
            f"{row['creditors']:,}",
        )
    if len(rows) > HUBS:
        table.add_row(f"… and {len(rows) - HUBS} more", style="dim")
    return table


def _spreaders(rows: Iterable[Mapping[str, Any]]) -> Table:
    table = _table(
        "Account", "of", "equity, USD", "owes, USD", "others lose, USD", "of their equity",
        title="Whose ruin would cost the others most, after −10 %", right=(0, 2, 3, 4, 5),
    )  # fmt: skip
    for row in rows:
        table.add_row(
            str(row["account"]),
            row["cohort"],
            number(row["equity_usd"], "USD"),
            number(row["dues_usd"], "USD"),
            number(row["others_lose_usd"], "USD"),
            number(row["others_lose_share"], "share"),
        )
    return table


def _overlap(found: Mapping[str, Any]) -> RenderableType:
    names = found["cohorts"]
    table = _table(
        "Loses, USD", *names, title="If a cohort (column) closed its whole book, others (rows) lose",
        right=range(1, len(names) + 1),
    )  # fmt: skip
    for name, row in zip(names, found["loss_usd"], strict=True):
        table.add_row(name, *(number(value, "USD") for value in row))
    text = Text(f"Fire sales feed themselves above 1: {found['fire_sale_radius']:.3g}")
    if found["without_depth"]:
        text.append(f"; no depth in {', '.join(found['without_depth'])}", style="dim")
    return Group(table, text)


def _peaks(peaks: Mapping[str, Mapping[str, Any]]) -> Table:
    table = _table("Worst during the run", "value", "unit", right=(1,))
    for name, entry in peaks.items():
        unit = "" if entry["unit"] == "share" else entry["unit"]
        table.add_row(TITLES.get(name, name), number(entry["value"], entry["unit"]), unit)
    return table


def _cascade(found: Mapping[str, Any] | None) -> list[RenderableType]:
    if found is None:
        return [Text("The run kept no events: its cascade cannot be told", style="dim")]
    if not found["orders"]:
        return [Text("No forced orders")]
    peak = f", peak {found['peak_ratio']:.3g}"
    if found["peak_at"]:
        peak += f" in the 5 minutes from {found['peak_at']}"
    head = Text(
        f"{found['orders']:,} forced orders, R = {found['branching_ratio']:.3g}{peak};"
        f" next-generation radius {found['radius']:.3g}",
        style="bold",
    )
    counts = found["orders_by_instrument"]
    top = sorted(range(len(counts)), key=lambda i: (-counts[i], i))[:INSTRUMENTS]
    names = [found["instruments"][i] for i in top]
    matrix = _table(
        "Caused in", *(f"by {name}" for name in names), title="Forced orders per forced order",
        right=range(1, len(names) + 1),
    )  # fmt: skip
    for i in top:
        row = [found["next_generation"][i][j] for j in top]
        matrix.add_row(found["instruments"][i], *(f"{x:.2f}" if x else "·" for x in row))
    trees = _table(
        "Tree from", "orders", "generations", "accounts", "instruments", right=range(1, 5)
    )
    for tree in found["trees"]:
        sizes = (f"{tree[k]:,}" for k in ("orders", "generations", "accounts", "instruments"))
        trees.add_row(tree["at"], *sizes)
    return [head, matrix, trees] if found["trees"] else [head, matrix]


def _table(*columns: str, title: str | None = None, right: Iterable[int] = ()) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False
    )
    numeric = set(right)
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i in numeric else "left", no_wrap=i in numeric)
    return table
