"""Standing quotes: one order id per book, side and level, kept alive by REPLACE.

A quote is one of a fixed number of *slots*.  What is live is known from fills, cancellations and
refusals, which arrive late; a wrong guess comes back as UNKNOWN_ORDER or DUPLICATE_ORDER and
corrects itself at the next wake-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agents import blocks
from sim.exchange.messages import (
    E_ACCOUNT,
    E_CODE,
    E_KIND,
    E_ORDER,
    E_OTHER,
    E_OTHER_ORDER,
    E_SIZE,
    E_TIME,
    E_X,
    M_ACCOUNT,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    Event,
    Kind,
    Reason,
)

if TYPE_CHECKING:
    from agents.base import Trader

NEW, REPLACE, CANCEL = int(Kind.NEW), int(Kind.REPLACE), int(Kind.CANCEL)
FILL, CANCELLED, REJECT = int(Event.FILL), int(Event.CANCELLED), int(Event.REJECT)
DUPLICATE = int(Reason.DUPLICATE_ORDER)


class Slots:
    """The slots of one account over `books` (instrument ids), 2 sides, `levels`.

    Attributes:
        left: int64[books, 2, levels], lots believed to rest; 0 = no live order.
    """

    def __init__(self, trader: Trader, books: np.ndarray, levels: int, flags: int = 0) -> None:
        n = len(books)
        self._trader = trader
        self._first_id = 0  # ids are taken when the first block is sent
        self.left = np.zeros((n, 2, levels), dtype=np.int64)
        self._arrives_us = np.zeros(n * 2 * levels, dtype=np.int64)
        rows = blocks.orders(n * 2 * levels)
        shaped = rows.reshape(n, 2, levels, -1)
        shaped[..., M_INSTRUMENT] = books[:, None, None]
        shaped[:, 1, :, M_SIDE] = 1
        rows[:, M_ACCOUNT] = trader.account
        rows[:, M_FLAGS] = flags
        self._rows = rows
        # Each side first, so that a moving quote never meets the firm's own other side.
        ids = np.arange(n * 2 * levels).reshape(n, 2, levels)
        self._bids_first = ids.reshape(n, -1)
        self._asks_first = ids[:, ::-1].reshape(n, -1).copy()

    def apply(self, inbox: np.ndarray) -> None:
        """Learn from events which quotes are gone or smaller."""
        if len(inbox) == 0 or self._first_id == 0:
            return
        left = self.left.reshape(-1)
        kind = inbox[:, E_KIND]
        fills = inbox[kind == FILL]
        if len(fills):
            me = self._trader.account
            for who, order in ((E_OTHER, E_OTHER_ORDER), (E_ACCOUNT, E_ORDER)):
                slot = fills[:, order] - self._first_id
                own = (fills[:, who] == me) & (slot >= 0) & (slot < len(left))
                slot, part = slot[own], fills[own]
                late = part[:, E_TIME] >= self._arrives_us[slot]  # else it hit the quote before
                np.subtract.at(left, slot[late], part[late, E_SIZE])
        gone = inbox[(kind == CANCELLED) | (kind == REJECT)]
        if len(gone):
            slot = gone[:, E_ORDER] - self._first_id
            refused = gone[:, E_KIND] == REJECT
            own = (gone[:, E_ACCOUNT] == self._trader.account) & (slot >= 0) & (slot < len(left))
            own &= ~(refused & (gone[:, E_X] == CANCEL))
            live = refused & (gone[:, E_CODE] == DUPLICATE)
            left[slot[own & ~live]] = 0
            left[slot[own & live]] = 1
        np.maximum(left, 0, out=left)

    def forget(self) -> None:
        """All quotes are gone: the exchange cancels those of a flagged account."""
        self.left[:] = 0

    def block(
        self,
        price: np.ndarray,
        lots: np.ndarray,
        want: np.ndarray,
        rising: np.ndarray,
        now_us: int,
    ) -> np.ndarray:
        """Messages that turn what is live into what is wanted.

        Args:
            price: int64[books, 2, levels], ticks.
            lots: int64, broadcast to the same shape.
            want: bool, the same.
            rising: bool[books], whether quotes move up: asks are sent first.
            now_us: the time of sending.
        """
        if self._first_id == 0:
            self._first_id = int(self._trader.new_ids(len(self._rows))[0])
            self._rows[:, M_ORDER] = self._first_id + np.arange(len(self._rows))
        live = self.left > 0
        kinds = np.where(live, np.where(want, REPLACE, CANCEL), np.where(want, NEW, 0))
        rows = self._rows
        rows[:, M_KIND] = kinds.reshape(-1)
        rows[:, M_PRICE] = price.reshape(-1)
        self.left = np.where(want, lots, 0)
        rows[:, M_SIZE] = self.left.reshape(-1)
        self._arrives_us[:] = now_us + self._trader.latency_us
        order = np.where(rising[:, None], self._asks_first, self._bids_first).reshape(-1)
        picked = order[rows[order, M_KIND] > 0]
        block: np.ndarray = rows[picked]
        return block
