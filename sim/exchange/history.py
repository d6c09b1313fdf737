"""The latest events, kept in parts and found again by sequence number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

from sim.exchange.messages import E_SEQ, EV_COLS

NO_EVENTS = np.empty((0, EV_COLS), np.int64)
NO_EVENTS.setflags(write=False)


class History:
    """At least the last `keep` events (0: none but those of the last call), int64[k, 16] parts.

    Sequence numbers have no gaps, so an event's place is its number minus the first one's.
    """

    def __init__(self, keep: int, parts: Iterable[np.ndarray] = ()) -> None:
        self.keep = keep
        self.parts: deque[np.ndarray] = deque(parts)
        self.rows = sum(len(part) for part in self.parts)

    def add(self, events: np.ndarray) -> None:
        """Append events that follow the ones here; the oldest parts may go."""
        if len(events) == 0:
            return
        parts = self.parts
        parts.append(events)
        self.rows += len(events)
        while len(parts) > 1 and self.rows - len(parts[0]) >= self.keep:
            self.rows -= len(parts.popleft())

    def copy(self) -> History:
        """The same events; later ones are added to either alone."""
        return History(self.keep, self.parts)

    @property
    def first(self) -> int:
        """Sequence number of the oldest event kept, 0 if there is none."""
        return int(self.parts[0][0, E_SEQ]) if self.parts else 0

    def since(self, seq: int) -> np.ndarray:
        """Events from sequence number `seq` on, as far as they are kept: int64[k, 16]."""
        found: list[np.ndarray] = []
        for part in reversed(self.parts):
            start = int(part[0, E_SEQ])
            if start + len(part) <= seq:
                break
            found.append(part[max(0, seq - start) :])
            if start <= seq:
                break
        if not found:
            return NO_EVENTS
        return found[0] if len(found) == 1 else np.concatenate(found[::-1])

    def between(self, first: int, last: int) -> np.ndarray:
        """Events `first` … `last`; raises LookupError when the first ones are no longer kept."""
        if last < first:
            return NO_EVENTS
        if not self.parts or first < self.first:
            raise LookupError(
                f"events {first} to {last} are no longer kept; build the exchange with a larger "
                f"keep_events (now {self.keep:,})"
            )
        return self.since(first)[: last - first + 1]
