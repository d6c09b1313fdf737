"""Blocks of messages: int64[n, 12] rows for the exchange, columns as in ``docs/formats.md``.

Every argument is a scalar or an array; arrays have one length n, scalars hold for every row.
The columns time and seq stay 0: the transport stamps them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.exchange.messages import (
    M_ACCOUNT,
    M_ARG,
    M_ARG2,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    MSG_COLS,
    Kind,
)

Block = NDArray[np.int64]


def orders(n: int) -> Block:
    """`n` zeroed rows."""
    return np.zeros((n, MSG_COLS), dtype=np.int64)


def _block(kind: Kind, columns: dict[int, ArrayLike]) -> Block:
    arrays = {column: np.atleast_1d(np.asarray(value)) for column, value in columns.items()}
    sizes = [len(array) for array in arrays.values()]
    block = orders(0 if 0 in sizes else max(sizes))
    block[:, M_KIND] = int(kind)
    for column, array in arrays.items():
        block[:, column] = array
    return block


def none() -> Block:
    """A block without a message."""
    return orders(0)


def new(
    account: ArrayLike,
    instrument: ArrayLike,
    side: ArrayLike,
    price_ticks: ArrayLike,
    size_lots: ArrayLike,
    order: ArrayLike,
    flags: ArrayLike = 0,
    outcome: ArrayLike = 0,
) -> Block:
    """NEW orders; ``outcome`` 1 is NO, whose price is the price of NO (event books only)."""
    return _block(
        Kind.NEW,
        {
            M_ACCOUNT: account,
            M_INSTRUMENT: instrument,
            M_SIDE: side,
            M_PRICE: price_ticks,
            M_SIZE: size_lots,
            M_ORDER: order,
            M_FLAGS: flags,
            M_ARG: outcome,
        },
    )


def cancel(account: ArrayLike, order: ArrayLike) -> Block:
    """CANCEL of single orders."""
    return _block(Kind.CANCEL, {M_ACCOUNT: account, M_ORDER: order})


def cancel_all(account: ArrayLike, instrument: ArrayLike = -1) -> Block:
    """CANCEL_ALL of an account in one instrument (-1: everywhere)."""
    return _block(Kind.CANCEL_ALL, {M_ACCOUNT: account, M_INSTRUMENT: instrument})


def deposit(account: ArrayLike, asset: ArrayLike, units: ArrayLike) -> Block:
    """DEPOSIT of asset units (USDC: micro-USDC)."""
    return _block(Kind.DEPOSIT, {M_ACCOUNT: account, M_INSTRUMENT: asset, M_SIZE: units})


def withdraw(account: ArrayLike, asset: ArrayLike, units: ArrayLike) -> Block:
    """WITHDRAW of asset units, on credit where the balance is smaller (MAR-09, INT-01)."""
    columns = {M_ACCOUNT: account, M_INSTRUMENT: asset, M_SIZE: units, M_ARG: 1}
    return _block(Kind.WITHDRAW, columns)


def commit(account: ArrayLike, micro: ArrayLike) -> Block:
    """COMMIT of micro-USDC to the backstop; 0 withdraws the commitment."""
    return _block(Kind.COMMIT, {M_ACCOUNT: account, M_SIZE: micro})


def propose(
    account: ArrayLike,
    event: ArrayLike,
    outcome: ArrayLike,
    value: ArrayLike,
    bond_micro: ArrayLike,
) -> Block:
    """PROPOSE an event's outcome (a scalar's value with outcome 0) with a bond (SET-02)."""
    columns = {M_ACCOUNT: account, M_INSTRUMENT: event, M_ARG: outcome, M_ARG2: value}
    return _block(Kind.PROPOSE, {**columns, M_SIZE: bond_micro})


def dispute(account: ArrayLike, event: ArrayLike, bond_micro: ArrayLike) -> Block:
    """DISPUTE the open proposal of an event with the same bond (SET-02)."""
    return _block(Kind.DISPUTE, {M_ACCOUNT: account, M_INSTRUMENT: event, M_SIZE: bond_micro})


def index(feed: ArrayLike, price_ticks: ArrayLike, at_us: int, sources: int = 1000) -> Block:
    """INDEX readings without doubt: confidence 0, read at `at_us` from `sources` fresh sources."""
    columns = {M_INSTRUMENT: feed, M_PRICE: price_ticks, M_ARG: at_us, M_ARG2: sources}
    return _block(Kind.INDEX, columns)


def mark() -> Block:
    """One MARK."""
    return _block(Kind.MARK, {M_ACCOUNT: 0})


def join(blocks: Iterable[Block]) -> Block:
    """One block of all rows, in order."""
    parts = [block for block in blocks if len(block)]
    if not parts:
        return none()
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
