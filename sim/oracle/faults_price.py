"""Faults of the price: bias, noise, spikes, shifted decimals, factors, forks, clamps, capture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sim.oracle.fault import PriceFault
from sim.oracle.readings import Readings, Scope


@dataclass(frozen=True, kw_only=True)
class Bias(PriceFault):
    """p·(1 + bias_pct/100)."""

    kind: ClassVar[str] = "bias"
    bias_pct: float

    def price(self, readings: Readings, scope: Scope) -> np.ndarray:
        return readings.price_usd * (1.0 + self.bias_pct / 100.0)


@dataclass(frozen=True, kw_only=True)
class Noise(PriceFault):
    """p·(1 + ε), ε normal with standard deviation noise_bps, its own for each reading."""

    kind: ClassVar[str] = "noise"
    noise_bps: float

    def price(self, readings: Readings, scope: Scope) -> np.ndarray:
        drawn = scope.draw.standard_normal(len(readings))
        return readings.price_usd * np.maximum(1.0 + drawn * (self.noise_bps / 1e4), 0.0)


@dataclass(frozen=True, kw_only=True)
class Spike(PriceFault):
    """p·factor in a random share of the readings, p in the others."""

    kind: ClassVar[str] = "spike"
    factor: float
    share: float

    def price(self, readings: Readings, scope: Scope) -> np.ndarray:
        hit = scope.draw.random(len(readings)) < self.share
        return np.where(hit, readings.price_usd * self.factor, readings.price_usd)


@dataclass(frozen=True, kw_only=True)
class Decimal(PriceFault):
    """p·10^places: a token with other decimals than believed."""

    kind: ClassVar[str] = "decimal"
    places: int

    def price(self, readings: Readings, scope: Scope) -> np.ndarray:
        shift = float(10 ** abs(self.places))
        return readings.price_usd * shift if self.places > 0 else readings.price_usd / shift


@dataclass(frozen=True, kw_only=True)
class Factor(PriceFault):
    """p·factor in every reading, as in sKRW's × 1000 of June 2019."""

    kind: ClassVar[str] = "factor"
    factor: float

    def price(self, readings: Readings, scope: Scope) -> np.ndarray:
        return readings.price_usd * self.factor


@dataclass(frozen=True, kw_only=True)
class Fork(PriceFault):
    """A venue leaves the rest: p·(1 − w·depth_pct/100).

    w rises from 0 to 1 over the first ramp_s and falls back over the last (a venue's own depeg, as
    USDe at 0.65 on one exchange on 10 October 2025); without a ramp it is 1 throughout.
    """

    kind: ClassVar[str] = "fork"
    exclusive: ClassVar[bool] = True
    depth_pct: float
    ramp_us: int

    def price(self, readings: Readings, scope: Scope) -> np.ndarray:
        beats = readings.beat_us
        w = np.ones(len(beats))
        if self.ramp_us:
            side = np.minimum(beats - self.start_us, self.end_us - beats)
            w = np.minimum(side / self.ramp_us, 1.0)
        return readings.price_usd * (1.0 - w * (self.depth_pct / 100.0))


@dataclass(frozen=True, kw_only=True)
class Clamp(PriceFault):
    """max(floor, min(ceiling, p)): a circuit breaker of the source.

    Without a floor and a ceiling: margin_pct either side of the last price before it began.
    """

    kind: ClassVar[str] = "clamp"
    floor_usd: float | None = None
    ceiling_usd: float | None = None
    margin_pct: float = 0.0

    def change(self, readings: Readings, lo: int, hi: int, scope: Scope) -> Readings:
        scope.memory.setdefault("base", float(readings.price_usd[self.before(readings)]))
        return super().change(readings, lo, hi, scope)

    def price(self, readings: Readings, scope: Scope) -> np.ndarray:
        floor, ceiling = self.floor_usd, self.ceiling_usd
        if floor is None and ceiling is None:
            base = scope.memory["base"]
            floor = base * (1.0 - self.margin_pct / 100.0)
            ceiling = base * (1.0 + self.margin_pct / 100.0)
        price = readings.price_usd
        if ceiling is not None:
            price = np.minimum(price, ceiling)
        return price if floor is None else np.maximum(price, floor)


@dataclass(frozen=True, kw_only=True)
class Captured(PriceFault):
    """Those who collude all report the same: to_usd, or the true price times 1 + bias_pct/100.

    ``take``: how many of the sources named are in it, drawn by the seed; 0: all of them.
    """

    kind: ClassVar[str] = "captured"
    exclusive: ClassVar[bool] = True
    to_usd: float | None = None
    bias_pct: float = 0.0
    take: int = 0

    def price(self, readings: Readings, scope: Scope) -> np.ndarray:
        if self.to_usd is not None:
            return np.full(len(readings), self.to_usd)
        return scope.truth(readings.beat_us) * (1.0 + self.bias_pct / 100.0)
