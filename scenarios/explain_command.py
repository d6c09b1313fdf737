"""``windtunnel explain``: accounts, events and the whole network of a stored run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from scenarios.terminal import RUNS, Json, RunsDir, announce_compiler, console, polite, progress


def explain(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or its folder.")],
    account: Annotated[int | None, typer.Option(min=0, help="Account id.")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="T", help="Seconds from the start, or HH:MM[:SS] UTC; default: the end."
        ),
    ] = None,
    why: Annotated[
        bool, typer.Option("--why", help="Only its liquidations, from the stored events.")
    ] = False,
    network: Annotated[
        bool, typer.Option("--network", help="The whole run: who owes whom, and what spreads.")
    ] = False,
    event: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="An event: proposals, disputes, vote, and who fell."),
    ] = None,
    runs: RunsDir = RUNS,
    as_json: Json = False,
) -> None:
    """Explain an account of a run: its margin, where it would be liquidated, why it was.

    The run is repeated up to the time asked for, and its digest compared minute by minute, so that
    what is explained is what happened. With --why nothing is repeated: each liquidation is followed
    through the stored events, back to the index reading that began it.

    \b
    Examples:
      windtunnel explain oct-2025-1-0a1b2c3d --account 17
      windtunnel explain runs/oct-2025-1-0a1b2c3d --account 17 --at 21:19:30
      windtunnel explain oct-2025-1-0a1b2c3d --account 17 --why
      windtunnel explain oct-2025-1-0a1b2c3d --network
      windtunnel explain wrong-resolution-1-0a1b2c3d --event deal
    """
    with polite():
        from scenarios.errors import ScenarioError

        if event is not None:
            if account is not None or why or network or at is not None:
                raise ScenarioError(
                    "--event is about one event, without --account, --at, --why, --network"
                )
            _explain_event(run, event, runs, as_json)
            return
        if network:
            if account is not None or why or at is not None:
                raise ScenarioError(
                    "--network is about the whole run, without --account, --at, --why"
                )
            _explain_network(run, runs, as_json)
            return
        if account is None:
            raise ScenarioError(
                "which account? Say --account N, --event NAME, or --network for the whole run"
            )
        from scenarios import why as stored

        if not why or not stored.has_events(run, runs):
            announce_compiler()
        with progress("reading the run" if why else "repeating the run") as update:
            if why:
                found = stored.why_liquidated(run, account, at, runs=runs, progress=update)
            else:
                from scenarios.explain import explain_account

                found = explain_account(run, account, at, runs=runs, progress=update)
        if as_json:
            typer.echo(json.dumps(found))
            return
        from scenarios import tables, tables_explain

        out = console()
        if why:
            out.print(f"account {account} of {found['run_id']} until {found['at']} UTC\n")
        else:
            out.print(tables.explanation(found))
            out.print()
            out.print(tables_explain.liquidation(found["liquidation"]))
            out.print()
        out.print(tables_explain.why(found["why"], found["at"]))


def _explain_network(run: str, runs: Path, as_json: bool) -> None:
    from scenarios.contagion import contagion

    found = contagion(run, runs=runs)
    if as_json:
        typer.echo(json.dumps(found))
        return
    from scenarios import tables_contagion

    console().print(tables_contagion.contagion(found))


def _explain_event(run: str, event: str, runs: Path, as_json: bool) -> None:
    from scenarios.resolution_story import story

    found = story(run, event, runs)
    if as_json:
        typer.echo(json.dumps(found))
        return
    from scenarios import tables_story

    console().print(tables_story.story(found))
