"""A mixture of normal (or t) losses with atoms, and its VaR and ES without sampling.

A component is one joint state of the events.  Given it, the loss is ``centre + scale · W``, where W
is standard (mean 0, deviation 1).  Where a price decides a digital, a component holds only on an
interval of that price: ``low ≤ X < high`` with (X, W) standard bivariate normal of correlation
``rho``.  A component of scale 0 is an atom.

P(L > x) and E(L; L > x) of each have closed forms (the interval by Owen's T function), so the
quantile is one bisection of a monotone function and the ES needs no integration:
Rockafellar and Uryasev (2002) for the definition; Owen (1956) for T; McNeil, Frey and Embrechts,
Quantitative Risk Management, 2.2.4 for the ES of the normal and of t.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, ndtri, owens_t, stdtr

from sim.risk.errors import RiskError, confidence
from sim.risk.tail import SAME, Tail

Row = NDArray[np.float64]
ALIGNED = 1 - 1e-12  # |rho| from here on: W is X itself, or −X


@dataclass(frozen=True, eq=False)
class Mixture:
    """Rows float[components]; ``weight`` is the state's probability, before the interval's.

    Losses in USD.  ``df``: degrees of freedom of a t law (deviation 1) instead of the normal; then
    an interval needs rho = ±1.
    """

    weight: Row
    centre: Row
    scale: Row
    rho: Row
    low: Row
    high: Row
    df: float | None = None

    def __post_init__(self) -> None:
        mass = float(self.masses().sum())
        if abs(mass - 1) > 1e-9:
            raise RiskError("mixture", f"its probabilities add up to {mass:.12g}, not 1")
        if self.df is not None and len(self._groups()[2]):
            raise RiskError(
                "mixture", "a t law with a digital and a second price has no closed form: simulate"
            )

    @classmethod
    def plain(cls, weight: Row, centre: Row, scale: Row, df: float | None = None) -> Mixture:
        """Components that hold on the whole line."""
        weight, centre, scale = (
            np.array(row, np.float64) for row in np.broadcast_arrays(weight, centre, scale)
        )
        ones = np.ones(len(weight))
        return cls(weight, centre, scale, ones, -np.inf * ones, np.inf * ones, df)

    def masses(self) -> Row:
        """float[components]: probability of each."""
        return self.weight * (self._above(self.low) - self._above(self.high))

    def survival(self, loss_usd: float) -> float:
        """P(L > loss)."""
        return float((self.weight * self._beyond(loss_usd)[0]).sum())

    def beyond_usd(self, loss_usd: float) -> float:
        """E(L; L > loss), USD."""
        chance, part = self._beyond(loss_usd)
        return float((self.weight * (self.centre * chance + self.scale * part)).sum())

    @property
    def mean_usd(self) -> float:
        return self.beyond_usd(-np.inf)

    @property
    def deviation_usd(self) -> float:
        """Standard deviation of the loss."""
        whole = np.isneginf(self.low) & np.isposinf(self.high)
        if self.df is not None and not whole.all():
            raise RiskError("mixture", "the deviation of a t law on an interval is not computed")
        mass = self._above(self.low) - self._above(self.high)
        # W = rho·X + rest: E(W) and E(W²) on the interval from those of X; ends at ∞ add nothing.
        low, high = (np.where(np.isfinite(end), end, 0.0) for end in (self.low, self.high))
        phi_low, phi_high = _density(self.low), _density(self.high)
        first = np.where(whole, 0.0, self.rho * (phi_low - phi_high))
        second = np.where(whole, 1.0, mass + self.rho**2 * (low * phi_low - high * phi_high))
        square = (
            self.centre**2 * mass + 2 * self.centre * self.scale * first + self.scale**2 * second
        )
        return sqrt(max(float((self.weight * square).sum()) - self.mean_usd**2, 0.0))

    def tail(self, level: float) -> Tail:
        """VaR and ES with atoms at ``level`` in (0, 1)."""
        a = confidence(level)
        var = self._quantile(a)
        es = (self.beyond_usd(var) + var * (1 - a - self.survival(var))) / (1 - a)
        return Tail(a, var, es)

    def gaussian_tail(self, level: float) -> Tail:
        """What a normal loss of the same mean and deviation would say: for contrast only."""
        a = confidence(level)
        z = float(ndtri(a))
        mean, deviation = self.mean_usd, self.deviation_usd
        es = mean + deviation * float(_density(np.array([z]))[0]) / (1 - a)
        return Tail(a, mean + deviation * z, es)

    def _quantile(self, a: float) -> float:
        """Smallest x with P(L ≤ x) ≥ a: bisection, then the atom in the last bracket if any."""
        centre, scale = float(np.abs(self.centre).max()), float(self.scale.max())
        reach = down = up = max(scale, 1e-6 * centre, 1e-9)
        low, high = float(self.centre.min()) - reach, float(self.centre.max()) + reach
        while self.survival(low) <= 1 - a + SAME:
            low, down = low - down, 2 * down
        while self.survival(high) > 1 - a + SAME:
            high, up = high + up, 2 * up
        close = 1e-13 * max(abs(low), abs(high))
        while high - low > close:
            middle = (low + high) / 2
            if not low < middle < high:
                break
            if self.survival(middle) <= 1 - a + SAME:
                high = middle
            else:
                low = middle
        atoms = self.centre[(self.scale == 0) & (self.centre > low) & (self.centre <= high)]
        return float(atoms.min()) if len(atoms) else high

    def _groups(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Indices of components that are atoms, that follow X alone, that need two variables."""
        atom = self.scale == 0
        whole = np.isneginf(self.low) & np.isposinf(self.high)
        alone = ~atom & (whole | (np.abs(self.rho) >= ALIGNED))
        return np.flatnonzero(atom), np.flatnonzero(alone), np.flatnonzero(~atom & ~alone)

    def _beyond(self, loss_usd: float) -> tuple[Row, Row]:
        """(P(L > loss, interval), E(W; L > loss, interval)) by component, weights left out."""
        chance, part = np.zeros(len(self.weight)), np.zeros(len(self.weight))
        atoms, alone, two = self._groups()
        inside = self._above(self.low[atoms]) - self._above(self.high[atoms])
        chance[atoms] = inside * (self.centre[atoms] > loss_usd)

        z = (loss_usd - self.centre[alone]) / self.scale[alone]
        down = self.rho[alone] < 0  # W = −X: large losses are small X
        low, high = self.low[alone], self.high[alone]
        first = np.maximum(z, np.where(down, -high, low))
        last = np.maximum(first, np.where(down, -low, high))
        chance[alone] = self._above(first) - self._above(last)
        part[alone] = self._part(first) - self._part(last)

        if len(two):
            z = (loss_usd - self.centre[two]) / self.scale[two]
            low, high, rho = self.low[two], self.high[two], self.rho[two]
            chance[two] = _joint_above(low, z, rho) - _joint_above(high, z, rho)
            part[two] = _joint_part(low, z, rho) - _joint_part(high, z, rho)
        return chance, part

    def _above(self, z: Row) -> Row:
        """P(X > z)."""
        if self.df is None:
            return np.asarray(ndtr(-z))
        return np.asarray(stdtr(self.df, -z * sqrt(self.df / (self.df - 2))))

    def _part(self, z: Row) -> Row:
        """E(X; X > z)."""
        if self.df is None:
            return _density(z)
        df, unit = self.df, sqrt((self.df - 2) / self.df)
        x = z / unit
        norm = gammaln((df + 1) / 2) - gammaln(df / 2) - 0.5 * np.log(df * pi)
        # unit · f(x)(df + x²)/(df − 1), with the density's power joined to that of df + x².
        return np.asarray(unit * df / (df - 1) * np.exp(norm - (df - 1) / 2 * np.log1p(x * x / df)))


