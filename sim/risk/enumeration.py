"""Exact tail risk: every joint state of the events, each with a normal (or t) price return.

Given the outcomes, jumps shift the returns and the shares pay known amounts, so the loss is normal;
over all outcomes it is a mixture of up to 2^12 normals, whose VaR and ES are computed and not
sampled.  A digital cuts the return of its underlying into intervals, on which its payout is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.risk.correlation import Correlation
from sim.risk.errors import CorrelationError, RiskError
from sim.risk.events import Digital
from sim.risk.mixture import Mixture
from sim.risk.portfolio import Portfolio
from sim.risk.prices import ROUNDING
from sim.risk.states import Joint, check_count, outcome_table, state_probabilities
from sim.risk.tail import Tail


@dataclass(frozen=True, eq=False)
class Enumeration:
    """All joint states of a portfolio's events and the loss they make together.

    ``outcomes`` int[states, events]; ``probability`` float[states]; ``mean_loss_usd``
    float[states], digitals left out (a price decides those within the state).
    """

    portfolio: Portfolio
    outcomes: NDArray[np.int64]
    probability: NDArray[np.float64]
    mean_loss_usd: NDArray[np.float64]
    mixture: Mixture

    def tail(self, level: float) -> Tail:
        """VaR and ES at ``level`` in (0, 1), USD."""
        return self.mixture.tail(level)

    def gaussian_tail(self, level: float) -> Tail:
        """What a normal loss of the same mean and deviation would say: wrong, for contrast."""
        return self.mixture.gaussian_tail(level)

    def label(self, state: int) -> dict[str, str]:
        """Outcome name by event name of one state."""
        events, row = self.portfolio.events, self.outcomes[state]
        return {event.name: event.names[o] for event, o in zip(events, row, strict=True)}


def enumerate_states(
    portfolio: Portfolio, dependence: Correlation | Joint | None = None
) -> Enumeration:
    """The exact loss distribution of ``portfolio``.

    Args:
        portfolio: events with at most 2^12 joint states, digitals (of one underlying) included.
        dependence: None (all independent), a `Joint` table of outcomes, or a Correlation over
            event names (a Gaussian copula of outcomes) and price names (of normal returns).  An
            event and a price depend on each other by the event's declared jumps, or by a strike.

    Raises:
        TooManyStates: more than 2^12 joint states.
        CorrelationError: a missing pair, or an event correlated with a price: the return given
            the outcome is then not normal, and `simulation.simulate` is to be used.
        RiskError: a curve leg, digitals on two underlyings, or a t law with a second price.

    O(states · (digitals + 1)).
    """
    check_count(portfolio.events, len(portfolio.digitals))
    _check_dependence(portfolio, dependence)
    outcomes = outcome_table(portfolio.events)
    chances = state_probabilities(portfolio.events, dependence)
    deltas = portfolio.deltas_usd()
    means = np.tile([u.drift for u in portfolio.underlyings], (len(outcomes), 1))
    payoff = np.zeros(len(outcomes))
    for e, event in enumerate(portfolio.events):
        means = means + portfolio.jumps(event)[outcomes[:, e]]
        payoff = payoff + event.pnl_usd(portfolio.held(event.name))[outcomes[:, e]]
    centre = -(payoff + (means * deltas).sum(axis=1))
    covariance = _covariance(portfolio, dependence)
    toward = (covariance * deltas).sum(axis=1)  # covariance of each return with the legs' profit
    deviation = float(np.sqrt(max(float((toward * deltas).sum()), 0.0)))
    held = [d for d in portfolio.digitals if any(portfolio.held(d.name).values())]
    df = _law(portfolio, deltas, held)
    if not held:
        scale = np.full(len(outcomes), deviation)
        mixture = Mixture.plain(chances, centre, scale, df)
        return Enumeration(portfolio, outcomes, chances, centre, mixture)
    at = portfolio.price_names.index(held[0].underlying)
    edges, paid = _intervals(portfolio, held, means[:, at], portfolio.underlyings[at].sigma)
    shape = paid.shape  # (states, intervals)
    sigma = portfolio.underlyings[at].sigma
    rho = -toward[at] / (sigma * deviation) if sigma * deviation > 0 else 0.0

    def spread(row: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.broadcast_to(row, shape).ravel()

    mixture = Mixture(
        weight=spread(chances[:, None]),
        centre=(centre[:, None] - paid).ravel(),
        scale=spread(np.array(deviation)),
        rho=spread(np.array(float(np.clip(rho, -1, 1)))),
        low=edges[:, :-1].ravel(),
        high=edges[:, 1:].ravel(),
        df=df,
    )
    return Enumeration(portfolio, outcomes, chances, centre, mixture)


def _intervals(
    portfolio: Portfolio, held: list[Digital], means: NDArray[np.float64], sigma: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(edges float[states, intervals + 1] of the standardised return, profit float[states, intervals])."""
    strikes = sorted({portfolio.strike_move(d) for d in held})
    gaps = np.array(strikes) - means[:, None]
    if sigma > 0:
        inner = gaps / sigma
    else:  # the return is its mean: at or above a strike iff the gap is not positive
        inner = np.where(gaps <= ROUNDING, -np.inf, np.inf)
    ends = np.full((len(means), 1), np.inf)
    edges = np.concatenate([-ends, inner, ends], axis=1)
    paid = np.zeros(len(strikes) + 1)
    for digital in held:
        high, low = digital.pnl_usd(portfolio.held(digital.name))
        first = strikes.index(portfolio.strike_move(digital)) + 1
        paid[:first] += low
        paid[first:] += high
    return edges, np.tile(paid, (len(means), 1))


