"""What every account of an exchange holds at one moment, and the prices of that moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.instruments import Listing

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange


@dataclass(frozen=True)
class Statement:
    """Units as in `docs/formats.md`; n accounts, K assets, C = USDC and coins.

    sizes, costs: int64[n, derivatives].  balances: int64[n, K].  claims: int64[n, C], units lent to
    the pools.  marks: int64[instruments], ticks.  index: int64[feeds], ticks.  pools: int64[C],
    what the lenders of each asset may claim in all, units.  insurance: micro-USDC.  resolved: events
    whose shares are paid.
    """

    listing: Listing
    sizes: np.ndarray
    costs: np.ndarray
    balances: np.ndarray
    claims: np.ndarray
    marks: np.ndarray
    index: np.ndarray
    pools: np.ndarray
    insurance: int = 0
    resolved: frozenset[int] = frozenset()

    @property
    def accounts(self) -> int:
        return len(self.sizes)


def statement_of(exchange: Exchange) -> Statement:
    """The live exchange; arrays are copies, and nothing in it changes."""
    from sim.exchange.kernel import state as st

    s, listing = exchange.state, exchange.listing
    n, derivatives = exchange.accounts, len(listing.derivatives())
    coins = 1 + len(listing.assets)
    pools = s.assets[:coins, st.A_POOL].astype(np.int64)
    shares = s.assets[:coins, st.A_SHARES].astype(np.int64)
    claims = np.zeros((n, coins), np.int64)
    for k in np.flatnonzero(shares[: s.lent.shape[1]]).tolist():
        own = s.lent[:n, k].tolist()  # Python's integers: shares x pool may pass 2^63
        claims[:, k] = [units * int(pools[k]) // int(shares[k]) for units in own]
    return Statement(
        listing,
        sizes=s.pos[:n, :derivatives, st.SIZE].copy(),
        costs=s.pos[:n, :derivatives, st.COST].copy(),
        balances=s.bal[:n, : len(listing.asset_names())].copy(),
        claims=claims,
        marks=s.ins[: len(listing.instrument_names()), st.I_MARK].copy(),
        index=s.feeds[: len(listing.feeds), st.D_INDEX].copy(),
        pools=pools,
        insurance=int(s.h[st.INSURANCE]),
        resolved=frozenset(np.flatnonzero(s.events[:, st.V_RESOLVED]).tolist()),
    )
