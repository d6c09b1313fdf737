"""I6 as a helper: every accepted order is judged again, from an explanation made by hand.

What the kernel counts as resting is taken from before the message; the new order's lots are added
here, and NE and IM come from the legs of the explanation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from kernel_venue import KernelVenue

from sim.exchange import messages as ms
from sim.exchange.explain import Account, Explanation, account_of, legs_of
from sim.exchange.instruments import Kind as Product
from sim.exchange.kernel import state as st
from sim.exchange.messages import BUY, SELL, Event, Flag, Kind
from sim.exchange.valuation import NOTHING, Valuation


@dataclass(frozen=True)
class Order:
    """An order in YES terms."""

    account: int
    instrument: int
    side: int
    price: int
    size: int
    reduce_only: bool
    no: bool

    @property
    def sells(self) -> bool:
        """Whether it sells its outcome (in an event book)."""
        return self.side == (BUY if self.no else SELL)


def counted(venue: KernelVenue, account: Account, order: Order, lots: int) -> Account:
    """The account with `lots` of the order more (or fewer) among what rests."""
    if order.reduce_only:
        return account
    row = list(account.resting.get(order.instrument, NOTHING))
    at = {
        (False, BUY): (st.BID, st.BID_COST),
        (False, SELL): (st.ASK, st.ASK_COST),
        (True, BUY): (st.N_BID, st.N_BID_COST),
        (True, SELL): (st.N_ASK, st.N_ASK_COST),
    }[order.no, order.side]
    row[at[0]] += lots
    row[at[1]] += lots * order.price * int(venue.state.ins[order.instrument, st.I_COST])
    return replace(account, resting={**account.resting, order.instrument: tuple(row)})


def reduces(venue: KernelVenue, account: Account, order: Order) -> bool:
    """MAR-09: |position| or a debt falls, or held shares are sold."""
    if order.reduce_only:
        return True
    value = Valuation(venue.listing, venue.rules, account)
    place = value.places[order.instrument]
    row = account.resting.get(place.id, NOTHING)
    if place.kind == Product.EVENT:
        yes, no = value.held(place)
        left = no - row[st.N_BID] if order.no else yes - row[st.ASK]
        return order.sells and order.size <= left
    if place.kind == Product.SPOT:
        units, cash = account.balances.get(place.base, 0), account.balances.get(0, 0)
        if order.side == SELL:
            return cash < 0 and order.size <= units - row[st.ASK]
        cost = order.size * order.price * place.tick_value
        return order.size <= -units - row[st.BID] and cash >= cost
    size = account.positions.get(place.id, (0, 0))[0]
    opposite = max(0, -size if order.side == BUY else size)
    return order.size <= opposite - (row[st.BID] if order.side == BUY else row[st.ASK])


class Acceptance:
    """Runs messages on a venue and counts orders accepted: ``tested`` of them, ``wrong`` ones."""

    def __init__(self, venue: KernelVenue) -> None:
        self.venue = venue
        self.tested = 0
        self.wrong: list[Order] = []

    def handle(self, message: Sequence[int]) -> list[tuple[int, ...]]:
        if message[ms.M_KIND] not in (Kind.NEW, Kind.REPLACE):
            return self.venue.handle(message)
        self._wait(message[ms.M_TIME])
        account = message[ms.M_ACCOUNT]
        if not 0 <= account < self.venue.accounts:
            return self.venue.handle(message)
        before = account_of(self.venue, account)
        old = self._resting(message) if message[ms.M_KIND] == Kind.REPLACE else None
        rows = self.venue.handle(message)
        if rows and rows[0][ms.E_KIND] == Event.ORDER:
            new = self._order(rows[0])
            if old is not None:
                if (new.price, new.side) == (old.price, old.side) and new.size <= old.size:
                    return rows  # shrunk in place
                before = counted(self.venue, before, old, -old.size)
            self._judge(before, new)
        return rows

    def _wait(self, time: int) -> None:
        """Let time pass, so that readings age and orders expire before the account is read."""
        nobody = np.zeros(ms.MSG_COLS, np.int64)
        nobody[[ms.M_TIME, ms.M_KIND, ms.M_ACCOUNT]] = time, Kind.CANCEL, -1
        self.venue.handle(nobody.tolist())

    def _resting(self, message: Sequence[int]) -> Order | None:
        for slot in np.flatnonzero(self.venue.state.orders[:, st.ID] == message[ms.M_ORDER]):
            o = self.venue.state.orders[slot]
            flags, side = int(o[st.FLG]), int(o[st.SIDE])
            return Order(
                int(o[st.ACC]),
                side >> 1,
                side & 1,
                int(o[st.PX]),
                int(o[st.REST]),
                bool(flags & Flag.REDUCE_ONLY),
                bool(flags & st.OUTCOME_NO),
            )
        return None

    @staticmethod
    def _order(row: Sequence[int]) -> Order:
        return Order(
            row[ms.E_ACCOUNT],
            row[ms.E_INSTRUMENT],
            row[ms.E_SIDE],
            row[ms.E_PRICE],
            row[ms.E_SIZE],
            bool(row[ms.E_CODE] & Flag.REDUCE_ONLY),
            bool(row[ms.E_X]),
        )

    def _judge(self, before: Account, order: Order) -> None:
        if reduces(self.venue, before, order):
            return
        self.tested += 1
        after = counted(self.venue, before, order, order.size)
        legs = legs_of(self.venue.listing, self.venue.rules, after)
        told = Explanation(order.account, 0, legs, 0.0)
        if told.strict_ne_usd < told.im_usd:
            self.wrong.append(order)
