"""The index of PRC-01: weighted lower medians, compiled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.exchange.kernel.jit import entry


@entry
def lower_median(values, weights, use, order):
    """Weighted lower median of `values` where `use`; 0 where there is none.

    The smallest value at which the weights of all values up to it reach half of the total.
    `order` is scratch of the same length.  O(n²) for n sources, which are few.
    """
    n = 0
    total = 0.0
    for i in range(values.shape[0]):
        if not use[i]:
            continue
        total += weights[i]
        j = n
        while j > 0 and values[order[j - 1]] > values[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
        n += 1
    reached = 0.0
    for j in range(n):
        reached += weights[order[j]]
        if 2.0 * reached >= total:
            return values[order[j]]
    return 0.0


@entry
def index_rows(
    prices, weights, fresh, there, claimed, dispersion, index, confidence, count, scratch, order
):
    """Fill `index`, `confidence` and `count` for every row of `prices` (times × sources).

    Where no source is fresh the index is the median of the last readings that are `there`, these
    are marked in `fresh`, and the count is 0.  A source's own confidence is what it has `claimed`
    (0: nothing), or with `dispersion` its distance from that median if that is more, also where a
    policy makes another index of it afterwards (`sim.oracle.policy`).
    """
    for t in range(prices.shape[0]):
        n = 0
        for i in range(prices.shape[1]):
            if fresh[t, i]:
                n += 1
        count[t] = n
        if n == 0:
            for i in range(prices.shape[1]):
                fresh[t, i] = there[t, i]
        index[t] = lower_median(prices[t], weights, fresh[t], order)
        for i in range(prices.shape[1]):
            scratch[i] = claimed[t, i]
            if dispersion:
                scratch[i] = max(scratch[i], abs(prices[t, i] - index[t]))
        confidence[t] = lower_median(scratch, weights, fresh[t], order)


def weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted lower median (PRC-01); raises ValueError when empty or a weight is not positive."""
    v, w = np.array(values, dtype=np.float64), np.array(weights, dtype=np.float64)
    if not len(v) or len(v) != len(w) or (w <= 0).any():
        raise ValueError("a weighted median needs values and as many positive weights")
    use = np.ones(len(v), dtype=np.bool_)
    return float(lower_median(v, w, use, np.empty(len(v), dtype=np.int64)))
