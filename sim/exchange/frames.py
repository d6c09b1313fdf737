"""Readings as Polars frames with names, USD and coins beside ids, ticks and lots.

Times are UTC.  ``null`` stands for what is not there: no bid, no last trade.  Polars is imported
with this module, and this module when the first frame is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from sim.exchange.instruments import Kind
from sim.exchange.kernel import state as st
from sim.exchange.messages import BUY

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

WHOLE, REAL, TEXT, FLAG = pl.Int64, pl.Float64, pl.String, pl.Boolean
Row = tuple[Any, ...]


def instruments(x: Exchange) -> pl.DataFrame:
    """What is listed, with prices now in ticks.  `lot`: coins, face USD or shares of one lot."""
    rows = []
    for i, name in enumerate(x.names.instruments.names):
        feed = x.listing.feed_of(i)
        bid, ask = x.best(i)
        last = int(x.state.ins[i, st.I_LAST])
        rows.append(
            (
                i, name, x.listing.kind(i).name.lower(), x.names.feeds.name(feed) if feed >= 0 else None,
                float(x.tick_usd(i)), float(x.lot(i)), x.book_state(i).name.lower(),
                x.index(feed) if feed >= 0 else None, x.mark(i), _some(bid), _some(ask), _some(last),
                x.usd(i, x.mark(i)), x.open_interest(i),
            )
        )  # fmt: skip
    schema = {
        "instrument": WHOLE, "name": TEXT, "kind": TEXT, "feed": TEXT, "tick_usd": REAL, "lot": REAL,
        "state": TEXT, "index": WHOLE, "mark": WHOLE, "bid": WHOLE, "ask": WHOLE, "last": WHOLE,
        "mark_usd": REAL, "open_interest": WHOLE,
    }  # fmt: skip
    return _frame(rows, schema)


def books(x: Exchange) -> pl.DataFrame:
    """One row per instrument: the touch, lots and orders resting on each side."""
    rows = []
    for i, name in enumerate(x.names.instruments.names):
        bid, ask = x.best(i)
        both = bid >= 0 and ask >= 0
        orders = [0, 0]
        lots = [0, 0]
        for side, _, rest, _, _ in x.book(i):
            orders[side] += 1
            lots[side] += rest
        rows.append(
            (
                name, _some(bid), _some(ask), (bid + ask) / 2 if both else None, ask - bid if both else None,
                x.mark(i), *lots, *orders,
            )
        )  # fmt: skip
    schema = {
        "name": TEXT, "bid": WHOLE, "ask": WHOLE, "mid": REAL, "spread": WHOLE, "mark": WHOLE,
        "bid_lots": WHOLE, "ask_lots": WHOLE, "bid_orders": WHOLE, "ask_orders": WHOLE,
    }  # fmt: skip
    return _frame(rows, schema)


def book(x: Exchange, i: int) -> pl.DataFrame:
    """Every resting order by priority, bids first; `ahead`: lots of its side that stand before it."""
    rows = []
    ahead = [0, 0]
    for side, price, lots, order, account in x.book(i):
        name = "buy" if side == BUY else "sell"
        rows.append((name, price, x.usd(i, price), lots, ahead[side], order, account))
        ahead[side] += lots
    schema = {
        "side": TEXT, "price": WHOLE, "price_usd": REAL, "size": WHOLE, "ahead": WHOLE, "order": WHOLE,
        "account": WHOLE,
    }  # fmt: skip
    return _frame(rows, schema)


def accounts(x: Exchange, ids: Iterable[int] | None = None) -> pl.DataFrame:
    """Equity E; NE and MM at marks; IM and free collateral (strict NE - IM); orders; liquidation."""
    equities, acct = x.equities(), x.state.acct
    rows = []
    for a in range(x.accounts) if ids is None else _account_ids(x, ids):
        ne, mm = x.maintenance(a)
        strict, im = x.initial(a)
        rows.append(
            (
                a, int(equities[a]) / 1e6, ne, im, mm, strict - im, int(acct[a, st.C_OPEN]),
                bool(acct[a, st.C_FLAGGED]),
            )
        )  # fmt: skip
    schema = {
        "account": WHOLE, "equity_usd": REAL, "ne_usd": REAL, "im_usd": REAL, "mm_usd": REAL,
        "free_usd": REAL, "open_orders": WHOLE, "flagged": FLAG,
    }  # fmt: skip
    return _frame(rows, schema)


def positions(x: Exchange, ids: Iterable[int] | None = None) -> pl.DataFrame:
    """Open positions.  `entry_usd` is the average; unrealised PnL is in `pnl_asset`, and in USD."""
    held = x.state.pos[:, : len(x.listing.derivatives())]
    rows = []
    for a, i in np.argwhere(held[:, :, st.SIZE]).tolist():
        size, cost = x.position(a, i)
        mark, asset = x.mark(i), x.listing.base_of(i)
        value = position_value(x, i, size, mark)
        pnl = value - cost
        tick_value = x.listing.asset_tick_value(asset)
        pnl_usd = pnl * (tick_value * x.index(x.listing.feed_of(i)) if asset else 1) / 1e6
        if asset:
            entry = -size * x.listing.base_units(i) / cost if cost else None
        else:
            entry = cost / (size * x.listing.tick_value(i))
        rows.append(
            (
                a, x.names.instruments.name(i), size, x.quantity(i, size),
                None if entry is None else x.usd(i, entry), x.usd(i, mark), cost,
                x.names.assets.name(asset), x.amount(asset, pnl), pnl_usd,
            )
        )  # fmt: skip
    schema = {
        "account": WHOLE, "instrument": TEXT, "size": WHOLE, "quantity": REAL, "entry_usd": REAL,
        "mark_usd": REAL, "cost": WHOLE, "pnl_asset": TEXT, "pnl": REAL, "pnl_usd": REAL,
    }  # fmt: skip
    return _chosen(x, _frame(rows, schema), ids)


def position_value(x: Exchange, i: int, size: int, price: int) -> int:
    """pv of the rulebook: micro-USDC, or base units for an inverse perpetual."""
    if x.listing.kind(i) != Kind.INVERSE:
        return size * price * x.listing.tick_value(i)
    worth = abs(size) * x.listing.base_units(i) // price
    return -worth if size > 0 else worth


def balances(x: Exchange, ids: Iterable[int] | None = None) -> pl.DataFrame:
    """What accounts have, owe and have lent (`lent`, with interest, in units).

    Value: of balance and claim at the index; shares at the mark of their book.
    """
    held = x.state.bal != 0
    held[:, : x.state.lent.shape[1]] |= x.state.lent != 0
    rows = []
    for a, k in np.argwhere(held).tolist():
        units, lent = x.balance(a, k), x.claim(a, k) if k < x.state.lent.shape[1] else 0
        value = (units + lent) * unit_value_micro(x, k) / 1e6
        rows.append((a, x.names.assets.name(k), units, lent, x.amount(k, units), value))
    schema = {
        "account": WHOLE, "asset": TEXT, "units": WHOLE, "lent": WHOLE, "amount": REAL,
        "value_usd": REAL,
    }  # fmt: skip
    return _chosen(x, _frame(rows, schema), ids)


def unit_value_micro(x: Exchange, asset: int) -> int:
    """Micro-USDC of one unit of an asset now."""
    if asset == 0:
        return 1
    coins = x.listing.assets
    if asset <= len(coins):
        feed = x.listing.feed_id(coins[asset - 1].feed)
        return x.index(feed) * x.listing.asset_tick_value(asset)
    for e, event in enumerate(x.listing.events):
        n = asset - x.listing.first_share(e)
        if 0 <= n < len(event.shares):
            first = x.listing.first_book(e)
            several = len(event.books) > 1
            mark = x.mark(first + n if several else first)
            if not several and n == 1:
                mark = event.payoff_ticks - mark
            return mark * x.listing.tick_value(first)
    raise IndexError(f"no asset {asset}")


def _some(ticks: int) -> int | None:
    return ticks if ticks >= 0 else None


def _frame(rows: Sequence[Row], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema, orient="row")


def _account_ids(x: Exchange, ids: Iterable[int]) -> list[int]:
    """Ids that exist; raises ValueError for one that does not, TypeError for what is no id."""
    if not isinstance(ids, Iterable):
        raise TypeError(f"accounts: a list of ids, not {ids!r}")
    return [x.account_id(a) for a in ids]


def _chosen(x: Exchange, frame: pl.DataFrame, ids: Iterable[int] | None) -> pl.DataFrame:
    return frame if ids is None else frame.filter(pl.col("account").is_in(_account_ids(x, ids)))
