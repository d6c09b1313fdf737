"""What changes hands in a fill (LED-02, PRD-03, PRD-04)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.arithmetic import MILLION
from twin.books import Order
from twin.codes import BUY, NO, YES
from twin.listing import Instrument

if TYPE_CHECKING:
    from twin.state import State


def book_fill(
    state: State, i: Instrument, first: Order, second: Order, lots: int, price: int
) -> int:
    """Book one fill, `first` (the taker, or the buyer in an auction) before `second`; YES terms.

    Returns the sets minted (+) or merged (-).
    """
    bid, ask = (first, second) if first.side == BUY else (second, first)
    if i.is_derivative:
        for order in (first, second):
            d = lots if order.side == BUY else -lots
            state.ledger.trade(order.account, i.id, d, i.pv(d, price))
        return 0
    value = lots * price * i.tv
    if i.is_spot:
        state.ledger.add(bid.account, i.coin, lots)
        state.ledger.add(bid.account, 0, -value)
        state.ledger.add(ask.account, i.coin, -lots)
        state.ledger.add(ask.account, 0, value)
        return 0
    return _book_shares(state, i, bid, ask, lots, value)


def _book_shares(state: State, i: Instrument, bid: Order, ask: Order, lots: int, value: int) -> int:
    """Held shares that a seller gives up are merged with those the other side would be minted."""
    ledger = state.ledger
    db = min(ledger.held(bid.account, i, NO), lots) if bid.sells(NO) else 0
    da = min(ledger.held(ask.account, i, YES), lots) if ask.sells(YES) else 0
    ledger.change_shares(bid.account, i, NO, -db)
    ledger.change_shares(bid.account, i, YES, lots - db)
    ledger.add(bid.account, 0, db * MILLION - value)
    ledger.change_shares(ask.account, i, YES, -da)
    ledger.change_shares(ask.account, i, NO, lots - da)
    ledger.add(ask.account, 0, value - (lots - da) * MILLION)
    minted = lots - db - da
    ledger.sets[i.event] += minted
    return minted
