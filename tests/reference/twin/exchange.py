"""The reference exchange: slow, plain, and written from the rulebook alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twin.arithmetic import MILLION
from twin.cash import Cash
from twin.codes import BUY, SELL, Event, Message, Reason
from twin.funding import Funding
from twin.ledger import Ledger
from twin.liquidation import Liquidation
from twin.listing import Market
from twin.margin import Margin
from twin.marketdata import MarketData
from twin.matching import Matching
from twin.oracle import Oracle
from twin.orders import Orders, rejection
from twin.settlement import Settlement
from twin.state import State


class ReferenceExchange:
    """Takes 12-column messages, answers with the 16-column events that each one caused."""

    def __init__(self, listing: dict[str, Any], rules: dict[str, Any], accounts: int) -> None:
        self.market = Market(listing)
        self.state = State.fresh(self.market, dict(rules), accounts)
        self.margin = Margin(self.state)
        self.matching = Matching(self.state, self.margin)
        self.orders = Orders(self.state, self.margin, self.matching)
        self.oracle = Oracle(self.state)
        self.funding = Funding(self.state)
        self.cash = Cash(self.state, self.margin)
        self.settlement = Settlement(self.state)
        self.liquidation = Liquidation(self.state, self.margin, self.matching)
        self.market_data = MarketData(self.state)

    @property
    def ledger(self) -> Ledger:
        return self.state.ledger

    def handle(self, message: Sequence[int]) -> list[tuple[int, ...]]:
        """Run one message; a refusal is an event too (ORD-04)."""
        self.state.out = []
        self.state.now = message[0]
        if message[1] == Message.REPLACE:
            reason, old = self.orders.replace(message)
            if reason:
                self.state.emit(Event.REJECT, **rejection(message, reason))
            if old is not None:
                self.state.say_cancelled(old, Reason.REPLACED)
        else:
            reason = self._dispatch(message)
            if reason:
                self.state.emit(Event.REJECT, **rejection(message, reason))
        return [tuple(row) for row in self.state.out]

    def _dispatch(self, message: Sequence[int]) -> Reason:
        match message[1]:
            case Message.INDEX:
                return self.oracle.index(message)
            case Message.MARK:
                self.oracle.mark()
            case Message.PREMIUM:
                self.funding.premium()
            case Message.FUNDING:
                self.funding.pay()
            case Message.RESOLVE:
                return self.settlement.resolve(message)
            case Message.LIQUIDATE:
                self.liquidation.tick()
            case Message.DEPOSIT:
                return self.cash.deposit(message)
            case Message.POOL:
                return self.cash.pool(message)
            case Message.FUND:
                return self.cash.fund(message)
            case Message.COMMIT:
                return self.cash.commit(message)
            case Message.NEW:
                return self.orders.new(message)
            case Message.CANCEL:
                return self.orders.cancel(message)
            case Message.CANCEL_ALL:
                return self.orders.cancel_all(message)
            case Message.MINT:
                return self.cash.sets(message, merge=False)
            case Message.MERGE:
                return self.cash.sets(message, merge=True)
            case Message.WITHDRAW:
                return self.cash.withdraw(message)
            case Message.BOOK:
                self.market_data.book()
            case Message.DEPTH:
                self.market_data.depth()
            case _:
                return Reason.UNKNOWN_KIND
        return Reason.NONE

    # -- read-outs --------------------------------------------------------------------------

    def balance(self, account: int, asset: int) -> int:
        holder = self.ledger.accounts[account]
        if asset == 0:
            return holder.usdc
        if asset in holder.coins:
            return holder.coins[asset]
        event, outcome = divmod(asset - 1 - len(self.market.coins), 2)
        return holder.shares[event][outcome]

    def position(self, account: int, instrument: int) -> tuple[int, int]:
        p = self.ledger.accounts[account].positions[instrument]
        return p.size, p.cost

    def equity(self, account: int) -> int:
        return self.margin.equity(account)

    def maintenance(self, account: int) -> tuple[float, float]:
        return self.margin.net(account), self.margin.maintenance(account)

    def initial(self, account: int) -> tuple[float, float]:
        return self.margin.net(account, strict=True), self.margin.initial(account)

    def bucket(self, name: str, index: int = 0) -> int:
        """A bucket's balance; `vault` in micro-USDC, one million a set."""
        ledger = self.ledger
        match name:
            case "pool":
                return ledger.pool if index == 0 else 0
            case "external":
                return ledger.external[index]
            case "insurance":
                return ledger.insurance
            case "fees":
                return ledger.fees
            case "rounding":
                return ledger.rounding
            case "clearing":
                return ledger.clearing[index]
            case "vault":
                return ledger.sets[index] * MILLION
        raise KeyError(name)

    def mark(self, instrument: int) -> int:
        return self.state.marks[instrument].mark

    def index(self, feed: int) -> int:
        return self.state.feeds[feed].index

    def twap(self, feed: int) -> int:
        return self.state.feeds[feed].twap

    def book(self, instrument: int) -> list[tuple[int, int, int, int, int]]:
        """(side, price, remaining, order id, account): buys best first, then sells best first."""
        sides = self.state.books[instrument].sides
        return [
            (side, o.price, o.left, o.id, o.account) for side in (BUY, SELL) for o in sides[side]
        ]

    def flagged(self) -> list[int]:
        return sorted(self.state.flagged)
