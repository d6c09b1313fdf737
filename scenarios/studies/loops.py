"""Leveraged collateral loops: drawn from a seed, or read from a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from scenarios.errors import ScenarioError
from scenarios.part import NonNegative, Positive
from scenarios.studies.datafile import Column, DataFile, read_csv
from sim.streams import stream

COLUMNS = {
    "collateral_steth": Column(low=0.0),
    "debt_eth": Column(low=0.0),
    "liquidation_threshold_bps": Column(low=1.0, high=10_000.0),
    "ltv_bps": Column(low=0.0, high=10_000.0, optional=True),
    "health_factor": Column(low=0.0, optional=True),
}
AGREES = 1e-3  # relative, of a health factor in the file with the one computed here


class Ladder(DataFile):
    """The loops: a CSV file, or without one ``loops`` drawn ones.

    Drawn: debts lognormal around ``debt_median_eth`` with ``debt_sigma``, at most
    ``debt_max_eth``; health factors ``health_min`` plus a Weibull of ``health_scale`` and
    ``health_shape``; all with one threshold.
    """

    loops: Annotated[int, Field(ge=1, le=1_000_000)] = 271
    debt_median_eth: Positive = 6.7
    debt_sigma: NonNegative = 3.5
    debt_max_eth: Positive = 40_000.0
    health_min: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.01
    health_scale: NonNegative = 0.385
    health_shape: Positive = 2.0
    threshold_bps: Annotated[float, Field(ge=1, le=10_000)] = 8_300.0

    @model_validator(mode="after")
    def _ordered(self) -> Ladder:
        if self.debt_max_eth < self.debt_median_eth:
            raise ValueError(
                f"debt_max_eth {self.debt_max_eth:g} is below debt_median_eth {self.debt_median_eth:g}"
            )
        return self


@dataclass(frozen=True)
class Loops:
    """Columns, float64[n]: collateral (units of the staked coin), debt (coin), threshold (share).

    A unit of collateral is worth ``price`` coins; 1 at the start.
    """

    collateral: np.ndarray
    debt: np.ndarray
    threshold: np.ndarray

    def __len__(self) -> int:
        return len(self.debt)

    def health(self, price: float) -> np.ndarray:
        """Collateral · price · threshold / debt, float64[n]; infinite without debt."""
        worth = self.collateral * price * self.threshold
        return np.divide(worth, self.debt, out=np.full(len(self), np.inf), where=self.debt > 0)


def loops_of(ladder: Ladder, seed: int) -> Loops:
    """The loops of a ladder; ScenarioError names file, row and column of what cannot be used."""
    loops = read(ladder.path) if ladder.path else drawn(ladder, seed)
    if math.fsum(loops.debt) <= 0:
        raise ScenarioError("column 'debt_eth': nobody owes anything", where=ladder.path)
    return loops


def read(path: str) -> Loops:
    """Loops of a CSV file with the columns `COLUMNS`; `loops_of` says what it raises."""
    frame = read_csv(path, COLUMNS)
    loops = Loops(
        frame["collateral_steth"].to_numpy(),
        frame["debt_eth"].to_numpy(),
        frame["liquidation_threshold_bps"].to_numpy() / 10_000,
    )
    for row, (given, computed) in enumerate(
        zip(frame["health_factor"].to_list(), loops.health(1.0).tolist(), strict=True), 2
    ):
        if given is not None and abs(given - computed) > AGREES * computed:
            raise ScenarioError(
                f"{given:g}, but collateral x threshold / debt is {computed:g}",
                where=f"{path}: row {row}: column 'health_factor'",
            )
    return loops


def drawn(ladder: Ladder, seed: int) -> Loops:
    """Loops drawn from a seed; the first n of more loops are the same n."""
    normal = NormalDist()
    debts = stream(seed, "loop-ladder", "debt").random(ladder.loops).tolist()
    healths = stream(seed, "loop-ladder", "health").random(ladder.loops).tolist()
    threshold = ladder.threshold_bps / 10_000
    debt = np.empty(ladder.loops)
    collateral = np.empty(ladder.loops)
    for k, (u, v) in enumerate(zip(debts, healths, strict=True)):
        z = normal.inv_cdf(min(max(u, 1e-15), 1 - 1e-15))
        debt[k] = min(ladder.debt_median_eth * math.exp(ladder.debt_sigma * z), ladder.debt_max_eth)
        above = ladder.health_scale * (-math.log1p(-v)) ** (1 / ladder.health_shape)
        collateral[k] = (ladder.health_min + above) * debt[k] / threshold
    return Loops(collateral, debt, np.full(ladder.loops, threshold))
