"""Where an account would be liquidated, and why it was, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from scenarios.runs import clock_text

LINKS = 13  # of a chain; of a longer one the first and the last ENDING
ENDING = 4
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


def why(found: Mapping[str, Any], at: str) -> RenderableType:
    """Every liquidation up to ``at`` (HH:MM:SS) with its chain of causes.

    ``found`` is `sim.risk.why.Why.to_dict()`.
    """
    cases = found["liquidations"]
    parts: list[RenderableType] = []
    for n, case in enumerate(cases, 1):
        parts += _case(n, len(cases), case)
    if not cases:
        parts.append(
            Text(f"Account {found['account']} was not liquidated until {at}", style="bold")
        )
        if (near := found["nearest"]) is not None:
            parts.append(
                Text(
                    f"closest {near['looked']}: {clock_text(near['time_us'])}"
                    f" NE {near['ne_usd']:,.2f}, MM {near['mm_usd']:,.2f},"
                    f" {near['ne_usd'] - near['mm_usd']:,.2f} USD above"
                )
            )
    return Group(*parts, *_suffered(found["suffered"]))


def _case(n: int, of: int, case: Mapping[str, Any]) -> Iterator[RenderableType]:
    told = case["explanation"]
    over = "still flagged when the record ends"
    if case["unflag_us"] is not None:
        over = f"unflagged {clock_text(case['unflag_us'])} (event {case['unflag_seq']})"
    flagged = f"flagged {clock_text(case['time_us'])} (event {case['seq']}), {over}"
    yield Text(f"Liquidation {n} of {of}: account {case['account']} {flagged}", style="bold")
    legs = _grid()
    for leg in told["legs"]:
        if leg["ne_usd"] or leg["mm_usd"]:
            legs.add_row(leg["clause"], leg["name"], *_amounts(leg))
    legs.add_row("", "total, USD", *_amounts(told))
    yield legs
    yield Text(
        f"({HELD if case['exact'] else NOT_HELD};"
        f" an NE of {case['release_usd']:,.2f} would have released it: LIQ-00)",
        style="dim",
    )
    trades = case["forced_trades"]
    yield Text(f"Why: through {trades} forced trade{'s' * (trades != 1)}" if trades else "Why")
    yield _chain(case["chain"])
    yield Text("What happened" if case["lines"] else "What happened: nothing was traded")
    done = _events()
    for line in case["lines"]:
        text = line["text"]
        if line["last_seq"] != line["seq"]:
            text += f" (to event {line['last_seq']}, {clock_text(line['last_time_us'])})"
        done.add_row(*_stamp(line), text)
    yield done
    sums = [_total(**t) for t in case["totals"] if t["value"]]
    if sums:
        yield Text(f"Totals: {', '.join(sums)}")
    yield Text("")


def _chain(chain: Sequence[Mapping[str, Any]]) -> Table:
    """The links, of a long chain its ends."""
    table = _events()
    cut = len(chain) - LINKS
    for k, link in enumerate(chain):
        if cut > 0 and k == LINKS - ENDING:
            table.add_row("", "", "", f"… {cut} more events: see --json …")
        if cut <= 0 or k < LINKS - ENDING or k >= len(chain) - ENDING:
            table.add_row(*_stamp(link), link["text"])
    return table


def _events() -> Table:
    table = _grid()
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _stamp(row: Mapping[str, Any]) -> tuple[str, str, str]:
    told = row["seq"] or row.get("event") not in ("VOTE", "DECIDED")  # no events of the exchange
    return clock_text(row["time_us"]), f"#{row['seq']}" if told else "", row["clause"]


def _amounts(row: Mapping[str, Any]) -> tuple[str, str]:
    return f"NE {row['ne_usd']:>16,.2f}", f"MM {row['mm_usd']:>14,.2f}"


def _total(name: str, clause: str, value: float) -> str:
    words, usd = name.removesuffix("_usd").replace("_", " "), name.endswith("_usd")
    return f"{words} {value:,.2f} USD ({clause})" if usd else f"{words} {value:,.0f} ({clause})"


def _suffered(rows: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    if not rows:
        return
    total = sum(row["usd"] for row in rows)
    times = "once" if len(rows) == 1 else f"{len(rows)} times"
    yield Text(f"Losses of others reached it {times}: {total:,.2f} USD", style="bold")
    table = _events()
    for row in rows[:SUFFERED]:
        table.add_row(*_stamp(row), f"{row['usd']:,.2f} USD for account {row['bankrupt']}")
    if len(rows) > SUFFERED:
        table.add_row("", "", "", f"… {len(rows) - SUFFERED} more: see --json …")
    yield table
