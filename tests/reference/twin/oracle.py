"""The messages that move prices: INDEX and MARK (PRC-02 to PRC-04), and the ladders after them."""

from __future__ import annotations

from collections.abc import Sequence

from twin.arithmetic import MILLION
from twin.codes import BUY, SELL, Event, Grade, Reason
from twin.listing import PRICE_BOUND, Instrument
from twin.state import State


class Oracle:
    def __init__(self, state: State) -> None:
        self.s = state

    def index(self, message: Sequence[int]) -> Reason:
        feed, price, confidence = message[3], message[5], message[6]
        read_at, fresh = message[9], message[10]
        if not 0 <= feed < len(self.s.feeds):
            return Reason.UNKNOWN_INSTRUMENT
        state = self.s.feeds[feed]
        if price > PRICE_BOUND * state.feed.first_index:
            return Reason.PRICE_OUT_OF_BOUNDS
        state.read(self.s.now, price, confidence, read_at, fresh)
        row = self.s.emit(
            Event.INDEX,
            instrument=feed,
            price=price,
            size=confidence,
            amount=state.twap,
            code=state.grade(self.s.now),
            x=read_at,
            y=fresh,
        )
        self.s.index_seq[feed] = row[0]
        return Reason.NONE

    def mark(self) -> None:
        before = self.s.last_mark_time
        dt = 0.0 if before is None else (self.s.now - before) / MILLION
        self.s.last_mark_time = self.s.now
        for i in self.s.market.instruments:
            self._mark(i, dt)
            self._rebase(i)

    def _mark(self, i: Instrument, dt: float) -> None:
        state, book = self.s.marks[i.id], self.s.books[i.id]
        bid, ask = book.best(BUY), book.best(SELL)
        index = self.s.feeds[i.feed].index if i.feed >= 0 else 0
        clamped = False
        if i.is_spot:
            mark = index
        elif i.is_event:
            if self.s.winners[i.event] is not None:
                return
            mark = state.of_event(i.payoff, bid, ask)
        else:
            if self.s.grade(i) >= Grade.TOO_VOLATILE:
                return
            mark, clamped = state.of_perpetual(index, bid, ask, dt, self.s.rules)
        if mark == state.mark:
            return
        state.mark = mark
        self.s.emit(
            Event.MARK,
            instrument=i.id,
            price=mark,
            size=index,
            amount=-1 if state.last is None else state.last,
            x=-1 if bid is None else bid,
            y=-1 if ask is None else ask,
            code=clamped,
        )

    def _rebase(self, i: Instrument) -> None:
        """ORD-04: a ladder follows its mark; what falls off it is cancelled."""
        if i.is_event:
            return
        book, mark, quarter = self.s.books[i.id], self.s.marks[i.id].mark, i.ladder_ticks // 4
        if book.base + quarter <= mark < book.base + 3 * quarter:
            return
        base = max(0, mark - i.ladder_ticks // 2)
        if base == book.base:
            return
        book.base = base
        self.s.emit(Event.REBASE, instrument=i.id, price=base)
        for side in (BUY, SELL):
            for order in book.ascending(side):
                if not base <= order.price <= book.top:
                    self.s.cancel(order, Reason.OUT_OF_BAND)
