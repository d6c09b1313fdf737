"""How a price-linked event's price is read: when it is known, and what it is.

``nearest``: the reading of one source whose own time is nearest the due time, before or after it.
Where a reading is missing the nearest one is somebody else's price.
``twap``: the mean of the published index over the last seconds before the due time.
``quorum``: wait until so many sources have a reading made at the due time or later; their median.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

SECOND_US = 1_000_000
Method = Literal["truth", "nearest", "twap", "quorum"]


class Published(Protocol):
    """What an observation needs of the price oracle."""

    def published(self, feed: str, source: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What a source has published: (when int64, time of the reading int64, USD float64)."""
        ...

    def index(self, feed: str, times_us: np.ndarray) -> np.ndarray:
        """The index made last at or before these times, float64; NaN: none yet."""
        ...


@dataclass(frozen=True)
class Observation:
    """A price in USD, and from when on everybody can know it."""

    known_us: int
    price_usd: float


@dataclass(frozen=True)
class Observer:
    """Reads one event's price at its due time.

    Args:
        oracle: of the prices.
        feed: its name.
        due_us: the time the event is about.
        method: see the module's text.
        twap_s: of "twap"; whole seconds.
        sources: of "nearest" the first, of "quorum" all that count.
        quorum: how many of them.
    """

    oracle: Published
    feed: str
    due_us: int
    method: Method
    twap_s: int = 30
    sources: tuple[str, ...] = ()
    quorum: int = 1

    def __post_init__(self) -> None:
        if self.method == "twap" and self.twap_s < 1:
            raise ValueError(f"twap_s {self.twap_s}: at least a second")
        if self.method in ("nearest", "quorum") and not self.sources:
            raise ValueError(f"observes {self.method!r} needs a source")
        if self.method == "quorum" and not 1 <= self.quorum <= len(self.sources):
            raise ValueError(f"a quorum of {self.quorum} of {len(self.sources)} sources")

    def at(self, now_us: int) -> Observation | None:
        """What is known at `now_us`, by what was published before; None: nothing yet.

        What is published at that very time may or may not be there yet: it does not count.
        """
        if now_us < self.due_us:
            return None
        found: Observation | None
        if self.method == "nearest":
            found = nearest(*self._readings(self.sources[0], now_us), self.due_us)
        elif self.method == "twap":
            found = self._twap()
        else:
            readings = [self._readings(s, now_us) for s in self.sources]
            found = quorum(readings, self.due_us, self.quorum)
        return found if found is not None and found.known_us <= now_us else None

    def _readings(self, source: str, now_us: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        beat, read, price = self.oracle.published(self.feed, source)
        seen = beat < now_us
        return beat[seen], read[seen], price[seen]

    def _twap(self) -> Observation | None:
        times = self.due_us + SECOND_US * np.arange(1 - self.twap_s, 1, dtype=np.int64)
        prices = [p for p in self.oracle.index(self.feed, times).tolist() if not math.isnan(p)]
        if not prices:
            return None
        # Exact, since sum() is not the same on every Python; known when the last reading is out.
        return Observation(self.due_us + SECOND_US, math.fsum(prices) / len(prices))


def nearest(
    beat_us: np.ndarray, read_us: np.ndarray, price_usd: np.ndarray, due_us: int
) -> Observation | None:
    """The reading nearest `due_us` among those published, as soon as no later one can be nearer.

    That is when one made at `due_us` or later is out, or as much time has passed as the last one
    before lies back.  Ties go to the earlier reading.  None: there is no reading at all.
    """
    if not len(beat_us):
        return None
    early = beat_us <= due_us
    gap = int(np.abs(read_us[early] - due_us).min()) if early.any() else None
    after = beat_us[~early & (read_us >= due_us)]
    times = ([] if gap is None else [due_us + gap]) + ([int(after.min())] if len(after) else [])
    if not times:
        return None
    known = min(times)
    order = np.lexsort((beat_us, read_us, np.abs(read_us - due_us)))
    best = next(int(k) for k in order if beat_us[k] <= known)
    return Observation(known, float(price_usd[best]))


def quorum(
    readings: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], due_us: int, need: int
) -> Observation | None:
    """The lower median of the first `need` sources with a reading made at `due_us` or later."""
    first = []
    for place, (beat, read, price) in enumerate(readings):
        good = np.flatnonzero((read >= due_us) & (beat >= due_us) & (price > 0))
        if len(good):
            k = int(good[np.argmin(beat[good])])
            first.append((int(beat[k]), place, float(price[k])))
    if len(first) < need:
        return None
    first = sorted(first)[:need]
    prices = sorted(price for _, _, price in first)
    return Observation(first[-1][0], prices[(need - 1) // 2])
