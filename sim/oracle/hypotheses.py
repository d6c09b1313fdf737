"""What may be true of an event, and Bayes' rule for what is heard of it (`sim.oracle.belief`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

CONCENTRATION = 4.0  # a + b of a scalar's prior: at ½ its standard deviation is .22 of the range
CELLS = 64  # of a scalar's range


@dataclass(frozen=True)
class Hypotheses:
    """What may be true.  Row h of an array is hypothesis h.

    Attributes:
        prior: probabilities before anything was heard, they sum to 1.
        signals: float64[hypotheses, signals], the strength of each signal if h is true.
        pays: float64[hypotheses, shares], what a share pays then.
    """

    prior: tuple[float, ...]
    signals: np.ndarray
    pays: np.ndarray

    def draw(self, rng: np.random.Generator) -> int:
        """A hypothesis, drawn from the prior."""
        u = float(rng.random())
        return next((h for h, p in enumerate(accumulate(self.prior)) if u < p), len(self.prior) - 1)


def outcomes(prices: tuple[float, ...]) -> Hypotheses:
    """One of several outcomes, at these prices."""
    one = np.eye(len(prices))
    return Hypotheses(prices, one * math.sqrt(0.5), one)


def fraction(price: float, cells: int) -> Hypotheses:
    """A fraction 0, 1/cells, … 1 with mean ``price``: beta-binomial, shares LONG and SHORT."""
    a, b = CONCENTRATION * price, CONCENTRATION * (1.0 - price)
    prior = [math.exp(_log_beta_binomial(j, cells, a, b)) for j in range(cells + 1)]
    total = math.fsum(prior)
    values = np.array([j / cells for j in range(cells + 1)])
    pays = np.stack((values, 1.0 - values), axis=1)
    return Hypotheses(tuple(p / total for p in prior), values[:, None], pays)


def _log_beta_binomial(j: int, n: int, a: float, b: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(j + 1) - math.lgamma(n - j + 1)
    beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return ways + math.lgamma(j + a) + math.lgamma(n - j + b) - math.lgamma(n + a + b) - beta


def observe(strength: np.ndarray, heard: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """What a step adds to Y: strength·dI + sqrt(dI)·noise.

    Args:
        strength: float64[…, signals], of the hypothesis that is true.
        heard: float64[…], dI of the step.
        noise: float64[…, signals], standard normal.
    """
    d: np.ndarray = heard[..., None]
    return strength * d + np.sqrt(d) * noise


def learn(x: np.ndarray, signals: np.ndarray, y: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """Log weights float64[…, hypotheses] after Y moved by ``y`` and I by ``heard``; Bayes' rule.

    Adding up steps and taking one step with their sums is the same.
    """
    for s in range(signals.shape[1]):
        a = signals[:, s]
        x = x + a * y[..., s, None] - 0.5 * a * a * heard[..., None]
    return x


def probabilities(x: list[float]) -> list[float]:
    """Weights with these logarithms, scaled to the sum 1."""
    top = max(x)
    weights = [math.exp(v - top) for v in x]
    total = math.fsum(weights)
    return [w / total for w in weights]
