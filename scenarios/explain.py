"""An account of a stored run explained as it stood at a time, by repeating the run up to then.

Its liquidations alone (`scenarios.why`) need no repetition where events were stored.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from scenarios.errors import ScenarioError
from scenarios.runner import prepare
from scenarios.runs import clock_text, open_run
from scenarios.scale import resolve
from scenarios.schema import Scenario
from scenarios.why import moment, stored_rows, why_of
from sim.exchange.instruments import MICRO
from sim.exchange.messages import EV_COLS
from sim.record.store import Run
from sim.risk.eventlog import needed
from sim.risk.why import Nearest

MINUTE_US = 60 * MICRO


def explain_account(
    run: str,
    account: int,
    at: str | None = None,
    *,
    runs: Path | str = "runs",
    progress: Callable[..., Any] | None = None,
) -> dict[str, Any]:
    """{run_id, account, at, time_us, verified_minutes, explanation, liquidation, why}.

    Repeats the run to the time ``at`` (seconds from the start, HH:MM[:SS] UTC, None: the end),
    what happens at that very time included, and compares its digest minute by minute with the
    stored ones.

    Raises:
        ScenarioError: no such run, account or time, or the repetition differs.
    """
    opened = open_run(run, Path(runs))
    until_us = moment(opened, account, at)
    scenario = configuration(opened, run)
    repeated = Repetition(opened, scenario, account, until_us, progress)
    told = repeated.exchange.explain(account)
    rows = stored_rows(opened)
    found = why_of(
        opened, repeated.rows if rows is None else rows, account, until_us, repeated.nearest
    )
    return {
        "run_id": opened.run_id,
        "account": account,
        "at": clock_text(until_us),
        "time_us": until_us,
        "verified_minutes": repeated.verified,
        "explanation": told.to_dict(),
        "liquidation": told.liquidation.to_dict(),
        "why": found.to_dict(),
    }


def configuration(opened: Run, name: str) -> Scenario:
    """The scenario that a run is of; ScenarioError if another version wrote it."""
    try:
        return Scenario.model_validate(opened.manifest["config"])
    except (KeyError, ValidationError) as error:
        what = str(error).splitlines()[0]
        raise ScenarioError(f"run {name!r} has no configuration to repeat: {what}") from None


class Repetition:
    """A run done again up to a time, one account watched every second.

    Attributes: ``exchange`` as it stands then; ``rows``, the events liquidations are told from;
    ``nearest``, the account's least NE - MM; ``verified``, the minutes whose digests agree.
    """

    def __init__(
        self,
        opened: Run,
        scenario: Scenario,
        account: int,
        until_us: int,
        progress: Callable[..., Any] | None = None,
    ) -> None:
        # What is recorded does not matter to what happens, but it would cost memory.
        resolved = resolve(scenario).model_copy(update={"record": "summary"})
        kept: list[np.ndarray] = []
        assembly, watch = prepare(
            resolved, observe=lambda events, of: kept.append(needed(events, of))
        )
        world, self.exchange = assembly.world, assembly.exchange
        self.nearest: Nearest | None = None
        to_the_end = until_us == world.end_us
        while world.running and (to_the_end or world.clock.now_us + MICRO <= until_us):
            world.step()
            self._look(account, world.clock.now_us)
            if progress is not None:
                done = world.clock.now_us - world.start_us
                progress(done / max(until_us - world.start_us, 1))
        if not to_the_end:
            world.finish_at(until_us)
        self._look(account, until_us)
        watch.recorder.flush()
        self.rows = np.concatenate([np.zeros((0, EV_COLS), np.int64), *kept])
        stored = opened.manifest["digests"]
        self.verified = compare(watch.recorder.digest.minutes(), stored, until_us, scenario)

    def _look(self, account: int, now_us: int) -> None:
        ne, mm = self.exchange.maintenance(account)
        if self.nearest is None or ne - mm < self.nearest.ne_usd - self.nearest.mm_usd:
            self.nearest = Nearest(now_us, ne, mm, "of all whole seconds")


def compare(now: list[str], stored: list[str], until_us: int, scenario: Scenario) -> int:
    """Number of minutes whose digests agree; ScenarioError at the first that does not."""
    whole = (until_us - scenario.start_us) // MINUTE_US
    if until_us >= scenario.end_us:
        whole = len(stored)
    for minute in range(min(whole, len(now), len(stored))):
        if now[minute] != stored[minute]:
            raise ScenarioError(
                f"the repetition differs from the run in minute {minute}"
                f" ({clock_text(scenario.start_us + minute * MINUTE_US)}): it was made by another"
                " version of windtunnel, of its packages, or on another kind of machine"
            )
    return min(whole, len(now), len(stored))
