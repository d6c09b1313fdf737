"""Faults of time: readings that stop, come late, wait for a move, or come in the wrong order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sim.oracle.fault import Fault
from sim.oracle.readings import Readings, Scope


@dataclass(frozen=True)
class Freeze(Fault):
    """Readings are no longer refreshed: those from before it began are published again.

    Time stands as well and the source ages, unless ``refresh``: then it looks fresh.  With
    ``through_us`` one reading gets through in each such span.
    """

    kind: ClassVar[str] = "freeze"
    exclusive: ClassVar[bool] = True
    refresh: bool = False
    through_us: int = 0

    def change(self, readings: Readings, lo: int, hi: int, scope: Scope) -> Readings:
        beats = readings.beat_us
        which = np.full(hi - lo, self.before(readings))
        if self.through_us:
            slot = (beats[lo:hi] - self.start_us) // self.through_us
            first = np.searchsorted(beats, self.start_us + slot * self.through_us)
            which = np.where(slot > 0, first, which)
        return _again(readings, which, lo, hi, self.refresh)


@dataclass(frozen=True, kw_only=True)
class Lag(Fault):
    """Price of the reading of extra_s ago, with the time of now."""

    kind: ClassVar[str] = "lag"
    extra_us: int

    def change(self, readings: Readings, lo: int, hi: int, scope: Scope) -> Readings:
        beats = readings.beat_us
        which = np.searchsorted(beats, beats[lo:hi] - self.extra_us, side="right") - 1
        return _again(readings, np.maximum(which, 0), lo, hi, True)


@dataclass(frozen=True, kw_only=True)
class Deadband(Fault):
    """The price moves only when it is band_pct away from the one last published; time goes on."""

    kind: ClassVar[str] = "deadband"
    band_pct: float

    def change(self, readings: Readings, lo: int, hi: int, scope: Scope) -> Readings:
        start = float(readings.price_usd[self.before(readings)])
        last = scope.memory.setdefault("last", start)
        share = self.band_pct / 100.0
        held = []
        for price in readings.price_usd[lo:hi].tolist():
            if abs(price - last) > share * abs(last):
                last = price
            held.append(last)
        scope.memory["last"] = last
        return replace(readings.take(slice(lo, hi)), price_usd=np.array(held))


@dataclass(frozen=True, kw_only=True)
class Shuffle(Fault):
    """Readings take up to window_s to arrive, each as long as chance will: they overtake each other.

    What arrived last is what the source shows, with its own time.
    """

    kind: ClassVar[str] = "shuffle"
    exclusive: ClassVar[bool] = True
    causal: ClassVar[bool] = False  # what it shows depends on all readings under way
    window_us: int

    def change(self, readings: Readings, lo: int, hi: int, scope: Scope) -> Readings:
        beats = readings.beat_us[lo:hi]
        arrival = beats + scope.draw.integers(0, self.window_us + 1, hi - lo)
        order = np.argsort(arrival, kind="stable")
        latest = np.searchsorted(arrival[order], beats, side="right") - 1
        which = np.where(latest >= 0, lo + order[np.maximum(latest, 0)], self.before(readings))
        return _again(readings, which, lo, hi, False)


@dataclass(frozen=True, kw_only=True)
class Replay(Fault):
    """The last age_s before it began are published over and over, as if they were new."""

    kind: ClassVar[str] = "replay"
    exclusive: ClassVar[bool] = True
    age_us: int

    def change(self, readings: Readings, lo: int, hi: int, scope: Scope) -> Readings:
        beats = readings.beat_us
        back = self.start_us - self.age_us + (beats[lo:hi] - self.start_us) % self.age_us
        which = np.searchsorted(beats[: self.before(readings) + 1], back, side="right") - 1
        return _again(readings, np.maximum(which, 0), lo, hi, True)


def _again(readings: Readings, which: np.ndarray, lo: int, hi: int, fresh: bool) -> Readings:
    """Rows `which` published again in the place of `lo` … `hi` − 1; `fresh`: with these times."""
    part = replace(readings.take(which), beat_us=readings.beat_us[lo:hi])
    return replace(part, time_us=readings.time_us[lo:hi]) if fresh else part
