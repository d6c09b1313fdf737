"""What one source publishes for one feed over a run, and what a fault may know while it changes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Readings:
    """Readings of one source for one feed, one row each, in the order they are published.

    ``beat_us``: int64, when it is published, increasing; ``time_us``: int64, the time it claims;
    ``price_usd``: float64; ``claimed_usd``: float64, the half width it claims to be sure of (0:
    none); ``absent``: bool, it is withheld, and the source gone from this beat to the next (but in
    a fault that silences the source, for as long as that says: `sim.oracle.fault.Fault.silent`).
    """

    beat_us: np.ndarray
    time_us: np.ndarray
    price_usd: np.ndarray
    claimed_usd: np.ndarray
    absent: np.ndarray

    def __len__(self) -> int:
        return len(self.beat_us)

    def take(self, which: np.ndarray | slice) -> Readings:
        """The rows `which`: indices, a mask or a slice."""
        return Readings(*(getattr(self, f.name)[which] for f in fields(self)))

    @staticmethod
    def join(parts: list[Readings]) -> Readings:
        """Several, one after the other."""
        return Readings(
            *(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Readings))
        )

    @staticmethod
    def honest(beat_us: np.ndarray, price_usd: np.ndarray, claimed_bps: float = 0.0) -> Readings:
        """Readings that claim the time at which they are published."""
        none = np.zeros(len(beat_us), dtype=np.bool_)
        return Readings(beat_us, beat_us.copy(), price_usd, price_usd * (claimed_bps / 1e4), none)

    @staticmethod
    def room(n: int) -> Readings:
        """Space for `n` readings that come one by one."""
        time, none = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.bool_)
        return Readings(time, time.copy(), np.zeros(n), np.zeros(n), none)

    def put(self, row: int, other: Readings) -> None:
        """Overwrite one row by the last of `other`."""
        for f in fields(self):
            getattr(self, f.name)[row] = getattr(other, f.name)[-1]


@dataclass(frozen=True)
class Scope:
    """Where a fault is at work: one source and feed, its random numbers, what it remembers.

    ``truth``: the true price at given times (int64 µs → USD), for those who collude on a price;
    ``draw``: the stream of this fault, source and feed; ``common``: makes a stream that all whom
    the fault hits share; ``memory``: lives as long as the run.
    """

    truth: Callable[[np.ndarray], np.ndarray]
    draw: np.random.Generator
    common: Callable[[], np.random.Generator]
    memory: dict[str, Any] = field(default_factory=dict)
