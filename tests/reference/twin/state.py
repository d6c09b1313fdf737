"""Everything the exchange remembers, and how an event is written down."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from twin.books import Book, Order, Resting
from twin.codes import BUY, EVENT_COLUMNS, SELL, BookState, Event, Reason
from twin.ledger import Ledger
from twin.listing import Instrument, Market
from twin.memory import (
    Averaging,
    Conditional,
    External,
    Flagged,
    Phase,
    Profile,
    Proposal,
    Reading,
    Samples,
)
from twin.prices import FeedState, MarkAverage, MarkState
from twin.rules import completed

COLUMN = {name: k for k, name in enumerate(EVENT_COLUMNS)}


@dataclass
class State:
    market: Market
    rules: dict[str, Any]
    ledger: Ledger
    feeds: list[FeedState]
    marks: list[MarkState]  # by instrument
    books: list[Book]  # by instrument
    samples: list[Samples]  # by perpetual, linear then inverse
    winners: list[int | None]  # by event: None while open
    now: int = 0
    seq: int = 0
    came: int = 0
    last_mark_time: int | None = None
    orders: dict[int, Order] = field(default_factory=dict)
    resting: list[dict[int, Order]] = field(default_factory=list)  # by account, as they came
    flagged: dict[int, Flagged] = field(default_factory=dict)
    index_seq: list[int] = field(default_factory=list)  # by feed: its latest INDEX event
    forced_fill: dict[int, tuple[int, int]] = field(default_factory=dict)  # (seq, time)
    tick_marks: list[int] = field(default_factory=list)  # at the previous liquidation tick
    tick_index: list[int] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)  # by instrument
    profiles: list[Profile] = field(default_factory=list)  # by account
    externals: list[External] = field(default_factory=list)  # by derivative
    conditionals: dict[int, Conditional] = field(default_factory=dict)  # in order of acceptance
    touched: set[int] = field(default_factory=set)  # instruments whose last a trade has set
    readings: list[Reading | None] = field(default_factory=list)  # by feed
    averages: dict[int, Averaging] = field(default_factory=dict)  # by future's instrument id
    proposals: list[list[Proposal]] = field(default_factory=list)  # by event
    out: list[list[int]] = field(default_factory=list)

    @classmethod
    def fresh(cls, market: Market, rules: dict[str, Any], accounts: int) -> State:
        rules = completed(rules)
        state = cls(
            market,
            rules,
            Ledger.empty(market, accounts),
            [FeedState(f, rules) for f in market.feeds],
            [MarkState(i.first_mark, MarkAverage(i.first_mark)) for i in market.instruments],
            [
                Book(
                    0 if i.is_event else max(0, i.first_mark - i.ladder_ticks // 2),
                    i.ladder_ticks,
                    i.is_event,
                )
                for i in market.instruments
            ],
            [Samples() for _ in market.funded],
            [None for _ in market.events],
        )
        state.resting = [{} for _ in range(accounts)]
        state.index_seq = [0] * len(market.feeds)
        state.phases = [Phase() for _ in market.instruments]
        state.profiles = [Profile(k) for k in range(accounts)]
        state.externals = [External() for _ in market.derivatives]
        state.readings = [None for _ in market.feeds]
        state.averages = {i.id: Averaging() for i in market.futures}
        state.proposals = [[] for _ in market.events]
        state.remember_tick()
        return state

    def remember_tick(self) -> None:
        """LIQ-09 looks at losses since the previous liquidation tick."""
        self.tick_marks = [m.mark for m in self.marks]
        self.tick_index = [f.index for f in self.feeds]

    # -- events -----------------------------------------------------------------------------

    def emit(self, kind: Event, **columns: int) -> list[int]:
        """Append an event; the row may still be filled in before the message is done."""
        self.seq += 1
        row = [0] * len(EVENT_COLUMNS)
        row[0], row[1], row[2] = self.seq, self.now, int(kind)
        for name, value in columns.items():
            row[COLUMN[name]] = int(value)
        self.out.append(row)
        return row

    # -- prices -----------------------------------------------------------------------------

    def grade(self, instrument: Instrument) -> int:
        """PRC-04 of the instrument's feed, now; event books have none."""
        return 0 if instrument.feed < 0 else self.feeds[instrument.feed].grade(self.now)

    def closed_for_good(self, instrument: Instrument) -> bool:
        """Resolved or settled."""
        if instrument.is_event:
            return self.winners[instrument.event] is not None
        return instrument.is_future and self.averages[instrument.id].settled

    def tradable_state(self, instrument: Instrument) -> bool:
        """ORD-03: may forced orders trade in this book?"""
        return self.phases[instrument.id].state <= BookState.LIMIT_ONLY

    def lam(self, event: int) -> float:
        """λ of MAR-05: 1 from the first proposal on (SET-02), if the rules say so."""
        if self.proposals[event] and self.rules["proposal_margin"]:
            return 1.0
        return self.market.events[event].lam

    def reference(self, instrument: Instrument) -> int:
        """The mark that bands and tests use: of a spot book its index in use."""
        if instrument.is_spot:
            return self.feeds[instrument.feed].index
        return self.marks[instrument.id].mark

    def band(self, instrument: Instrument) -> tuple[int, int]:
        """ORD-04: lowest and highest price of a band around the mark."""
        mark = self.reference(instrument)
        width = math.floor(mark * self.rules["band_ratio"])
        return mark - width, mark + width

    def set_last(self, instrument: Instrument, price: int) -> None:
        """A trade was made at this price."""
        self.marks[instrument.id].last = price
        self.touched.add(instrument.id)

    # -- orders -----------------------------------------------------------------------------

    def rest(self, order: Order) -> None:
        self.came += 1
        order.came = self.came
        self.orders[order.id] = order
        self.resting[order.account][order.id] = order
        self.books[order.instrument].add(order)

    def take_out(self, order: Order) -> None:
        del self.orders[order.id]
        del self.resting[order.account][order.id]
        self.books[order.instrument].remove(order)

    def cancel(self, order: Order, reason: Reason) -> None:
        """Take a resting order out and say so."""
        self.take_out(order)
        self.say_cancelled(order, reason)

    def say_cancelled(self, order: Order, reason: Reason) -> None:
        self.emit(
            Event.CANCELLED,
            account=order.account,
            instrument=order.instrument,
            side=order.side,
            price=order.price,
            size=order.left,
            order=order.id,
            code=reason,
        )

    def say_conditional(self, order: Conditional, replaces: bool) -> None:
        """Accepted, or replaced in place."""
        self.emit(
            Event.CONDITIONAL,
            account=order.account,
            instrument=order.instrument,
            side=order.side,
            price=order.price,
            size=order.size,
            order=order.id,
            code=order.flags,
            x=order.trigger,
            y=replaces,
        )

    def cancel_conditional(self, order: Conditional, reason: Reason) -> None:
        del self.conditionals[order.id]
        self.emit(
            Event.CANCELLED,
            account=order.account,
            instrument=order.instrument,
            side=order.side,
            price=order.price,
            size=order.size,
            order=order.id,
            code=reason,
        )

    def cancel_account(self, account: int, reason: Reason, instrument: int = -1) -> None:
        """As CANCEL_ALL: as they came to rest, then conditional orders as they were accepted."""
        for order in list(self.resting[account].values()):
            if instrument in (-1, order.instrument):
                self.cancel(order, reason)
        for waiting in list(self.conditionals.values()):
            if waiting.account == account and instrument in (-1, waiting.instrument):
                self.cancel_conditional(waiting, reason)

    def cancel_book(self, instrument: Instrument, reason: Reason) -> None:
        """All of a book: buys, sells, price ascending, queue order; then conditional orders."""
        for side in (BUY, SELL):
            for order in self.books[instrument.id].ascending(side):
                self.cancel(order, reason)
        for waiting in list(self.conditionals.values()):
            if waiting.instrument == instrument.id:
                self.cancel_conditional(waiting, reason)

    def own_orders(self, account: int, instrument: int) -> Iterator[Order]:
        for order in self.resting[account].values():
            if order.instrument == instrument:
                yield order

    def numbers(self, account: int, instrument: Instrument, extra: Order | None) -> Resting:
        """An account's resting numbers in one book, `extra` being an order under test."""
        resting = Resting()
        for order in self.own_orders(account, instrument.id):
            if not order.reduce_only:
                resting.take(order, 1 if instrument.is_inverse else instrument.tv)
        if extra is not None and extra.instrument == instrument.id and not extra.reduce_only:
            resting.take(extra, 1 if instrument.is_inverse else instrument.tv)
        return resting
