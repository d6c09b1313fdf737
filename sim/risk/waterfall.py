"""What one liquidation went through, from its FLAG to its UNFLAG: lines and totals by clause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import MICRO
from sim.exchange.messages import BUY, Event
from sim.risk.eventlog import EventLog
from sim.risk.payout import payout_of, resolution_after, told

CLAUSES = {
    Event.MERGE: "LIQ-01",
    Event.REDEEM: "LIQ-01",
    Event.STEP: "LIQ-02",
    Event.BACKSTOP: "LIQ-03",
    Event.INSURANCE: "LIQ-04",
    Event.FUND_RETURN: "LIQ-04",
    Event.ADL: "LIQ-05",
    Event.HAIRCUT: "LIQ-06",
    Event.WRITE_OFF: "LIQ-06",
    Event.DEFICIT: "LIQ-08",
    Event.PAYOUT: "SET-03",
}
TOTALS = {
    "forced_orders": "LIQ-02",
    "failed_orders": "LIQ-02",
    "book_usd": "LIQ-02",
    "liquidation_fee_usd": "LIQ-02",
    "backstop_usd": "LIQ-03",
    "backstop_discount_usd": "LIQ-03",
    "insurance_usd": "LIQ-04",
    "returned_usd": "LIQ-04",
    "adl_usd": "LIQ-05",
    "adl_forgone_usd": "LIQ-05",
    "socialised_usd": "LIQ-06",
    "written_off_usd": "LIQ-06",
    "deficit_usd": "LIQ-08",
}
HAIRCUT_FROM = ("winners' gains", "lenders", "balances", "nobody: rounding")


@dataclass(frozen=True)
class Line:
    """Like events in a row as one: the first and last seq and time, and what they did."""

    seq: int
    last_seq: int
    time_us: int
    last_time_us: int
    count: int
    clause: str
    event: str
    text: str
    data: dict[str, Any]


@dataclass
class _Open:
    """A line that may still grow: its rows, the fills of its steps, its totals."""

    kind: Event
    key: tuple[int, ...]
    rows: list[np.ndarray]
    fills: list[np.ndarray]


def waterfall(
    log: EventLog, account: int, after: int, until: int
) -> tuple[tuple[Line, ...], dict[str, float]]:
    """(lines, totals of TOTALS in USD) of an account's events between two seqs."""
    lines: list[Line] = []
    totals = dict.fromkeys(TOTALS, 0.0)
    now: _Open | None = None
    for row in log.concerning(account, after, until):
        kind = Event(int(row[m.E_KIND]))
        if kind == Event.FILL:
            if now is not None and now.kind == Event.STEP:
                now.fills.append(row)
            continue
        if kind not in CLAUSES or (kind == Event.REDEEM and row[m.E_CODE] != 2):
            continue
        if kind == Event.MERGE and row[m.E_CODE] != 1:
            continue
        key = (kind, int(row[m.E_INSTRUMENT]), int(row[m.E_CODE]), int(row[m.E_SIDE]))
        if now is None or now.key != key:
            if now is not None:
                lines.append(_line(log, now, totals))
            now = _Open(kind, key, [], [])
        now.rows.append(row)
    if now is not None:
        lines.append(_line(log, now, totals))
    return tuple(lines), totals


def _line(log: EventLog, now: _Open, totals: dict[str, float]) -> Line:
    made = _said(log, now)
    for name, value in made.items():
        if name in totals:
            totals[name] += value
    first, last = now.rows[0], now.rows[-1]
    end = max(int(r[m.E_SEQ]) for r in (last, *now.fills))
    return Line(
        int(first[m.E_SEQ]),
        end,
        int(first[m.E_TIME]),
        int(last[m.E_TIME]),
        len(now.rows),
        CLAUSES[now.kind],
        now.kind.name,
        _text(log, now, made),
        made,
    )


def _sum(rows: list[np.ndarray], column: int) -> int:
    return sum(int(r[column]) for r in rows)


