"""What metrics need of the truth: prices behind the oracle, and how events really end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sim.exchange.instruments import Event, ScalarEvent

VOID = -1


class Truth(Protocol):
    """The exogenous prices behind the oracle, USD for one coin."""

    def sample(self, feed: int, times_us: np.ndarray) -> np.ndarray:
        """Price of one feed (by id) at each of the given simulated times."""
        ...


@dataclass(frozen=True)
class TrueOutcome:
    """How an event really ends, in the words of a RESOLVE message.

    ``outcome``: number of the share that wins, -1 void, 0 for a scalar; ``value``: of a scalar.
    """

    outcome: int
    value: int = 0


def payouts(event: Event, outcome: int, value: int = 0) -> np.ndarray:
    """float64[shares]: USDC that one share of each kind pays under a resolution (SET-03)."""
    n = len(event.shares)
    if outcome == VOID:
        return np.full(n, 1 / n)
    if isinstance(event, ScalarEvent):
        up = (value - event.low) / (event.high - event.low)
        return np.array([up, 1 - up])
    return np.array([1.0 if k == outcome else 0.0 for k in range(n)])


def share_marks(event: Event, marks: np.ndarray) -> np.ndarray:
    """float64[shares]: USDC that each share is marked at; ``marks`` are ticks of its books."""
    usd = np.asarray(marks, np.float64) / event.payoff_ticks
    return usd if len(usd) > 1 else np.array([usd[0], 1 - usd[0]])
