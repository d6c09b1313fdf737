"""Faults of supply: sources that drop out, upstreams that fail, widths that blow up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sim.oracle.fault import Fault
from sim.oracle.readings import Readings, Scope

SECOND_US = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Drop(Fault):
    """The source is gone at a random share of its beats: it counts for nothing until the next.

    With a share of 1 it is gone from the start to the end, wherever its beats fall.
    """

    kind: ClassVar[str] = "drop"
    exclusive: ClassVar[bool] = True
    share: float

    def change(self, readings: Readings, lo: int, hi: int, scope: Scope) -> Readings:
        part = readings.take(slice(lo, hi))
        return replace(part, absent=part.absent | (scope.draw.random(hi - lo) < self.share))

    @property
    def silences(self) -> bool:
        return self.share >= 1

    def silent(self, times_us: np.ndarray, scope: Scope) -> np.ndarray:
        return self.silences & (times_us >= self.start_us) & (times_us < self.end_us)


@dataclass(frozen=True, kw_only=True)
class Outage(Fault):
    """An upstream is gone in a random share of the seconds, and with it all that depend on it.

    All of them are gone in the same seconds, wherever their beats fall: a failure in common,
    whatever the median does.
    """

    kind: ClassVar[str] = "outage"
    exclusive: ClassVar[bool] = True
    upstream: str
    share: float

    def change(self, readings: Readings, lo: int, hi: int, scope: Scope) -> Readings:
        part = readings.take(slice(lo, hi))
        return replace(part, absent=part.absent | self.silent(part.beat_us, scope))

    @property
    def silences(self) -> bool:
        return True

    def silent(self, times_us: np.ndarray, scope: Scope) -> np.ndarray:
        if "gone" not in scope.memory:
            seconds = -(-self.duration_us // SECOND_US)
            scope.memory["gone"] = scope.common().random(seconds) < self.share
        gone = np.zeros(len(times_us), dtype=np.bool_)
        during = (times_us >= self.start_us) & (times_us < self.end_us)
        gone[during] = scope.memory["gone"][(times_us[during] - self.start_us) // SECOND_US]
        return gone


@dataclass(frozen=True, kw_only=True)
class Confidence(Fault):
    """The source claims to be sure of its price within pct percent only."""

    kind: ClassVar[str] = "confidence"
    pct: float

    def change(self, readings: Readings, lo: int, hi: int, scope: Scope) -> Readings:
        part = readings.take(slice(lo, hi))
        return replace(part, claimed_usd=part.price_usd * (self.pct / 100.0))
