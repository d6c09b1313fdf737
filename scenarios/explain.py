"""An account explained as it stood at a time of a stored run, by repeating the run up to then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scenarios.errors import ScenarioError
from scenarios.runner import prepare
from scenarios.runs import clock_text, moment_us, open_run
from scenarios.scale import resolve
from scenarios.schema import Scenario
from sim.exchange.instruments import MICRO

MINUTE_US = 60 * MICRO


def explain_account(
    run: str,
    account: int,
    at: str | None = None,
    *,
    runs: Path | str = "runs",
    progress: Callable[..., Any] | None = None,
) -> dict[str, Any]:
    """{run_id, account, at, time_us, verified_minutes, explanation}.

    Repeats the run to the time ``at`` (seconds from the start, HH:MM[:SS] UTC, None: the end),
    what happens at that very time included, and compares its digest minute by minute with the
    stored ones.

    Raises:
        ScenarioError: no such run, account or time, or the repetition differs.
    """
    stored = open_run(run, Path(runs)).manifest
    if "study" in stored:
        raise ScenarioError(
            f"run {run!r} is a study: it has tables, not one market whose accounts can be explained"
        )
    try:
        scenario = Scenario.model_validate(stored["config"])
    except (KeyError, ValidationError) as error:
        what = str(error).splitlines()[0]
        raise ScenarioError(f"run {run!r} has no configuration to repeat: {what}") from None
    until_us = moment_us(at, scenario.start_us, scenario.end_us)
    accounts = stored["report"]["accounts"]
    if account >= accounts:
        raise ScenarioError(f"{account} is not between 0 and {accounts - 1}", path="--account")
    # What is recorded does not matter to what happens, but it would cost memory.
    resolved = resolve(scenario).model_copy(update={"record": "summary"})
    assembly, watch = prepare(resolved)
    world = assembly.world
    to_the_end = until_us == world.end_us
    while world.running and (to_the_end or world.clock.now_us + MICRO <= until_us):
        world.step()
        if progress is not None:
            progress((world.clock.now_us - world.start_us) / max(until_us - world.start_us, 1))
    if not to_the_end:
        world.finish_at(until_us)
    watch.recorder.flush()
    verified = compare(watch.recorder.digest.minutes(), stored["digests"], until_us, scenario)
    return {
        "run_id": stored["run_id"],
        "account": account,
        "at": clock_text(until_us),
        "time_us": until_us,
        "verified_minutes": verified,
        "explanation": assembly.exchange.explain(account).to_dict(),
    }


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
