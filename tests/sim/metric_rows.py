"""Event rows and true prices written by hand, for the tests of metrics."""

from __future__ import annotations

import numpy as np

from sim.exchange.messages import EVENT_COLUMNS, Event


class Steps:
    """A true price that jumps at given seconds, in ticks of 0.10 USD."""

    def __init__(self, jumps: dict[float, float]) -> None:
        self.jumps = jumps or {0.0: 1000.0}

    def sample(self, feed: int, times_us: np.ndarray) -> np.ndarray:
        times, prices = zip(*sorted(self.jumps.items()), strict=True)
        at = np.searchsorted(np.array(times) * 1e6, times_us, side="right") - 1
        return np.array(prices)[at] * 0.1


def row(line: str, seq: int) -> list[int]:
    """An event row from ``KIND t=… column=…``."""
    kind, *columns = line.split()
    values: dict[str, float] = {"seq": seq, "kind": Event[kind]}
    for column in columns:
        name, value = column.split("=")
        if name == "t":
            values["time_us"] = round(float(value) * 1_000_000)
        else:
            values[name] = int(value)
    return [int(values.pop(name, 0)) for name in EVENT_COLUMNS]


def rows(*lines: str) -> np.ndarray:
    """Event rows from lines, numbered from 1: int64[n, 16]."""
    return np.array([row(line, k) for k, line in enumerate(lines, 1)], np.int64)
