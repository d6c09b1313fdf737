"""The spectral radius of a matrix without negative entries, exact also where nothing circulates."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

DENSE = 400  # blocks up to this size are handed to LAPACK
TOLERANCE = 1e-12
MOST_ROUNDS = 100_000


def spectral_radius(matrix: Any) -> float:
    """Largest |eigenvalue| of a square matrix (array or scipy sparse) with entries ≥ 0.

    The eigenvalues of such a matrix are those of its strongly connected blocks, so each block is
    looked at alone; a matrix without a cycle has radius 0.  Large blocks by the power method on
    block + shift, until the bounds of Collatz and Wielandt, min (Mx/x) ≤ ρ ≤ max (Mx/x), meet.

    Raises:
        ValueError: not square, an entry negative or not finite, or the bounds do not meet.
    """
    entries = sparse.csr_array(matrix, dtype=np.float64)
    rows, columns = entries.shape
    if rows != columns:
        raise ValueError(f"a spectral radius needs a square matrix, not {rows} x {columns}")
    if not np.isfinite(entries.data).all() or (entries.data < 0).any():
        raise ValueError("a spectral radius needs finite entries, none negative")
    entries.eliminate_zeros()
    if not entries.nnz:
        return 0.0
    blocks, block_of = connected_components(entries, directed=True, connection="strong")
    sizes = np.bincount(block_of, minlength=blocks)
    radius = float(entries.diagonal().max())  # blocks of one
    for block in np.flatnonzero(sizes > 1).tolist():
        members = np.flatnonzero(block_of == block)
        radius = max(radius, _of_block(entries[members][:, members]))
    return radius


def _of_block(block: sparse.csr_array) -> float:
    if block.shape[0] <= DENSE:
        return float(np.abs(np.linalg.eigvals(block.toarray())).max())
    x = np.ones(block.shape[0])
    shift = float((block @ x).mean())  # without it a network in two halves swings for ever
    for _ in range(MOST_ROUNDS):
        step = block @ x + shift * x
        low, high = (step / x).min(), (step / x).max()
        if high - low <= TOLERANCE * high:
            return float((low + high) / 2 - shift)
        x = step / step.max()
    raise ValueError(f"the power method did not settle in {MOST_ROUNDS:,} rounds")
