"""Marks lie within what they were made of, or at their clamp, as far as events show it (I16)."""

from __future__ import annotations

import math

from sim.exchange import messages as ms
from sim.exchange.audit_tape import Row, Tape
from sim.exchange.instruments import MICRO, Kind
from sim.exchange.instruments import Event as EventListing


def book_median(bid: int, ask: int, last: int) -> float | None:
    """Median of what a book shows (-1: nothing), None when nobody quotes (PRC-02)."""
    if bid < 0 and ask < 0:
        return None
    seen = sorted(x for x in (bid, ask, last) if x >= 0)
    return float(seen[1]) if len(seen) == 3 else sum(seen) / len(seen)


class Marks:
    """Checks every MARK row; of the EMAs behind a mark the stream shows too little."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.old: dict[int, int] = {}
        self.outside: dict[int, tuple[int, int]] = {}  # external mid and the time of its reading

    def external(self, row: Row) -> None:
        self.outside[row[ms.E_INSTRUMENT]] = (row[ms.E_PRICE], row[ms.E_X])

    def mark(self, row: Row) -> None:
        i, mark = row[ms.E_INSTRUMENT], row[ms.E_PRICE]
        place = self.tape.places[i]
        self.tape.blame("I18", self.tape.ended[i])
        if isinstance(place.item, EventListing):
            bid, ask, last = max(row[ms.E_X], 0), row[ms.E_Y], row[ms.E_AMOUNT]
            payoff = place.item.payoff_ticks
            ask = payoff if ask < 0 else ask
            middle = sorted((bid, ask, last if last >= 0 else payoff / len(place.item.shares)))[1]
            self.tape.blame("I16", mark != round(middle))
            return
        index = self.tape.index[place.feed]
        self.tape.blame("I16", row[ms.E_SIZE] != index)
        if place.kind == Kind.SPOT:
            self.tape.blame("I16", mark != index)
            return
        self.tape.blame("I16", mark < 1)
        if self.tape.rules is not None:
            self._derivative(i, row)
        self.old[i] = mark

    def _derivative(self, i: int, row: Row) -> None:
        rules, tape, mark = self.tape.rules, self.tape, row[ms.E_PRICE]
        assert rules is not None
        declared = tape.listing.feeds[tape.places[i].feed].index_ticks
        old = self.old.get(i, declared)
        low = math.ceil(old * rules.mark_min_multiplier)
        high = math.floor(old * rules.mark_max_multiplier)
        known = rules.mark_average_cap == 0  # of the average behind the other clamp, no row tells
        if row[ms.E_CODE]:
            tape.blame("I16", known and mark not in (low, high))
            return
        if known and i in self.old:  # nothing clamps an instrument's first mark
            tape.blame("I16", not low <= mark <= high)
        price, read = self.outside.get(i, (0, 0))
        fresh = row[ms.E_TIME] - read <= round(rules.external_stale_s * MICRO)
        median = book_median(row[ms.E_X], row[ms.E_Y], row[ms.E_AMOUNT])
        if price > 0 and fresh and median is not None:
            # the median of three lies between any two of them
            bottom, top = math.floor(min(median, price)), math.ceil(max(median, price))
            tape.blame("I16", not bottom <= mark <= max(1, top))
