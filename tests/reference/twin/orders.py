"""NEW, CANCEL, CANCEL_ALL, REPLACE (ORD-01, ORD-04)."""

from __future__ import annotations

from collections.abc import Sequence

from twin.asks import Ask, asked, off_tick, rejection
from twin.books import Order
from twin.checks import Checks
from twin.codes import NO, Event, Flag, Reason
from twin.margin import Margin
from twin.matching import Matching
from twin.memory import Conditional
from twin.risk import Risk
from twin.state import State


class Orders:
    def __init__(self, state: State, margin: Margin, matching: Matching) -> None:
        self.s = state
        self.matching = matching
        self.checks = Checks(state)
        self.risk = Risk(state, margin)

    # -- messages ---------------------------------------------------------------------------

    def new(self, message: Sequence[int]) -> Reason:
        ask = asked(message)
        reason = self.ill_formed(ask)
        return reason or self.submit(ask)

    def cancel(self, message: Sequence[int]) -> Reason:
        account, order = message[2], message[8]
        waiting = self.s.conditionals.get(order)
        if waiting is not None and waiting.account == account:
            self.s.cancel_conditional(waiting, Reason.BY_USER)
            return Reason.NONE
        resting = self._own(message)
        if resting is None:
            return Reason.UNKNOWN_ORDER
        self.s.cancel(resting, Reason.BY_USER)
        return Reason.NONE

    def cancel_all(self, message: Sequence[int]) -> Reason:
        account, instrument = message[2], message[3]
        if not 0 <= account < len(self.s.ledger.accounts):
            return Reason.UNKNOWN_ACCOUNT
        if not -1 <= instrument < len(self.s.books):
            return Reason.UNKNOWN_INSTRUMENT
        self.s.cancel_account(account, Reason.BY_USER, instrument)
        return Reason.NONE

    def replace(self, message: Sequence[int]) -> Reason:
        price, size = message[5], message[6]
        waiting, old = self.s.conditionals.get(message[8]), self._own(message)
        if waiting is not None and waiting.account == message[2]:
            return self._replace_waiting(waiting, price, size)
        if old is None:
            return Reason.UNKNOWN_ORDER
        if size <= 0:
            return Reason.BAD_SIZE
        if price == self._own_price(old) and size <= old.left:
            old.left = size
            self._say_accepted(old, replaces=True)
            return Reason.NONE
        self.s.take_out(old)
        ask = Ask(
            old.account,
            old.instrument,
            old.own_side,
            price,
            size,
            old.flags,
            old.id,
            old.outcome,
            old.expiry,
        )
        reason = self.submit(ask, replaces=True)
        if reason:
            self.s.emit(Event.REJECT, **rejection(message, reason))
            self.s.say_cancelled(old, Reason.REPLACED)
        return Reason.NONE

    def _own(self, message: Sequence[int]) -> Order | None:
        order = self.s.orders.get(message[8])
        return order if order is not None and order.account == message[2] else None

    def _own_price(self, order: Order) -> int:
        """In the terms of the outcome that the order names."""
        if order.outcome == NO:
            return self.s.market.instruments[order.instrument].payoff - order.price
        return order.price

    # -- from an ask to the book ------------------------------------------------------------

    def ill_formed(self, ask: Ask) -> Reason:
        """The checks before BAD_SIZE."""
        if not 0 <= ask.account < len(self.s.ledger.accounts):
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= ask.instrument < len(self.s.market.instruments):
            return Reason.UNKNOWN_INSTRUMENT
        if ask.ill_flagged(self.s.market.instruments[ask.instrument], self.s.now):
            return Reason.BAD_FLAGS
        return Reason.NONE

    def submit(self, ask: Ask, replaces: bool = False) -> Reason:
        """From BAD_SIZE on; an accepted order is matched and rests."""
        made = self.checks.accepted(ask)
        if isinstance(made, Reason):
            return made
        reason = self.risk.refusal(made, self.s.market.instruments[ask.instrument])
        if reason:
            return reason
        self._say_accepted(made, replaces)
        self.matching.match(made)
        return Reason.NONE

    def _say_accepted(self, order: Order, replaces: bool) -> None:
        self.s.emit(
            Event.ORDER,
            account=order.account,
            instrument=order.instrument,
            side=order.side,
            price=order.price,
            size=order.left,
            order=order.id,
            code=order.flags,
            x=order.outcome,
            y=replaces,
        )

    # -- conditional orders -----------------------------------------------------------------

    def _replace_waiting(self, waiting: Conditional, price: int, size: int) -> Reason:
        """In place: it keeps its trigger and its place in the list."""
        i = self.s.market.instruments[waiting.instrument]
        if not 0 < size <= i.max_size:
            return Reason.BAD_SIZE
        if not waiting.flags & Flag.MARKET and off_tick(i, price):
            return Reason.BAD_TICK
        waiting.price, waiting.size = price, size
        self.s.say_conditional(waiting, replaces=True)
        return Reason.NONE
