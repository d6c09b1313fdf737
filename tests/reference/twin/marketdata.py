"""What the books look like: BOOK and DEPTH (docs/formats.md)."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction

from twin.codes import BUY, DEPTH_EDGES_BPS, SELL, Event
from twin.listing import Instrument
from twin.state import COLUMN, State


class MarketData:
    def __init__(self, state: State) -> None:
        self.s = state

    def _within(self, i: Instrument, side: int, bps: int) -> int:
        book = self.s.books[i.id]
        bid, ask = book.best(BUY), book.best(SELL)
        if bid is None or ask is None:
            return 0
        mid = Fraction(bid + ask, 2)
        return sum(
            lots for price, lots in book.levels(side) if abs(price - mid) * 10_000 <= bps * mid
        )

    def book(self) -> None:
        for i in self.s.market.instruments:
            book, marks = self.s.books[i.id], self.s.marks[i.id]
            bid, ask = book.best(BUY), book.best(SELL)
            if i.is_derivative:
                interest = self.s.ledger.open_interest(i.id)
            else:
                interest = self.s.ledger.sets[i.event] if i.is_event else 0
            self.s.emit(
                Event.BOOK,
                instrument=i.id,
                price=-1 if bid is None else bid,
                size=-1 if ask is None else ask,
                amount=-1 if marks.last is None else marks.last,
                order=marks.mark,
                other=self.s.feeds[i.feed].index if i.feed >= 0 else 0,
                other_order=self._within(i, BUY, 50),
                code=self._within(i, SELL, 50),
                x=self._within(i, BUY, 10) + self._within(i, SELL, 10),
                y=interest,
            )

    def depth(self) -> None:
        for i in self.s.market.instruments:
            book = self.s.books[i.id]
            bid, ask = book.best(BUY), book.best(SELL)
            for side in (BUY, SELL):
                row = self.s.emit(Event.DEPTH, instrument=i.id, side=side)
                if bid is None or ask is None:
                    continue
                mid = Fraction(bid + ask, 2)
                for price, lots in book.levels(side):
                    bucket = bisect_left(DEPTH_EDGES_BPS, abs(price - mid) * 10_000 / mid)
                    if bucket < len(DEPTH_EDGES_BPS):
                        row[COLUMN["price"] + bucket] += lots
