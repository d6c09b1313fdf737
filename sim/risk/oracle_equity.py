"""Equities at true prices: what accounts are worth when the index is not believed (MAR-01)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sim.exchange.instruments import MICRO, InversePerpetual
from sim.network.statement import Statement
from sim.risk.truth import TrueOutcome, payouts, share_marks


def true_equities(
    held: Statement,
    price: Callable[[int], float],
    outcomes: Sequence[TrueOutcome | None] = (),
) -> np.ndarray:
    """float64[accounts], USD: E with every derivative and coin at its feed's true price.

    Args:
        price: true price of a feed (by id) in ticks.
        outcomes: by event; shares of one that is None, or not there, keep their mark.
    """
    listing = held.listing
    coins = 1 + len(listing.assets)
    units = held.balances[:, :coins] + held.claims[:, :coins].astype(np.float64)
    equity = np.zeros(held.accounts)
    for i, item in enumerate(listing.derivatives()):
        size, cost = held.sizes[:, i], held.costs[:, i]
        true, value = price(listing.feed_of(i)), listing.tick_value(i)
        if isinstance(item, InversePerpetual):
            units[:, listing.base_of(i)] += -size * listing.base_units(i) / true - cost
        else:
            equity += (size * (true * value) - cost) / MICRO
    equity += units[:, 0] / MICRO
    for k, asset in enumerate(listing.assets, 1):
        true = price(listing.feed_id(asset.feed))
        equity += units[:, k] * (true * listing.asset_tick_value(k) / MICRO)
    for e, event in enumerate(listing.events):
        if e in held.resolved:
            continue
        first, book = listing.first_share(e), listing.first_book(e)
        shares = held.balances[:, first : first + len(event.shares)]
        known = outcomes[e] if e < len(outcomes) else None
        if known is not None:
            worth = payouts(event, known.outcome, known.value)
        else:
            worth = share_marks(event, held.marks[book : book + len(event.books)])
        sets = shares.min(axis=1)
        equity += sets
        for k in range(len(event.shares)):
            equity += (shares[:, k] - sets) * worth[k]
    return equity
