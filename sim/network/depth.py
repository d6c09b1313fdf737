"""What accounts hold and how deep the books are, in USD by instrument: what `overlap` needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.instruments import MICRO, Kind, Listing
from sim.network.statement import Statement

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

SPAN = 0.005  # depth is what rests this near to the mid


def holdings_usd(statement: Statement) -> np.ndarray:
    """Signed notional at marks, float[accounts, instruments].

    Derivatives, and coins (lent ones too) under the first spot book they are sold in.  Event
    shares are left out: their price moves by points, not by per cent.
    """
    listing = statement.listing
    held = np.zeros((statement.accounts, len(listing.instrument_names())))
    for i in range(len(listing.derivatives())):
        held[:, i] = statement.sizes[:, i] * lot_usd(listing, i, int(statement.marks[i]))
    booked: set[int] = set()
    for i in range(held.shape[1]):
        coin = listing.base_of(i)
        if listing.kind(i) == Kind.SPOT and coin not in booked:
            booked.add(coin)
            units = statement.balances[:, coin] + statement.claims[:, coin]
            price = int(statement.index[listing.feed_of(i)])
            held[:, i] = units * lot_usd(listing, i, price)
    return held


def lot_usd(listing: Listing, i: int, price: int) -> float:
    """USD of one lot at a price in ticks; of an inverse its face."""
    face = listing.face_micro(i)
    return (face if face else price * listing.tick_value(i)) / MICRO


def impact_usd(near_usd: np.ndarray) -> np.ndarray:
    """D, USD that move a price by 100 %, of the USD that rest on one side within `SPAN`.

    Infinite where nothing rests: such books are nobody's, and overlap in them cannot be told.
    """
    near = np.asarray(near_usd, np.float64)
    return np.where(near > 0, near / SPAN, np.inf)


def near_usd(exchange: Exchange) -> np.ndarray:
    """USD resting within `SPAN` of the mid, mean of both sides, float[instruments]."""
    listing = exchange.listing
    found = np.zeros(len(listing.instrument_names()))
    for i in range(len(found)):
        bid, ask = exchange.best(i)
        if bid < 0 or ask < 0 or listing.kind(i) == Kind.EVENT:
            continue
        mid = (bid + ask) / 2
        lots = sum(
            rest for _, price, rest, _, _ in exchange.book(i) if abs(price - mid) <= SPAN * mid
        )
        found[i] = lots / 2 * lot_usd(listing, i, exchange.mark(i) or round(mid))
    return found
