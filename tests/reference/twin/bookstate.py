"""The states of a book and the ends of its auctions (ORD-03, ORD-05)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from twin.auction import Auction
from twin.codes import BookState, Event, Reason
from twin.listing import Instrument
from twin.state import COLUMN, State
from twin.volatility import outside


class Why(IntEnum):
    """The y of a STATE row."""

    MESSAGE = 0
    VOLATILITY = 1
    EXTENDED = 2
    OVER = 3
    EXPIRED = 4


def close_book(state: State, i: Instrument, why: int = Why.EXPIRED) -> None:
    """Everything in the book is cancelled, then it is closed."""
    state.cancel_book(i, Reason.BOOK_STATE)
    enter(state, i, BookState.CLOSED, 0, why)


def enter(state: State, i: Instrument, new: int, end: int, why: int) -> list[int]:
    """Change the state and say so; after an auction bounds start afresh."""
    phase = state.phases[i.id]
    if phase.state == BookState.AUCTION and new != BookState.AUCTION:
        phase.history, phase.bounds = [], None
    if new != BookState.AUCTION or phase.state != BookState.AUCTION:
        phase.by_volatility = phase.extended = False
    phase.state, phase.end = new, end
    return state.emit(Event.STATE, instrument=i.id, code=new, x=end, y=why)


class BookStates:
    def __init__(self, state: State, auction: Auction) -> None:
        self.s = state
        self.auction = auction

    def message(self, message: Sequence[int]) -> Reason:
        """STATE."""
        instrument, new, end = message[3], message[9], message[10]
        if not 0 <= instrument < len(self.s.phases):
            return Reason.UNKNOWN_INSTRUMENT
        if new not in list(BookState):
            return Reason.BAD_FLAGS
        if end != 0 and (new != BookState.AUCTION or end <= self.s.now):
            return Reason.BAD_FLAGS
        i = self.s.market.instruments[instrument]
        old = self.s.phases[instrument].state
        if self.s.closed_for_good(i):
            return Reason.BOOK_STATE
        if old == BookState.AUCTION and new == BookState.CANCEL_ONLY:
            return Reason.BOOK_STATE
        leaves = old == BookState.AUCTION and new < BookState.CANCEL_ONLY
        if leaves and self.s.grade(i) >= self.s.rules["guard_fill"]:
            return Reason.STALE_ORACLE
        if new == BookState.CLOSED:
            close_book(self.s, i, Why.MESSAGE)
        elif old == BookState.AUCTION and new != BookState.AUCTION:
            self._leave_auction(i, new, Why.MESSAGE)
        else:
            enter(self.s, i, new, end, Why.MESSAGE)
        return Reason.NONE

    def _leave_auction(self, i: Instrument, new: int, why: int) -> None:
        """The STATE row comes before what the uncrossing causes and shows its result."""
        row = enter(self.s, i, new, 0, why)
        price, lots = self.auction.uncross(i)
        row[COLUMN["price"]], row[COLUMN["size"]] = price, lots

    def end_if_due(self, i: Instrument) -> None:
        """At a MARK: an auction whose time is up is extended or ends."""
        phase = self.s.phases[i.id]
        if phase.state != BookState.AUCTION or not 0 < phase.end <= self.s.now:
            return
        if self.s.grade(i) >= self.s.rules["guard_fill"]:
            return
        if phase.by_volatility and not phase.extended:
            price = self.auction.price(i)
            if price is not None and outside(self.s, i, price):
                assert i.volatility is not None
                end = self.s.now + i.volatility.auction_us
                phase.extended = True
                enter(self.s, i, BookState.AUCTION, end, Why.EXTENDED)
                return
        self._leave_auction(i, BookState.OPEN, Why.OVER)
