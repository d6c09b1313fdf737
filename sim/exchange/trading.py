"""Orders, one call each: ``submit``, ``stop``, ``take_profit``, ``cancel``, ``replace`` …"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sim.exchange.engine import Engine
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
    M_TIME,
    MSG_COLS,
    Flag,
    Kind,
)
from sim.exchange.names import SIDES, UnknownName, side_of
from sim.exchange.result import Outcome, Result

NEW, CANCEL, CANCEL_ALL, REPLACE, CONDITIONAL = (
    int(Kind.NEW),
    int(Kind.CANCEL),
    int(Kind.CANCEL_ALL),
    int(Kind.REPLACE),
    int(Kind.CONDITIONAL),
)
IOC, FOK, POST_ONLY, REDUCE_ONLY, MARKET, GTD = (
    int(Flag.IOC),
    int(Flag.FOK),
    int(Flag.POST_ONLY),
    int(Flag.REDUCE_ONLY),
    int(Flag.MARKET),
    int(Flag.GTD),
)
TAKE_PROFIT, NO = int(Flag.TAKE_PROFIT), int(Flag.NO)
PLAIN: dict[Any, int] = {None: 0, 0: 0, 1: 1}  # outcomes that need no look at the listing
SOURCES = {"mark": 0, "last": int(Flag.BY_LAST), "index": int(Flag.BY_INDEX)}
ROW = (
    "account", "instrument", "side", "size", "price", "order", "outcome", "until", "ioc", "fok",
    "post_only", "reduce_only",
)  # fmt: skip


class Trading(Engine):
    """Orders.  Prices in ticks, sizes in lots; instruments and outcomes by name or id."""

    def submit(
        self,
        account: int,
        instrument: str | int,
        side: str | int,
        size: int,
        price: int | None = None,
        *,
        order: int | None = None,
        outcome: str | int | None = None,
        until: int | None = None,
        ioc: bool = False,
        fok: bool = False,
        post_only: bool = False,
        reduce_only: bool = False,
    ) -> Result:
        """One order; without a price a market order.

        Args:
            account: account id.
            instrument: name or id; the name of a categorical event takes `outcome` as well.
            side: "buy" or "sell" (0 or 1).
            size, price: lots and ticks (of the order's own outcome).
            order: its id; a free one by default.
            outcome: of an event book: "YES" (default) or "NO".
            until: expiry in microseconds (good till date).

        Raises:
            UnknownName: an instrument, side or outcome that is not there.
            TypeError: a price, size or id that is no whole number.
        """
        try:
            i = self._instruments[instrument]
            way = SIDES[side]
            arg = PLAIN[outcome]
        except (KeyError, TypeError):
            i, arg = self.names.book(instrument, outcome)
            way = side_of(side)
        flags = 0
        if price is None:
            flags = MARKET
            price = 0
        if ioc:
            flags |= IOC
        if fok:
            flags |= FOK
        if post_only:
            flags |= POST_ONLY
        if reduce_only:
            flags |= REDUCE_ONLY
        if until is None:
            until = 0
        else:
            flags |= GTD
        if order is None:
            order = self.next_order
            if self._ids[order % self._id_count]:
                order = self.new_order()
            else:
                self.next_order = order + 1
        return self.call(NEW, account, i, way, price, size, flags, order, arg, until)

    def _adopt(self, arenas: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        super()._adopt(arenas)
        self._instruments = self.names.instruments.table

    def stop(
        self,
        account: int,
        instrument: str | int,
        side: str | int,
        size: int,
        trigger: int,
        price: int | None = None,
        *,
        by: str = "mark",
        order: int | None = None,
        outcome: str | int | None = None,
        until: int | None = None,
        ioc: bool = False,
        fok: bool = False,
        post_only: bool = False,
        reduce_only: bool = False,
        take_profit: bool = False,
    ) -> Result:
        """An order that waits until the source `by` ("mark", "last" or "index") reaches `trigger`.

        A stop to sell fires at or below the trigger, one to buy at or above it.  Otherwise as
        `submit`.  Raises UnknownName, TypeError.
        """
        if by not in SOURCES:
            raise UnknownName("source of a trigger", by, SOURCES)
        i, which = self.names.book(instrument, outcome)
        flags = SOURCES[by] | (NO if which == 1 else 0) | (TAKE_PROFIT if take_profit else 0)
        flags |= _flags(price, until, ioc, fok, post_only, reduce_only)
        if order is None:
            order = self.new_order()
        return self.call(
            CONDITIONAL,
            account,
            i,
            side_of(side),
            price or 0,
            size,
            flags,
            order,
            trigger,
            until or 0,
        )

    def take_profit(
        self,
        account: int,
        instrument: str | int,
        side: str | int,
        size: int,
        trigger: int,
        price: int | None = None,
        **options: Any,
    ) -> Result:
        """As `stop`, but a sell fires at or above the trigger and a buy at or below it."""
        return self.stop(
            account, instrument, side, size, trigger, price, take_profit=True, **options
        )

    def cancel(self, account: int, order: int) -> Result:
        """Take one order out."""
        return self.call(CANCEL, account, order=order)

    def cancel_all(self, account: int, instrument: str | int | None = None) -> Result:
        """Take all orders of an account out, in one instrument or everywhere."""
        i = -1 if instrument is None else self.names.instruments(instrument)
        return self.call(CANCEL_ALL, account, i)

    def replace(self, account: int, order: int, size: int, price: int = 0) -> Result:
        """New size (lots) and price (ticks) for an order, which keeps its id.

        With a smaller size at the same price it keeps its place in the queue too.
        """
        return self.call(REPLACE, account, price=price, size=size, order=order)

    def submit_block(self, rows: np.ndarray | Iterable[Mapping[str, Any]]) -> Outcome:
        """Many orders in one call: messages as int64[n, 12], or mappings with `submit`'s arguments.

        A Polars frame is taken row by row.  Raises as `submit` and `process` do, and ValueError for
        an argument that `submit` does not have; then nothing has been sent.
        """
        block = rows if isinstance(rows, np.ndarray) else self.order_block(rows)
        first = self.seq + 1
        self.process(block)
        return self.outcome_since(first)

    def order_block(self, rows: Iterable[Mapping[str, Any]]) -> np.ndarray:
        """Orders as messages of this moment, int64[n, 12]; raises as `submit_block`."""
        if hasattr(rows, "iter_rows"):
            rows = rows.iter_rows(named=True)
        listed = list(rows)
        block = np.zeros((len(listed), MSG_COLS), np.int64)
        for message, row in zip(block, listed, strict=True):
            unknown = set(row) - set(ROW)
            if unknown:
                raise ValueError(f"unknown columns {sorted(unknown)}; known: {', '.join(ROW)}")
            missing = {"account", "instrument", "side", "size"} - set(row)
            if missing:
                raise ValueError(f"missing columns {sorted(missing)}")
            price, until, order = row.get("price"), row.get("until"), row.get("order")
            i, outcome = self.names.book(row["instrument"], row.get("outcome"))
            message[M_TIME], message[M_KIND], message[M_ACCOUNT] = self.now, NEW, row["account"]
            message[M_INSTRUMENT], message[M_SIDE] = i, side_of(row["side"])
            message[M_PRICE], message[M_SIZE] = price or 0, row["size"]
            message[M_FLAGS] = _flags(price, until, *(bool(row.get(name)) for name in ROW[8:]))
            message[M_ORDER] = self.new_order() if order is None else order
            message[M_ARG], message[M_ARG2] = outcome, until or 0
        return block


def _flags(
    price: int | None, until: int | None, ioc: bool, fok: bool, post_only: bool, reduce_only: bool
) -> int:
    return (
        (MARKET if price is None else 0)
        | (GTD if until is not None else 0)
        | (IOC if ioc else 0)
        | (FOK if fok else 0)
        | (POST_ONLY if post_only else 0)
        | (REDUCE_ONLY if reduce_only else 0)
    )
