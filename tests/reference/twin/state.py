"""Everything the exchange remembers, and how an event is written down."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from twin.books import Book, Order, Resting
from twin.codes import EVENT_COLUMNS, Event, Reason
from twin.ledger import Ledger
from twin.listing import Instrument, Market
from twin.prices import FeedState, MarkState

COLUMN = {name: k for k, name in enumerate(EVENT_COLUMNS)}


@dataclass
class Flagged:
    """LIQ-00: what is remembered of an account while it is flagged."""

    time: int
    parent: int
    sizes: dict[tuple[str, int], int]  # size of each leg when flagged
    failed: int = 0


@dataclass
class Samples:
    """FUN-01: the premium samples of the hour."""

    due: int = 0
    used: int = 0
    total: float = 0.0


@dataclass
class State:
    market: Market
    rules: dict[str, Any]
    ledger: Ledger
    feeds: list[FeedState]
    marks: list[MarkState]  # by instrument
    books: list[Book]  # by instrument
    samples: list[Samples]  # by perpetual
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
    out: list[list[int]] = field(default_factory=list)

    @classmethod
    def fresh(cls, market: Market, rules: dict[str, Any], accounts: int) -> State:
        state = cls(
            market,
            rules,
            Ledger.empty(market, accounts),
            [FeedState(f, rules) for f in market.feeds],
            [MarkState(i.first_mark) for i in market.instruments],
            [
                Book(
                    0 if i.is_event else max(0, i.first_mark - i.ladder_ticks // 2),
                    i.ladder_ticks,
                    i.is_event,
                )
                for i in market.instruments
            ],
            [Samples() for _ in market.perpetuals],
            [None for _ in market.events],
        )
        state.resting = [{} for _ in range(accounts)]
        state.index_seq = [0] * len(market.feeds)
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

    def own_orders(self, account: int, instrument: int) -> Iterator[Order]:
        for order in self.resting[account].values():
            if order.instrument == instrument:
                yield order

    def numbers(self, account: int, instrument: Instrument, extra: Order | None) -> Resting:
        """An account's resting numbers in one book, `extra` being an order under test."""
        resting = Resting()
        for order in self.own_orders(account, instrument.id):
            if not order.reduce_only:
                resting.take(order, instrument.tv)
        if extra is not None and extra.instrument == instrument.id and not extra.reduce_only:
            resting.take(extra, instrument.tv)
        return resting
