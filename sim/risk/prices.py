"""Price risk: what moves (an underlying) and what is held of it (a leg).

A move is relative: −0.10 is a fall by 10 % from the present price over the portfolio's horizon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from sim.risk.errors import RiskError, choose, finite

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
ROUNDING = 1e-12  # of a move: +10 % from 100 reaches a strike of 110, whatever binary makes of it
KINDS = ("spot", "perpetual", "future", "inverse", "curve")


@dataclass(frozen=True)
class Underlying:
    """A price: ``move ~ drift + sigma · X`` over the horizon, X of mean 0 and deviation 1.

    ``sigma`` and ``drift`` are relative (0.04 = 4 %); ``price_usd`` is the present price, which
    strikes refer to.  X is normal, or Student's t with ``df`` > 2 degrees of freedom, scaled to
    deviation 1.

    Raises:
        RiskError: a price not above 0, a negative sigma, df ≤ 2, or a number that is not finite.
    """

    name: str
    price_usd: float
    sigma: float
    drift: float = 0.0
    df: float | None = None

    def __post_init__(self) -> None:
        at = f"underlying {self.name}"
        if finite(f"{at}.price_usd", self.price_usd) <= 0:
            raise RiskError(f"{at}.price_usd", f"{self.price_usd:g} is not above 0")
        if finite(f"{at}.sigma", self.sigma) < 0:
            raise RiskError(f"{at}.sigma", f"{self.sigma:g} is negative")
        finite(f"{at}.drift", self.drift)
        if self.df is not None and finite(f"{at}.df", self.df) <= 2:
            raise RiskError(f"{at}.df", f"{self.df:g} is not above 2, so X has no deviation")

    def chance_at_or_above(self, move: NDArray[np.float64] | float) -> Any:
        """P(move of the diffusion ≥ ``move``), elementwise."""
        gap = self.drift - np.asarray(move, np.float64)
        if self.sigma == 0:
            return (gap >= -ROUNDING).astype(np.float64)
        if self.df is None:
            return ndtr(gap / self.sigma)
        return stdtr(self.df, gap / self.sigma * sqrt(self.df / (self.df - 2)))

    def quantiles(self, ranks: NDArray[np.float64]) -> NDArray[np.float64]:
        """The diffusion's move at each rank in (0, 1), elementwise."""
        if self.df is None:
            standard = ndtri(ranks)
        else:
            standard = stdtrit(self.df, ranks) * sqrt((self.df - 2) / self.df)
        return np.asarray(self.drift + self.sigma * standard)


@dataclass(frozen=True)
class PriceLeg:
    """A holding whose profit depends on one price: USD = ``delta_usd`` · move, or ``curve(move)``.

    ``kind`` says who values it: everything but spot is marked by the exchange's index, so that a
    stale oracle freezes it.  Use the constructors below; they know the products.
    """

    underlying: str
    delta_usd: float
    kind: str = "perpetual"
    curve: Curve | None = None

    def __post_init__(self) -> None:
        finite(f"leg on {self.underlying}.delta_usd", self.delta_usd)
        if self.kind not in KINDS:
            hint = choose(self.kind, KINDS)
            raise RiskError(f"leg on {self.underlying}.kind", f"{self.kind!r} is unknown{hint}")
        if (self.kind == "curve") != (self.curve is not None):
            raise RiskError(
                f"leg on {self.underlying}.curve", "kind 'curve' and a function go together"
            )

    @classmethod
    def spot(cls, underlying: str, units: float, price_usd: float) -> PriceLeg:
        """``units`` of the coin itself (a debt is negative)."""
        return cls(underlying, units * price_usd, "spot")

    @classmethod
    def perpetual(cls, underlying: str, units: float, price_usd: float) -> PriceLeg:
        """A linear perpetual of ``units`` coins, short negative."""
        return cls(underlying, units * price_usd, "perpetual")

    @classmethod
    def future(cls, underlying: str, units: float, price_usd: float) -> PriceLeg:
        """A dated future of ``units`` coins; its basis does not move."""
        return cls(underlying, units * price_usd, "future")

    @classmethod
    def inverse(
        cls, underlying: str, contracts: float, face_usd: float, price_usd: float, entry_usd: float
    ) -> PriceLeg:
        """A coin-margined perpetual.

        Its profit is contracts · face · (1/entry − 1/price) coins; at the price that is
        contracts · face · (price/entry − 1) USD, so the leg is linear after all, with delta
        contracts · face · price/entry.  The coins of its collateral are a spot leg beside it.
        """
        return cls(underlying, contracts * face_usd * price_usd / entry_usd, "inverse")

    @classmethod
    def of_curve(cls, underlying: str, curve: Curve) -> PriceLeg:
        """Any profit in USD as a vectorised function of the move (an option, a loan with calls)."""
        return cls(underlying, 0.0, "curve", curve)

    def pnl_usd(self, moves: NDArray[np.float64]) -> NDArray[np.float64]:
        """Profit at each of float[…] relative moves."""
        if self.curve is None:
            return self.delta_usd * moves
        pnl = np.asarray(self.curve(moves), np.float64)
        if pnl.shape != moves.shape or not np.isfinite(pnl).all():
            raise RiskError(
                f"leg on {self.underlying}.curve",
                "its profits are not finite numbers, one per move",
            )
        return pnl
