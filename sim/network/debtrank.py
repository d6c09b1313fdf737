"""DebtRank: how far losses of equity travel along claims before anybody defaults.

Sources: S. Battiston, M. Puliga, R. Kaushik, P. Tasca, G. Caldarelli, "DebtRank: Too Central to
Fail?", Scientific Reports 2 (2012); M. Bardoscia, S. Battiston, F. Caccioli, G. Caldarelli,
"DebtRank: A Microscopic Foundation for Shock Propagation", PLoS ONE 10 (2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

TOLERANCE = 1e-12
MOST_ROUNDS = 10_000


@dataclass(frozen=True)
class Distress:
    """Where the losses end.

    first: h(1), the share of its equity that the shock itself takes from each node, float64[n].
    final: h(∞), with what it lost on its claims.  equity: the weights.  rounds: how many it took.
    """

    first: np.ndarray
    final: np.ndarray
    equity: np.ndarray
    rounds: int

    @property
    def direct_share(self) -> float | None:
        """Σ h(1)·E / ΣE, the part of all equity that the shock takes; None without equity."""
        return _share(self.first, self.equity)

    @property
    def loss_share(self) -> float | None:
        """Σ h(∞)·E / ΣE, everything that is lost."""
        return _share(self.final, self.equity)

    @property
    def contagion_share(self) -> float | None:
        """Σ (h(∞) − h(1))·E / ΣE, what the network adds: Battiston's R."""
        return _share(self.final - self.first, self.equity)


def _share(h: np.ndarray, equity: np.ndarray) -> float | None:
    total = float(equity.sum())
    return float((h * equity).sum()) / total if total > 0 else None


def leverage(claims: Any, equity: Any) -> sparse.csr_array:
    """Λ_ij = A_ij/E_i, what i has lent to j over i's equity; rows without equity are 0.

    Its spectral radius is above 1 where losses grow as they travel (Bardoscia et al. 2017).
    """
    owned = np.asarray(equity, np.float64)
    scale = np.divide(1.0, owned, out=np.zeros(len(owned)), where=owned > 0)
    return sparse.csr_array(sparse.diags_array(scale) @ sparse.csr_array(claims, dtype=np.float64))


def debtrank(claims: Any, equity: Any, losses: Any, *, once: bool = False) -> Distress:
    """h(t+1) = min(1, h(t) + Λ·(h(t) − h(t−1))), h(1) = min(1, loss/E), until it stands still.

    A claim on j loses the share h_j of its value.  Every further loss is passed on (Bardoscia et
    al. 2015); with ``once`` a node passes on only its first one and is silent afterwards (Battiston
    et al. 2012), so that no loss travels a cycle twice.  A node without equity has h(1) = 1, and
    weighs nothing.  h never falls, so it stops, near Λ's radius 1 after `MOST_ROUNDS` rounds.

    Args:
        claims: A, n x n (array, scipy sparse, or anything with ``claims @ vector``): A_ij ≥ 0 is
            what j owes i.
        equity: E, float[n].
        losses: what the shock takes from each, float[n].

    Raises:
        ValueError: shapes differ, a loss is negative, or a number is not finite.
    """
    owned = np.asarray(equity, np.float64)
    lost = np.asarray(losses, np.float64)
    n = len(owned)
    owing = np.asarray(claims, np.float64) if isinstance(claims, list) else claims
    if tuple(owing.shape) != (n, n) or lost.shape != (n,):
        raise ValueError(f"{n} nodes with equity, claims {owing.shape}, losses {lost.shape}")
    if not (np.isfinite(owned).all() and np.isfinite(lost).all()) or (lost < 0).any():
        raise ValueError("equity and losses: finite numbers, no loss negative")
    solvent = owned > 0
    over = np.divide(1.0, owned, out=np.zeros(n), where=solvent)
    first = np.where(solvent, np.minimum(1.0, lost * over), 1.0)
    h, passed_on = first.copy(), first.copy()
    spoken = np.zeros(n, bool)
    for rounds in range(MOST_ROUNDS):
        if not (passed_on > TOLERANCE).any():
            return Distress(first, h, np.maximum(owned, 0.0), rounds)
        after = np.minimum(1.0, h + over * np.asarray(owing @ passed_on).ravel())
        if once:
            spoken |= passed_on > 0
            passed_on = np.where(spoken, 0.0, after)
        else:
            passed_on = after - h
        h = after
    return Distress(first, h, np.maximum(owned, 0.0), MOST_ROUNDS)
