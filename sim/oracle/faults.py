"""What can go wrong with an oracle's sources: small faults that compose.

A fault turns the readings of one source for one feed into others.  It never sees the market: a
source is wrong for its own reasons, and the index has to live with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Readings:
    """What one source publishes for one feed over a run; arrays over its heartbeats.

    ``beat_us``: int64, when it publishes; ``time_us``: int64, the time it claims for the reading;
    ``price_usd``: float64.
    """

    beat_us: np.ndarray
    time_us: np.ndarray
    price_usd: np.ndarray


class Fault(Protocol):
    """``feeds`` and ``sources`` name what it hits, None for all; dependents are hit as well."""

    @property
    def feeds(self) -> tuple[str, ...] | None: ...
    @property
    def sources(self) -> tuple[str, ...] | None: ...
    def apply(self, readings: Readings) -> Readings: ...


@dataclass(frozen=True)
class Freeze:
    """Readings stop being refreshed: time and price stay what they were when it began."""

    start_us: int
    duration_us: int
    feeds: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None

    def apply(self, readings: Readings) -> Readings:
        beats = readings.beat_us
        which = np.arange(len(beats))
        held = max(int(np.searchsorted(beats, self.start_us)) - 1, 0)
        which[(beats >= self.start_us) & (beats < self.start_us + self.duration_us)] = held
        return replace(
            readings, time_us=readings.time_us[which], price_usd=readings.price_usd[which]
        )


def apply_faults(
    faults: tuple[Fault, ...],
    feed: str,
    source: str,
    dependents: Callable[[str], set[str]],
    readings: Readings,
) -> Readings:
    """The readings of `source` for `feed` after all faults that hit it, in their order.

    ``dependents(name)`` is every source that depends on `name`, itself included.
    """
    for fault in faults:
        if fault.feeds is not None and feed not in fault.feeds:
            continue
        if fault.sources is None or any(source in dependents(s) for s in fault.sources):
            readings = fault.apply(readings)
    return readings
