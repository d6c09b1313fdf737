"""Orders that wait for a price: accepting, testing, firing (ORD-01)."""

from __future__ import annotations

from collections.abc import Sequence

from twin.asks import Ask, asked, off_tick, rejection
from twin.codes import (
    BUY,
    MESSAGE_COLUMNS,
    NO,
    ORDER_FLAGS,
    BookState,
    Event,
    Flag,
    Message,
    Reason,
)
from twin.listing import Instrument
from twin.memory import Conditional
from twin.orders import Orders
from twin.state import State

BY_MARK, BY_LAST, BY_INDEX = 0, 1, 2


def source(order: Conditional) -> int:
    if order.flags & Flag.BY_LAST:
        return BY_LAST
    return BY_INDEX if order.flags & Flag.BY_INDEX else BY_MARK


class Conditionals:
    def __init__(self, state: State, orders: Orders) -> None:
        self.s = state
        self.orders = orders

    # -- accepting --------------------------------------------------------------------------

    def message(self, message: Sequence[int]) -> Reason:
        """CONDITIONAL."""
        ask, flags, trigger = asked(message), message[7], message[9]
        reason = self.orders.ill_formed(ask) or self._refused(ask, flags, trigger)
        if reason:
            return reason
        side = ask.side
        if ask.outcome == NO:
            side = 1 - side
            trigger = self.s.market.instruments[ask.instrument].payoff - trigger
        waiting = Conditional(
            ask.order,
            ask.account,
            ask.instrument,
            side,
            trigger,
            ask.side,
            ask.price,
            ask.size,
            flags,
            ask.outcome,
            ask.expiry,
        )
        self.s.conditionals[ask.order] = waiting
        self.s.say_conditional(waiting, replaces=False)
        return Reason.NONE

    def _refused(self, ask: Ask, flags: int, trigger: int) -> Reason:
        i, checks = self.s.market.instruments[ask.instrument], self.orders.checks
        if flags & Flag.BY_LAST and flags & Flag.BY_INDEX:
            return Reason.BAD_FLAGS
        if flags & Flag.BY_INDEX and i.is_event:
            return Reason.BAD_FLAGS
        if not 0 < ask.size <= i.max_size:
            return Reason.BAD_SIZE
        if self.s.phases[i.id].state == BookState.CLOSED or self.s.closed_for_good(i):
            return Reason.BOOK_STATE
        if checks.duplicate(ask.order):
            return Reason.DUPLICATE_ORDER
        if off_tick(i, trigger) or (not flags & Flag.MARKET and off_tick(i, ask.price)):
            return Reason.BAD_TICK
        if ask.account in self.s.flagged and not flags & Flag.REDUCE_ONLY:
            return Reason.FLAGGED
        if checks.open_orders(ask.account) >= self.s.rules["max_open_orders"]:
            return Reason.MAX_OPEN_ORDERS
        return Reason.NONE

    # -- testing ----------------------------------------------------------------------------

    def after_mark(self) -> None:
        """At the end of every MARK: all of them, instrument by instrument."""
        for i in self.s.market.instruments:
            for order in self._of(i):
                if order.flags & Flag.GTD and order.expiry <= self.s.now:
                    self.s.cancel_conditional(order, Reason.EXPIRED)
                else:
                    self._test(i, order)

    def after_trades(self) -> None:
        """At the end of a message: those by last, while trades set it."""
        while self.s.touched:
            touched, self.s.touched = sorted(self.s.touched), set()
            for instrument in touched:
                i = self.s.market.instruments[instrument]
                for order in self._of(i):
                    if order.flags & Flag.BY_LAST:
                        self._test(i, order)

    def _of(self, i: Instrument) -> list[Conditional]:
        return [c for c in self.s.conditionals.values() if c.instrument == i.id]

    def _value(self, i: Instrument, order: Conditional) -> int | None:
        match source(order):
            case 1:
                return self.s.marks[i.id].last
            case 2:
                return self.s.feeds[i.feed].index
        return self.s.marks[i.id].mark

    def _test(self, i: Instrument, order: Conditional) -> None:
        if not self.s.tradable_state(i) or self.s.grade(i) >= self.s.rules["guard_trigger"]:
            return
        value = self._value(i, order)
        if value is None:
            return
        rising = (order.side == BUY) != bool(order.flags & Flag.TAKE_PROFIT)
        if value >= order.trigger if rising else value <= order.trigger:
            self._fire(order, value)

    # -- firing -----------------------------------------------------------------------------

    def _fire(self, order: Conditional, value: int) -> None:
        self.s.emit(
            Event.TRIGGER,
            account=order.account,
            instrument=order.instrument,
            side=order.side,
            price=value,
            order=order.id,
            code=source(order),
        )
        del self.s.conditionals[order.id]
        ask = Ask(
            order.account,
            order.instrument,
            order.own_side,
            order.price,
            order.size,
            order.flags & ORDER_FLAGS,
            order.id,
            order.outcome,
            order.expiry,
        )
        reason = self.orders.submit(ask)
        if reason:
            self.s.emit(Event.REJECT, **rejection(self._as_message(order), reason))

    def _as_message(self, order: Conditional) -> list[int]:
        columns = {
            "kind": Message.CONDITIONAL,
            "account": order.account,
            "instrument": order.instrument,
            "side": order.own_side,
            "price": order.price,
            "size": order.size,
            "order": order.id,
        }
        return [int(columns.get(name, 0)) for name in MESSAGE_COLUMNS]
