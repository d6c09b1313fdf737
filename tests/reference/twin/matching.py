"""The matching loop (ORD-01, ORD-02, ORD-05)."""

from __future__ import annotations

from twin.booking import book_fill
from twin.books import Order
from twin.codes import BookState, Event, Reason
from twin.fees import count_volume, maker_fee, taker_fee
from twin.listing import Instrument
from twin.margin import Margin
from twin.reducing import cap, flaw, room, same_owner, settle_rest
from twin.state import State
from twin.volatility import halts


class Matching:
    def __init__(self, state: State, margin: Margin) -> None:
        self.s = state
        self.margin = margin

    def match(self, taker: Order, forced: bool = False, parent: int = 0) -> int:
        """Trade a taker against its book; returns the lots filled."""
        i = self.s.market.instruments[taker.instrument]
        asked = taker.left
        stopped = False
        if self.s.phases[i.id].state != BookState.AUCTION:
            stopped = self._trade_on(i, taker, forced, parent)
        if taker.left > 0 and not forced and not stopped:
            if taker.immediate:
                self.s.say_cancelled(taker, Reason.IMMEDIATE)
            else:
                self.s.rest(taker)
        return asked - taker.left

    def _trade_on(self, i: Instrument, taker: Order, forced: bool, parent: int) -> bool:
        """The loop; True if self-trade prevention ended the taker."""
        book = self.s.books[i.id]
        policy = 1 if forced else self.s.rules["self_trade"]
        while taker.left > 0 and book.crosses(taker.side, taker.price):
            maker = book.sides[1 - taker.side][0]
            if halts(self.s, i, maker.price):
                return False
            if same_owner(self.s, maker.account, taker.account):
                if policy != 0:
                    self.s.cancel(maker, Reason.SELF_TRADE)
                if policy != 1:
                    self.s.say_cancelled(taker, Reason.SELF_TRADE)
                    return True
                continue
            reason = flaw(self.s, self.margin, maker)
            if reason:
                self.s.cancel(maker, reason)
                continue
            deliverable = room(self.s, maker)
            t = min(taker.left, cap(self.s, maker))
            self._trade(i, taker, maker, t, forced, parent)
            settle_rest(self.s, maker, t, deliverable)
        return False

    def _trade(
        self, i: Instrument, taker: Order, maker: Order, t: int, forced: bool, parent: int
    ) -> None:
        price = maker.price
        minted = book_fill(self.s, i, taker, maker, t, price)
        paid = 0 if forced else taker_fee(self.s, i, t, price, taker.account)
        made = maker_fee(self.s, i, t, price, maker.account)
        self.s.ledger.to_fees(taker.account, paid, i.settles)
        self.s.ledger.to_fees(maker.account, made, i.settles)
        count_volume(self.s, i, t, price, *([] if forced else [taker.account]), maker.account)
        taker.left -= t
        maker.left -= t
        if not forced or self.s.rules["forced_trades_count"]:
            self.s.set_last(i, price)
        row = self.s.emit(
            Event.FILL,
            account=taker.account,
            instrument=i.id,
            side=taker.side,
            price=price,
            size=t,
            amount=paid,
            order=taker.id,
            other=maker.account,
            other_order=maker.id,
            code=forced,
            parent=parent if forced else 0,
            x=made,
            y=minted,
        )
        if forced:
            self.s.forced_fill[i.id] = (row[0], self.s.now)
