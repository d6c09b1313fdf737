"""Resolution of events and settlement of futures (SET-01, SET-03, SET-05)."""

from __future__ import annotations

from collections.abc import Sequence

from twin.arithmetic import MILLION, fdiv, half_even
from twin.averages import accrue
from twin.bonds import Bonds
from twin.bookstate import close_book
from twin.codes import BookState, Event, Reason
from twin.listing import EventProduct, Instrument
from twin.margin import Margin
from twin.memory import Phase
from twin.state import State

VOID = -1
DAY_US = 86_400 * MILLION


def refusal(event: EventProduct, outcome: int, value: int) -> Reason:
    """Why RESOLVE and PROPOSE refuse an outcome."""
    if value != 0 and not event.scalar:
        return Reason.TWO_WINNERS
    if outcome == VOID:
        return Reason.NONE
    if event.scalar:
        known = outcome == 0 and event.low <= value <= event.high
    else:
        known = 0 <= outcome < event.outcomes
    return Reason.NONE if known else Reason.UNKNOWN_OUTCOME


def counted(outcome: int, value: int) -> int:
    """The value that an outcome is worth: a void has none."""
    return 0 if outcome == VOID else value


def payout(event: EventProduct, shares: list[int], outcome: int, value: int) -> int:
    """Micro-USDC of what one account holds."""
    if outcome == VOID:
        return fdiv(sum(shares) * MILLION, event.outcomes)
    if event.scalar:
        span = event.high - event.low
        long = fdiv(shares[0] * MILLION * (value - event.low), span)
        return long + fdiv(shares[1] * MILLION * (event.high - value), span)
    return shares[outcome] * MILLION


def final_mark(event: EventProduct, book: Instrument, outcome: int, value: int) -> int:
    if outcome == VOID:
        return event.payoff // event.outcomes
    if event.scalar:
        return fdiv((value - event.low) * event.payoff, event.high - event.low)
    return event.payoff if book.outcome == outcome else 0


class Settlement:
    def __init__(self, state: State, margin: Margin) -> None:
        self.s = state
        self.bonds = Bonds(state, margin, refusal)

    def propose(self, message: Sequence[int]) -> Reason:
        return self.bonds.propose(message)

    def dispute(self, message: Sequence[int]) -> Reason:
        return self.bonds.dispute(message)

    # -- events -------------------------------------------------------------------------------

    def resolve(self, message: Sequence[int]) -> Reason:
        event, tag, outcome, value = message[3], message[7], message[9], message[10]
        if not 0 <= event < len(self.s.winners):
            return Reason.UNKNOWN_EVENT
        if self.s.winners[event] is not None:
            return Reason.ALREADY_RESOLVED
        product = self.s.market.events[event]
        reason = refusal(product, outcome, value)
        if not reason:
            self._resolve(product, outcome, counted(outcome, value), tag)
        return reason

    def _resolve(self, event: EventProduct, outcome: int, value: int, tag: int) -> None:
        ledger = self.s.ledger
        books = self.s.market.books_of(event.id)
        for book in books:
            self.s.cancel_book(book, Reason.RESOLVED)
        total = 0
        for account, holder in enumerate(ledger.accounts):
            shares = holder.shares[event.id]
            if not any(shares):
                continue
            amount = payout(event, shares, outcome, value)
            holder.usdc += amount
            holder.shares[event.id] = [0] * event.outcomes
            total += amount
            self.s.emit(Event.PAYOUT, account=account, instrument=event.id, amount=amount)
        left = ledger.sets[event.id] * MILLION - total
        ledger.rounding[0] += left
        ledger.sets[event.id] = 0
        self.s.winners[event.id] = outcome
        for book in books:
            self.s.marks[book.id].mark = final_mark(event, book, outcome, value)
            self.s.phases[book.id] = Phase(BookState.CLOSED)
        self.s.emit(
            Event.RESOLVE,
            instrument=event.id,
            code=outcome,
            amount=total,
            price=value,
            x=tag,
            y=left,
        )
        self.bonds.pay(event, outcome, value)

    # -- SETTLE -------------------------------------------------------------------------------

    def settle(self) -> None:
        for i in self.s.market.futures:
            accrue(self.s, i)
            if i.expiry <= self.s.now and not self.s.averages[i.id].settled:
                self._settle(i)
        for event in self.s.market.events:
            limit = event.date_us + round(self.s.rules["void_after_days"] * DAY_US)
            if event.date_us and self.s.winners[event.id] is None and self.s.now >= limit:
                self._resolve(event, VOID, 0, 0)

    def _settle(self, i: Instrument) -> None:
        average = self.s.averages[i.id]
        reopened = self.s.phases[i.id].state != BookState.CLOSED
        if reopened or not average.closed:
            average.closed = True
            close_book(self.s, i)
        if self.s.grade(i) >= self.s.rules["guard_settlement"]:
            return
        price = self.s.feeds[i.feed].index
        if average.micros:
            price = max(1, half_even(average.total, average.micros))
        self.s.emit(Event.SETTLED, instrument=i.id, price=price, size=average.micros)
        for account, holder in enumerate(self.s.ledger.accounts):
            size = holder.positions[i.id].size
            if size == 0:
                continue
            realised = self.s.ledger.trade(account, i.id, -size, i.pv(-size, price))
            self.s.emit(
                Event.SETTLEMENT, account=account, instrument=i.id, size=size, amount=realised
            )
        average.settled = True
        self.s.marks[i.id].mark = price
