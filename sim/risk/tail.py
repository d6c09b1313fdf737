"""Value at risk and expected shortfall of a discrete or sampled loss, with atoms.

A book of event shares has atoms: its loss takes few values, and the one where the level cuts may
hold more probability than is left.  Then the mean of the losses beyond VaR is not the expected
shortfall; the part of the atom that is still inside the tail belongs to it:

    VaR_a = min{x : P(L ≤ x) ≥ a}
    ES_a  = [E(L; L > VaR_a) + VaR_a · (1 − a − P(L > VaR_a))] / (1 − a)

Rockafellar and Uryasev (2002), Conditional value-at-risk for general loss distributions; Acerbi and
Tasche (2002), On the coherence of expected shortfall.  Losses are positive, gains negative, USD.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from scipy.stats import binom

from sim.risk.errors import RiskError, confidence, probability

SAME = 1e-12  # probabilities this close are equal: sums of decimals miss a level by rounding


@dataclass(frozen=True)
class Tail:
    """VaR and ES of a loss at one level, USD; a negative number is a gain."""

    level: float
    var_usd: float
    es_usd: float


@dataclass(frozen=True)
class SampledTail(Tail):
    """A tail estimated from ``paths`` equally likely losses.

    ``var_low_usd`` … ``var_high_usd`` holds the true VaR with probability ``coverage`` or more,
    whatever the distribution (order statistics); the ES has a standard error, and an interval of
    the same coverage from it.
    """

    paths: int
    coverage: float
    var_low_usd: float
    var_high_usd: float
    es_error_usd: float

    @property
    def es_low_usd(self) -> float:
        return self.es_usd - float(ndtri(0.5 + self.coverage / 2)) * self.es_error_usd

    @property
    def es_high_usd(self) -> float:
        return self.es_usd + float(ndtri(0.5 + self.coverage / 2)) * self.es_error_usd


def discrete_tail(losses: ArrayLike, probabilities: ArrayLike, level: float) -> Tail:
    """VaR and ES of a loss that takes finitely many values.

    Args:
        losses: float[n], USD, in any order, repeated values allowed.
        probabilities: float[n], each in [0, 1], together 1.
        level: in (0, 1), for example 0.95.

    Raises:
        RiskError: an empty or unequal pair, a number that is not finite, a probability outside
            [0, 1] or a sum that is not 1; it names the entry.

    O(n log n).  Source: the module's docstring.
    """
    a = confidence(level)
    values, chances = _vector("losses", losses), _vector("probabilities", probabilities)
    if len(values) != len(chances):
        raise RiskError("probabilities", f"{len(chances)} of them for {len(values)} losses")
    for i in np.flatnonzero((chances < 0) | (chances > 1)):
        probability(f"probabilities[{i}]", float(chances[i]))
    total = float(chances.sum())
    if abs(total - 1) > 1e-9:
        raise RiskError("probabilities", f"their sum is {total:.12g}, not 1")
    chances = chances / total
    order = np.argsort(values, kind="stable")
    values, chances = values[order], chances[order]
    below = np.cumsum(chances)
    # A value without probability is no atom; the last one that has some is the largest loss.
    at = int(np.argmax((below >= a - SAME) & (chances > 0)))
    var = float(values[at])
    beyond = values > var
    rest = 1 - a - float(chances[beyond].sum())
    es = (float((values[beyond] * chances[beyond]).sum()) + var * rest) / (1 - a)
    return Tail(a, var, es)


def sampled_tail(losses: ArrayLike, level: float, coverage: float = 0.95) -> SampledTail:
    """VaR and ES of equally likely losses, with what sampling leaves uncertain.

    Args:
        losses: float[n], USD, independent draws.
        level: in (0, 1).
        coverage: of the intervals.

    Raises:
        RiskError: fewer than two losses, or one that is not finite.

    The standard error of the ES is that of a mean of (L − VaR)⁺ over 1 − a: sqrt(Var((L − VaR)⁺)/n)
    / (1 − a) (Trindade, Uryasev, Shapiro and Zrazhevsky 2007).  It takes the sampled VaR for the
    true one; where the level falls on the edge of an atom that is too good.  O(n log n).
    """
    a, share = confidence(level), confidence(coverage)
    values = np.sort(_vector("losses", losses))
    n = len(values)
    if n < 2:
        raise RiskError("losses", "one path has no error estimate; at least 2 are needed")
    var = float(values[min(n - 1, max(0, int(np.ceil(n * a - n * SAME)) - 1))])
    excess = np.maximum(values - var, 0)
    es = var + float(excess.mean()) / (1 - a)
    error = sqrt(float(excess.var(ddof=1)) / n) / (1 - a)
    # X(k) ≤ VaR ≤ X(j) unless fewer than k, or j and more, of n draws fall short of the level.
    low = int(binom.ppf((1 - share) / 2, n, a))
    high = int(binom.ppf((1 + share) / 2, n, a)) + 1
    return SampledTail(
        level=a,
        var_usd=var,
        es_usd=es,
        paths=n,
        coverage=share,
        var_low_usd=float(values[max(low, 1) - 1]) if low >= 1 else float("-inf"),
        var_high_usd=float(values[high - 1]) if high <= n else float("inf"),
        es_error_usd=error,
    )


def _vector(entry: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not len(array):
        raise RiskError(entry, f"a non-empty row of numbers is needed, not shape {array.shape}")
    for i in np.flatnonzero(~np.isfinite(array)):
        raise RiskError(f"{entry}[{i}]", f"{array[i]} is not a finite number")
    return array
