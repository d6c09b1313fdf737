"""The digest of a run: SHA-256 over its events."""

from __future__ import annotations

import hashlib

import numpy as np

from sim.exchange.messages import E_TIME

MINUTE_US = 60_000_000


class Digest:
    """SHA-256 over the bytes of all events in order, however they are cut into chunks.

    After each simulated minute the digest so far is noted, so that two runs can be compared up to
    the minute where they part.

    Args:
        start_us: beginning of minute 0.
    """

    def __init__(self, start_us: int) -> None:
        self._hash = hashlib.sha256()
        self._minute_ends = start_us + MINUTE_US
        self._minutes: list[str] = []

    def add(self, events: np.ndarray) -> None:
        """Take the next events: int64[k, 16], contiguous, times never falling."""
        done = 0
        while len(events) and events[-1, E_TIME] >= self._minute_ends:
            n = int(np.searchsorted(events[:, E_TIME], self._minute_ends))
            self._hash.update(events[done:n].data)
            done = n
            self._minutes.append(self._hash.hexdigest())
            self._minute_ends += MINUTE_US
        self._hash.update(events[done:].data)

    def minutes(self) -> list[str]:
        """The digest of everything up to the end of each minute, the last one begun included."""
        return [*self._minutes, self._hash.hexdigest()]

    def hexdigest(self) -> str:
        """The digest of everything so far."""
        return self._hash.hexdigest()
