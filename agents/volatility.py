"""Volatility of the index as a trader estimates it from its delayed view."""

from __future__ import annotations

import math

import numpy as np


class Volatility:
    """Exponentially weighted volatility, fast and slow, of many prices at once.

    RiskMetrics (1996): the variance takes r² with weight 1 - exp(-dt/tau).  Returns are simple,
    taken between looks at least ``min_gap_s`` apart and divided by sqrt(dt), so that ``fast`` and
    ``slow`` are basis points per square root of a second.

    Args:
        n: how many prices.
        start_bps: volatility at the start, scalar or float64[n].
        fast_s, slow_s: decay times, seconds.
    """

    def __init__(
        self, n: int, start_bps: float | np.ndarray, fast_s: float = 30.0, slow_s: float = 1800.0
    ) -> None:
        self._fast_s, self._slow_s = fast_s, slow_s
        self._price = np.full(n, -1.0)
        self._time_us = -1
        self._seen_s = 10.0  # at first the slow estimate is a plain average
        self.start = np.broadcast_to(np.asarray(start_bps, np.float64), (n,)).copy()
        self._fast = self.start * self.start
        self._slow = self._fast.copy()
        self.move = np.zeros(n)  # last return, bps per square root of a second

    def see(self, time_us: int, price: np.ndarray, min_gap_s: float = 0.5) -> bool:
        """Take prices (ticks; <= 0: missing) of `time_us`; False if there is no new return."""
        dt = (time_us - self._time_us) / 1e6
        if self._time_us >= 0 and dt < min_gap_s:
            return False
        price = price.astype(np.float64)
        known = (price > 0) & (self._price > 0)
        if self._time_us >= 0:
            base = np.where(known, self._price, 1.0)
            moved = np.where(known, price - base, 0.0) / base
            self.move = moved * (1e4 / math.sqrt(dt))
            square = self.move * self.move
            self._fast += (1.0 - math.exp(-dt / self._fast_s)) * (square - self._fast)
            self._seen_s += dt
            slow_s = min(self._slow_s, self._seen_s)
            self._slow += (1.0 - math.exp(-dt / slow_s)) * (square - self._slow)
        self._price = np.where(price > 0, price, self._price)
        self._time_us = time_us
        return self._time_us >= 0 and bool(known.any())

    @property
    def fast(self) -> np.ndarray:
        """float64[n], bps per square root of a second."""
        return np.sqrt(self._fast)

    @property
    def slow(self) -> np.ndarray:
        """float64[n], bps per square root of a second."""
        return np.sqrt(self._slow)