def _covariance(
    portfolio: Portfolio, dependence: Correlation | Joint | None
) -> NDArray[np.float64]:
    """float[underlyings, underlyings] of relative returns, jumps left out."""
    names = portfolio.price_names
    matrix = np.eye(len(names))
    if isinstance(dependence, Correlation):
        matrix = dependence.part(names).matrix
    sigma = np.array([u.sigma for u in portfolio.underlyings])
    return np.asarray(matrix * np.multiply.outer(sigma, sigma))


def _check_dependence(portfolio: Portfolio, dependence: Correlation | Joint | None) -> None:
    for leg in portfolio.curves():
        raise RiskError(
            f"leg on {leg.underlying}", "a curve has no closed form; use Monte Carlo (simulate)"
        )
    linked = {d.underlying for d in portfolio.digitals if any(portfolio.held(d.name).values())}
    if len(linked) > 1:
        raise RiskError(
            f"digitals on {' and '.join(sorted(linked))}",
            "digitals of one underlying have a closed form; use Monte Carlo (simulate) for more",
        )
    if isinstance(dependence, Correlation):
        for event in portfolio.event_names:
            for price in portfolio.price_names:
                if dependence.of(event, price) != 0:
                    raise CorrelationError(
                        f"correlation of {event} and {price}",
                        f"{dependence.of(event, price):g}, but an exact mixture takes an event and a "
                        "price to depend by declared jumps only; use Monte Carlo (simulate)",
                    )


def _law(portfolio: Portfolio, deltas: NDArray[np.float64], held: list[Digital]) -> float | None:
    """Degrees of freedom of the loss given the outcomes: those of the one price that matters."""
    linked = {d.underlying for d in held}
    used = [
        u
        for u, delta in zip(portfolio.underlyings, deltas, strict=True)
        if (delta != 0 or u.name in linked) and u.sigma > 0
    ]
    heavy = [u for u in used if u.df is not None]
    if heavy and len(used) > 1:
        names = ", ".join(u.name for u in used)
        raise RiskError(
            f"underlying {heavy[0].name}.df",
            f"a sum of t returns ({names}) has no closed form; use Monte Carlo (simulate)",
        )
    return heavy[0].df if heavy else None
