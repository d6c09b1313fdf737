"""NEW, CANCEL, CANCEL_ALL, REPLACE: the checks in their order (ORD-04, MAR-09)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from twin.arithmetic import clamp, usd
from twin.books import Order
from twin.codes import ALL_FLAGS, BUY, NO, SELL, Event, Flag, Grade, Reason
from twin.listing import Instrument
from twin.margin import Margin
from twin.matching import Matching, is_reducing
from twin.state import State


@dataclass(frozen=True)
class Ask:
    """What a sender asks for, in the terms of the outcome he named."""

    account: int
    instrument: int
    side: int
    price: int
    size: int
    flags: int
    order: int
    outcome: int


class Orders:
    def __init__(self, state: State, margin: Margin, matching: Matching) -> None:
        self.s = state
        self.margin = margin
        self.matching = matching

    # -- messages ---------------------------------------------------------------------------

    def new(self, message: Sequence[int]) -> Reason:
        _, _, account, instrument, side, price, size, flags, order, outcome = message[:10]
        ask = Ask(account, instrument, side, price, size, flags, order, outcome)
        return self._submit(ask, replaces=False)

    def cancel(self, message: Sequence[int]) -> Reason:
        order = self._own(message)
        if order is None:
            return Reason.UNKNOWN_ORDER
        self.s.cancel(order, Reason.BY_USER)
        return Reason.NONE

    def cancel_all(self, message: Sequence[int]) -> Reason:
        account, instrument = message[2], message[3]
        if not 0 <= account < len(self.s.ledger.accounts):
            return Reason.UNKNOWN_ACCOUNT
        if not -1 <= instrument < len(self.s.books):
            return Reason.UNKNOWN_INSTRUMENT
        for order in list(self.s.resting[account].values()):
            if instrument in (-1, order.instrument):
                self.s.cancel(order, Reason.BY_USER)
        return Reason.NONE

    def replace(self, message: Sequence[int]) -> tuple[Reason, Order | None]:
        """Returns also the old order, where a refusal leaves it to be said cancelled."""
        old = self._own(message)
        price, size = message[5], message[6]
        if old is None:
            return Reason.UNKNOWN_ORDER, None
        if size <= 0:
            return Reason.BAD_SIZE, None
        i = self.s.market.instruments[old.instrument]
        own_price = i.payoff - old.price if old.outcome == NO else old.price
        if price == own_price and size <= old.left:
            old.left = size
            self._say_accepted(old, replaces=True)
            return Reason.NONE, None
        self.s.take_out(old)
        ask = Ask(old.account, i.id, old.own_side, price, size, old.flags, old.id, old.outcome)
        reason = self._submit(ask, replaces=True)
        return reason, old if reason else None

    def _own(self, message: Sequence[int]) -> Order | None:
        order = self.s.orders.get(message[8])
        return order if order is not None and order.account == message[2] else None

    # -- the checks -------------------------------------------------------------------------

    def _submit(self, ask: Ask, replaces: bool) -> Reason:
        reason = self._malformed(ask)
        if reason:
            return reason
        i = self.s.market.instruments[ask.instrument]
        made = self._priced(ask, i)
        if isinstance(made, Reason):
            return made
        reason = self._refused(made, i) or self._short_of_margin(made, i)
        if reason:
            return reason
        self._say_accepted(made, replaces)
        self.matching.match(made)
        return Reason.NONE

    def _malformed(self, ask: Ask) -> Reason:
        if not 0 <= ask.account < len(self.s.ledger.accounts):
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= ask.instrument < len(self.s.market.instruments):
            return Reason.UNKNOWN_INSTRUMENT
        i, flags = self.s.market.instruments[ask.instrument], ask.flags
        if (
            ask.side not in (BUY, SELL)
            or flags & ~ALL_FLAGS
            or ask.outcome not in ((0, 1) if i.is_event else (0,))
            or (flags & Flag.IOC and flags & Flag.FOK)
            or (flags & Flag.POST_ONLY and flags & (Flag.IOC | Flag.FOK | Flag.MARKET))
            or (flags & Flag.REDUCE_ONLY and not i.is_perpetual)
        ):
            return Reason.BAD_FLAGS
        if not 0 < ask.size <= i.max_size:
            return Reason.BAD_SIZE
        if i.is_event and self.s.winners[i.event] is not None:
            return Reason.BOOK_STATE
        if ask.order <= 0 or ask.order in self.s.orders:
            return Reason.DUPLICATE_ORDER
        return Reason.NONE

    def _priced(self, ask: Ask, i: Instrument) -> Order | Reason:
        """The order in book terms with its limit or bound."""
        side, price = ask.side, ask.price
        if ask.outcome == NO:
            side, price = 1 - side, i.payoff - price
        book = self.s.books[i.id]
        low, high = (1, i.payoff - 1) if i.is_event else self.s.band(i)
        if ask.flags & Flag.MARKET:
            best = book.best(1 - side)
            if best is None:
                return Reason.NO_LIQUIDITY
            reach = math.floor(best * self.s.rules["max_impact_ratio"])
            price = best + reach if side == BUY else best - reach
            price = int(clamp(clamp(price, book.base, book.top), low, high))
        else:
            if ask.price < 1 or (i.is_event and ask.price > i.payoff - 1):
                return Reason.BAD_TICK
            if not (low <= price <= high and book.base <= price <= book.top):
                return Reason.PRICE_OUT_OF_BOUNDS
        size = ask.size
        if ask.flags & Flag.REDUCE_ONLY:
            held = self.s.ledger.accounts[ask.account].positions[i.id].size
            size = min(size, max(0, -held if side == BUY else held))
            if size == 0:
                return Reason.REDUCE_ONLY
        return Order(
            ask.order, ask.account, i.id, side, price, size, ask.flags, ask.outcome, ask.side
        )

    def _refused(self, order: Order, i: Instrument) -> Reason:
        book, flags = self.s.books[i.id], order.flags
        own_price = i.payoff - order.price if order.outcome == NO else order.price
        if not order.reduce_only and order.left * own_price * i.tv < i.min_notional:
            return Reason.MIN_NOTIONAL
        reduces = is_reducing(self.s, order)
        if order.account in self.s.flagged and not reduces:
            return Reason.FLAGGED
        crosses = book.crosses(order.side, order.price)
        if flags & Flag.POST_ONLY and crosses:
            return Reason.WOULD_CROSS
        grade = self.s.grade(i)
        if (not reduces and grade >= Grade.STALE) or (crosses and grade >= Grade.TOO_UNCERTAIN):
            return Reason.STALE_ORACLE
        resting = len(self.s.resting[order.account])
        if not order.immediate and resting >= self.s.rules["max_open_orders"]:
            return Reason.MAX_OPEN_ORDERS
        if flags & Flag.FOK:
            if sum(o.left for o in book.crossing(order.side, order.price)) < order.left:
                return Reason.NO_LIQUIDITY
        return Reason.NONE

    # -- margin -----------------------------------------------------------------------------

    def _short_of_margin(self, order: Order, i: Instrument) -> Reason:
        if is_reducing(self.s, order):
            return self._reducing_test(order, i)
        account = order.account
        holder = self.s.ledger.accounts[account]
        if i.is_spot and order.side == SELL:
            asks = self.s.numbers(account, i, order).ask_lots
            if holder.coins[i.coin] < asks:
                return Reason.INSUFFICIENT_BALANCE
        out = self.margin.outflow(account, order)
        debt_after = out - usd(holder.usdc)
        debt_now = usd(max(0, -holder.usdc))
        raised = out > self.margin.outflow(account)
        if debt_after > 0 and debt_after > debt_now and raised:
            lent = self.s.ledger.pool
            if lent == 0:
                return Reason.INSUFFICIENT_BALANCE
            if usd(self.s.ledger.borrowed()) - debt_now + debt_after > usd(lent):
                return Reason.NO_LIQUIDITY
        if not self.margin.net(account, strict=True) >= self.margin.initial(account, order):
            return Reason.INSUFFICIENT_MARGIN
        return Reason.NONE

    def _reducing_test(self, order: Order, i: Instrument) -> Reason:
        """MAR-09: refused only if, filled whole, E would be below 0 and lower than before."""
        before = self.margin.equity(order.account)
        gap = order.price - self.s.reference(i)
        if order.side == BUY:
            gap = -gap
        fee = self.matching.taker_fee(i, order.left, order.price)
        after = before + gap * order.left * i.tv - fee
        if after < 0 and after < before:
            return Reason.INSUFFICIENT_MARGIN
        return Reason.NONE

    def _say_accepted(self, order: Order, replaces: bool) -> None:
        self.s.emit(
            Event.ORDER,
            account=order.account,
            instrument=order.instrument,
            side=order.side,
            price=order.price,
            size=order.left,
            order=order.id,
            code=order.flags,
            x=order.outcome,
            y=replaces,
        )


def rejection(message: Sequence[int], reason: Reason) -> dict[str, int]:
    """The columns of REJECT: the message repeated."""
    return {
        "account": message[2],
        "instrument": message[3],
        "side": message[4],
        "price": message[5],
        "size": message[6],
        "order": message[8],
        "code": reason,
        "x": message[1],
    }
