"""What metrics need of the true prices; `sim.oracle.truth.TruthPath` has it."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Truth(Protocol):
    """The exogenous prices behind the oracle, USD for one coin."""

    def sample(self, feed: int, times_us: np.ndarray) -> np.ndarray:
        """Price of one feed (by id) at each of the given simulated times."""
        ...
