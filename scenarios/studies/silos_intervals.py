"""Means over seeds with a percentile bootstrap interval (Efron 1979)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.streams import stream

DRAWS = 2000
LEVEL = 0.90


@dataclass(frozen=True)
class Interval:
    """A mean and the middle 90 % of its bootstrap distribution."""

    mean: float
    low: float
    high: float


class Bootstrap:
    """Resamples seeds, the same ones for every quantity: modes share populations and paths."""

    def __init__(self, seeds: int, seed: int, study: str = "capital-silos") -> None:
        rng = stream(seed, study, "bootstrap")
        self._chosen = rng.integers(0, seeds, (DRAWS, seeds)).tolist()

    def of(self, values: Sequence[float]) -> Interval:
        """The interval of the mean of one value a seed."""
        n = len(values)
        means = sorted(math.fsum(values[i] for i in chosen) / n for chosen in self._chosen)
        edge = (1.0 - LEVEL) / 2.0
        low, high = np.quantile(np.array(means), [edge, 1.0 - edge]).tolist()
        return Interval(math.fsum(values) / n, low, high)
