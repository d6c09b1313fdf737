"""What the public believes about an event: a path of probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BeliefPath:
    """The price that the public gives each share of an event, on an even grid.

    ``values``: float64[shares, points], each column sums to 1; point 0 is at ``start_us``.  News
    come at the points: in between nothing changes, and nobody knows the next point before its time.
    """

    start_us: int
    step_us: int
    values: np.ndarray

    def at(self, time_us: int) -> np.ndarray:
        """float64[shares]: the last point not later than a time, the first before the start."""
        last = self.values.shape[1] - 1
        return self.values[:, min(max((time_us - self.start_us) // self.step_us, 0), last)]
