"""What every account holds at the end, row by row as in LEG events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.exchange.account import share_of

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("account", "code", "instrument", "size", "cost", "price")
BALANCE, POSITION, CLAIM = 0, 1, 2


def holdings(exchange: Any) -> pl.DataFrame:
    """``holdings.parquet``: int64 columns ``account, code, instrument, size, cost, price``.

    Code 0 is a balance (instrument = asset id, size in its units, price its index or share mark),
    code 1 a position (size in lots, cost in micro-USDC or base units, price its mark in ticks),
    code 2 a claim on a pool (as code 0).
    """
    import polars as pl

    listing = exchange.listing
    rows: list[np.ndarray] = []
    for asset in range(len(listing.asset_names())):
        units = np.array([exchange.balance(a, asset) for a in range(exchange.accounts)], np.int64)
        held = np.flatnonzero(units)
        zero = np.zeros_like(held)
        price = np.full_like(held, _price(exchange, asset))
        rows.append(np.column_stack([held, zero, zero + asset, units[held], zero, price]))
        if asset <= len(listing.assets):
            lent = np.array([exchange.claim(a, asset) for a in range(exchange.accounts)], np.int64)
            held = np.flatnonzero(lent)
            zero = np.zeros_like(held)
            price = np.full_like(held, _price(exchange, asset))
            rows.append(
                np.column_stack([held, zero + CLAIM, zero + asset, lent[held], zero, price])
            )
    for a, i in np.argwhere(exchange.positions()):
        size, cost = exchange.position(int(a), int(i))
        rows.append(np.array([[a, POSITION, i, size, cost, exchange.mark(int(i))]], np.int64))
    table = np.concatenate(rows)
    order = np.lexsort((table[:, 2], table[:, 1], table[:, 0]))
    return pl.DataFrame(table[order], schema=dict.fromkeys(COLUMNS, pl.Int64), orient="row")


def _price(exchange: Any, asset: int) -> int:
    """Index of a coin, mark of a share, 1 for USDC."""
    listing = exchange.listing
    coins = len(listing.assets)
    if asset == 0:
        return 1
    if asset <= coins:
        return int(exchange.index(listing.feed_id(listing.assets[asset - 1].feed)))
    event, outcome = share_of(listing, asset)
    item, book = listing.events[event], listing.first_book(event)
    if len(item.books) > 1:
        return int(exchange.mark(book + outcome))
    mark = int(exchange.mark(book))
    return int(item.payoff_ticks) - mark if outcome else mark
