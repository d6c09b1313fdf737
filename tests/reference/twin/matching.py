"""The matching loop and the booking of fills (ORD-01, ORD-02, ORD-06, PRD-04)."""

from __future__ import annotations

from twin.arithmetic import down, up
from twin.books import Order
from twin.codes import BUY, NO, SELL, YES, Event, Reason
from twin.listing import Instrument
from twin.margin import Margin
from twin.state import State


def sells_coins(state: State, order: Order) -> bool:
    """A spot sell."""
    return order.side == SELL and state.market.instruments[order.instrument].is_spot


def coins_of(state: State, order: Order) -> int:
    """Units of the base coin that the owner of a spot order has."""
    coin = state.market.instruments[order.instrument].coin
    return state.ledger.accounts[order.account].coins[coin]


def opposite_size(state: State, order: Order) -> int:
    """Lots of the position that an order of this side would close."""
    held = state.ledger.accounts[order.account].positions[order.instrument].size
    return max(0, -held if order.side == BUY else held)


def is_reducing(state: State, order: Order, resting: bool = False) -> bool:
    """MAR-09; a resting order is asked with nothing else subtracted."""
    i = state.market.instruments[order.instrument]
    holder = state.ledger.accounts[order.account]
    n = state.numbers(order.account, i, None)
    if i.is_perpetual:
        if order.reduce_only:
            return True
        others = 0 if resting else (n.bid_lots if order.side == BUY else n.ask_lots)
        closable = opposite_size(state, order)
        return closable > 0 and order.left <= closable - others
    if i.is_spot:
        others = 0 if resting else n.ask_lots
        free = holder.coins[i.coin] - others
        return order.side == SELL and holder.usdc < 0 and order.left <= free
    if order.own_side != SELL:
        return False
    others = n.sell_yes_lots if order.outcome == YES else n.sell_no_lots
    held = holder.shares[i.event][order.outcome]
    return order.left <= held - (0 if resting else others)


class Matching:
    def __init__(self, state: State, margin: Margin) -> None:
        self.s = state
        self.margin = margin

    # -- fees -------------------------------------------------------------------------------

    def taker_fee(self, i: Instrument, lots: int, price: int) -> int:
        """ORD-06."""
        if i.is_event:
            ppm = round(self.s.rules["event_fee_bps"] * 100)
            return up(lots * min(price, i.payoff - price) * i.tv, ppm)
        return up(lots * price * i.tv, round(self.s.rules["taker_fee_bps"] * 100))

    def maker_fee(self, i: Instrument, lots: int, price: int) -> int:
        """ORD-06; a rebate is negative."""
        if i.is_event:
            return 0
        ppm = round(self.s.rules["maker_fee_bps"] * 100)
        value = lots * price * i.tv
        return up(value, ppm) if ppm >= 0 else -down(value, -ppm)

    # -- the loop ---------------------------------------------------------------------------

    def match(self, taker: Order, forced: bool = False, parent: int = 0) -> int:
        """Trade a taker against its book; returns the lots filled."""
        book = self.s.books[taker.instrument]
        policy = 1 if forced else self.s.rules["self_trade"]
        asked = taker.left
        while taker.left > 0 and book.crosses(taker.side, taker.price):
            maker = book.sides[1 - taker.side][0]
            if maker.account == taker.account:
                if policy != 0:
                    self.s.cancel(maker, Reason.SELF_TRADE)
                if policy != 1:
                    self.s.say_cancelled(taker, Reason.SELF_TRADE)
                    return asked - taker.left
                continue
            cap = maker.left
            if maker.reduce_only:
                cap = opposite_size(self.s, maker)
                if cap == 0:
                    self.s.cancel(maker, Reason.REDUCE_ONLY)
                    continue
            if sells_coins(self.s, maker):
                cap = coins_of(self.s, maker)
                if cap <= 0:
                    self.s.cancel(maker, Reason.INSUFFICIENT_BALANCE)
                    continue
            if self._maker_lacks_margin(maker):
                self.s.cancel(maker, Reason.INSUFFICIENT_MARGIN)
                continue
            self._trade(taker, maker, min(taker.left, maker.left, cap), forced, parent)
            if maker.left == 0:
                self.s.take_out(maker)
            elif maker.reduce_only and opposite_size(self.s, maker) == 0:
                self.s.cancel(maker, Reason.REDUCE_ONLY)
            elif sells_coins(self.s, maker) and coins_of(self.s, maker) == 0:
                self.s.cancel(maker, Reason.INSUFFICIENT_BALANCE)
        filled = asked - taker.left
        if taker.left > 0 and not forced:
            if taker.immediate:
                self.s.say_cancelled(taker, Reason.IMMEDIATE)
            else:
                self.s.rest(taker)
        return filled

    def _maker_lacks_margin(self, maker: Order) -> bool:
        """MAR-09: a resting order that increases risk is tested again when it would fill."""
        if is_reducing(self.s, maker, resting=True):
            return False
        return self.margin.net(maker.account, strict=True) < self.margin.initial(maker.account)

    def _trade(self, taker: Order, maker: Order, t: int, forced: bool, parent: int) -> None:
        i, price = self.s.market.instruments[taker.instrument], maker.price
        minted = self._book_fill(i, taker, maker, t, price)
        taker_fee = 0 if forced else self.taker_fee(i, t, price)
        maker_fee = self.maker_fee(i, t, price)
        self.s.ledger.to_fees(taker.account, taker_fee)
        self.s.ledger.to_fees(maker.account, maker_fee)
        taker.left -= t
        maker.left -= t
        if not forced or self.s.rules["forced_trades_count"]:
            self.s.marks[i.id].last = price
        row = self.s.emit(
            Event.FILL,
            account=taker.account,
            instrument=i.id,
            side=taker.side,
            price=price,
            size=t,
            amount=taker_fee,
            order=taker.id,
            other=maker.account,
            other_order=maker.id,
            code=forced,
            parent=parent if forced else 0,
            x=maker_fee,
            y=minted,
        )
        if forced:
            self.s.forced_fill[i.id] = (row[0], self.s.now)

    def _book_fill(self, i: Instrument, taker: Order, maker: Order, t: int, price: int) -> int:
        """Move what is traded; returns the sets minted."""
        ledger, value = self.s.ledger, t * price * i.tv
        bid, ask = (taker, maker) if taker.side == BUY else (maker, taker)
        if i.is_perpetual:
            for order in (taker, maker):
                sign = 1 if order.side == BUY else -1
                ledger.trade(order.account, i.id, sign * t, sign * value)
            return 0
        buyer, seller = ledger.accounts[bid.account], ledger.accounts[ask.account]
        if i.is_spot:
            buyer.coins[i.coin] += t
            buyer.usdc -= value
            seller.coins[i.coin] -= t
            seller.usdc += value
            return 0
        db = min(buyer.shares[i.event][NO], t) if bid.sells(NO) else 0
        da = min(seller.shares[i.event][YES], t) if ask.sells(YES) else 0
        return ledger.trade_shares(i.event, bid.account, ask.account, t, value, db, da)
