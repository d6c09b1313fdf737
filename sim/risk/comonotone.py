"""Forced comonotone stress: every risk of the book at its worst quantile at the same time.

Nothing diversifies: prices, events and digitals all go against the book together, each by its own
law.  VaR and ES of comonotone losses are the sums over the risks (Dhaene, Denuit, Goovaerts, Kaas
and Vyncke 2002, The concept of comonotonicity in actuarial science and finance), and since ES is
subadditive the sum bounds the ES under every dependence between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.risk.enumeration import enumerate_states
from sim.risk.errors import confidence
from sim.risk.portfolio import Portfolio
from sim.risk.prices import PriceLeg, Underlying
from sim.risk.states import outcome_table, state_probabilities
from sim.risk.tail import Tail, discrete_tail

CURVE_POINTS = 4001  # equally likely returns that stand for a price's law under a curve


@dataclass(frozen=True)
class Comonotone(Tail):
    """The sum over risks, and each risk's own tail by name, USD."""

    by_risk: dict[str, Tail]

    def worst_risk(self) -> str:
        """The name of the risk with the largest ES."""
        return max(self.by_risk, key=lambda name: self.by_risk[name].es_usd)


def comonotone_tail(portfolio: Portfolio, level: float) -> Comonotone:
    """VaR and ES at ``level`` if all risks of the portfolio move together against it.

    A risk is: the linear legs of one price; the curves of one price; the shares of one event with
    what its jumps do to the linear legs; the shares of one digital (its law: the price's with the
    jumps of independent events).  Legs of one price are one risk: they cannot disagree.
    """
    a = confidence(level)
    found: dict[str, Tail] = {}
    deltas = portfolio.deltas_usd()
    for underlying, delta in zip(portfolio.underlyings, deltas, strict=True):
        if delta:
            found[underlying.name] = _linear_tail(underlying, float(delta), a)
        if any(leg.underlying == underlying.name for leg in portfolio.curves()):
            found[f"{underlying.name} curves"] = _curve_tail(portfolio, underlying, a)
    for event in portfolio.events:
        losses = -(event.pnl_usd(portfolio.held(event.name)) + portfolio.jumps(event) @ deltas)
        if losses.any():
            found[event.name] = discrete_tail(losses, event.probabilities, a)
    for digital in portfolio.digitals:
        held = portfolio.held(digital.name)
        if any(held.values()):
            u = portfolio.price_names.index(digital.underlying)
            jump, chance = _jumps(portfolio, u)
            gap = portfolio.strike_move(digital) - jump
            above = float((chance * portfolio.underlyings[u].chance_at_or_above(gap)).sum())
            high, low = digital.pnl_usd(held)
            found[digital.name] = discrete_tail([-high, -low], [above, 1 - above], a)
    var = float(sum(tail.var_usd for tail in found.values()))
    es = float(sum(tail.es_usd for tail in found.values()))
    return Comonotone(a, var, es, found)


def _linear_tail(underlying: Underlying, delta_usd: float, level: float) -> Tail:
    alone = Portfolio((underlying,), legs=(PriceLeg(underlying.name, delta_usd),))
    return enumerate_states(alone).tail(level)


def _jumps(portfolio: Portfolio, u: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(jump, probability), float[states] each, of one price from the events that move it."""
    events = [event for event in portfolio.events if portfolio.jumps(event)[:, u].any()]
    table = outcome_table(events)
    jump = np.zeros(len(table))
    for e, event in enumerate(events):
        jump = jump + portfolio.jumps(event)[table[:, e], u]
    return jump, state_probabilities(events)


def _curve_tail(portfolio: Portfolio, underlying: Underlying, level: float) -> Tail:
    ranks = (np.arange(CURVE_POINTS) + 0.5) / CURVE_POINTS
    jump, chance = _jumps(portfolio, portfolio.price_names.index(underlying.name))
    moves = np.add.outer(jump, underlying.quantiles(ranks))
    curves = [leg for leg in portfolio.curves() if leg.underlying == underlying.name]
    losses = -sum(leg.pnl_usd(moves) for leg in curves)
    weights = np.broadcast_to(chance[:, None] / CURVE_POINTS, moves.shape)
    return discrete_tail(np.ravel(losses), weights.ravel(), level)
