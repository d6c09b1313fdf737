"""The command line.  Every command imports what it needs, so that ``--help`` answers at once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from scenarios.bench_commands import bench
from scenarios.explain_command import explain
from scenarios.terminal import (
    MISSED,
    OK,
    RUNS,
    Json,
    RunsDir,
    announce_compiler,
    console,
    polite,
    progress,
)

app = typer.Typer(
    name="windtunnel",
    help="A wind tunnel for crypto exchanges with one unified margin account.",
    epilog="Start with: windtunnel run",
    no_args_is_help=True,
    rich_markup_mode=None,  # its import alone takes 0.2 s
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(bench, name="bench")
app.command()(explain)

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Set a field of the scenario. Repeatable."),
]
Seed = Annotated[int | None, typer.Option(min=0, help="Random seed; default: the scenario's.")]


@app.command()
def run(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A name (see: windtunnel list) or a file.")
    ] = "oct-2025",
    seed: Seed = None,
    sets: Sets = None,
    scale: Annotated[
        float, typer.Option(help="Multiplies accounts, open interest, depth and funds.")
    ] = 1.0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the run is written.")] = RUNS,
    record: Annotated[
        str | None, typer.Option(help="full: every event; fills: no plain orders; summary: none.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every invariant after every batch (slow).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a scenario or a study, print its report, keep the run on disk.

    \b
    Examples:
      windtunnel run – the crash of 10 October 2025
      windtunnel run oct-2025 --seed 7 --scale 0.1
      windtunnel run oct-2025 --set index.path=bars.csv – with real 1-minute bars
      windtunnel run oct-2025 --set index.scale=0.5 --set rules.disposal.policy=full
    """
    with polite():
        import scenarios

        chosen = scenarios.load(scenario, sets or ())
        if getattr(chosen, "needs_exchange", True):
            announce_compiler()
        with progress(chosen.name) as update:
            result = scenarios.run(
                chosen,
                seed=seed,
                out=out,
                scale=scale,
                verify=verify,
                record=record,
                progress=update,
            )
        broken = {name: n for name, n in result.report.get("invariants", {}).items() if n}
        if as_json:
            typer.echo(json.dumps(result.report))
        if broken:
            typer.echo(f"error: invariants violated: {broken}; do not trust this run", err=True)
        if as_json and broken:
            raise typer.Exit(MISSED)
        if as_json:
            return
        from scenarios import tables

        printer = console()
        if "study" in result.report:
            from scenarios.studies import terminal

            printer.print(terminal.report(result.report))
            printer.print(terminal.where(result.report, result.path))
            return
        printer.print(tables.report(result.report))
        printer.print(f"run      {result.path}\nlook     windtunnel dashboard{_runs_option(out)}")
        printer.print(f"explain  windtunnel explain {result.run_id}{_runs_option(out)} --account A")
        if broken:
            raise typer.Exit(MISSED)


def _runs_option(out: Path) -> str:
    return "" if out == RUNS else f" --runs {out}"


@app.command("list")
def list_scenarios(as_json: Json = False) -> None:
    """List the scenarios that come with windtunnel."""
    with polite():
        import scenarios

        found = [scenarios.load(name) for name in scenarios.names()]
        if as_json:
            rows = [
                {"name": s.name, "title": s.title, "minutes": _minutes(s), "study": _study(s)}
                for s in found
            ]
            typer.echo(json.dumps(rows))
            return
        width = max(len(s.name) for s in found)
        for s in found:
            if _study(s):
                typer.echo(f"{s.name:<{width}} {s.title}  (study)")
                continue
            coins, variants = len(s.coin), ", ".join(s.variants)
            typer.echo(
                f"{s.name:<{width}} {s.title}  ({_minutes(s):g} min, {coins}"
                f" coin{'s' * (coins > 1)}, {s.accounts:,} accounts"
                f"{'; variants ' * bool(variants)}{variants})"
            )


def _study(scenario: Any) -> str | None:
    """The kind of study, None for a market."""
    kind: str | None = getattr(scenario, "study", None)
    return kind


def _minutes(scenario: Any) -> float | None:
    if _study(scenario):
        return None
    minutes: float = (scenario.end_us - scenario.start_us) / 60_000_000
    return minutes


