"""Overlapping portfolios: what one account's sale costs another through the price.

Source: R. Cont and E. Schaanning, "Monitoring Indirect Contagion", Journal of Banking and Finance
104 (2019): the liquidity-weighted overlap Ω_ab = Σ_i X_ai·X_bi/D_i.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def overlap(holdings_usd: Any, depth_usd: Any) -> np.ndarray:
    """Ω_ab: USD that a's book loses when b closes its whole book, float64[n, n], symmetric.

    Impact is linear: USD ``depth_usd[i]`` of market orders move instrument i by 100 %, so
    that closing X_b moves it by X_b/D against X_b, and a loses X_a·X_b/D (negative: a gains).  The
    diagonal is what a book costs itself, at its end.

    Args:
        holdings_usd: X, float[n, instruments], signed notional.
        depth_usd: D, float[instruments], > 0; infinite where sales do not move the price.
    """
    weighted = _weighted(holdings_usd, depth_usd)
    return weighted @ weighted.T


def similarity(holdings_usd: Any, depth_usd: Any) -> np.ndarray:
    """Ω_ab/√(Ω_aa·Ω_bb): 1 the same book, −1 the opposite one, 0 nothing in common."""
    weighted = _weighted(holdings_usd, depth_usd)
    size = np.sqrt((weighted**2).sum(axis=1))
    unit = np.divide(weighted, size[:, None], out=np.zeros_like(weighted), where=size[:, None] > 0)
    return unit @ unit.T


def fire_sale_radius(holdings_usd: Any, depth_usd: Any, equity_usd: Any) -> float:
    """Spectral radius of Ω_ab/E_a over the accounts with equity.

    If everybody keeps its leverage, closing the share of its book that it lost of its equity, a
    price move calls forth another one; above 1 the worst mix of moves grows by itself.  Computed
    in the instruments' space, where the matrix is small: the nonzero eigenvalues of E⁻¹XD⁻¹Xᵀ are
    those of D⁻½XᵀE⁻¹XD⁻½, which is symmetric.
    """
    weighted = _weighted(holdings_usd, depth_usd)
    equity = np.asarray(equity_usd, np.float64)
    keep = equity > 0
    scaled = weighted[keep] / np.sqrt(equity[keep])[:, None]
    if not scaled.size:
        return 0.0
    return max(0.0, float(np.linalg.eigvalsh(scaled.T @ scaled).max()))


def _weighted(holdings_usd: Any, depth_usd: Any) -> np.ndarray:
    held = np.asarray(holdings_usd, np.float64)
    depth = np.asarray(depth_usd, np.float64)
    if held.ndim != 2 or depth.shape != (held.shape[1],):
        raise ValueError(f"holdings {held.shape} for {depth.shape} instruments with depth")
    if (depth <= 0).any() or np.isnan(depth).any() or not np.isfinite(held).all():
        raise ValueError("depth: USD above 0 (infinite: no impact); holdings: finite USD")
    return held / np.sqrt(depth)
