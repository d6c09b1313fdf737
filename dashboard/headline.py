"""The headline of a run: a few numbers with their units, from its report and its Parquet."""

from __future__ import annotations

from typing import Any, NamedTuple

import polars as pl

from dashboard import data
from dashboard.runs import Run, RunError
from dashboard.units import MISSING, clock, day, duration, number


class Card(NamedTuple):
    """One number: what it is, its value, its unit, and a sentence on how it came about."""

    key: str
    label: str
    value: str
    unit: str
    note: str = ""


def figures(run: Run) -> dict[str, Any]:
    """Every metric and stage of the run by name; None where it was not measured.

    The report's numbers, else those of `metrics.parquet` and the last row of `funds.parquet`.
    """
    found: dict[str, Any] = {}
    try:
        last = data.funds(run).tail(1)
        if last.height:
            found.update({k: last[k][0] for k in last.columns if k not in ("time", "time_us")})
    except RunError:
        pass
    found["insurance_usd"] = found.pop("insurance_usd_paid", None)  # the stage, not the fund
    found.update({name: value for name, value, *_ in data.metrics(run).iter_rows()})
    found.update({k: v["value"] for k, v in (run.report.get("metrics") or {}).items()})
    found.update(run.report.get("stages") or {})
    return found


def cards(run: Run) -> list[Card]:
    """The cards in reading order."""
    seen = figures(run)

    def money(key: str, label: str, stage: str, note: str = "") -> Card:
        value = seen.get(stage)
        return Card(key, label, number(None if value is None else float(value)), "USD", note)

    minutes = duration((run.end_us - run.start_us) / 1e6)
    period = f"{day(run.start_us)} {clock(run.start_us)[:-4]}–{clock(run.end_us)}"
    accounts = run.report.get("accounts")
    listed = accounts if isinstance(accounts, int) else len(accounts or [])
    of = f"of {number(listed)} in the run" if listed else ""
    adl_accounts = seen.get("adl_accounts")
    return [
        Card("scenario", "Scenario", run.scenario, "", f"{minutes}: {period}"),
        Card("seed", "Seed", str(run.seed if run.seed is not None else MISSING), "", ""),
        Card("digest", "Digest", run.digest[:8] or MISSING, "", "its first 8 characters"),
        Card(
            "liquidated_accounts",
            "Accounts liquidated",
            number(seen.get("liquidated_accounts"), 0),
            "accounts",
            of,
        ),
        money("book_usd", "1 · Sold through the book", "book_usd", "forced orders (LIQ-02)"),
        money("backstop_usd", "2 · Taken by the backstop", "backstop_usd", "providers (LIQ-03)"),
        money("insurance_usd", "3 · Paid by insurance", "insurance_usd", _depleted(seen)),
        money(
            "adl_usd",
            "4 · Auto-deleveraged",
            "adl_usd",
            "" if adl_accounts is None else f"{number(adl_accounts, 0)} accounts (LIQ-05)",
        ),
        money("socialised_usd", "5 · Socialised", "socialised_usd", "haircuts (LIQ-06)"),
        money("bad_debt_usd", "Bad debt", "bad_debt_usd", "losses beyond the accounts' equity"),
    ]


def _depleted(seen: dict[str, Any]) -> str:
    empty = seen.get("insurance_depleted")
    return "" if empty is None else "the fund was emptied" if empty else "the fund held"


def metric_rows(run: Run) -> list[tuple[str, str, str]]:
    """Every metric as (name, value, unit), from Parquet, else from the report."""
    frame = data.metrics(run)
    if frame.is_empty():
        known = (run.report.get("metrics") or {}).items()
        return [(k, _shown(v.get("value")), str(v.get("unit") or "")) for k, v in known]
    return [
        (name, _shown(value), unit or "")
        for name, value, unit in frame.select("name", "value", pl.col("unit")).iter_rows()
    ]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1000:
        return number(value, 0)
    if isinstance(value, float) and abs(value) < 1:
        return number(value, 4)
    return number(value)


def check_rows(run: Run) -> list[tuple[str, str, str]]:
    """Invariants and checks as (id, outcome, detail); an invariant not checked says so."""
    rows = []
    for name, violations in (run.report.get("invariants") or {}).items():
        outcome = "not checked" if violations is None else "holds" if not violations else "violated"
        rows.append((str(name), outcome, f"{number(violations)} violations" if violations else ""))
    for check in run.report.get("checks") or []:
        outcome = "passed" if check.get("passed") else "failed"
        detail = f"value {check.get('value')}, expected {check.get('expect')}"
        rows.append((str(check.get("id")), outcome, detail))
    return rows
