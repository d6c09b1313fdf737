"""Runs random programs through kernel and reference side by side until they part or time is up.

Usage: python tests/compare/fuzz.py [--minutes 10] [--seed S] [--jobs 2] [--case FILE]
Exit code 1, and a small program that shows it, when they part.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from pprint import pformat

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "reference", HERE.parents[1]):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from agreement import Tally, first_difference, show_message  # noqa: E402
from programs import Program  # noqa: E402
from shrinking import Shrinker  # noqa: E402
from wide.programs import wide_program  # noqa: E402

SHRINK_S = 180.0
REPORT_S = 30.0


def difference(program: Program, tally: Tally | None = None, every: int = 40) -> str | None:
    """As `first_difference`; an engine that raises has parted too."""
    try:
        return first_difference(program, every, tally)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def fails(program: Program) -> bool:
    """Do they part, on events or at the end?"""
    return bool(program.messages) and difference(program, every=1 << 30) is not None


def run(seed: int) -> tuple[int, str | None, Tally]:
    tally = Tally()
    return seed, difference(wide_program(seed), tally), tally


def finished(seeds: range, jobs: int, until: float) -> Iterator[tuple[int, str | None, Tally]]:
    """The programs of these seeds as they are done, in so many processes; at least one each."""
    if jobs == 1:
        for seed in seeds:
            yield run(seed)
            if time.monotonic() > until:
                return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        rest = iter(seeds)
        waiting: set[Future[tuple[int, str | None, Tally]]] = {
            pool.submit(run, seed) for _, seed in zip(range(2 * jobs), rest, strict=False)
        }
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
                if time.monotonic() < until:
                    waiting.add(pool.submit(run, next(rest)))


def shown(program: Program, found: str) -> str:
    """The program as a case file; as Python data where it cannot be one."""
    try:
        from scenarios.casefile import to_case
        from sim.exchange.instruments import Listing
        from sim.exchange.rules import Rules

        return to_case(
            Listing.model_validate(program.listing),
            Rules.model_validate(program.rules),
            program.accounts,
            program.messages,
            title=f"Kernel and reference part (seed {program.seed})",
            text=found,
        )
    except (ImportError, ValueError) as error:
        lines = "\n".join(f"#   {show_message(m)}" for m in program.messages)
        return f"# no case file: {error}\n{lines}\n{pformat(program, width=100)}"


def report(total: Tally, began: float) -> str:
    return (
        f"{total.programs} programs, {total.messages:,} steps, {total.events:,} events compared "
        f"in {time.monotonic() - began:.0f} s"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--case", type=Path, help="where a small failing program is written, too")
    asked = parser.parse_args(arguments)
    began = said = time.monotonic()
    until, total = began + 60 * asked.minutes, Tally()
    for seed, found, tally in finished(range(asked.seed, 1 << 62), asked.jobs, until):
        total.programs += tally.programs
        total.messages += tally.messages
        total.events += tally.events
        if found:
            print(f"seed {seed}: {found}\n{report(total, began)}, 1 disagreement", flush=True)
            print(f"making it smaller, up to {SHRINK_S:.0f} s", flush=True)
            small = Shrinker(wide_program(seed), fails, SHRINK_S).run()
            text = shown(small, difference(small, every=1) or found)
            print(f"{len(small.messages)} messages are left, {difference(small, every=1)}\n{text}")
            if asked.case:
                asked.case.write_text(text + "\n", encoding="utf-8")
            return 1
        if time.monotonic() - said > REPORT_S:
            said = time.monotonic()
            print(report(total, began), flush=True)
    print(f"{report(total, began)}, 0 disagreements")
    return 0


if __name__ == "__main__":
    sys.exit(main())
