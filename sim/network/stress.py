"""A shock to a whole exchange: DebtRank, clearing payments and radius of one statement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.network.clearing import Clearing, unpaid_share
from sim.network.debtrank import Distress, debtrank
from sim.network.exposures import CALM, Exposures, Shock, exposures
from sim.network.spectrum import spectral_radius
from sim.network.statement import Statement


@dataclass(frozen=True)
class Stress:
    """Before and after a shock, and what the network makes of it."""

    before: Exposures
    after: Exposures
    distress: Distress
    clearing: Clearing

    @property
    def accounts(self) -> int:
        return len(self.before.cash)

    @property
    def unpaid_share(self) -> float | None:
        """What accounts do not pay over what they owe, the insurance fund used up first."""
        n = self.accounts
        return unpaid_share(self.clearing.owed[:n], self.clearing.paid[:n])

    @property
    def unpaid_usd(self) -> float:
        n = self.accounts
        return float((self.clearing.owed[:n] - self.clearing.paid[:n]).sum())

    @property
    def defaults(self) -> tuple[int, int]:
        """Accounts that cannot pay: by themselves, and only because others do not pay them."""
        waves = [sum(node < self.accounts for node in wave) for wave in self.clearing.waves]
        return (waves[0], sum(waves[1:])) if waves else (0, 0)


def stress(statement: Statement, shock: Shock, before: Exposures | None = None) -> Stress:
    """Apply a shock.

    Losses are measured against the larger equity of before and after: who gains by the move has
    the gain to lose, and nothing else.

    Args:
        before: the exposures without a shock, if they are known already.
    """
    calm = before if before is not None else exposures(statement, CALM)
    after = exposures(statement, shock)
    reference = np.maximum(calm.equity, after.equity)
    found = debtrank(after.claims(), reference, reference - after.equity)
    return Stress(calm, after, found, after.clearing())


def exposure_radius(found: Exposures) -> float:
    """Spectral radius of Λ_ab = A_ab/E_a, who is owed by whom over one's equity."""
    return spectral_radius(found.hub_leverage())
