"""The same exchange under other rules: what one moment becomes under one policy or another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.exchange import arenas
from sim.exchange.kernel import state as st
from sim.exchange.rules import Rules

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

# What the shape of the state depends on, or what has been written into it already.
FIXED = ("fee_tiers", "margin_mode")


def fork_under(exchange: Exchange, rules: Rules) -> Exchange:
    """An independent exchange in the same state, that goes on under ``rules``.

    Raises ValueError for a change of `FIXED`, which would need a state of another shape.
    """
    for name in FIXED:
        if getattr(rules, name) != getattr(exchange.rules, name):
            raise ValueError(f"rules.{name} cannot change in the middle of a run")
    twin = exchange.fork()
    s = twin.state
    shape = [int(s.h[k]) for k in (st.N_ACCOUNTS, st.N_SLOTS, st.N_IDS, st.N_LOG)]
    before = arenas.header(exchange.listing, exchange.rules, *shape)
    after = arenas.header(exchange.listing, rules, *shape)
    changed = np.flatnonzero(before != after)
    s.h[changed] = after[changed]
    arenas._rules(s.rules, rules)
    s.tiers[0] = 0, arenas.ppm(rules.maker_fee_bps), arenas.ppm(rules.taker_fee_bps)
    twin.rules = rules
    return twin