@app.command()
def check(
    scenario: Annotated[
        list[str] | None, typer.Argument(metavar="SCENARIO", help="Default: every scenario.")
    ] = None,
    seed: Seed = None,
    sets: Sets = None,
    scale: Annotated[
        float | None, typer.Option(help="Scale of the runs; default: the scenario's control_scale.")
    ] = None,
    controls: Annotated[
        bool, typer.Option("--controls/--no-controls", help="Run the controls too: many runs.")
    ] = True,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time; default: one per processor.")
    ] = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print tables for a Markdown page.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run checks and controls of scenarios; exit 1 on a miss.

    A check compares a metric of one run with a value. A control is an experiment whose answer is
    known before: a flat market liquidates nobody, a larger shock does not do less harm.

    \b
    Examples:
      windtunnel check smoke
      windtunnel check oct-2025 --scale 0.25
    """
    with polite():
        import scenarios
        from scenarios.controls import check_scenario
        from scenarios.errors import ScenarioError

        if as_json and as_markdown:
            raise ScenarioError("--json or --markdown, not both")
        missed = False
        outcomes = []
        for name in scenario or scenarios.names():
            chosen = scenarios.load(name, sets or ())
            if getattr(chosen, "needs_exchange", True):
                announce_compiler()
            with progress(name) as update:
                outcome = check_scenario(
                    chosen,
                    seed=seed,
                    scale=scale,
                    controls=controls,
                    jobs=jobs or os.cpu_count() or 1,
                    progress=update,
                )
            missed |= not outcome["passed"]
            outcomes.append(outcome)
            if not as_json and not as_markdown:
                _print_outcome(outcome)
        if as_json:
            typer.echo(json.dumps(outcomes))
        elif as_markdown:
            from scenarios import markdown

            typer.echo(markdown.page(outcomes))
        if missed:
            raise typer.Exit(MISSED)


def _print_outcome(outcome: dict[str, Any]) -> None:
    from scenarios import tables

    printer = console()
    printer.print(tables.outcome(outcome))


@app.command("case")
def run_cases(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|FOLDER", help="Case files, or folders of them; default: windtunnel's own."
        ),
    ] = None,
    clauses: Annotated[
        list[str] | None,
        typer.Option("--clause", metavar="ID", help="Only cases of this clause. Repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run case files: small exchanges with what must come out; exit 1 on a difference.

    A case lists instruments and accounts, sends orders, prices and other messages step by step,
    and says which balances, margins and events must result.

    \b
    Examples:
      windtunnel case
      windtunnel case my.case.toml rules/ --clause MAR-04
    """
    with polite():
        from scenarios.casefile import files, report, runner

        cases = files.chosen(paths or (), clauses or ())
        runner.check(cases)
        announce_compiler()
        outcomes = []
        for outcome in report.outcomes(cases):
            outcomes.append(outcome)
            if not as_json:
                typer.echo(report.line(outcome))
                if not outcome.passed:
                    typer.echo(report.differences(outcome))
        typer.echo(json.dumps(report.as_data(outcomes)) if as_json else report.summary(outcomes))
        if not all(outcome.passed for outcome in outcomes):
            raise typer.Exit(MISSED)


@app.command()
def portfolio(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE", help="A *.portfolio.toml, or a name; without one, the names are listed."
        ),
    ] = None,
    sets: Sets = None,
    legs: Annotated[
        bool, typer.Option("--legs", help="Show every leg of every wallet, with its clause.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Price a portfolio under isolated, segregated, unified and portfolio margin.

    Shows the capital that each margin mode needs and what netting saves, the loss in every state of
    prices, events and oracle, ES and VaR, jumps to resolution, hedges, and what-if trades.

    \b
    Examples:
      windtunnel portfolio
      windtunnel portfolio token-treasury --legs
      windtunnel portfolio mine.portfolio.toml --set event.Law.probability=0.4
    """
    with polite():
        from scenarios.portfolio import files

        if file is None:
            found = [{"name": name, "title": files.load(name).title} for name in files.names()]
            if as_json:
                typer.echo(json.dumps(found))
            else:
                from scenarios.portfolio import tables

                console().print(tables.library(found))
            return
        chosen = files.load(file, sets or ())
        from scenarios.portfolio import lab

        result = lab.analyse(chosen)
        if as_json:
            typer.echo(json.dumps(result))
            return
        from scenarios.portfolio import tables

        printer = console()
        printer.width = max(printer.width, tables.WIDTH)  # better a broken line than a cut number
        printer.print(tables.report(result, legs=legs))


@app.command()
def schema(
    what: Annotated[
        str, typer.Argument(metavar="case|portfolio|scenario|STUDY", help="Which kind of file.")
    ],
) -> None:
    """Print the JSON Schema of a kind of file, for editors that complete and check TOML.

    \b
    Examples:
      windtunnel schema case > case.schema.json
    """
    with polite():
        from scenarios import editor

        typer.echo(json.dumps(editor.schema(what), indent=2))


@app.command()
def dashboard(
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8050,
    runs: RunsDir = RUNS,
) -> None:
    """Show the runs in a browser, on this machine only."""
    with polite():
        from scenarios.errors import ScenarioError

        try:
            from dashboard import serve

            serve(runs, port)
        except ImportError as error:
            raise ScenarioError(
                f"{error.name} is missing: pip install 'windtunnel[dashboard]'"
            ) from None
        except (OSError, ValueError) as error:
            raise ScenarioError(str(error)) from None


def main() -> None:
    """Entry point of the ``windtunnel`` command."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(OK)


if __name__ == "__main__":
    main()
