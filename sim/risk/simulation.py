"""Monte Carlo of a portfolio: events and prices joined by a Gaussian or t copula.

Each underlying and each event has one latent variable; a correlation matrix over all their names
joins them.  A price's variable becomes its return by the ranks of its own law (normal, or t); an
event's falls into the interval of ranks of one outcome, the first outcome on top.  A t copula has
the same ranks with dependence in the tails (McNeil, Frey and Embrechts, Quantitative Risk
Management, 7.3; Demarta and McNeil 2005, The t copula and related copulas).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from sim.risk.correlation import Correlation
from sim.risk.errors import RiskError, finite
from sim.risk.portfolio import Portfolio
from sim.risk.prices import Underlying
from sim.risk.tail import SampledTail, sampled_tail
from sim.streams import stream

LEAST_PATHS = 2


@dataclass(frozen=True, eq=False)
class Simulation:
    """Equally likely paths.

    ``losses_usd`` float[paths]; ``moves`` float[paths, underlyings] relative, jumps included;
    ``outcomes`` int[paths, events], indices into each event's outcomes.
    """

    portfolio: Portfolio
    losses_usd: NDArray[np.float64]
    moves: NDArray[np.float64]
    outcomes: NDArray[np.int64]

    def tail(self, level: float, coverage: float = 0.95) -> SampledTail:
        """VaR and ES with intervals of the given coverage, USD."""
        return sampled_tail(self.losses_usd, level, coverage)

    def revalued(self, portfolio: Portfolio) -> Simulation:
        """Other holdings, and other digitals, of the same underlyings and events on the same paths.

        Raises:
            RiskError: the portfolio is about other things.
        """
        own = self.portfolio
        if (portfolio.underlyings, portfolio.events) != (own.underlyings, own.events):
            raise RiskError("portfolio", "its underlyings or events are not those of the paths")
        losses = -portfolio.pnl_usd(self.moves, self.outcomes)
        return Simulation(portfolio, losses, self.moves, self.outcomes)

    def mean_and_error_usd(self) -> tuple[float, float]:
        """(mean loss, its standard error), USD."""
        n = len(self.losses_usd)
        return float(self.losses_usd.mean()), float(self.losses_usd.std(ddof=1)) / sqrt(n)

    def contributions(self, level: float) -> dict[str, float]:
        """What each price's legs, event and digital bring to the ES, USD; together the ES.

        E(L_i | the tail of L), Euler's allocation: Tasche (2000), Risk contributions and
        performance measurement.  Jumps are in the price's part.  Negative: a hedge in the tail.
        """
        tail = self.tail(level)
        losses, a = self.losses_usd, tail.level
        weight = (losses > tail.var_usd) / len(losses)
        at = losses == tail.var_usd
        weight[at] = (1 - a - float(weight.sum())) / int(at.sum())  # the atom's part in the tail
        parts = self.portfolio.parts_usd(self.moves, self.outcomes)
        return {name: -float((pnl * weight).sum()) / (1 - a) for name, pnl in parts.items()}

    def frequencies(self, event: str) -> Mapping[str, float]:
        """Share of paths by outcome of one event."""
        e = self.portfolio.event_names.index(event)
        names = self.portfolio.events[e].names
        counts = np.bincount(self.outcomes[:, e], minlength=len(names))
        return dict(zip(names, (counts / len(self.outcomes)).tolist(), strict=True))


def simulate(
    portfolio: Portfolio,
    correlation: Correlation | None = None,
    *,
    paths: int = 100_000,
    seed: int = 0,
    copula_df: float | None = None,
) -> Simulation:
    """Draw ``paths`` joint states of a portfolio's prices and events.

    Args:
        portfolio: any number of events; curves and digitals of any underlyings.
        correlation: over the names of all underlyings and events (more names are allowed); None
            for no correlation at all.
        paths: at least 2.
        seed: the same seed gives the same paths, whatever is held; each name draws from its own
            stream, so that a new event shifts nobody's draws.
        copula_df: degrees of freedom (> 0) of a t copula; None for the Gaussian.

    Raises:
        CorrelationError: a name without correlations; it names the pair.
        RiskError: too few paths, or degrees of freedom not above 0.

    O(paths · (names² + digitals)).
    """
    if paths < LEAST_PATHS:
        raise RiskError("paths", f"{paths} is below {LEAST_PATHS}")
    if copula_df is not None and finite("copula_df", copula_df) <= 0:
        raise RiskError("copula_df", f"{copula_df:g} is not above 0")
    names = (*portfolio.price_names, *portfolio.event_names)
    part = Correlation.independent(names) if correlation is None else correlation.part(names)
    latent = _latent(part, paths, seed, copula_df)
    prices = len(portfolio.underlyings)
    moves = np.empty((paths, prices))
    for u, underlying in enumerate(portfolio.underlyings):
        moves[:, u] = _returns(underlying, latent[u], copula_df)
    outcomes = np.empty((paths, len(portfolio.events)), np.int64)
    for e, event in enumerate(portfolio.events):
        inner = event.tops()[1:-1]
        cuts = ndtri(inner) if copula_df is None else stdtrit(copula_df, inner)
        # Outcome i needs Z ≤ cut[i] and Z > cut[i + 1]: count the cuts that Z does not exceed.
        outcomes[:, e] = (latent[prices + e][:, None] <= cuts).sum(axis=1)
        jumps = portfolio.jumps(event)
        if jumps.any():
            moves += jumps[outcomes[:, e]]
    return Simulation(portfolio, -portfolio.pnl_usd(moves, outcomes), moves, outcomes)


def _latent(
    correlation: Correlation, paths: int, seed: int, copula_df: float | None
) -> NDArray[np.float64]:
    """float[names, paths]: correlated standard normal variables, or t with ``copula_df``."""
    lower = correlation.factor()
    independent = np.empty((len(lower), paths))
    for row, name in zip(independent, correlation.names, strict=True):
        row[:] = stream(seed, f"risk/{name}", "latent").standard_normal(paths)
    latent = np.zeros_like(independent)
    for i in range(len(lower)):
        for j in np.flatnonzero(lower[i]):
            latent[i] += lower[i, j] * independent[j]
    if copula_df is not None:
        common = stream(seed, "risk", "copula").chisquare(copula_df, paths)
        latent /= np.sqrt(common / copula_df)
    return latent


def _returns(
    underlying: Underlying, latent: NDArray[np.float64], copula_df: float | None
) -> NDArray[np.float64]:
    """Relative returns from a latent variable, by equal ranks."""
    df = underlying.df
    if df == copula_df:
        standard = latent
    else:
        upper = latent > 0  # ranks from the nearer end keep the far tail's digits
        mirrored = -np.abs(latent)
        rank = ndtr(mirrored) if copula_df is None else stdtr(copula_df, mirrored)
        half = ndtri(rank) if df is None else stdtrit(df, rank)
        standard = np.where(upper, -half, half)
    unit = 1.0 if df is None else sqrt((df - 2) / df)
    return np.asarray(underlying.drift + underlying.sigma * unit * standard)
