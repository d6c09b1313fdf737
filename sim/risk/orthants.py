"""Probabilities of all boxes that the cuts of correlated normal variables make.

Variable e falls into interval i of its own cuts; the boxes are the joint states of a Gaussian
copula.  If one common factor explains the correlations (two variables; equal correlations; most
matrices of three) the probability is a one-dimensional integral, computed to rounding.  Else all
boxes are integrated at once by Genz's sequential conditioning, to about 1e-3 of probability moved
between neighbouring states.
"""

from __future__ import annotations

from math import pi, prod, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from sim.risk.correlation import Correlation

NODES = 1 << 23  # points × boxes of the general integral
CHUNK = 1 << 19  # of them at a time
REACH = 9.0  # the factor beyond ± this has less than 1e-18 of probability
AROUND = (-8, -4, -2, -1, 0, 1, 2, 4, 8)  # widths around a variable's change where panels end


def box_probabilities(
    cuts: list[NDArray[np.float64]], correlation: Correlation
) -> NDArray[np.float64]:
    """float[boxes], together 1, the last variable's interval fastest.

    ``cuts``: for each variable float[intervals + 1], falling from ∞ to −∞.
    """
    loadings = one_factor(correlation.matrix)
    if loadings is not None:
        return _by_factor(cuts, loadings)
    return _by_conditioning(cuts, correlation.factor())


def one_factor(matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Loadings l with matrix[i, j] = l_i·l_j off the diagonal, |l| ≤ 1, or None."""
    n = len(matrix)
    loadings = np.zeros(n)
    off = matrix - np.eye(n)
    linked = np.flatnonzero(np.any(off != 0, axis=1))
    if len(linked):
        # The strongest pair fixes the scale: l_i² = r_ij·r_ik / r_jk for any third k.
        i, j = (int(v) for v in np.unravel_index(np.argmax(np.abs(off)), off.shape))
        third = [k for k in linked if k not in (i, j) and off[j, k] != 0]
        square = off[i, j] * off[i, third[0]] / off[j, third[0]] if third else abs(off[i, j])
        if not 0 < square <= 1 + 1e-12:
            return None
        loadings[i] = sqrt(min(square, 1.0))
        others = linked[linked != i]
        loadings[others] = off[i, others] / loadings[i]
    fits = np.abs(np.multiply.outer(loadings, loadings) - matrix)[~np.eye(n, dtype=bool)]
    return None if np.any(np.abs(loadings) > 1 + 1e-12) or np.any(fits > 1e-12) else loadings


def _by_factor(
    cuts: list[NDArray[np.float64]], loadings: NDArray[np.float64]
) -> NDArray[np.float64]:
    """∫ φ(x) Π_e P(variable e in its interval | x) dx by Gauss-Legendre panels.

    Given the factor the variables are independent; panels end where one of them changes fast.
    """
    own = np.sqrt(np.clip(1 - loadings**2, 1e-18, 1))
    edges = [np.linspace(-REACH, REACH, 37)]
    for row, loading, width in zip(cuts, loadings, own, strict=True):
        if loading:
            inner = row[np.isfinite(row)]
            edges.append(np.add.outer(inner, width * np.array(AROUND)).ravel() / loading)
    ends = np.unique(np.clip(np.concatenate(edges), -REACH, REACH))
    points, gauss = np.polynomial.legendre.leggauss(12)
    half = np.diff(ends)[:, None] / 2
    x = (ends[:-1, None] + half + half * points).ravel()
    weight = (half * gauss).ravel() * np.exp(-0.5 * x * x) / sqrt(2 * pi)
    tree = weight[:, None]
    for e, row in enumerate(cuts):
        below = ndtr((row - loadings[e] * x[:, None]) / own[e])
        inside = below[:, :-1] - below[:, 1:]
        if e + 1 == len(cuts):  # the last one sums over the factor too
            tree = tree.T @ inside
        else:
            tree = (tree[:, :, None] * inside[:, None, :]).reshape(len(x), -1)
    return np.asarray(tree.ravel() / tree.sum())


def _by_conditioning(
    cuts: list[NDArray[np.float64]], lower: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Genz (1992), Numerical computation of multivariate normal probabilities, all boxes at once.

    A point of the unit cube walks down the tree of intervals; every branch gets its conditional
    probability, and a value of the variable inside it.  The products of one point add up to 1 over
    all boxes, and the integrand is smooth, so a few quasi-random points do.
    """
    d, boxes = len(cuts), prod(len(row) - 1 for row in cuts)
    points = 1 << min(14, max(7, (NODES // boxes).bit_length() - 1))
    cube = qmc.Sobol(d, seed=0).random(points)
    chunk = max(1, CHUNK // boxes)
    total = np.zeros(boxes)
    for start in range(0, points, chunk):
        part = cube[start : start + chunk]
        weights = np.ones((len(part), 1))
        means = np.zeros(
            (d, len(part), 1)
        )  # of this variable and those to come, given those before
        for e, row in enumerate(cuts):
            width = max(lower[e, e], 1e-9)  # a determined variable has its interval with certainty
            below = ndtr((row[:, None, None] - means[0]) / width)
            inside = below[:-1] - below[1:]  # (intervals, points, nodes)
            weights = _branches((weights * inside)[None])[0]
            if e + 1 < d:
                rank = below[1:] + part[:, e][:, None] * inside
                value = ndtri(np.clip(rank, 1e-300, 1 - 1e-16))
                slopes = lower[e + 1 :, e][:, None, None, None]
                means = _branches(means[1:, None] + slopes * value)
        total += weights.sum(axis=0)
    return np.asarray(total / total.sum())


def _branches(tree: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, intervals, points, nodes) → (…, points, nodes · intervals): the last interval fastest."""
    rest, intervals, points, nodes = tree.shape
    return np.moveaxis(tree, 1, -1).reshape(rest, points, nodes * intervals)
