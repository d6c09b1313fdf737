"""What an order must leave the account with (MAR-09)."""

from __future__ import annotations

from twin.arithmetic import usd
from twin.books import Order
from twin.codes import BUY, SELL, Reason
from twin.fees import taker_fee
from twin.listing import Instrument
from twin.margin import Margin
from twin.pools import room_to_borrow
from twin.reducing import is_reducing
from twin.state import State


class Risk:
    def __init__(self, state: State, margin: Margin) -> None:
        self.s = state
        self.margin = margin

    def refusal(self, order: Order, i: Instrument) -> Reason:
        """NONE if the order passes."""
        if is_reducing(self.s, order):
            return self._reducing(order, i)
        reason = self._coins(order, i) or self._dollars(order)
        if reason:
            return reason
        need = self.margin.initial(order.account, order)
        if not self.margin.net(order.account, strict=True) >= need:
            return Reason.INSUFFICIENT_MARGIN
        return Reason.NONE

    def _coins(self, order: Order, i: Instrument) -> Reason:
        """(a) A spot sell may deliver coins that it has, or can borrow."""
        if not i.is_spot or order.side != SELL:
            return Reason.NONE
        balance = self.s.ledger.accounts[order.account].coins[i.coin]
        owed = self.s.numbers(order.account, i, order).ask_lots - balance
        debt_now = max(0, -balance)
        if owed <= debt_now:
            return Reason.NONE
        if not self.s.market.coin(i.coin).borrowable:
            return Reason.INSUFFICIENT_BALANCE
        reason = room_to_borrow(self.s, i.coin, owed, debt_now)
        if not reason and self.s.grade(i) >= self.s.rules["guard_borrow"]:
            return Reason.STALE_ORACLE
        return reason

    def _dollars(self, order: Order) -> Reason:
        """(b) Resting orders may cost USDC that the account has, or can borrow."""
        usdc = self.s.ledger.accounts[order.account].usdc
        out = self.margin.outflow(order.account, order)
        debt_after = out - usd(usdc)
        debt_now = usd(max(0, -usdc))
        if debt_after <= 0 or debt_after <= debt_now:
            return Reason.NONE
        if not out > self.margin.outflow(order.account):
            return Reason.NONE
        lent, terms = self.s.ledger.pool[0], self.s.market.usdc_lending
        if lent == 0:
            return Reason.INSUFFICIENT_BALANCE
        total = usd(self.s.ledger.borrowed()) - debt_now + debt_after
        if total > terms.throttle * usd(lent):
            return Reason.NO_LIQUIDITY
        if terms.borrow_cap_units and total > usd(terms.borrow_cap_units):
            return Reason.NO_LIQUIDITY
        return Reason.NONE

    def _reducing(self, order: Order, i: Instrument) -> Reason:
        """Refused only if, filled whole, E would be below 0 and lower than before."""
        before = self.margin.equity(order.account)
        fee = taker_fee(self.s, i, order.left, order.price, None)
        if i.is_inverse:
            d = order.left if order.side == BUY else -order.left
            gain = i.pv(d, self.s.reference(i)) - i.pv(d, order.price)
            after = before + (gain - fee) * self.s.feeds[i.feed].index * i.tv
        else:
            gap = order.price - self.s.reference(i)
            if order.side == BUY:
                gap = -gap
            after = before + gap * order.left * i.tv - fee
        if after < 0 and after < before:
            return Reason.INSUFFICIENT_MARGIN
        return Reason.NONE
