"""How an index is made of its sources: the weighted median, and the other policies of PRC-01."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from sim.oracle.fault import OracleError

Name = Literal["weighted_median", "median", "mean", "single", "redemption"]
NAMES: tuple[str, ...] = get_args(Name)


@dataclass(frozen=True)
class Policy:
    """One way to aggregate fresh sources.

    ``weighted_median``: the smallest price at which half of the weight is reached [Hyperliquid].
    ``median``: the same with equal weights.  ``mean``: weighted; confidence stays the distance from
    the weighted median and does not see what the mean did.  ``single``: `source` alone.
    ``redemption``: max(floor·R, w·R + (1 − w)·weighted median) with R the price in USD at which the
    coin can be redeemed; feeds without one use the weighted median.

    A feed that reads its own spot book is declared in the listing (``Feed.own_book``), not here.
    """

    name: Name = "weighted_median"
    source: str = ""
    redemption_usd: Mapping[str, float] = field(default_factory=dict)
    redemption_weight: float = 0.5
    redemption_floor: float = 0.0

    def check(self, sources: list[str], feeds: list[str]) -> None:
        """Raises ValueError (OracleError for an unknown source or feed) for what cannot be."""
        if self.name not in NAMES:
            raise ValueError(f"unknown index policy {self.name!r}; there are {list(NAMES)}")
        if self.name == "single" and self.source not in sources:
            raise OracleError(
                f"index policy 'single': unknown source {self.source!r}; there is {sources}",
                ("single",),
                self.source,
                tuple(sources),
            )
        for feed, price in self.redemption_usd.items():
            if feed not in feeds:
                raise OracleError(
                    f"redemption_usd: unknown feed {feed!r}; listed: {feeds}",
                    ("redemption_usd",),
                    feed,
                    tuple(feeds),
                )
            if not price > 0:
                raise ValueError(f"redemption_usd of {feed!r}: {price} is not above 0")
        if not (0 <= self.redemption_weight <= 1 and 0 <= self.redemption_floor <= 1):
            raise ValueError("redemption_weight and redemption_floor lie between 0 and 1")

    def weights(self, given: np.ndarray) -> np.ndarray:
        """Weights the aggregation takes, float64[sources]."""
        return np.ones(len(given)) if self.name == "median" else given

    def combine(
        self,
        feed: str,
        median: np.ndarray,
        prices: np.ndarray,
        weights: np.ndarray,
        used: np.ndarray,
    ) -> np.ndarray:
        """The index in USD, float64[times], from the medians and the readings used.

        Sums run over the sources in order, so that every machine reaches the same last bit.
        """
        if self.name == "mean":
            total, weight = np.zeros(len(prices)), np.zeros(len(prices))
            for s in range(prices.shape[1]):
                total += np.where(used[:, s], weights[s] * prices[:, s], 0.0)
                weight += np.where(used[:, s], weights[s], 0.0)
            return total / weight
        if self.name == "redemption" and feed in self.redemption_usd:
            redeemed = self.redemption_usd[feed]
            w = self.redemption_weight
            return np.maximum(self.redemption_floor * redeemed, w * redeemed + (1 - w) * median)
        return median