def _said(log: EventLog, now: _Open) -> dict[str, float]:
    """What a line's rows add to the totals."""
    rows, micro = now.rows, _sum(now.rows, m.E_AMOUNT) / MICRO
    traded = now.kind in (Event.STEP, Event.BACKSTOP)
    shares = traded and log.places[rows[0][m.E_INSTRUMENT]].event >= 0
    if now.kind == Event.STEP:
        # A forced buy in an event book sells NO.
        no = [shares and r[m.E_SIDE] == BUY for r in now.fills]
        return {
            "forced_orders": len(rows),
            "failed_orders": sum(1 for r in rows if r[m.E_X] == 0),
            "lots": _sum(rows, m.E_X),
            "book_usd": sum(log.notional_usd(r, n) for r, n in zip(now.fills, no, strict=True)),
            "liquidation_fee_usd": micro,
        }
    if now.kind == Event.BACKSTOP:
        worth = sum(log.notional_usd(r, shares and r[m.E_SIZE] < 0) for r in rows)
        lots = sum(abs(int(r[m.E_SIZE])) for r in rows)
        return {"backstop_usd": worth, "backstop_discount_usd": micro, "lots": lots}
    if now.kind == Event.ADL:
        worth = sum(log.notional_usd(r, False) for r in rows)
        return {"adl_usd": worth, "adl_forgone_usd": micro, "lots": _sum(rows, m.E_SIZE)}
    if now.kind in (Event.HAIRCUT, Event.WRITE_OFF):
        name = "socialised_usd" if now.kind == Event.HAIRCUT else "written_off_usd"
        worth = sum(log.asset_usd(int(r[m.E_X]), int(r[m.E_AMOUNT]), int(r[m.E_SEQ])) for r in rows)
        return {name: worth}
    if now.kind == Event.DEFICIT:
        return {"deficit_usd": micro}
    if now.kind == Event.INSURANCE:
        return {"insurance_usd": micro}
    if now.kind == Event.FUND_RETURN:
        return {"returned_usd": micro}
    if now.kind == Event.PAYOUT:
        return {"paid_usd": micro}
    return {"units": _sum(rows, m.E_SIZE)}  # MERGE, REDEEM


def _text(log: EventLog, now: _Open, made: dict[str, float]) -> str:
    row, n = now.rows[0], len(now.rows)
    i = int(row[m.E_INSTRUMENT])
    traded = now.kind in (Event.STEP, Event.BACKSTOP, Event.ADL)
    name = log.names[i] if traded else ""
    if now.kind == Event.STEP:
        orders = f"{n} forced order{'s' * (n > 1)}"
        verb = "bought" if row[m.E_SIDE] == BUY else "sold"
        if not now.fills:
            return f"{orders} in {name} filled nothing"
        prices = [log.price_usd(i, int(r[m.E_PRICE])) for r in now.fills]
        low, high = min(prices), max(prices)
        at = f"{low:,.6g}" if low == high else f"{low:,.6g} to {high:,.6g}"
        text = f"{orders} {verb} {made['lots']:,} lots of {name} for {made['book_usd']:,.2f} USD"
        text += f" at {at}, liquidation fees {made['liquidation_fee_usd']:,.2f}"
        failed = made["failed_orders"]
        return text + (f"; {failed} of them filled nothing" if failed else "")
    if now.kind == Event.BACKSTOP:
        who = sorted({int(r[m.E_OTHER]) for r in now.rows})
        return (
            f"backstop provider{'s' * (len(who) > 1)} {_few(who)} took {made['lots']:,} lots of"
            f" {name}, {made['backstop_usd']:,.2f} USD at mark, for a discount of"
            f" {made['backstop_discount_usd']:,.2f}"
        )
    if now.kind == Event.ADL:
        who = sorted({int(r[m.E_OTHER]) for r in now.rows})
        return (
            f"{made['lots']:,} lots of {name}, {made['adl_usd']:,.2f} USD at mark, closed against"
            f" account{'s' * (len(who) > 1)} {_few(who)}, who forwent {made['adl_forgone_usd']:,.2f}"
        )
    if now.kind == Event.HAIRCUT:
        return f"{made['socialised_usd']:,.2f} USD taken from {HAIRCUT_FROM[int(row[m.E_CODE])]}"
    words = {
        Event.INSURANCE: "insurance fund paid {:,.2f} USD",
        Event.FUND_RETURN: "{:,.2f} USD went back to the insurance fund",
        Event.WRITE_OFF: "debt of {:,.2f} USD written off",
        Event.DEFICIT: "deficit of {:,.2f} USD covered",
    }
    if now.kind == Event.PAYOUT:
        resolved = resolution_after(log, row)
        paid = None if resolved is None else payout_of(log, resolved, int(row[m.E_ACCOUNT]))
        return "" if paid is None else told(log, paid, int(row[m.E_ACCOUNT]))
    if now.kind in words:
        return words[now.kind].format(next(iter(made.values())))
    if now.kind == Event.MERGE:
        return f"{made['units']:,} complete sets of {log.listing.events[i].name} merged"
    return f"{made['units']:,} units of {log.listing.asset_names()[i]} redeemed from the pool"


def _few(who: list[int]) -> str:
    shown = ", ".join(str(a) for a in who[:4])
    return shown if len(who) <= 4 else f"{shown} and {len(who) - 4} more"
