"""What a coin counts for in net equity: price, haircut, what it consists of (MAR-02)."""

from __future__ import annotations

import math

from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.pool import claim
from sim.exchange.kernel.positions import unrealised
from sim.exchange.kernel.quality import stale
from sim.exchange.kernel.shares import usd
from sim.exchange.kernel.state import (
    A_FEED,
    A_TOTAL,
    A_TV,
    CAP,
    D_INDEX,
    D_TWAP,
    I_ASSET,
    I_FEED,
    I_MARK,
    KAPPA,
    N_INVERSES,
    N_PERPETUALS,
    PHI,
    SIZE,
    B,
    W,
)

SURELY = 1.0 - 1e-9  # a comparison with this much room needs no square root


@inlined
def weight(s, k, value, price):
    """w of MAR-02 for a positive coin balance worth `value` USD at `price`."""
    f = s.assetf[k]
    room = f[B] - f[W]
    slope = f[W] * f[KAPPA]
    w = f[W]
    if room <= 0.0 or slope * slope * value > room * room * SURELY:
        w = min(w, f[B] / (1.0 + f[KAPPA] * math.sqrt(value)))
    if f[CAP] > 0.0:
        total = usd(s.assets[k, A_TOTAL] * price * s.assets[k, A_TV])
        if total > 0.0:
            w = w * min(1.0, f[CAP] / total)
    return w


@inlined
def coin_value(s, k, units, strict):
    """NE of `units` of coin k in USD."""
    if units == 0:
        return 0.0
    feed = s.assets[k, A_FEED]
    price = s.feeds[feed, D_INDEX]
    if strict:
        twap = s.feeds[feed, D_TWAP]
        price = min(price, twap) if units > 0 else max(price, twap)
    value = usd(units * price * s.assets[k, A_TV])
    if units < 0:
        return value
    if strict and stale(s, feed):
        return 0.0
    return value * weight(s, k, value, price)


@kernel
def coin_gain(s, a, k, at_index):
    """Unrealised PnL of the inverse positions that settle in coin k, in its units."""
    total = s.bal[a, k] * 0
    first = s.h[N_PERPETUALS]
    for i in range(first, first + s.h[N_INVERSES]):
        if s.ins[i, I_ASSET] == k and s.pos[a, i, SIZE] != 0:
            price = s.feeds[s.ins[i, I_FEED], D_INDEX] if at_index else s.ins[i, I_MARK]
            total += unrealised(s, a, i, price)
    return total


@inlined
def holding(s, a, k, at_index):
    """b of MAR-01 for a coin: balance, claim on the pool, unrealised PnL of inverse positions."""
    units = s.bal[a, k] + claim(s, a, k)
    if s.h[N_INVERSES] != 0:
        units += coin_gain(s, a, k, at_index)
    return units


@inlined
def profit(s, u, ignored):
    """NE of an unrealised PnL: losses whole, gains by phi, nothing when the reading is stale."""
    gain = 0.0 if ignored else s.rules[PHI]
    return u * (gain if u > 0.0 else 1.0)
