"""What every command shares: exit codes, colours, progress, bad input as one line."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

OK, MISSED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
RUNS = Path("runs")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
RunsDir = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Where the runs are.")]


def console(*, stderr: bool = False) -> Console:
    """A terminal; `NO_COLOR` and pipes are honoured.  A pipe gets wide lines, not wrapped ones."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = max(made.width, 120)
    return made


@contextmanager
def polite() -> Iterator[None]:
    """Bad input is one line and exit 2, Ctrl-C one line and exit 130; neither is a traceback.

    A full disk behind stdout is such a line too; what a terminal cannot show is replaced.
    """
    from scenarios.errors import ScenarioError

    if getattr(sys.stdout, "errors", "") == "strict" and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    try:
        yield
        sys.stdout.flush()
    except ScenarioError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        typer.echo(f"error: {error}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the flush at exit fails once more
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing was written", err=True)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def progress(what: str) -> Iterator[Any]:
    """A progress bar on stderr; yields ``update(share, text)``."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
    )
    screen = console(stderr=True)
    bar = Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)
    with bar:
        task = bar.add_task(what, total=1.0, note="")
        yield lambda share, note="": bar.update(task, completed=share, note=note)


def announce_compiler() -> None:
    """Compile the kernel first where it has to be, and say so on stderr."""
    from sim.exchange.kernel.jit import is_compiled

    if is_compiled():
        return
    typer.echo("compiling the exchange kernel, once per machine, about 20 s …", err=True)
    from sim.exchange.kernel.warm import warm

    with progress("compiling") as update:
        seconds = warm(update)
    typer.echo(f"compiled in {seconds:.0f} s", err=True)
