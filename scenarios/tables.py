"""A run's report, a control's outcome and an explained account as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from scenarios.legwords import words

TITLES = {
    "bad_debt_usd": "Bad debt",
    "insurance_used_usd": "Insurance fund used, net",
    "insurance_depleted": "Insurance fund depleted",
    "liquidated_notional_usd": "Liquidated, all stages",
    "liquidated_accounts": "Accounts liquidated",
    "liquidated_accounts_share": "… of all accounts",
    "adl_notional_usd": "Auto-deleveraged, notional",
    "adl_pnl_usd": "Auto-deleveraged, profit forgone",
    "socialised_usd": "Socialised loss",
    "first_adl_delay_s": "First liquidation to first ADL",
    "cascade_r": "Cascade: offspring per forced order, peak 5 min",
    "cascade_radius": "Cascade across instruments, next-generation radius",
    "amplification": "Traded fall over true fall",
    "liquidation_slippage_bps": "Slippage of forced orders",
    "depth_min_share": "Depth within 50 bp, lowest over normal",
    "mark_gap_max_bps": "Largest gap of mark to index",
    "event_price_min": "Event price, lowest",
    "event_price_max": "Event price, highest",
    "wrongful_liquidation_share": "Flagged though solvent at true prices",
    "wrongful_notional_usd": "… what was closed of them",
    "wrongful_debt_share": "… their debts closed, of all debts",
    "liquidation_loss_ratio": "Lost to takers per USD liquidated",
    "loss_market_usd": "Losses of liquidations: the market",
    "loss_book_usd": "… marks that left a right index",
    "loss_oracle_usd": "… a wrong index",
    "loss_resolution_usd": "… a resolution or proposal",
    "bad_debt_true_usd": "Bad debt at true prices",
    "extracted_usd": "Taken out beyond what was brought",
    "extraction_ratio": "… over what was brought, highest of a party",
    "oracle_error_max_bps": "Index off the true price, largest",
    "oracle_error_s": "… by more than 1 %, worst feed",
    "oracle_stale_s": "Reading stale or worse, longest",
    "oracle_detect_s": "Wrong index noticed after, slowest",
    "oracle_undetected": "… never noticed",
    "oracle_recover_s": "… back to normal after its end, slowest",
    "oracle_false_alarms": "Alarms at a right index",
    "oracle_false_alarm_s": "… their time",
    "event_jump_exposure_usd": "Unpaid if the worst event end came now, peak",
    "resolutions": "Events resolved",
    "wrong_resolution_share": "… wrongly",
    "resolution_p95_s": "… after the event's end, 95th percentile",
    "capital_locked_usd_days": "Capital locked until resolution",
    "corruption_cost_usd": "Corrupting the outcome: cost",
    "corruption_profit_usd": "… profit on the exchange",
    "debtrank_share": "DebtRank: equity lost by contagion at ±10 %, peak",
    "exposure_radius": "Spectral radius of who owes whom, peak",
    "unpaid_share": "Unpaid of what accounts owe at ±10 %, peak",
}
STAGES = (
    ("book_usd", "1 order book (LIQ-02)", "notional sold or bought by force"),
    ("backstop_usd", "2 backstop (LIQ-03)", "notional taken over at mark"),
    ("insurance_usd", "3 insurance (LIQ-04)", "money paid"),
    ("adl_usd", "4 auto-deleveraging (LIQ-05)", "notional closed against winners"),
    ("socialised_usd", "5 socialised (LIQ-06)", "money taken from gains, lenders, balances"),
)

NOTHING = "nothing was checked: it has no checks of its own, and no controls were run"


def number(value: float | None, unit: str = "") -> str:
    """A value as people read it: thousands apart, shares in per cent, ``—`` where there is none."""
    if value is None:
        return "—"
    if unit == "share":
        return f"{100 * value:,.2f} %"
    if unit == "0 or 1":
        return "yes" if value else "no"
    if unit == "USD":
        return f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:,.2f}"
    if float(value).is_integer() and abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def blank_table(*columns: str, title: str | None = None, right: Iterable[int] = ()) -> Table:
    """A table with a head and no rows; columns ``right`` hold numbers."""
    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False
    )
    numeric = set(right)
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i in numeric else "left", no_wrap=i in numeric)
    return table


def report(found: Mapping[str, Any]) -> RenderableType:
    """The risk report: ``found`` is the object that ``run --json`` prints."""
    parts: list[RenderableType] = [
        Text(_headline(found), style="bold"),
        _metrics(found),
        _stages(found),
    ]
    if found["checks"]:
        parts.append(checks(found["checks"]))
    parts.append(_invariants(found["invariants"]))
    return Group(*parts)


def _headline(found: Mapping[str, Any]) -> str:
    pace = found["messages"] / found["wall_seconds"] if found["wall_seconds"] else 0
    return (
        f"{found['scenario']}{_chosen(found)}, seed {found['seed']}:"
        f" {found['sim_seconds'] / 60:,.0f} minutes,"
        f" {found['accounts']:,} accounts, {found['instruments']} instruments;"
        f" {found['messages']:,} messages, {found['fills']:,} fills"
        f" in {found['wall_seconds']:,.1f} s ({pace:,.0f} messages/s)"
    )


def _chosen(found: Mapping[str, Any]) -> str:
    """Its grade and variant, if any."""
    return "".join(f", {found[word]}" for word in ("grade", "variant") if found.get(word))


def _metrics(found: Mapping[str, Any]) -> RenderableType:
    table = blank_table("Risk report", "value", "unit", "name", right=(1,))
    absent = [name for name, entry in found["metrics"].items() if entry["value"] is None]
    for name, entry in found["metrics"].items():
        if entry["value"] is None:
            continue
        unit = {"share": "", "0 or 1": ""}.get(entry["unit"], entry["unit"])
        value = number(entry["value"], entry["unit"])
        table.add_row(TITLES.get(name, name), value, unit, Text(name, style="dim"))
    if not absent:
        return table
    return Group(table, Text(f"Without a value in this run: {', '.join(absent)}", style="dim"))


def _stages(found: Mapping[str, Any]) -> Table:
    stages = found["stages"]
    table = blank_table("Liquidations by stage", "USD", "what", right=(1,))
    for name, title, what in STAGES:
        table.add_row(title, number(stages[name], "USD"), what)
    delay = stages["first_adl_delay_s"]
    table.add_row(
        "accounts liquidated",
        number(stages["liquidated_accounts"]),
        f"{stages['adl_accounts']:,} winners deleveraged"
        + (f", the first {delay:,.0f} s after the first liquidation" if delay is not None else ""),
    )
    return table


def checks(found: Iterable[Mapping[str, Any]]) -> Table:
    """Checks with their outcome: a list of {id, passed, value, expect}."""
    table = blank_table("Check", "", "found", "expected", right=(2,))
    for check in found:
        passed = Text("pass", style="green") if check["passed"] else Text("MISS", style="bold red")
        table.add_row(check["id"], passed, number(check["value"]), check["expect"])
    return table


def _invariants(found: Mapping[str, int | None]) -> Text:
    broken = {name: n for name, n in found.items() if n}
    held = [name for name, n in found.items() if n == 0]
    skipped = [name for name, n in found.items() if n is None]
    text = Text("Invariants: ")
    if broken:
        text.append(
            "BROKEN " + ", ".join(f"{k} ({n})" for k, n in broken.items()), style="bold red"
        )
        text.append("; ")
    text.append(f"{', '.join(held) or 'none'} held")
    if skipped:
        text.append(f"; not checked in this run: {', '.join(skipped)}", style="dim")
    return text


def outcome(found: Mapping[str, Any]) -> RenderableType:
    """What `scenarios.controls.check_scenario` found."""
    changed = "".join(f", {path} = {value}" for path, value in found["set"].items())
    head = (
        f"{found['scenario']}: {found['runs']} runs at scale {found['scale']:g}"
        f" from seed {found['seed']}{changed}"
    )
    parts: list[RenderableType] = [Text(head, style="bold")]
    if found["checks"]:
        parts.append(checks(found["checks"]))
    parts += [control(c) for c in found["controls"]]
    if not found["runs"]:
        parts.append(Text(NOTHING, style="yellow"))
    return Group(*parts)


def control(outcome: Mapping[str, Any]) -> RenderableType:
    """One control: the verdict, then the median and range over the seeds of each variant."""
    table = blank_table(
        "variant", "seeds", "metric", "median", "lowest", "highest", "unit", right=(1, 3, 4, 5)
    )
    for row in outcome["rows"]:
        unit = row["unit"]
        numbers = (number(row[k], unit) for k in ("median", "low", "high"))
        shown = "" if unit in ("share", "0 or 1") else unit
        table.add_row(row["variant"], str(row["seeds"]), row["metric"], *numbers, shown)
    verdict = (
        Text("pass  ", style="green") if outcome["passed"] else Text("MISS  ", style="bold red")
    )
    if outcome["expect"] == "reported":
        verdict = Text("      ")
    verdict.append(f"{outcome['id']}: {outcome['text']}", style="bold")
    if outcome["why"]:
        verdict.append(f"\n      {outcome['why']}", style="red")
    return Group(verdict, table)


def explanation(found: Mapping[str, Any]) -> RenderableType:
    """An account leg by leg: ``found`` is what `scenarios.explain.explain_account` returns."""
    told = found["explanation"]
    table = blank_table("leg", "clause", "NE", "IM", "MM", "from", right=(2, 3, 4))
    for leg in told["legs"]:
        amounts = (_usd(leg[column]) for column in ("ne_usd", "im_usd", "mm_usd"))
        table.add_row(leg["name"], leg["clause"], *amounts, Text(words(leg["inputs"]), "dim"))
    table.add_section()
    totals = (_usd(told[column]) for column in ("ne_usd", "im_usd", "mm_usd"))
    table.add_row("total, USD", "", *totals, "the sums of the legs, exactly", style="bold")
    minutes = found["verified_minutes"]
    lines = [
        f"equity at marks {_usd(told['equity_usd'])}, net equity at strict prices"
        f" {_usd(told['strict_ne_usd'])}, free collateral {_usd(told['free_usd'])} (MAR-00, MAR-09)",
        "NE < MM: it is liquidated (LIQ-00)"
        if told["ne_usd"] < told["mm_usd"]
        else f"NE is {_usd(told['ne_usd'] - told['mm_usd'])} above MM",
        f"the repeated run agrees with the stored one: {minutes} digests, one a minute, are equal",
    ]
    head = f"account {found['account']} of {found['run_id']} at {found['at']} UTC"
    return Group(Text(head, style="bold"), table, Text("\n".join(lines)))


def _usd(value: float | None) -> str:
    return "—" if value is None else f"{value:,.2f}"