def _density(z: Row) -> Row:
    return np.asarray(np.exp(-0.5 * z * z) / sqrt(2 * pi))


def _joint_above(h: Row, k: Row, rho: Row) -> Row:
    """P(X > h, W > k) of a standard bivariate normal, |rho| < 1 (Owen 1956)."""
    # Owen's slopes at 0 are limits; the smallest number gives them.
    h, k = np.where(h == 0, 1e-300, h), np.where(k == 0, 1e-300, k)
    root = np.sqrt(1 - rho * rho)
    finite = np.isfinite(h) & np.isfinite(k)
    x, y = np.where(finite, -h, 1.0), np.where(finite, -k, 1.0)
    both = 0.5 * (ndtr(x) + ndtr(y)) - np.where((x > 0) == (y > 0), 0.0, 0.5)
    both = both - owens_t(x, (y / x - rho) / root) - owens_t(y, (x / y - rho) / root)
    edge = np.where(np.isneginf(h), ndtr(-k), np.where(np.isneginf(k), ndtr(-h), 0.0))
    return np.asarray(np.where(finite, both, edge))


def _joint_part(h: Row, k: Row, rho: Row) -> Row:
    """E(W; X > h, W > k) of a standard bivariate normal, |rho| < 1."""
    root = np.sqrt(1 - rho * rho)
    with np.errstate(invalid="ignore"):  # ∞ − ∞ occurs only where the density before it is 0
        by_w = np.nan_to_num(ndtr(-(h - rho * k) / root))
        by_x = np.nan_to_num(ndtr(-(k - rho * h) / root))
    return np.asarray(_density(k) * by_w + rho * _density(h) * by_x)
