"""Event risk: an event whose outcome is drawn, and a digital whose outcome is a price's.

A share pays between 0 and 1 USDC, by the outcome.  Profits are measured from the mark: one share
bought at its mark .04 has lost .04 when it pays nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.risk import errors
from sim.risk.errors import RiskError, finite

YES, NO, VOID = "YES", "NO", "VOID"


@dataclass(frozen=True)
class Outcome:
    """One way an event can end.

    ``payouts`` gives USDC per share by share name; without it the outcome has a share of its own
    name, which pays 1, and every other pays 0.  ``jumps`` gives the relative move that the
    outcome's news puts on underlyings, on top of their own: ``{"BTC": -0.12}``.
    """

    name: str
    probability: float
    payouts: Mapping[str, float] | None = None
    jumps: Mapping[str, float] = field(default_factory=dict)

    @property
    def pays(self) -> Mapping[str, float]:
        """USDC per share by share name; a share not named gets 0."""
        return {self.name: 1.0} if self.payouts is None else self.payouts


@dataclass(frozen=True)
class Event:
    """Shares on outcomes of which exactly one happens within the horizon.

    ``marks`` are USDC per share; a share without one is marked at its expected payout.
    Probabilities are the risk taker's own, and need not be the marks.  Outcomes are in order from
    good to bad: in a copula the first takes the top of the event's latent variable, so that a
    positive correlation with a price goes with YES when the price rises.

    Raises:
        RiskError: fewer than one outcome, two of one name, a probability, payout or mark outside
            [0, 1], probabilities whose sum is not 1, an unknown share's mark.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    marks: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        at = f"event {self.name}"
        if not self.outcomes:
            raise RiskError(f"{at}.outcomes", "there are none")
        names = self.names
        for name in names:
            if names.count(name) > 1:
                raise RiskError(f"{at}.outcomes", f"{name!r} stands there twice")
        for outcome in self.outcomes:
            errors.probability(f"{at}.{outcome.name}", outcome.probability)
            for share, pays in outcome.pays.items():
                if not 0 <= finite(f"{at}.{outcome.name}.payouts.{share}", pays) <= 1:
                    raise RiskError(
                        f"{at}.{outcome.name}.payouts.{share}", f"{pays:g} is outside [0, 1]"
                    )
            for underlying, jump in outcome.jumps.items():
                finite(f"{at}.{outcome.name}.jumps.{underlying}", jump)
        total = sum(outcome.probability for outcome in self.outcomes)
        if abs(total - 1) > 1e-9:
            raise RiskError(f"{at}.probabilities", f"their sum is {total:.12g}, not 1")
        for share, mark in self.marks.items():
            if share not in self.shares:
                raise RiskError(
                    f"{at}.marks.{share}", f"no such share; it has {', '.join(self.shares)}"
                )
            if not 0 <= finite(f"{at}.marks.{share}", mark) <= 1:
                raise RiskError(f"{at}.marks.{share}", f"{mark:g} is outside [0, 1]")

    @classmethod
    def binary(
        cls,
        name: str,
        probability: float,
        mark: float | None = None,
        *,
        jumps_yes: Mapping[str, float] | None = None,
        jumps_no: Mapping[str, float] | None = None,
        void: float = 0.0,
    ) -> Event:
        """YES with ``probability``, marked ``mark`` (default: what it is expected to pay).

        ``void`` is the probability that the event is void and each share pays ½; YES and NO share
        the rest in proportion.
        """
        yes = errors.probability(f"event {name}.probability", probability)
        no_void = 1 - errors.probability(f"event {name}.void", void)
        outcomes = [
            Outcome(YES, yes * no_void, jumps=dict(jumps_yes or {})),
            Outcome(NO, (1 - yes) * no_void, jumps=dict(jumps_no or {})),
        ]
        if void:
            outcomes.append(Outcome(VOID, 1 - no_void, {YES: 0.5, NO: 0.5}))
        return cls(name, tuple(outcomes), {} if mark is None else {YES: mark, NO: 1 - mark})

    @property
    def names(self) -> tuple[str, ...]:
        """Outcome names, in order."""
        return tuple(outcome.name for outcome in self.outcomes)

    @property
    def shares(self) -> tuple[str, ...]:
        """Share names, in order of first mention."""
        return tuple(dict.fromkeys(share for o in self.outcomes for share in o.pays))

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """float[outcomes], together 1."""
        chances = np.array([outcome.probability for outcome in self.outcomes], np.float64)
        return chances / chances.sum()

    def tops(self) -> NDArray[np.float64]:
        """float[outcomes + 1], 1 … 0: outcome i takes the ranks in (tops[i + 1], tops[i]]."""
        ranks = 1 - np.concatenate([[0.0], np.cumsum(self.probabilities)])
        ranks[-1] = 0.0
        return np.asarray(np.clip(ranks, 0, 1))

    def payouts(self) -> NDArray[np.float64]:
        """float[outcomes, shares], USDC per share."""
        return np.array([[o.pays.get(s, 0.0) for s in self.shares] for o in self.outcomes], float)

    def mark_row(self) -> NDArray[np.float64]:
        """float[shares]: the marks, USDC."""
        expected = self.probabilities @ self.payouts()
        return np.array([self.marks.get(s, e) for s, e in zip(self.shares, expected, strict=True)])

    def pnl_usd(self, held: Mapping[str, float]) -> NDArray[np.float64]:
        """float[outcomes]: profit from the marks of ``held`` (shares by name, short negative)."""
        return (self.payouts() - self.mark_row()) @ self._row(held)

    def void_pnl_usd(self, held: Mapping[str, float]) -> float:
        """Profit when the event is void: every share pays 1/number of shares (PRD-02)."""
        return float((1 / len(self.shares) - self.mark_row()) @ self._row(held))

    def _row(self, held: Mapping[str, float]) -> NDArray[np.float64]:
        return np.array([held.get(share, 0.0) for share in self.shares])


@dataclass(frozen=True)
class Digital:
    """A binary event that a price decides: YES iff price ≥ ``strike_usd`` at the horizon.

    ``above=False``: YES iff price < ``strike_usd``.  ``mark`` is that of YES, in [0, 1]; NO is
    marked 1 − mark.  Its probability is the underlying's.
    """

    name: str
    underlying: str
    strike_usd: float
    mark: float
    above: bool = True

    def __post_init__(self) -> None:
        at = f"event {self.name}"
        if finite(f"{at}.strike_usd", self.strike_usd) <= 0:
            raise RiskError(f"{at}.strike_usd", f"{self.strike_usd:g} is not above 0")
        if not 0 <= finite(f"{at}.mark", self.mark) <= 1:
            raise RiskError(f"{at}.mark", f"{self.mark:g} is outside [0, 1]")

    @property
    def shares(self) -> tuple[str, ...]:
        return (YES, NO)

    def pnl_usd(self, held: Mapping[str, float]) -> tuple[float, float]:
        """Profit of ``held`` from the marks with the price (at or above, below) the strike."""
        net, mark = held.get(YES, 0.0) - held.get(NO, 0.0), self.mark
        if not self.above:
            return -net * mark, net * (1 - mark)
        return net * (1 - mark), -net * mark

    def void_pnl_usd(self, held: Mapping[str, float]) -> float:
        """Profit when void: each share pays ½ (PRD-02)."""
        return (held.get(YES, 0.0) - held.get(NO, 0.0)) * (0.5 - self.mark)
