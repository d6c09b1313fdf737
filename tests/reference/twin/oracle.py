"""The messages that move prices: INDEX, EXTERNAL, MARK (PRC-02 to PRC-04), ladders after them."""

from __future__ import annotations

from collections.abc import Sequence

from twin.arithmetic import MILLION
from twin.averages import taken
from twin.bookstate import BookStates
from twin.codes import BUY, SELL, BookState, Event, Grade, Reason
from twin.fees import new_day
from twin.listing import Instrument
from twin.prices import book_median
from twin.state import State
from twin.volatility import remember


class Oracle:
    def __init__(self, state: State, states: BookStates) -> None:
        self.s = state
        self.states = states

    # -- readings ---------------------------------------------------------------------------

    def index(self, message: Sequence[int]) -> Reason:
        feed, price, confidence = message[3], message[5], message[6]
        read_at, fresh = message[9], message[10]
        if not 0 <= feed < len(self.s.feeds):
            return Reason.UNKNOWN_INSTRUMENT
        if self.s.market.feeds[feed].own_book >= 0:
            return Reason.BAD_FLAGS
        return self._take(feed, price, confidence, read_at, fresh)

    def _take(self, feed: int, price: int, confidence: int, read_at: int, fresh: int) -> Reason:
        state = self.s.feeds[feed]
        if price > state.feed.highest:
            return Reason.PRICE_OUT_OF_BOUNDS
        state.read(self.s.now, price, confidence, read_at, fresh)
        taken(self.s, feed)
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

    def _read_own_books(self) -> None:
        """PRC-01: feeds that read a spot book of this exchange."""
        for k, feed in enumerate(self.s.market.feeds):
            if feed.own_book < 0:
                continue
            middle = self._book_median(feed.own_book)
            if middle is not None:
                fresh = max(1, feed.min_sources)
                self._take(k, max(1, round(middle)), 0, self.s.now, fresh)

    def _book_median(self, instrument: int) -> float | None:
        book = self.s.books[instrument]
        return book_median(book.best(BUY), book.best(SELL), self.s.marks[instrument].last)

    def external(self, message: Sequence[int]) -> Reason:
        """EXTERNAL: the median of mids elsewhere; a price ≤ 0 takes it back."""
        instrument, price, read_at = message[3], message[5], message[9]
        if not 0 <= instrument < len(self.s.externals):
            return Reason.UNKNOWN_INSTRUMENT
        if price > self.s.market.instruments[instrument].price_bound:
            return Reason.PRICE_OUT_OF_BOUNDS
        known = self.s.externals[instrument]
        known.price, known.read_at = max(0, price), read_at
        self.s.emit(Event.EXTERNAL, instrument=instrument, price=price, x=read_at)
        return Reason.NONE

    # -- marks ------------------------------------------------------------------------------

    def mark(self) -> None:
        self._read_own_books()
        new_day(self.s)
        before = self.s.last_mark_time
        dt = 0.0 if before is None else (self.s.now - before) / MILLION
        self.s.last_mark_time = self.s.now
        for i in self.s.market.instruments:
            self.states.end_if_due(i)
            if self._is_marked(i):
                self._mark(i, dt)
                remember(self.s, i)
                self._rebase(i)

    def _is_marked(self, i: Instrument) -> bool:
        phase = self.s.phases[i.id].state
        if phase in (BookState.AUCTION, BookState.CLOSED):
            return False
        return not i.is_derivative or self.s.grade(i) < Grade.TOO_VOLATILE

    def _mark(self, i: Instrument, dt: float) -> None:
        state, book = self.s.marks[i.id], self.s.books[i.id]
        bid, ask = book.best(BUY), book.best(SELL)
        index = self.s.feeds[i.feed].index if i.feed >= 0 else 0
        clamped = False
        if i.is_spot:
            mark = index
        elif i.is_event:
            mark = state.of_event(i.payoff, i.outcomes, bid, ask)
        else:
            external = self._external_mid(i)
            mark, clamped = state.of_derivative(index, bid, ask, external, dt, self.s.rules)
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

    def _external_mid(self, i: Instrument) -> int | None:
        known = self.s.externals[i.id]
        oldest = self.s.now - round(self.s.rules["external_stale_s"] * MILLION)
        return known.price if known.price > 0 and known.read_at >= oldest else None

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
