"""Random programs run on the kernel: venues with a past, and all their events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from kernel_venue import KernelVenue
from programs import Program
from wide.programs import wide_program

SEEDS = 40  # looked through for something that a test needs
program = lru_cache(maxsize=SEEDS)(wide_program)


def fresh(made: Program) -> KernelVenue:
    """The program's exchange before its first message."""
    return KernelVenue(made.listing, made.rules, made.accounts)


@lru_cache(maxsize=SEEDS)
def stream(seed: int) -> tuple[KernelVenue, np.ndarray]:
    """A program's exchange at its end, and its events (both to be left as they are)."""
    made = program(seed)
    venue = fresh(made)
    return venue, venue.process(np.array(made.messages, np.int64))


def stages(seed: int, parts: int = 8) -> Iterator[KernelVenue]:
    """One exchange at several moments of a program, the earlier ones first."""
    made = program(seed)
    venue = fresh(made)
    for block in np.array_split(np.array(made.messages, np.int64), parts):
        venue.process(np.ascontiguousarray(block))
        yield venue


def changed_venue(change: Callable[[KernelVenue], bool]) -> tuple[KernelVenue, dict[str, int]]:
    """The first exchange that `change` could change, and what verify() had said before."""
    for seed in range(SEEDS):
        for venue in stages(seed):
            if not venue.listing.derivatives() or not venue.listing.assets:
                break
            before = venue.verify()
            if change(venue):
                return venue, before
    raise AssertionError(f"no exchange for {change.__name__} in {SEEDS} programs")


def changed_stream(
    change: Callable[[np.ndarray], np.ndarray | None],
    capped: bool = True,
) -> tuple[KernelVenue, np.ndarray, np.ndarray]:
    """(venue, events, changed events) of the first program whose events `change` could change.

    Without `capped`, of those whose marks no average holds.
    """
    for seed in range(SEEDS):
        venue, events = stream(seed)
        if not venue.listing.derivatives() or (venue.rules.mark_average_cap and not capped):
            continue
        after = change(events.copy())
        if after is not None:
            return venue, events, after
    raise AssertionError(f"no events for {change.__name__} in {SEEDS} programs")
