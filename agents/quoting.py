"""Quoting formulas: Guéant-Lehalle-Fernandez-Tapia spreads and the digital's fair price.

Pure functions in Python's ``math``: their last bit does not depend on the processor.
"""

from __future__ import annotations

import math

SQRT_HALF = math.sqrt(0.5)


def glft(sigma: float, a: float, k: float, gamma: float) -> tuple[float, float]:
    """Half-spread and inventory slope of Guéant, Lehalle and Fernandez-Tapia (2013), eq. 4.6-4.7.

    A maker with risk aversion gamma, facing fills at rate A·exp(-k·delta), quotes asymptotically
    delta_bid(q) = c1 + (2q + 1)/2 · c2 below and delta_ask(q) = c1 - (2q - 1)/2 · c2 above, with
    c1 = ln(1 + gamma/k)/gamma and
    c2 = sqrt(sigma²·gamma/(2·k·A) · (1 + gamma/k)^(1 + k/gamma)).

    Args:
        sigma: volatility, price units per square root of a second.
        a: fills per second at distance 0.
        k: decay of the fill rate per price unit.
        gamma: risk aversion per price unit and unit of inventory.

    Returns:
        (c1, c2) in price units.
    """
    if min(a, k, gamma) <= 0 or sigma < 0:
        raise ValueError(f"glft needs a, k, gamma > 0 and sigma >= 0: {sigma, a, k, gamma}")
    c1 = math.log1p(gamma / k) / gamma
    c2 = math.sqrt(sigma * sigma * gamma / (2.0 * k * a) * (1.0 + gamma / k) ** (1.0 + k / gamma))
    return c1, c2


def normal_cdf(x: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-x * SQRT_HALF)


def normal_pdf(x: float) -> float:
    """Standard normal density."""
    return math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def digital(
    price: float, strike: float, sigma: float, seconds: float, below: bool
) -> tuple[float, float]:
    """Fair price of a digital, and its delta, for a driftless lognormal price.

    P(S_T < K) = Phi(d) with d = (ln(K/S) + sigma²·tau/2)/(sigma·sqrt(tau)); its slope in S is
    -phi(d)/(S·sigma·sqrt(tau)).  An ``above`` event is the complement.

    Args:
        price, strike: in the same unit, > 0.
        sigma: volatility per square root of a second (a fraction).
        seconds: time left.

    Returns:
        (probability, change of the probability for a relative price change of 1).
    """
    if price <= 0 or strike <= 0:
        raise ValueError(f"digital needs a price and a strike > 0: {price, strike}")
    spread = sigma * math.sqrt(max(seconds, 0.0))
    if spread <= 1e-9:
        p, slope = (1.0 if price < strike else 0.0), 0.0
    else:
        d = (math.log(strike / price) + 0.5 * spread * spread) / spread
        p, slope = normal_cdf(d), -normal_pdf(d) / spread
    return (p, slope) if below else (1.0 - p, -slope)


def logit(p: float) -> float:
    """ln(p/(1 - p)), p clamped to [1e-6, 1 - 1e-6]."""
    p = min(max(p, 1e-6), 1.0 - 1e-6)
    return math.log(p / (1.0 - p))


def expit(x: float) -> float:
    """The inverse of `logit`."""
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))
