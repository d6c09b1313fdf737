"""The compiled passes of ``scenario_margin``: points outside, accounts inside, so that they vectorise."""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.jit import entry

BLOCK = 512  # accounts whose running sums stay in the nearest cache


@entry
def worst_losses(
    moves: np.ndarray,
    weights: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    exposure: np.ndarray,
    shares: np.ndarray,
    pnl: np.ndarray,
    out: np.ndarray,
) -> None:
    """Largest weighted loss of each account into out[n].

    moves, weights [points]; low, high [points, events]; exposure [n]; shares [events, n];
    pnl [BLOCK] is room to work in.
    """
    n = len(out)
    for start in range(0, n, BLOCK):
        size = min(BLOCK, n - start)
        for j in range(size):
            out[start + j] = 0.0
        for p in range(len(moves)):
            m = moves[p]
            w = weights[p]
            for j in range(size):
                pnl[j] = m * exposure[start + j]
            for e in range(len(shares)):
                x = low[p, e]
                y = high[p, e]
                for j in range(size):
                    q = shares[e, start + j]
                    pnl[j] += min(q * x, q * y)
            for j in range(size):
                loss = w * -pnl[j]
                out[start + j] = max(out[start + j], loss)


@entry
def fill_vectors(
    moves: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    exposure: np.ndarray,
    shares: np.ndarray,
    pnl: np.ndarray,
) -> None:
    """Unweighted PnL of each account at each point into pnl[n, points]; shares [n, events]."""
    for a in range(len(exposure)):
        for p in range(len(moves)):
            x = moves[p] * exposure[a]
            for e in range(shares.shape[1]):
                x += min(shares[a, e] * low[p, e], shares[a, e] * high[p, e])
            pnl[a, p] = x


@entry
def raise_to_floor(
    yes: np.ndarray, no: np.ndarray, floor: float, shares: np.ndarray, out: np.ndarray
) -> None:
    """out[n] at least `floor` times the two largest requirements; shares [events, n]."""
    for a in range(len(out)):
        most = second = 0.0
        for e in range(len(shares)):
            q = shares[e, a]
            r = q * yes[e] if q > 0.0 else -q * no[e]
            second = max(second, min(r, most))
            most = max(most, r)
        out[a] = max(out[a], floor * (most + second))


@entry
def apply_changes(
    moves: np.ndarray,
    weights: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    yes: np.ndarray,
    no: np.ndarray,
    floor: float,
    pnl: np.ndarray,
    shares: np.ndarray,
    account: np.ndarray,
    event: np.ndarray,
    amount: np.ndarray,
    out: np.ndarray,
) -> None:
    """One after the other: `amount` more exposure (event -1) or shares; the margin after it into out."""
    for k in range(len(account)):
        a = account[k]
        e = event[k]
        worst = 0.0
        before = shares[a, e] if e >= 0 else 0.0
        after = before + amount[k]
        for p in range(len(moves)):
            x = pnl[a, p]
            if e < 0:
                x += moves[p] * amount[k]
            else:
                x += min(after * low[p, e], after * high[p, e])
                x -= min(before * low[p, e], before * high[p, e])
            pnl[a, p] = x
            worst = max(worst, weights[p] * -x)
        if e >= 0:
            shares[a, e] = after
        most = second = 0.0
        for j in range(shares.shape[1]):
            q = shares[a, j]
            r = q * yes[j] if q > 0.0 else -q * no[j]
            second = max(second, min(r, most))
            most = max(most, r)
        out[k] = max(worst, floor * (most + second))
