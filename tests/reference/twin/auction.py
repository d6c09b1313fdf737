"""Uncrossing a book at one price (ORD-03)."""

from __future__ import annotations

from twin.booking import book_fill
from twin.books import Order
from twin.codes import BUY, SELL, Event, Reason
from twin.fees import count_volume, taker_fee
from twin.listing import Instrument
from twin.margin import Margin
from twin.reducing import cap, flaw, room, same_owner, settle_rest
from twin.state import State


class Auction:
    def __init__(self, state: State, margin: Margin) -> None:
        self.s = state
        self.margin = margin

    def price(self, i: Instrument) -> int | None:
        """The uniform price; None where the book is not crossed."""
        book = self.s.books[i.id]
        bid, ask = book.best(BUY), book.best(SELL)
        if bid is None or ask is None or bid < ask:
            return None
        bids, asks = dict(book.levels(BUY)), dict(book.levels(SELL))
        mark = self.s.marks[i.id].mark
        demand = sum(lots for price, lots in bids.items() if price >= ask)
        supply, best = 0, None
        for p in range(ask, bid + 1):
            supply += asks.get(p, 0)
            rank = (-min(demand, supply), abs(demand - supply), abs(p - mark), p)
            if best is None or rank < best:
                best = rank
            demand -= bids.get(p, 0)
        assert best is not None
        return best[3]

    def uncross(self, i: Instrument) -> tuple[int, int]:
        """Trade until nothing crosses; returns (last price, lots), (0, 0) if nothing traded."""
        self._drop_own_asks(i)
        last, total = 0, 0
        while (p := self.price(i)) is not None:
            lots = self._uncross_at(i, p)
            if lots:
                self.s.set_last(i, p)
                last, total = p, total + lots
        return last, total

    def _drop_own_asks(self, i: Instrument) -> None:
        """Nobody sets the price with lots that would meet only one's own bid."""
        book = self.s.books[i.id]
        for a in list(book.sides[SELL]):
            own = [b for b in book.sides[BUY] if same_owner(self.s, a.account, b.account)]
            if own and own[0].price >= a.price:
                self.s.cancel(a, Reason.SELF_TRADE)

    def _uncross_at(self, i: Instrument, p: int) -> int:
        """Trade at this price; weeding may leave a book that crosses elsewhere."""
        book, total = self.s.books[i.id], 0
        while book.sides[BUY] and book.sides[SELL]:
            b, a = book.sides[BUY][0], book.sides[SELL][0]
            if not b.price >= p >= a.price:
                break
            if same_owner(self.s, a.account, b.account):
                self.s.cancel(a, Reason.SELF_TRADE)
                continue
            if self._weeded(b) or self._weeded(a):
                continue
            total += self._meet(i, b, a, p)
        return total

    def _weeded(self, order: Order) -> bool:
        """Cancel an order that may not trade."""
        reason = flaw(self.s, self.margin, order)
        if reason:
            self.s.cancel(order, reason)
        return bool(reason)

    def _meet(self, i: Instrument, b: Order, a: Order, p: int) -> int:
        """Both pay the taker fee; the buyer is booked first."""
        deliverable = room(self.s, a)
        t = min(cap(self.s, b), cap(self.s, a))
        minted = book_fill(self.s, i, b, a, t, p)
        paid = [taker_fee(self.s, i, t, p, order.account) for order in (b, a)]
        for order, fee in zip((b, a), paid, strict=True):
            self.s.ledger.to_fees(order.account, fee, i.settles)
            order.left -= t
        count_volume(self.s, i, t, p, b.account, a.account)
        self.s.emit(
            Event.FILL,
            account=b.account,
            instrument=i.id,
            side=BUY,
            price=p,
            size=t,
            amount=paid[0],
            order=b.id,
            other=a.account,
            other_order=a.id,
            code=2,
            x=paid[1],
            y=minted,
        )
        settle_rest(self.s, b, t, None)
        settle_rest(self.s, a, t, deliverable)
        return t
