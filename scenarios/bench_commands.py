"""``windtunnel bench``: measurements of the exchange."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from scenarios.terminal import Json, announce_compiler

bench = typer.Typer(
    no_args_is_help=True, help="Measure the exchange: matching, margin, calls, copies."
)


@bench.command()
def flow(
    seed: Annotated[int, typer.Option(min=0)] = 12345,
    messages: Annotated[int, typer.Option(min=1)] = 200_000,
    as_json: Json = False,
) -> None:
    """Matching alone, on a random flow of limit orders and cancels."""
    from sim.exchange.bench import run_flow

    announce_compiler()
    _print_bench(run_flow(seed, messages), as_json)


@bench.command()
def kernel(as_json: Json = False) -> None:
    """The whole kernel, margin on, beside the same loop in plain Python."""
    from sim.exchange.bench import run_kernel

    announce_compiler()
    _print_bench(run_kernel(), as_json)


@bench.command()
def margin(
    accounts: Annotated[int, typer.Option(min=100)] = 100_000,
    ticks: Annotated[int, typer.Option(min=1, help="Seconds of prices walking.")] = 3_600,
    as_json: Json = False,
) -> None:
    """Margin of all accounts at once, a liquidation tick, scenario margin, the portfolio mode."""
    from sim.exchange.bench_margin import run_margin

    announce_compiler()
    _print_bench(run_margin(accounts, ticks), as_json)


@bench.command()
def calls(
    messages: Annotated[int, typer.Option(min=1000)] = 200_000,
    accounts: Annotated[int, typer.Option(min=2)] = 10_000,
    as_json: Json = False,
) -> None:
    """One order per Python call, margin on: how many a second."""
    from sim.exchange.bench_facade import run_calls

    announce_compiler()
    _print_bench(run_calls(messages, accounts), as_json)


@bench.command()
def snapshot(
    accounts: Annotated[int, typer.Option(min=2)] = 100_000,
    instruments: Annotated[int, typer.Option(min=5)] = 20,
    as_json: Json = False,
) -> None:
    """A copy of a whole exchange, and the way back."""
    from sim.exchange.bench_facade import run_snapshot

    announce_compiler()
    _print_bench(run_snapshot(accounts, instruments), as_json)


@bench.command()
def start(runs: Annotated[int, typer.Option(min=1)] = 7, as_json: Json = False) -> None:
    """From a fresh Python to the first order, with the compiled kernel on disk."""
    from sim.exchange.bench_facade import run_start

    announce_compiler()
    _print_bench(run_start(runs), as_json)


@bench.command()
def growth(
    peers: Annotated[
        str | None,
        typer.Option(metavar="PYTHON", help="An interpreter with liquibook and matching-engine."),
    ] = None,
    length: Annotated[
        bool, typer.Option("--length", help="Longer flows instead of bigger books.")
    ] = False,
    runs: Annotated[int, typer.Option(min=1)] = 3,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw the curve as well.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Cost of a message as the book grows to a million orders, beside other engines."""
    from sim.exchange.bench_curve import curve
    from sim.exchange.bench_growth import run_growth, run_length, table

    announce_compiler()
    by = "messages" if length else "book"
    found = (run_length if length else run_growth)(runs=runs, peers=peers)
    if chart is not None:
        chart.write_text(curve(found, by), "utf-8")
    typer.echo(json.dumps(found) if as_json else table(found, by))
    if peers is None and not as_json:
        typer.echo("without other engines: see docs/benchmarks.md for how to set them beside")


def _print_bench(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, value in found.items():
        typer.echo(
            f"{name:<32} {value:,.6g}" if isinstance(value, float) else f"{name:<32} {value}"
        )
