"""Minimum-variance hedges between prices and events.

The ratio h = Cov(target, hedge) / Var(hedge) is sold for each unit held; what is left has
(1 − R²) of the variance (Johnson 1960, The theory of hedging and speculation in commodity futures;
Ederington 1979).  A ratio is small where it hedges little: look at R² first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erfc, exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from sim.risk.errors import RiskError, choose, finite, probability
from sim.risk.prices import PriceLeg, Underlying
from sim.risk.simulation import Simulation


@dataclass(frozen=True)
class Hedge:
    """``ratios``: what to sell of each hedge, by name, per unit of the target.

    ``r_squared``: share of the target's variance that the hedge removes; ``residual_usd``:
    standard deviation of what is left, per unit of the target.
    """

    ratios: Mapping[str, float]
    r_squared: float
    residual_usd: float

    @property
    def ratio(self) -> float:
        """The ratio of the only hedge."""
        if len(self.ratios) != 1:
            raise RiskError("ratio", f"there are {len(self.ratios)} hedges; see ratios")
        return next(iter(self.ratios.values()))


def event_jump_hedge(chance: float, jump_usd: float, sigma_usd: float) -> Hedge:
    """Spot against an event (legislation) that makes its price jump.

        ΔS = ε + D·1{YES},   h* = p(1−p)D / (s² + p(1−p)D²),   R² = h*·D

    Args:
        chance: p, of YES.
        jump_usd: D, USD per coin by which YES leaves the price above NO.
        sigma_usd: s, USD per coin, standard deviation of ε, independent of the event.

    Returns:
        ``ratios["spot"]``: coins to sell per YES share held (USD 1).  The other way round, a coin
        is hedged by selling D shares, with the same R².

    Raises:
        RiskError: p outside [0, 1], s negative, or no variance at all.
    """
    p, d, s = (
        probability("chance", chance),
        finite("jump_usd", jump_usd),
        finite("sigma_usd", sigma_usd),
    )
    if s < 0:
        raise RiskError("sigma_usd", f"{s:g} is negative")
    spread = p * (1 - p)
    variance = s * s + spread * d * d
    if variance == 0:
        raise RiskError("sigma_usd", "neither the price nor the event varies, so nothing hedges")
    h = spread * d / variance
    return Hedge({"spot": h}, h * d, sqrt(spread * max(1 - h * d, 0.0)))


def digital_hedge(z: float, underlying: Underlying | None = None) -> Hedge:
    """A perpetual against a digital: the delta by regression, and how little it explains.

        1{Z ≥ z} on Z:   h = φ(z),   R² = φ(z)² / (Φ(z)(1 − Φ(z)))

    Args:
        z: the strike in standard deviations of the move above its mean.
        underlying: with a normal law; the ratio is then φ(z)/sigma, the USD delta to sell per YES
            share.  Without it, φ(z): units of Z per share.

    Raises:
        RiskError: z not finite, a t law, or a price that does not move.
    """
    z = finite("z", z)
    density = exp(-0.5 * z * z) / sqrt(2 * pi)
    below, above = 0.5 * erfc(-z / sqrt(2)), 0.5 * erfc(z / sqrt(2))
    variance = below * above
    if variance == 0:
        raise RiskError("z", f"{z:g} is so far out that the outcome does not vary")
    r_squared = density * density / variance
    sigma, name = 1.0, "Z"
    if underlying is not None:
        name, sigma = underlying.name, underlying.sigma
        if underlying.df is not None:
            raise RiskError(f"underlying {name}.df", "this formula is the normal law's; simulate")
        if sigma == 0:
            raise RiskError(f"underlying {name}.sigma", "a price that does not move hedges nothing")
    return Hedge({name: density / sigma}, r_squared, sqrt(variance * (1 - r_squared)))


def minimum_variance(
    target_usd: NDArray[np.float64], hedges_usd: Mapping[str, NDArray[np.float64]]
) -> Hedge:
    """Ratios by regression of a target's profits on those of one unit of each hedge.

    Args:
        target_usd: float[paths]; hedges_usd: by name float[paths], on the same paths.

    Raises:
        RiskError: no hedge, unequal lengths, fewer paths than hedges + 2, or hedges of which one
            is a combination of the others (or does not vary).
    """
    names = list(hedges_usd)
    if not names:
        raise RiskError("hedges_usd", "there are none")
    for name in names:
        if len(hedges_usd[name]) != len(target_usd):
            raise RiskError(
                f"hedges_usd.{name}",
                f"{len(hedges_usd[name])} paths, the target has {len(target_usd)}",
            )
    if len(target_usd) < len(names) + 2:
        raise RiskError(
            "target_usd", f"{len(target_usd)} paths are too few for {len(names)} hedges"
        )
    y = np.asarray(target_usd, np.float64) - np.mean(target_usd)
    x = np.stack([hedges_usd[name] - np.mean(hedges_usd[name]) for name in names], axis=1)
    spread = np.sqrt((x * x).mean(axis=0))
    for name, deviation in zip(names, spread, strict=True):
        if deviation == 0:
            raise RiskError(f"hedges_usd.{name}", "it does not vary, so it hedges nothing")
    scaled, _, rank, _ = np.linalg.lstsq(x / spread, y, rcond=1e-10)
    if rank < len(names):
        raise RiskError(
            "hedges_usd", f"one of {', '.join(names)} is a combination of the others; leave it out"
        )
    rest, total = y - (x / spread) @ scaled, float((y * y).mean())
    left = float((rest * rest).mean())
    r_squared = 1 - left / total if total else 0.0
    ratios = dict(zip(names, (scaled / spread).tolist(), strict=True))
    return Hedge(ratios, r_squared, sqrt(left))


def delta_hedge(simulation: Simulation, underlyings: Sequence[str] | None = None) -> Hedge:
    """The USD deltas to sell so that the book's variance is least, on the paths of a simulation.

    ``underlyings``: those to trade; None for all that move.
    """
    portfolio = simulation.portfolio
    moving = [
        u.name
        for u, row in zip(portfolio.underlyings, simulation.moves.T, strict=True)
        if row.std()
    ]
    for name in underlyings or ():
        if name not in portfolio.price_names:
            raise RiskError(f"underlyings.{name}", f"unknown{choose(name, portfolio.price_names)}")
    at = portfolio.price_names.index
    chosen = {name: simulation.moves[:, at(name)] for name in (underlyings or moving)}
    return minimum_variance(-simulation.losses_usd, chosen)


def hedge_legs(hedge: Hedge) -> tuple[PriceLeg, ...]:
    """The perpetual legs that a `delta_hedge` sells, to be added to the portfolio."""
    return tuple(PriceLeg(name, -ratio) for name, ratio in hedge.ratios.items())
