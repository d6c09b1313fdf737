"""What can be wrong with a portfolio or a risk calculation: one error, said in one sentence.

ValueError
└── RiskError              a number or name is unusable; ``entry`` says which
    ├── CorrelationError   a correlation is missing, out of range, or the matrix is not one;
    │                      ``nearest`` holds the nearest valid matrix where there is one
    └── TooManyStates      exact enumeration would be too large: simulate instead
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.risk.correlation import Correlation


class RiskError(ValueError):
    """Bad input of a risk calculation; ``entry`` names the field, event or pair."""

    def __init__(self, entry: str, what: str) -> None:
        self.entry, self.what = entry, what
        super().__init__(f"{entry}: {what}")


class CorrelationError(RiskError):
    """An unusable correlation; ``nearest`` is the nearest valid matrix, or None."""

    def __init__(self, entry: str, what: str, nearest: Correlation | None = None) -> None:
        self.nearest = nearest
        super().__init__(entry, what)


class TooManyStates(RiskError):
    """More joint states than are enumerated."""


def choose(word: str, allowed: Iterable[str]) -> str:
    """``; did you mean 'x'? allowed: a, b, c``, the second half of an error's sentence."""
    names = list(dict.fromkeys(allowed))
    by_lower = {name.lower(): name for name in names}
    found = get_close_matches(str(word).lower(), by_lower, n=1, cutoff=0.5)
    hint = f"; did you mean {by_lower[found[0]]!r}?" if found else ";"
    return f"{hint} allowed: {', '.join(names) or 'nothing'}"


def finite(entry: str, value: float) -> float:
    """``value`` as a float; RiskError unless it is a finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise RiskError(entry, f"{value!r} is not a number") from None
    if not isfinite(number):
        raise RiskError(entry, f"{number} is not a finite number")
    return number


def probability(entry: str, value: float) -> float:
    """``value`` as a float; RiskError unless it lies in [0, 1]."""
    number = finite(entry, value)
    if not 0 <= number <= 1:
        raise RiskError(entry, f"probability {number:g} is outside [0, 1]")
    return number


def confidence(level: float) -> float:
    """``level`` as a float; RiskError unless it lies in (0, 1)."""
    number = finite("level", level)
    if not 0 < number < 1:
        hint = f"; did you mean {number / 100:g}?" if 1 < number < 100 else ""
        raise RiskError("level", f"{number:g} is outside (0, 1){hint}")
    return number
