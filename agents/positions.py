"""What a trader knows of its own accounts from the events it received.

Only events count, as for anybody who trades through messages.  An event book's position is YES
minus NO shares; cash then holds a held NO share at 1 USDC, so that ``cash + lots * mark`` is the
value of every product alike.
"""

from __future__ import annotations

import numpy as np

from agents.facts import Facts
from sim.exchange.instruments import MICRO
from sim.exchange.messages import (
    E_ACCOUNT,
    E_AMOUNT,
    E_INSTRUMENT,
    E_KIND,
    E_OTHER,
    E_PRICE,
    E_SIDE,
    E_SIZE,
    E_X,
    Event,
)

FILL, ADL, BACKSTOP = int(Event.FILL), int(Event.ADL), int(Event.BACKSTOP)
FUNDING, STEP, PAYOUT = int(Event.FUNDING), int(Event.STEP), int(Event.PAYOUT)
FLAG, UNFLAG = int(Event.FLAG), int(Event.UNFLAG)


class Positions:
    """Positions, cash flows and flags of some accounts.

    Attributes:
        lots: int64[accounts, instruments], signed; spot: change of the coin balance.
        cash: int64[accounts], micro-USDC from trades, fees, funding and payouts (no deposits).
        flagged: bool[accounts], under liquidation.
        hit: bool[accounts], was ever flagged.
    """

    def __init__(self, accounts: np.ndarray, facts: Facts) -> None:
        n = len(accounts)
        self._tick_value = facts.tick_value
        self._books = [
            slice(first, first + len(event.books))
            for e, event in enumerate(facts.listing.events)
            for first in [facts.listing.first_book(e)]
        ]
        self._row = np.full(int(accounts.max()) + 2, -1, dtype=np.int64)
        self._row[accounts] = np.arange(n)
        self.lots = np.zeros((n, facts.instruments), dtype=np.int64)
        self.cash = np.zeros(n, dtype=np.int64)
        self.flagged = np.zeros(n, dtype=np.bool_)
        self.hit = np.zeros(n, dtype=np.bool_)

    def rows(self, accounts: np.ndarray) -> np.ndarray:
        """Row of each account, -1 where it is another trader's."""
        last = len(self._row) - 1
        found: np.ndarray = self._row[np.where((accounts >= 0) & (accounts < last), accounts, last)]
        return found

    def value(self, marks: np.ndarray) -> np.ndarray:
        """float64[accounts], micro-USDC: cash and positions at `marks` (ticks; -1 counts 0)."""
        worth = np.maximum(marks, 0) * self._tick_value
        total: np.ndarray = (self.lots * worth).sum(axis=1) + self.cash
        return total.astype(np.float64)

    def apply(self, inbox: np.ndarray) -> None:
        """Take the events of an inbox, int64[k, 16], in order."""
        if len(inbox) == 0:
            return
        kind = inbox[:, E_KIND]
        fills = inbox[kind == FILL]
        if len(fills):
            self._fills(fills)
        for row in inbox[(kind != FILL) & (kind != 3) & (kind != 4)]:
            self._other(row)

    def _fills(self, fills: np.ndarray) -> None:
        instrument = fills[:, E_INSTRUMENT]
        lots = np.where(fills[:, E_SIDE] == 0, fills[:, E_SIZE], -fills[:, E_SIZE])
        value = lots * fills[:, E_PRICE] * self._tick_value[instrument]
        for column, sign, fee in ((E_ACCOUNT, 1, E_AMOUNT), (E_OTHER, -1, E_X)):
            row = self.rows(fills[:, column])
            own = row >= 0
            np.add.at(self.lots, (row[own], instrument[own]), sign * lots[own])
            np.add.at(self.cash, row[own], -sign * value[own] - fills[own, fee])

    def _other(self, event: np.ndarray) -> None:
        kind, instrument = int(event[E_KIND]), int(event[E_INSTRUMENT])
        size, price, amount = int(event[E_SIZE]), int(event[E_PRICE]), int(event[E_AMOUNT])
        row = self._one(int(event[E_ACCOUNT]))
        if kind in (BACKSTOP, ADL):
            other = self._one(int(event[E_OTHER]))
            if kind == BACKSTOP:
                self._move(other, instrument, size, price, amount)
                self._move(row, instrument, -size, price, -amount)
            else:
                self._towards_zero(row, instrument, size, price, amount)
                self._towards_zero(other, instrument, size, price, -amount)
        elif row >= 0 and kind == FUNDING:
            self.cash[row] += amount
        elif row >= 0 and kind == STEP:
            self.cash[row] -= amount
        elif row >= 0 and kind == FLAG:
            self.flagged[row] = self.hit[row] = True
        elif row >= 0 and kind == UNFLAG:
            self.flagged[row] = False
        elif row >= 0 and kind == PAYOUT:
            lots = self.lots[row, self._books[instrument]]
            self.cash[row] += amount - max(0, -int(lots.min())) * MICRO
            lots[:] = 0

    def _one(self, account: int) -> int:
        return int(self._row[account]) if 0 <= account < len(self._row) - 1 else -1

    def _towards_zero(self, row: int, i: int, size: int, price: int, extra: int) -> None:
        if row >= 0:
            self._move(row, i, -size if self.lots[row, i] > 0 else size, price, extra)

    def _move(self, row: int, i: int, lots: int, price: int, extra: int) -> None:
        """`lots` received at `price`, and `extra` micro-USDC besides."""
        if row >= 0:
            self.lots[row, i] += lots
            self.cash[row] += extra - lots * price * int(self._tick_value[i])
