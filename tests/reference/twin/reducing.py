"""Does an order reduce risk, and what bounds a resting one (MAR-09, ORD-01)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.books import Order
from twin.codes import BUY, SELL, YES, Reason
from twin.pools import free_to_borrow
from twin.state import State

if TYPE_CHECKING:
    from twin.margin import Margin


def opposite_size(state: State, order: Order) -> int:
    """Lots of the position that an order of this side would close."""
    held = state.ledger.accounts[order.account].positions[order.instrument].size
    return max(0, -held if order.side == BUY else held)


def is_reducing(state: State, order: Order, resting: bool = False) -> bool:
    """MAR-09; a resting order is asked with nothing else subtracted."""
    i = state.market.instruments[order.instrument]
    n = state.numbers(order.account, i, None)
    if i.is_derivative:
        if order.reduce_only:
            return True
        others = 0 if resting else (n.bid_lots if order.side == BUY else n.ask_lots)
        closable = opposite_size(state, order)
        return closable > 0 and order.left <= closable - others
    if i.is_spot:
        holder = state.ledger.accounts[order.account]
        coins = holder.coins[i.coin]
        if order.side == SELL:
            return holder.usdc < 0 and order.left <= coins - (0 if resting else n.ask_lots)
        paid = holder.usdc >= order.left * order.price * i.tv
        return coins < 0 and paid and order.left <= -coins - (0 if resting else n.bid_lots)
    if order.own_side != SELL:
        return False
    others = n.sell_yes_lots if order.outcome == YES else n.sell_no_lots
    held = state.ledger.held(order.account, i, order.outcome)
    return order.left <= held - (0 if resting else others)


def room(state: State, order: Order) -> int | None:
    """Lots that the owner of a spot sell can deliver now; None for any other order."""
    i = state.market.instruments[order.instrument]
    if not i.is_spot or order.side == BUY:
        return None
    lots = max(0, state.ledger.accounts[order.account].coins[i.coin])
    if state.market.coin(i.coin).borrowable:
        lots += free_to_borrow(state, i.coin)
    return lots


def cap(state: State, order: Order) -> int:
    """Lots of a resting order that may trade now."""
    lots = order.left
    if order.reduce_only:
        lots = min(lots, opposite_size(state, order))
    deliverable = room(state, order)
    return lots if deliverable is None else min(lots, deliverable)


def flaw(state: State, margin: Margin, order: Order) -> Reason:
    """Why a resting order may not trade (NONE: it may): steps 2 and 3 of the matching loop."""
    if order.reduce_only and opposite_size(state, order) == 0:
        return Reason.REDUCE_ONLY
    if room(state, order) == 0:
        return Reason.INSUFFICIENT_BALANCE
    if not is_reducing(state, order, resting=True):
        if margin.net(order.account, strict=True) < margin.initial(order.account):
            return Reason.INSUFFICIENT_MARGIN
    return Reason.NONE


def settle_rest(state: State, order: Order, traded: int, deliverable: int | None) -> None:
    """After a resting order traded: out if filled, cancelled if what bound it allows no more.

    `deliverable` is its room before the trade.
    """
    if order.left == 0:
        state.take_out(order)
    elif order.reduce_only and opposite_size(state, order) == 0:
        state.cancel(order, Reason.REDUCE_ONLY)
    elif deliverable is not None and traded == deliverable:
        state.cancel(order, Reason.INSUFFICIENT_BALANCE)


def same_owner(state: State, a: int, b: int) -> bool:
    """ORD-02: may these two accounts not trade with each other?"""
    if state.rules["self_trade_by_owner"]:
        return state.profiles[a].owner == state.profiles[b].owner
    return a == b
