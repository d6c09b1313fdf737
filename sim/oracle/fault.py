"""A fault of an oracle's sources: what it hits, when, and how it changes the readings.

A fault turns the readings of one source for one feed into others.  The market it never sees: a
source is wrong for its own reasons, and the index has to live with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sim.oracle.readings import Readings, Scope


class OracleError(ValueError):
    """Something declared for the oracle cannot be.

    ``entry``: what is wrong, as in a scenario's table: ``("fault", 2)``, ``("source", 0)`` or ``()``;
    ``word`` and ``allowed``: a name that is not known, and those that are.
    """

    def __init__(
        self,
        what: str,
        entry: tuple[str | int, ...] = (),
        word: str = "",
        allowed: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what)
        self.entry, self.word, self.allowed = entry, word, allowed


@dataclass(frozen=True)
class Fault(ABC):
    """From ``start_us`` (included) for ``duration_us`` on the feeds and sources named.

    ``feeds`` and ``sources``: None for all.  Sources that fail with a named one (`Source.upstream`
    by name alone) are hit as well.  ``name``: of its random stream; without one its kind and place.
    """

    start_us: int
    duration_us: int
    feeds: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    name: str = ""

    kind: ClassVar[str]
    exclusive: ClassVar[bool] = False  # not together with another such on the same readings
    causal: ClassVar[bool] = True  # needs no later reading, so it can hit one that comes live

    @property
    def end_us(self) -> int:
        return self.start_us + self.duration_us

    def apply(self, readings: Readings, scope: Scope, first: int = 0) -> Readings:
        """The readings from row `first` on as the fault makes them.

        Readings that come one by one are the last row of all so far, with `first` their place;
        the result is the same as for all at once.
        """
        beats = readings.beat_us
        n = len(beats)
        lo = max(int(np.searchsorted(beats, self.start_us)), first)
        hi = max(int(np.searchsorted(beats, self.end_us)), lo)
        if lo == hi:
            return readings.take(slice(first, n)) if first else readings
        changed = self.change(readings, lo, hi, scope)
        parts = [readings.take(slice(first, lo)), changed, readings.take(slice(hi, n))]
        return Readings.join(parts)

    @abstractmethod
    def change(self, readings: Readings, lo: int, hi: int, scope: Scope) -> Readings:
        """What becomes of rows `lo` … `hi` − 1; earlier rows may be looked at."""

    @property
    def silences(self) -> bool:
        """Whether it takes the source itself away (`silent`), not only readings of it."""
        return False

    def silent(self, times_us: np.ndarray, scope: Scope) -> np.ndarray:
        """When the source is gone by this fault, whenever it publishes; bool, one per time."""
        return np.zeros(len(times_us), dtype=np.bool_)

    def before(self, readings: Readings) -> int:
        """The last row before the fault began, the first if there is none."""
        return max(int(np.searchsorted(readings.beat_us, self.start_us)) - 1, 0)


class PriceFault(Fault):
    """A fault of the price alone, that of each reading by itself."""

    @abstractmethod
    def price(self, readings: Readings, scope: Scope) -> np.ndarray:
        """The wrong prices in USD for these readings, float64."""

    def change(self, readings: Readings, lo: int, hi: int, scope: Scope) -> Readings:
        part = readings.take(slice(lo, hi))
        return Readings(
            part.beat_us, part.time_us, self.price(part, scope), part.claimed_usd, part.absent
        )
