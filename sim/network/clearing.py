"""Eisenberg and Noe's clearing payments, by the fictitious default algorithm, wave by wave.

Source: L. Eisenberg and T. Noe, "Systemic Risk in Financial Systems", Management Science 47 (2001).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

SLACK = 1e-9  # of what is owed: a shortfall below this is rounding, no default


@dataclass(frozen=True)
class Clearing:
    """What everybody pays.

    owed: p̄, what each node owes in all, float64[n].  paid: the clearing vector p.
    waves: ids of the nodes that default, first those that would although everybody else pays, then
    those that default because of them, and so on.
    """

    owed: np.ndarray
    paid: np.ndarray
    waves: tuple[tuple[int, ...], ...]

    @property
    def unpaid_share(self) -> float | None:
        """Σ (p̄ − p) / Σ p̄ over all nodes; None if nobody owes anything."""
        return unpaid_share(self.owed, self.paid)


def unpaid_share(owed: np.ndarray, paid: np.ndarray) -> float | None:
    """Σ (owed − paid) / Σ owed; None if nothing is owed."""
    total = float(owed.sum())
    return float((owed - paid).sum()) / total if total > 0 else None


def clear(liabilities: Any, cash: Any) -> Clearing:
    """The greatest clearing vector: p = min(p̄, cash + Πᵀp), Π_ij = L_ij/p̄_i.

    Nobody pays more than it has, nobody keeps anything while it owes, and creditors of one node
    are paid in proportion.  Each wave solves one sparse linear system; at most n waves.

    Args:
        liabilities: L, n x n (array or scipy sparse): L_ij is what i owes j.
        cash: float[n], what each has besides claims.

    Raises:
        ValueError: shapes differ, or an entry is negative or not finite.
    """
    owes = sparse.csr_array(liabilities, dtype=np.float64)
    has = np.asarray(cash, np.float64)
    n = len(has)
    if owes.shape != (n, n):
        raise ValueError(f"liabilities: {owes.shape[0]} x {owes.shape[1]} for {n} nodes with cash")
    for name, values in (("liabilities", owes.data), ("cash", has)):
        if not np.isfinite(values).all() or (values < 0).any():
            raise ValueError(f"{name}: finite numbers, none negative")
    owed = np.asarray(owes.sum(axis=1)).ravel()
    scale = np.divide(1.0, owed, out=np.zeros(n), where=owed > 0)
    to = sparse.csc_array((sparse.diags_array(scale) @ owes).T)  # Πᵀ: column i is whom i pays
    defaulted = np.zeros(n, bool)
    paid = owed.copy()
    waves: list[tuple[int, ...]] = []
    while True:
        short = ~defaulted & (has + to @ paid < owed * (1 - SLACK))
        if not short.any():
            return Clearing(owed, paid, tuple(waves))
        waves.append(tuple(np.flatnonzero(short).tolist()))
        defaulted |= short
        at = np.flatnonzero(defaulted)
        from_others = has + to @ np.where(defaulted, 0.0, owed)
        among = sparse.eye_array(len(at), format="csc") - to[at][:, at]
        paid = owed.copy()
        paid[at] = np.clip(splu(sparse.csc_matrix(among)).solve(from_others[at]), 0.0, owed[at])
