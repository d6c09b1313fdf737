"""Heavy-tailed account sizes and the margin that bounds their leverage."""

from __future__ import annotations

import math

import numpy as np

from agents.facts import Facts


def bounded_pareto(
    rng: np.random.Generator, n: int, exponent: float, max_share: float
) -> np.ndarray:
    """`n` draws from a Pareto distribution that is cut where one draw has `max_share` of the sum.

    P(X > x) ∝ x^-a - R^-a on [1, R]; R solves R = max_share·n·E[X].  With an exponent below 1 the
    uncut distribution has no mean.  Time O(n).
    """
    if n == 0:
        return np.zeros(0)
    share = min(1.0, max(max_share, 1.5 / n))

    def mean(top: float) -> float:
        return (
            exponent / (1.0 - exponent) * (top ** (1.0 - exponent) - 1.0) / (1.0 - top**-exponent)
        )

    low, high = 1.0 + 1e-9, 1e12
    for _ in range(100):
        top = math.sqrt(low * high)
        if top < share * n * mean(top):
            low = top
        else:
            high = top
    cut = 1.0 - low**-exponent
    uniform = rng.random(n)
    return np.array([(1.0 - float(u) * cut) ** (-1.0 / exponent) for u in uniform])


def initial_margin_usd(facts: Facts, notional_usd: np.ndarray) -> np.ndarray:
    """Initial margin (MAR-03), USD, of positions float64[accounts, perpetuals] in USD."""
    total = np.zeros(len(notional_usd))
    for c, perpetual in enumerate(facts.listing.perpetuals):
        m = perpetual.margin
        n = notional_usd[:, c]
        least = max(m.base, 1.0 / m.leverage_limit if m.leverage_limit > 0 else 0.0)
        if m.oi_up_usd > 0:
            oi = float(facts.oi[c])
            share = min(1.0, max(0.0, (oi - m.oi_low_usd) / (m.oi_up_usd - m.oi_low_usd)))
            least = max(least, m.base + share * (1.0 - m.base))
        total += n * np.minimum(1.0, np.maximum(least, m.factor * np.sqrt(n)))
    return total
