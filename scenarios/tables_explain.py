"""Where an account would be liquidated, and why it was, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from scenarios.runs import clock_text

LINKS = 13  # of a chain; a longer one shows its ends
SUFFERED = 5
HELD = "the legs add up to the recorded NE and MM to the micro-USDC"
NOT_HELD = "the legs do not add up to the recorded NE and MM: this run is of another version"


def liquidation(found: Mapping[str, Any]) -> RenderableType:
    """Prices at which NE and MM cross, and what each event's end would do.

    ``found`` is `sim.exchange.breakeven.LiquidationPath.to_dict()`.
    """
    paths = [*found["feeds"], *([found["together"]] if found["together"] else [])]
    if not paths and not found["resolutions"]:
        return Text("Liquidation prices: it depends on no price")
    word = "liquidated" if found["safe"] else "safe again"
    grid = _grid()
    for path in paths:
        now = "" if path["index_usd"] is None else f"{path['index_usd']:,.6g} USD"
        ends = (_crossing(path["down"], word, "−100 %"), _crossing(path["up"], word, "+300 %"))
        grid.add_row(Text(path["feed"] or "all of them"), now, *ends)
    parts: list[RenderableType] = [
        Text("Liquidation prices, others held (LIQ-00: NE < MM)", style="bold"),
        grid,
    ]
    if found["resolutions"]:
        table = _grid()
        for end in found["resolutions"]:
            move = f" with its jump of {end['move']:+.2%}" if end["move"] else ""
            verdict = "safe" if end["safe"] else Text("liquidated", style="red")
            numbers = f"NE {end['ne_usd']:,.2f}, MM {end['mm_usd']:,.2f}"
            table.add_row(f"{end['event']} ends {end['outcome']}{move}", numbers, verdict)
        parts += [Text("If an event ended now (SET-03)", style="bold"), table]
    return Group(*parts)


def _grid() -> Table:
    return Table.grid(padding=(0, 2))


def _crossing(found: Mapping[str, Any] | None, word: str, limit: str) -> str:
    if found is None:
        return f"no change before {limit}"
    at = "" if found["price_usd"] is None else f" at {found['price_usd']:,.6g} USD"
    return f"{word}{at} ({found['move']:+.2%}): NE {found['ne_usd']:,.2f}"


def why(found: Mapping[str, Any]) -> RenderableType:
    """Every liquidation with its chain of causes; ``found`` is `sim.risk.why.Why.to_dict()`."""
    return Text("\n").join(Text(line, overflow="fold") for line in lines(found))


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The same as plain lines."""
    cases = found["liquidations"]
    if not cases:
        yield f"Account {found['account']} was never liquidated."
        if (near := found["nearest"]) is not None:
            yield (
                f"  closest {near['looked']}: {clock_text(near['time_us'])}"
                f" NE {near['ne_usd']:,.2f}, MM {near['mm_usd']:,.2f},"
                f" {near['ne_usd'] - near['mm_usd']:,.2f} USD above"
            )
    for n, case in enumerate(cases, 1):
        yield from _case(n, len(cases), case)
    yield from _suffered(found["suffered"])


def _case(n: int, of: int, case: Mapping[str, Any]) -> Iterator[str]:
    told = case["explanation"]
    over = "still flagged when the record ends"
    if case["unflag_us"] is not None:
        over = f"unflagged {clock_text(case['unflag_us'])} (event {case['unflag_seq']})"
    yield (
        f"Liquidation {n} of {of}: account {case['account']}"
        f" flagged {clock_text(case['time_us'])} (event {case['seq']}), {over}"
    )
    yield "  What it held then"
    for leg in told["legs"]:
        if leg["ne_usd"] or leg["mm_usd"]:
            amounts = f"NE {leg['ne_usd']:>16,.2f}  MM {leg['mm_usd']:>14,.2f}"
            yield f"    {leg['clause']:<7} {leg['name']:<18} {amounts}"
    total = f"NE {told['ne_usd']:>16,.2f}  MM {told['mm_usd']:>14,.2f}"
    yield f"    {'':<7} {'total, USD':<18} {total}  {HELD if case['exact'] else NOT_HELD}"
    trades = case["forced_trades"]
    yield "  Why" if not trades else f"  Why: through {trades} forced trade{'s' * (trades > 1)}"
    chain = case["chain"]
    cut = len(chain) - LINKS
    for k, link in enumerate(chain):
        if cut > 0 and k == LINKS - 4:
            yield f"    … {cut} more events, in --json …"
        if cut <= 0 or k < LINKS - 4 or k >= len(chain) - 4:
            yield f"    {_stamp(link)} {link['text']}"
    yield "  What happened"
    for line in case["lines"]:
        until = ""
        if line["last_seq"] != line["seq"]:
            until = f" (to event {line['last_seq']}, {clock_text(line['last_time_us'])})"
        yield f"    {_stamp(line)} {line['text']}{until}"
    if not case["lines"]:
        yield "    nothing was traded"
    sums = [f"{t['name']} {t['value']:,.2f} ({t['clause']})" for t in case["totals"] if t["value"]]
    if sums:
        yield f"  Totals: {', '.join(sums)}"


def _stamp(row: Mapping[str, Any]) -> str:
    return f"{clock_text(row['time_us'])} #{row['seq']:<9} {row['clause']:<7}"


def _suffered(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    total = sum(row["usd"] for row in rows)
    times = "once" if len(rows) == 1 else f"{len(rows)} times"
    yield f"Losses of others reached it {times}: {total:,.2f} USD"
    for row in rows[:SUFFERED]:
        yield f"    {_stamp(row)} {row['usd']:,.2f} USD for account {row['bankrupt']}"
    if len(rows) > SUFFERED:
        yield f"    … {len(rows) - SUFFERED} more, in --json …"
