"""The checks of an order from its size to its slot, in their order (ORD-04)."""

from __future__ import annotations

import math

from twin.asks import Ask, off_tick
from twin.books import Order
from twin.codes import BUY, NO, BookState, Flag, Reason
from twin.listing import Instrument
from twin.reducing import is_reducing
from twin.state import State

NOT_IN_AUCTION = Flag.IOC | Flag.FOK | Flag.MARKET | Flag.POST_ONLY


class Checks:
    """Reads the state, never changes it."""

    def __init__(self, state: State) -> None:
        self.s = state

    def accepted(self, ask: Ask) -> Order | Reason:
        """The order in book terms, or why there is none; margin is not looked at."""
        i = self.s.market.instruments[ask.instrument]
        if not 0 < ask.size <= i.max_size:
            return Reason.BAD_SIZE
        if i.is_derivative and not ask.flags & Flag.REDUCE_ONLY and self._outgrows(ask, i):
            return Reason.BAD_SIZE
        if self._kept_out(ask, i) or (i.is_future and self.s.now >= i.expiry):
            return Reason.BOOK_STATE
        if self.duplicate(ask.order):
            return Reason.DUPLICATE_ORDER
        made = self._priced(ask, i)
        if isinstance(made, Reason):
            return made
        return self._refused(made, i) or made

    def _outgrows(self, ask: Ask, i: Instrument) -> bool:
        """A position, with all that rests on this side, may not pass the largest order."""
        n = self.s.numbers(ask.account, i, None)
        held = self.s.ledger.accounts[ask.account].positions[i.id].size
        after = held + n.bid_lots if ask.side == BUY else n.ask_lots - held
        return after + ask.size > i.max_size

    def duplicate(self, order: int) -> bool:
        return order <= 0 or order in self.s.orders or order in self.s.conditionals

    def open_orders(self, account: int) -> int:
        """Conditional orders count."""
        waiting = sum(c.account == account for c in self.s.conditionals.values())
        return len(self.s.resting[account]) + waiting

    def _kept_out(self, ask: Ask, i: Instrument) -> bool:
        """ORD-03."""
        match self.s.phases[i.id].state:
            case BookState.CLOSED | BookState.CANCEL_ONLY:
                return True
            case BookState.AUCTION if ask.flags & NOT_IN_AUCTION:
                return True
            case BookState.POST_ONLY if not ask.flags & Flag.POST_ONLY:
                return True
            case BookState.LIMIT_ONLY if ask.flags & Flag.MARKET:
                return True
        return self.s.closed_for_good(i)

    def _priced(self, ask: Ask, i: Instrument) -> Order | Reason:
        """The order in book terms with its limit or bound."""
        side, price = ask.side, ask.price
        if ask.outcome == NO:
            side, price = 1 - side, i.payoff - price
        book = self.s.books[i.id]
        low, high = (1, i.payoff - 1) if i.is_event else self.s.band(i)
        if ask.flags & Flag.MARKET:
            best = book.best(1 - side)
            if best is None:
                return Reason.NO_LIQUIDITY
            reach = math.floor(best * self.s.rules["max_impact_ratio"])
            price = best + reach if side == BUY else best - reach
            # where ladder and band do not meet, the higher of their lower ends
            price = max(low, book.base, min(high, book.top, price))
        else:
            if off_tick(i, ask.price):
                return Reason.BAD_TICK
            if not (low <= price <= high and book.base <= price <= book.top):
                return Reason.PRICE_OUT_OF_BOUNDS
        size = ask.size
        if ask.flags & Flag.REDUCE_ONLY:
            held = self.s.ledger.accounts[ask.account].positions[i.id].size
            size = min(size, max(0, -held if side == BUY else held))
            if size == 0:
                return Reason.REDUCE_ONLY
        return Order(
            ask.order,
            ask.account,
            i.id,
            side,
            price,
            size,
            ask.flags,
            ask.outcome,
            ask.side,
            ask.expiry,
        )

    def _refused(self, order: Order, i: Instrument) -> Reason:
        book, flags, rules = self.s.books[i.id], order.flags, self.s.rules
        own_price = i.payoff - order.price if order.outcome == NO else order.price
        if not order.reduce_only and i.notional(order.left, own_price) < i.min_notional:
            return Reason.MIN_NOTIONAL
        reduces = is_reducing(self.s, order)
        if order.account in self.s.flagged and not reduces:
            return Reason.FLAGGED
        # In auction nothing trades on arrival, so nothing crosses.
        auction = self.s.phases[i.id].state == BookState.AUCTION
        crosses = not auction and book.crosses(order.side, order.price)
        if flags & Flag.POST_ONLY and crosses:
            return Reason.WOULD_CROSS
        grade = self.s.grade(i)
        if not reduces and grade >= rules["guard_increase"]:
            return Reason.STALE_ORACLE
        if crosses and grade >= rules["guard_fill"]:
            return Reason.STALE_ORACLE
        if not order.immediate and self.open_orders(order.account) >= rules["max_open_orders"]:
            return Reason.MAX_OPEN_ORDERS
        if flags & Flag.FOK:
            if sum(o.left for o in book.crossing(order.side, order.price)) < order.left:
                return Reason.NO_LIQUIDITY
        return Reason.NONE
