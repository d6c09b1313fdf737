"""The life of one event of a stored run: proposals, disputes, vote, resolution, and who fell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from scenarios.errors import ScenarioError, choose
from scenarios.runs import open_run
from scenarios.why import declared, judge_of, stored_rows
from sim.exchange import messages as m
from sim.exchange.instruments import MICRO
from sim.exchange.messages import Event
from sim.oracle.resolution_log import NO_OUTCOME
from sim.record.store import Run
from sim.risk.aftermath import Fall, aftermath
from sim.risk.eventlog import EventLog
from sim.risk.payout import payout_of
from sim.risk.verdict import Step, Verdicts
from sim.risk.waterfall import waterfall

ALWAYS = 1 << 62
BONDS = ("undisputed", "the proposer was right", "the disputer was right")
COSTS = ("liquidation_fee_usd", "backstop_discount_usd", "deficit_usd")
CLOSED = ("book_usd", "backstop_usd", "adl_usd")


def story(run: str, event: str, runs: Path | str = "runs") -> dict[str, Any]:
    """{run_id, event, shares, steps, resolution, bonds, liquidations, totals}: plain data.

    ``steps``: from the event oracle's log, or, in a run without one, from the exchange's events;
    ``resolution``: None if there was none; ``liquidations``: those that the event caused, with what
    the account's shares lost by the resolution, before the FLAG or after it (``shares_lost_usd``,
    None if it held none then, or stands there already), and what was closed and lost.  Amounts in
    USD.

    Raises:
        ScenarioError: no such run or event, or a run that stored no events.
    """
    opened = open_run(run, Path(runs))
    if "study" in opened.manifest:
        raise ScenarioError(f"run {opened.run_id!r} is a study: it has no events of its own")
    listing, rules = declared(opened)
    names = [item.name for item in listing.events]
    if event not in names:
        raise ScenarioError(
            f"run {opened.run_id!r} has no event {event!r}{choose(event, names)}", path="--event"
        )
    rows = stored_rows(opened)
    if rows is None:
        raise ScenarioError(
            f'run {opened.run_id!r} stored no events (record = "summary"): repeat it with'
            " --record fills",
            path="--event",
        )
    log, e = EventLog(listing, rows), names.index(event)
    verdicts = judge_of(opened, log, rules)
    cohorts = _cohorts(opened)
    steps = [_step(verdicts, s) for s in verdicts.steps if s.event == e]
    fallen = [_liquidation(log, fall, cohorts) for fall in aftermath(log, verdicts, e)]
    _add_losses(log, e, fallen)
    return {
        "run_id": opened.run_id,
        "event": event,
        "shares": list(listing.events[e].shares),
        "steps": steps or _from_events(log, verdicts, e),
        "resolution": _resolution(log, verdicts, e),
        "bonds": [
            {
                "time_us": int(row[m.E_TIME]),
                "account": int(row[m.E_ACCOUNT]),
                "cohort": cohorts.get(int(row[m.E_ACCOUNT]), ""),
                "usd": int(row[m.E_AMOUNT]) / MICRO,
                "why": BONDS[int(row[m.E_CODE])],
            }
            for row in _of_event(log, Event.BOND, e)
        ],
        "liquidations": fallen,
        "totals": {
            "accounts": len({found["account"] for found in fallen}),
            **{
                name: sum(found[name] or 0.0 for found in fallen)
                for name in ("shares_lost_usd", "closed_usd", "costs_usd", "deficit_usd")
            },
        },
    }


def _cohorts(run: Run) -> dict[int, str]:
    """Names of cohorts or traders by account."""
    frame = run.accounts().select("account", "cohort").collect()
    return dict(zip(frame["account"].to_list(), frame["cohort"].to_list(), strict=True))


def _of_event(log: EventLog, kind: Event, e: int) -> np.ndarray:
    rows = log.of(kind)
    return rows[rows[:, m.E_INSTRUMENT] == e]


def _step(verdicts: Verdicts, step: Step) -> dict[str, Any]:
    named = step.outcome != NO_OUTCOME
    return {
        "time_us": step.time_us,
        "state": step.state,
        "actor": step.actor,
        "outcome": verdicts.name(step.event, step.outcome, step.value) if named else "",
        "stake_for_usd": step.stake_for / MICRO,
        "stake_against_usd": step.stake_against / MICRO,
        "text": step.text,
    }


def _from_events(log: EventLog, verdicts: Verdicts, e: int) -> list[dict[str, Any]]:
    """The steps that the exchange itself saw."""
    found = []
    for row in log.rows:
        kind = Event(int(row[m.E_KIND]))
        if kind not in (Event.PROPOSE, Event.DISPUTE, Event.RESOLVE) or row[m.E_INSTRUMENT] != e:
            continue
        done = kind == Event.RESOLVE
        value = int(row[m.E_PRICE] if done else row[m.E_X])
        found.append(
            {
                "time_us": int(row[m.E_TIME]),
                "state": {"PROPOSE": "proposed", "DISPUTE": "disputed"}.get(kind.name, "final"),
                "actor": "exchange" if done else f"account {int(row[m.E_ACCOUNT])}",
                "outcome": verdicts.name(e, int(row[m.E_CODE]), value),
                "stake_for_usd": 0.0,
                "stake_against_usd": 0.0,
                "text": "" if done else f"bond {int(row[m.E_AMOUNT]) / MICRO:,.2f} USD",
            }
        )
    return found


def _resolution(log: EventLog, verdicts: Verdicts, e: int) -> dict[str, Any] | None:
    rows = _of_event(log, Event.RESOLVE, e)
    if not len(rows):
        return None
    row = rows[0]
    true = verdicts.true_outcome(row)
    return {
        "time_us": int(row[m.E_TIME]),
        "seq": int(row[m.E_SEQ]),
        "outcome": verdicts.name(e, int(row[m.E_CODE]), int(row[m.E_PRICE])),
        "wrong": bool(row[m.E_X] == 1),
        "true_outcome": None if true is None else verdicts.name(e, true.outcome, true.value),
        "paid_usd": int(row[m.E_AMOUNT]) / MICRO,
        "holders": len(_of_event(log, Event.PAYOUT, e)),
    }


def _add_losses(log: EventLog, e: int, fallen: list[dict[str, Any]]) -> None:
    """What the resolution cost each account, once."""
    rows, seen = _of_event(log, Event.RESOLVE, e), set()
    for found in fallen if len(rows) else ():
        paid = payout_of(log, rows[0], found["account"])
        if paid is not None and found["account"] not in seen:
            seen.add(found["account"])
            found["shares_lost_usd"] = paid.lost_usd


def _liquidation(log: EventLog, fall: Fall, cohorts: dict[int, str]) -> dict[str, Any]:
    flag = fall.flag
    account, seq = int(flag[m.E_ACCOUNT]), int(flag[m.E_SEQ])
    later = log.flags_of(account)[:, m.E_SEQ]
    until = later[later > seq]
    _, totals = waterfall(log, account, seq, int(until[0]) if len(until) else ALWAYS)
    direct = fall.trades == 0
    paid = fall.verdict.paid
    return {
        "account": account,
        "cohort": cohorts.get(account, ""),
        "time_us": int(flag[m.E_TIME]),
        "seq": seq,
        "cause": "trades" if not direct else "proposal" if paid is None else "resolution",
        "forced_trades": fall.trades,
        "equity_usd": int(flag[m.E_AMOUNT]) / MICRO,
        "shares_lost_usd": None,
        "margin_raised_usd": fall.verdict.raised_usd if direct and paid is None else None,
        "closed_usd": sum(totals[name] for name in CLOSED),
        "costs_usd": sum(totals[name] for name in COSTS[:2]),
        "deficit_usd": totals["deficit_usd"],
    }
