"""What the portfolio lab found, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from scenarios.legwords import words

Found = Mapping[str, Any]
WIDTH = 120  # of the widest table
ACROSS = 6  # columns of outcomes beside each other


def report(found: Found, *, legs: bool = False) -> RenderableType:
    """Everything: ``found`` is what `scenarios.portfolio.lab.analyse` returns."""
    parts: list[RenderableType] = [Text(found["title"] or found["file"], style="bold")]
    if found["text"]:
        parts.append(Text(found["text"], style="dim"))
    parts += [Text(f"note: {note}", style="yellow") for note in found["notes"]]
    parts += [holdings(found), margin(found)]
    if legs:
        parts += list(leg_tables(found["modes"]))
    parts += list(states(found["states"]))
    if found["stress"]:
        parts.append(stress(found["stress"]))
    parts.append(tails(found))
    if found["jumps"]:
        parts.append(jumps(found["jumps"]))
    if found["hedges"]["alone"]:
        parts.append(hedges(found["hedges"]))
    parts += [what_if(found, one) for one in found["what_if"]]
    return Group(*parts)


def wide(*columns: str, right: Sequence[int] | range = (), title: str | None = None) -> Table:
    """A table whose first column and numbers are not cut."""
    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False
    )
    numeric = set(right)
    for i, name in enumerate(columns):
        justify: Literal["left", "right"] = "right" if i in numeric else "left"
        table.add_column(name, justify=justify, no_wrap=i in numeric or i == 0)
    return table


def cents(usd: float) -> str:
    return f"{round(usd, 2) + 0.0:,.2f}"  # no minus before a zero


def whole(usd: float) -> str:
    """Whole USD; cents only of small amounts."""
    return f"{usd:,.0f}" if abs(usd) >= 100 else cents(usd)


def percent(share: float | None, digits: int = 1) -> str:
    return "—" if share is None else f"{100 * share:,.{digits}f} %"


def move(value: float) -> str:
    """``−4 %``; a move to a strike with as many digits as it needs."""
    return f"{100 * value:+.5g} %" if value else "0 %"


def holdings(found: Found) -> RenderableType:
    table = wide("Held", "amount", "unit", "USD at marks", right=(1, 3))
    for row in found["holdings"]:
        table.add_row(row["name"], f"{row['amount']:,.10g}", row["unit"], cents(row["usd"]))
    table.add_section()
    table.add_row("equity (MAR-01)", "", "", cents(found["equity_usd"]), style="bold")
    return table


def margin(found: Found) -> RenderableType:
    """One line a mode, and what its least capital goes through."""
    table = wide(
        "Margin, USD", "NE", "IM", "MM", "capital needed", "saves", "", "own USDC left",
        right=range(1, 8),
    )  # fmt: skip
    endures = wide("With just that", "flagged in", "uncovered, USD", "at", right=(1, 2))
    for row in found["modes"]:
        columns = ("ne_usd", "im_usd", "mm_usd", "need_usd", "saves_usd")
        cells = [*(cents(row[c]) for c in columns), percent(row["saves_share"])]
        table.add_row(row["mode"], *cells, cents(row["left_usd"]))
        end = row["endurance"]
        flagged = f"{end['flagged']} of {end['states']}"
        endures.add_row(row["mode"], flagged, cents(end["uncovered_usd"]), end["worst"] or "—")
    needed = (
        "capital needed: the least USDC with which every wallet has NE ≥ IM; what it saves against"
        " isolated wallets"
    )
    just = (
        "with just that capital: states of the table below in which a wallet has NE < MM, and the most"
        " that wallets below zero\nlack together (an instant move: nothing is liquidated on the way)"
    )
    return Group(table, Text(needed, style="dim"), endures, Text(just, style="dim"))


def leg_tables(found: Sequence[Found]) -> Iterator[RenderableType]:
    """Every wallet leg by leg (MAR-11)."""
    for row in found:
        for wallet in row["wallets"]:
            title = f"{row['mode']}: {wallet['name']}, without free USDC; needs {cents(wallet['need_usd'])}"
            table = wide("leg", "clause", "NE", "IM", "MM", "from", title=title, right=(2, 3, 4))
            for leg in wallet["legs"]:
                amounts = (cents(leg[c]) for c in ("ne_usd", "im_usd", "mm_usd"))
                why = Text(words(leg["inputs"]), "dim")
                table.add_row(leg["name"], leg["clause"], *amounts, why)
            table.add_section()
            sums = (cents(wallet[c]) for c in ("ne_usd", "im_usd", "mm_usd"))
            table.add_row("total", "", *sums, style="bold")
            yield table


def states(found: Found) -> Iterator[RenderableType]:
    """Loss at every move (down) and joint outcome (across)."""
    ends, worst = found["ends"], found["worst"]
    for start in range(0, len(ends), ACROSS):
        some = range(start, min(start + ACROSS, len(ends)))
        titles = [ends[c]["title"] for c in some]
        table = wide("Loss, USD", "", *titles, right=range(2, 2 + len(titles)))
        for row, losses in zip(found["moves"], found["losses_usd"], strict=True):
            cells = []
            for c in some:
                here = row["move"] == worst["move"] and ends[c]["title"] == worst["ends"]
                cells.append(Text(whole(losses[c]), style="bold red" if here else ""))
            table.add_row(f"price {move(row['move'])}", row["why"], *cells)
        yield table
    notes = "".join(f"; {note}" for note in found["notes"])
    yield Text(
        f"worst state: {whole(worst['loss_usd'])} at {move(worst['move'])}, {worst['ends']}"
        f" (a negative loss is a gain){notes}",
        style="dim",
    )


def stress(found: Found) -> RenderableType:
    """The worst joint outcome at every move and oracle state."""
    names = {"true": "true", "stale": "stale", "wrong": "wrong outcome", "void": "void"}
    titles = [f"oracle {names[o]}" for o in found["oracles"]]
    table = wide("Worst loss, USD", *titles, right=range(1, 1 + len(titles)))
    worst = found["worst"]
    for step, cells in zip(found["moves"], found["worst_by_move"], strict=True):
        row = []
        for cell in cells:
            here = cell["loss_usd"] == worst["loss_usd"] and cell["oracle"] == worst["oracle"]
            row.append(Text(whole(cell["loss_usd"]), style="bold red" if here else ""))
        table.add_row(f"price {move(step)}", *row)
    return Group(table, Text(f"worst cell: {_cell(worst)}", style="dim"))


def _cell(cell: Found) -> str:
    said = ", ".join(f"{event} {outcome}" for event, outcome in cell["outcomes"].items())
    return (
        f"{whole(cell['loss_usd'])} with price {move(cell['move'])}, {said or 'events as the price decides'},"
        f" oracle {cell['oracle']}"
    )


def tails(found: Found) -> RenderableType:
    """ES first, VaR beside it."""
    method = found["method"]
    exact = not method["why"]
    table = wide(
        "Level", "ES, USD", "VaR, USD", "± of ES" if not exact else "a normal law's ES",
        "ES if all goes wrong together", right=(1, 2, 3, 4),
    )  # fmt: skip
    for row in found["tails"]:
        beside = row["normal_es_usd"] if exact else row["es_error_usd"]
        numbers = (row["es_usd"], row["var_usd"], beside, row["comonotone_es_usd"])
        table.add_row(f"{100 * row['level']:g} %", *(whole(x) for x in numbers))
    said = (
        "every joint outcome enumerated, exact"
        if exact
        else f"{method['paths']:,} paths, seed {method['seed']}, {method['copula']} copula;"
        f" standard error of the ES; simulated because {method['why']}"
    )
    days = "day" if found["horizon_days"] == 1 else "days"
    return Group(table, Text(f"over {found['horizon_days']:g} {days}; {said}", style="dim"))


def jumps(found: Sequence[Found]) -> RenderableType:
    """Jump-to-resolution exposure."""
    table = wide("If it resolves now", "largest loss, USD", "at", "by outcome", right=(1,))
    for row in found:
        every = ", ".join(f"{k} {whole(x)}" for k, x in row["loss_usd"].items())
        table.add_row(row["event"], whole(row["exposure_usd"]), row["worst_outcome"], every)
    return table


def hedges(found: Found) -> RenderableType:
    """Minimum-variance ratios."""
    table = wide("Minimum-variance hedge", "sell", "unit", "R²", right=(1, 3))
    for row in found["alone"]:
        ratio = f"{row['ratio']:,.6g}"
        table.add_row(f"{row['sell']} alone", ratio, row["unit"], f"{row['r_squared']:.4f}")
    if "prices" in found and len(found["prices"]["coins"]) > 1:
        every = ", ".join(f"{name} {x:,.6g}" for name, x in found["prices"]["coins"].items())
        table.add_row("all prices together", every, "coins", f"{found['prices']['r_squared']:.4f}")
    said = (
        f"a negative number is to be bought; standard deviation of the loss"
        f" {whole(found['deviation_usd'])} USD, {found['paths']:,} paths"
    )
    return Group(table, Text(said, style="dim"))


def what_if(found: Found, one: Found) -> RenderableType:
    """Before → after under each mode; USDC left is the free USDC less the capital needed."""
    title = f"What if: {one['name']}"
    table = wide(
        "mode", "NE before", "after", "IM before", "after", "MM before", "after",
        "USDC left before", "after", title=title, right=range(1, 9),
    )  # fmt: skip
    for before, then in zip(found["modes"], one["modes"], strict=True):
        cells = []
        for column in ("ne_usd", "im_usd", "mm_usd", "left_usd"):
            cells += [whole(before[column]), whole(then[column])]
        table.add_row(before["mode"], *cells)
    said = [
        f"ES {100 * a['level']:g} %: {whole(a['es_usd'])} → {whole(b['es_usd'])}"
        for a, b in zip(found["tails"], one["tails"], strict=True)
    ]
    return Group(table, Text(";  ".join(said), style="dim"))


def library(found: Sequence[Found]) -> RenderableType:
    """The portfolios that come with windtunnel."""
    table = wide("Portfolio", "what")
    for row in found:
        table.add_row(row["name"], row["title"])
    return table
