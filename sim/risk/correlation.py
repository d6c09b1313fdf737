"""A correlation matrix over named risks, and the nearest valid one to a matrix that is none.

Names are those of underlyings and events; an event's variable is the normal (or t) threshold
variable behind it, which is high when the event's first outcome happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.risk.errors import CorrelationError, choose

SLACK = 1e-10  # an eigenvalue this little below 0 is rounding
FLOOR = 1e-8  # least eigenvalue of a nearest matrix: positive definite, to be factorised safely


@dataclass(frozen=True, eq=False)
class Correlation:
    """``matrix`` float[n, n] in the order of ``names``; positive semidefinite, diagonal 1.

    Raises:
        CorrelationError: a shape that does not fit, an entry that is not a number in [−1, 1], a
            pair given two values, a diagonal that is not 1, or a matrix that no variables have;
            then ``error.nearest`` is the nearest valid matrix, and the message says what it
            changes.
    """

    names: tuple[str, ...]
    matrix: NDArray[np.float64]

    def __post_init__(self) -> None:
        n, matrix = len(self.names), self.matrix
        if len(set(self.names)) < n:
            raise CorrelationError("correlation", "a name stands there twice")
        if matrix.shape != (n, n):
            raise CorrelationError("correlation", f"shape {matrix.shape} for {n} names")
        for i, a in enumerate(self.names):
            for j, b in enumerate(self.names[: i + 1]):
                entry, value = f"correlation of {b} and {a}", float(matrix[i, j])
                if not isfinite(value) or abs(value) > 1:
                    raise CorrelationError(entry, f"{value:g} is outside [-1, 1]")
                if i == j and value != 1:
                    raise CorrelationError(entry, f"{value:g} is not 1")
                if value != matrix[j, i]:
                    raise CorrelationError(
                        entry, f"{matrix[j, i]:g} one way and {value:g} the other"
                    )
        least = float(np.linalg.eigvalsh(matrix)[0]) if n else 0.0
        if least < -SLACK:
            near = Correlation(self.names, nearest_matrix(matrix))
            raise CorrelationError(
                "correlation",
                f"not positive semidefinite: its least eigenvalue is {least:.3g}, so no variables "
                f"have these correlations; the nearest valid matrix has {_changes(self, near)}",
                near,
            )

    @classmethod
    def of_matrix(cls, names: Sequence[str], matrix: ArrayLike) -> Correlation:
        """From rows of numbers in the order of ``names``."""
        return cls(tuple(names), np.array(matrix, np.float64))

    @classmethod
    def of_pairs(
        cls,
        names: Sequence[str],
        pairs: Mapping[tuple[str, str], float],
        *,
        default: float | None = None,
    ) -> Correlation:
        """From one number per pair, in either order of names.

        Raises:
            CorrelationError: an unknown name, a pair with two values, or one without any while
                there is no ``default``; it names the pair.
        """
        at = {name: i for i, name in enumerate(names)}
        matrix = np.full((len(names), len(names)), np.nan)
        np.fill_diagonal(matrix, 1.0)
        for (a, b), value in pairs.items():
            for name in (a, b):
                if name not in at:
                    hint = choose(name, names)
                    raise CorrelationError(
                        f"correlation of {a} and {b}", f"{name!r} is unknown{hint}"
                    )
            known = matrix[at[a], at[b]]
            if not np.isnan(known) and known != value:
                raise CorrelationError(
                    f"correlation of {a} and {b}", f"both {known:g} and {value:g}"
                )
            if not isfinite(value):
                raise CorrelationError(
                    f"correlation of {a} and {b}", f"{value:g} is outside [-1, 1]"
                )
            matrix[at[a], at[b]] = matrix[at[b], at[a]] = value
        for i, j in np.argwhere(np.isnan(matrix)):
            if default is None:
                pair = f"correlation of {names[i]} and {names[j]}"
                raise CorrelationError(pair, "missing; every pair needs one, or give a default")
            matrix[i, j] = default
        return cls(tuple(names), matrix)

    @classmethod
    def independent(cls, names: Sequence[str]) -> Correlation:
        """No correlation between any two."""
        return cls(tuple(names), np.eye(len(names)))

    def of(self, a: str, b: str) -> float:
        """The correlation of two names."""
        return float(self.matrix[self._at(a, b), self._at(b, a)])

    def part(self, names: Sequence[str]) -> Correlation:
        """The rows and columns of ``names``, in their order."""
        at = [self._at(name, "the others") for name in names]
        return Correlation(tuple(names), self.matrix[np.ix_(at, at)])

    def _at(self, name: str, other: str) -> int:
        if name not in self.names:
            hint = choose(name, self.names)
            raise CorrelationError(f"correlation of {name} and {other}", f"missing{hint}")
        return self.names.index(name)

    def factor(self) -> NDArray[np.float64]:
        """Lower triangular float[n, n] with factor · factorᵀ = matrix; rows of 0 pivots allowed."""
        n = len(self.names)
        lower = np.zeros((n, n))
        for j in range(n):
            pivot = self.matrix[j, j] - float(lower[j, :j] @ lower[j, :j])
            if pivot <= SLACK:  # determined by those before it: LAPACK would refuse it
                continue
            lower[j, j] = np.sqrt(pivot)
            rest = self.matrix[j + 1 :, j] - lower[j + 1 :, :j] @ lower[j, :j]
            lower[j + 1 :, j] = rest / lower[j, j]
        return lower


def nearest_matrix(
    matrix: ArrayLike, *, floor: float = FLOOR, tolerance: float = 1e-10, rounds: int = 10_000
) -> NDArray[np.float64]:
    """The correlation matrix nearest to a symmetric one in the Frobenius norm.

    Alternating projections with Dykstra's correction between matrices with eigenvalues ≥ ``floor``
    and matrices with diagonal 1: Higham (2002), Computing the nearest correlation matrix — a
    problem from finance, algorithm 3.3.  O(rounds · n³).
    """
    wanted = np.array(matrix, np.float64)
    wanted = (wanted + wanted.T) / 2
    unit, correction = wanted.copy(), np.zeros_like(wanted)
    for _ in range(rounds):
        shifted = unit - correction
        values, vectors = np.linalg.eigh(shifted)
        definite = (vectors * np.maximum(values, floor)) @ vectors.T
        correction = definite - shifted
        before, unit = unit, (definite + definite.T) / 2
        np.fill_diagonal(unit, 1.0)
        if np.abs(unit - before).max() < tolerance and np.abs(unit - definite).max() < tolerance:
            break
    # The last projection set the diagonal; scaling makes the matrix valid whatever is left of it.
    values, vectors = np.linalg.eigh(unit)
    definite = (vectors * np.maximum(values, floor)) @ vectors.T
    root = np.sqrt(np.diag(definite))
    near = np.clip(definite / np.outer(root, root), -1, 1)
    near = (near + near.T) / 2
    np.fill_diagonal(near, 1.0)
    return near


def _changes(wrong: Correlation, near: Correlation, most: int = 6) -> str:
    """``A–B 0.9 → 0.76, …``: the largest changes first."""
    rows, columns = np.tril_indices(len(wrong.names), -1)
    gaps = np.abs(near.matrix - wrong.matrix)[rows, columns]
    order = [i for i in np.argsort(-gaps, kind="stable") if gaps[i] > 5e-5]
    said = [
        f"{wrong.names[columns[i]]}–{wrong.names[rows[i]]} {wrong.matrix[rows[i], columns[i]]:g} → "
        f"{near.matrix[rows[i], columns[i]]:.4f}"
        for i in order[:most]
    ]
    more = f" and {len(order) - most} more" if len(order) > most else ""
    return (", ".join(said) or "the same entries to four decimals") + more
