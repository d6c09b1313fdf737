"""The liquidations of an account of a stored run, told from its events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from scenarios.errors import ScenarioError
from scenarios.runs import clock_text, moment_us, open_run
from sim.exchange import messages as m
from sim.exchange.account import account_of_legs
from sim.exchange.explain import Explanation
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.legs import legs_of
from sim.exchange.messages import EVENT_COLUMNS, Event
from sim.exchange.rules import Rules
from sim.record.resolutions import FILE as RESOLUTIONS
from sim.record.rows import Units
from sim.record.store import Run
from sim.risk.eventlog import KINDS, EventLog, first_book
from sim.risk.truth import TrueOutcome
from sim.risk.verdict import Step, Verdicts
from sim.risk.why import Nearest, Why, why


def why_liquidated(
    run: str,
    account: int,
    at: str | None = None,
    *,
    runs: Path | str = "runs",
    progress: Callable[..., Any] | None = None,
) -> dict[str, Any]:
    """{run_id, account, at, time_us, repeated, why}: the account's liquidations up to ``at``.

    They are told from the stored events; only a run that stored none (``record = "summary"``) is
    repeated.

    Raises:
        ScenarioError: no such run, account or time, or a repetition differs.
    """
    opened = open_run(run, Path(runs))
    until_us = moment(opened, account, at)
    rows, nearest = stored_rows(opened), None
    repeated = rows is None
    if rows is None:
        from scenarios.explain import Repetition, configuration  # which loads the exchange

        again = Repetition(opened, configuration(opened, run), account, until_us, progress)
        rows, nearest = again.rows, again.nearest
    return {
        "run_id": opened.run_id,
        "account": account,
        "at": clock_text(until_us),
        "time_us": until_us,
        "repeated": repeated,
        "why": why_of(opened, rows, account, until_us, nearest).to_dict(),
    }


def has_events(run: str, runs: Path) -> bool:
    """Whether a run stored the events that its liquidations are told from."""
    return any((open_run(run, runs).path / "events").glob("*.parquet"))


def moment(opened: Run, account: int, at: str | None) -> int:
    """The time asked for, µs, once run and account are known to be some."""
    if "study" in opened.manifest:
        raise ScenarioError(
            f"run {opened.run_id!r} is a study: it has tables, not one market whose accounts can be"
            " explained"
        )
    until_us = moment_us(at, opened.manifest["start_us"], opened.manifest["end_us"])
    accounts = opened.manifest["report"]["accounts"]
    if account >= accounts:
        raise ScenarioError(f"{account} is not between 0 and {accounts - 1}", path="--account")
    return until_us


class RecordedTruth:
    """True prices as a run's series keep them: one a second, NaN for a feed that nothing trades.

    Raises RunDamaged when the run has no series.
    """

    def __init__(self, run: Run, listing: Listing) -> None:
        import polars as pl

        table = run.series().select("time_us", "instrument", "truth")
        by_feed: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for i, feed in enumerate(Units(listing).feed.tolist()):
            if feed < 0 or feed in by_feed:
                continue
            rows = table.filter((pl.col("instrument") == i) & (pl.col("truth") > 0)).collect()
            usd = rows["truth"].to_numpy() * (listing.feeds[feed].tick_micro / MICRO)
            by_feed[feed] = (rows["time_us"].to_numpy(), usd)
        self._by_feed = by_feed

    def sample(self, feed: int, times_us: np.ndarray) -> np.ndarray:
        """The last true price noted at or before each time (before the first: the first), USD."""
        times, usd = self._by_feed.get(feed, (np.zeros(0), np.zeros(0)))
        if not len(times):
            return np.full(np.shape(times_us), np.nan)
        at = np.searchsorted(times, times_us, side="right") - 1
        return np.asarray(usd[np.maximum(at, 0)])


def declared(run: Run) -> tuple[Listing, Rules]:
    """Listing and rules of a run; ScenarioError if another version wrote them."""
    try:
        listing = Listing.model_validate(run.manifest["listing"])
        return listing, Rules.model_validate(run.manifest["rules"])
    except (KeyError, ValidationError) as error:
        what = str(error).splitlines()[0]
        raise ScenarioError(
            f"run {run.run_id!r} was written by another version of windtunnel: {what}"
        ) from None


def stored_rows(run: Run) -> np.ndarray | None:
    """The stored events that a liquidation is told from, int64[n, 16]; None if none were stored."""
    import polars as pl

    if not any((run.path / "events").glob("*.parquet")):
        return None
    kind, listing = pl.col("kind"), declared(run)[0]
    forced = (kind == Event.FILL) & (pl.col("code") == 1)
    of_events = kind.is_in([int(Event.FILL), int(Event.MARK)])
    of_events &= pl.col("instrument") >= first_book(listing)
    found = run.events().filter(kind.is_in([int(k) for k in KINDS]) | forced | of_events)
    return np.ascontiguousarray(found.select(EVENT_COLUMNS).collect().to_numpy())


def why_of(
    run: Run, rows: np.ndarray, account: int, until_us: int, nearest: Nearest | None = None
) -> Why:
    """The account's liquidations up to a time, from ``rows`` (as `stored_rows` gives them)."""
    listing, rules = declared(run)
    rows = rows[rows[:, m.E_TIME] <= until_us]
    if nearest is None and until_us >= run.manifest["end_us"]:
        nearest = at_the_end(run, listing, rules, rows, account)
    truth = RecordedTruth(run, listing)
    return why(listing, rules, rows, account, truth, nearest, lambda log: judge_of(run, log, rules))


def judge_of(run: Run, log: EventLog, rules: Rules) -> Verdicts:
    """Who judges events as causes of a run's liquidations, with what the event oracle wrote down."""
    tick_s = run.manifest["config"]["cadence"]["liquidate_s"]
    known = run.manifest.get("outcomes", ())  # [outcome, value] by event; None: nobody knows
    outcomes = [None if pair is None else TrueOutcome(*pair) for pair in known]
    return Verdicts(log, rules, round(tick_s * MICRO), steps_of(run), outcomes)


def steps_of(run: Run) -> list[Step]:
    """The event oracle's log; empty where there is none."""
    import polars as pl

    path = run.path / RESOLUTIONS
    if not path.is_file():
        return []
    columns = [field.name for field in fields(Step)]
    return [Step(**row) for row in pl.read_parquet(path).select(columns).to_dicts()]


def at_the_end(
    run: Run, listing: Listing, rules: Rules, rows: np.ndarray, account: int
) -> Nearest | None:
    """NE and MM of the account when the run ended, from `holdings.parquet`."""
    import polars as pl

    path = run.path / "holdings.parquet"
    if not path.is_file():
        return None
    held: Any = pl.scan_parquet(path).filter(pl.col("account") == account).collect()
    log = EventLog(listing, rows)
    proposed = {int(e) for e in log.of(Event.PROPOSE)[:, m.E_INSTRUMENT]}
    value = account_of_legs(
        listing,
        held.select("code", "instrument", "size", "cost", "price").rows(),
        index={f: log.index_before(f, 1 << 62) for f in range(len(listing.feeds))},
        proposed=proposed,
    )
    end = int(run.manifest["end_us"])
    told = Explanation(account, end, legs_of(listing, rules, value), 0.0)
    return Nearest(end, told.ne_usd, told.mm_usd, "at the end of the run, the only time recorded")
