"""The reference exchange: slow, plain, and written from the rulebook alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twin import settings
from twin.asks import rejection
from twin.auction import Auction
from twin.bookstate import BookStates
from twin.cash import Cash
from twin.codes import Event, Message, Reason
from twin.conditional import Conditionals
from twin.expiry import sweep
from twin.funding import Funding
from twin.lending import Lending
from twin.liquidation import Liquidation
from twin.listing import Market
from twin.margin import Margin
from twin.marketdata import MarketData
from twin.matching import Matching
from twin.oracle import Oracle
from twin.orders import Orders
from twin.readout import ReadOuts
from twin.settlement import Settlement
from twin.state import State

Handler = Callable[[Sequence[int]], Reason]


def always(act: Callable[[], None]) -> Handler:
    """A message without columns, which nothing refuses."""

    def handle(_: Sequence[int]) -> Reason:
        act()
        return Reason.NONE

    return handle


class ReferenceExchange(ReadOuts):
    """Takes 12-column messages, answers with the 16-column events that each one caused."""

    def __init__(self, listing: dict[str, Any], rules: dict[str, Any], accounts: int) -> None:
        self.market = Market(listing)
        self.memory = State.fresh(self.market, dict(rules), accounts)
        self.margin = Margin(self.memory)
        self.matching = Matching(self.memory, self.margin)
        self.orders = Orders(self.memory, self.margin, self.matching)
        self.conditionals = Conditionals(self.memory, self.orders)
        self.states = BookStates(self.memory, Auction(self.memory, self.margin))
        self.oracle = Oracle(self.memory, self.states)
        self.lending = Lending(self.memory, self.margin)
        self.funding = Funding(self.memory)
        self.cash = Cash(self.memory, self.margin)
        self.settlement = Settlement(self.memory, self.margin)
        self.liquidation = Liquidation(self.memory, self.margin, self.matching)
        self.market_data = MarketData(self.memory)
        self.handlers = self._handlers()

    def handle(self, message: Sequence[int]) -> list[tuple[int, ...]]:
        """Run one message; a refusal is an event too (ORD-04)."""
        self.memory.out = []
        self.memory.now = message[0]
        sweep(self.memory)
        handler = self.handlers.get(message[1])
        reason = handler(message) if handler else Reason.UNKNOWN_KIND
        if reason:
            self.memory.emit(Event.REJECT, **rejection(message, reason))
        self.conditionals.after_trades()
        return [tuple(row) for row in self.memory.out]

    def _mark(self) -> None:
        self.oracle.mark()
        self.conditionals.after_mark()

    def _handlers(self) -> dict[int, Handler]:
        m = Message
        return {
            m.INDEX: self.oracle.index,
            m.MARK: always(self._mark),
            m.PREMIUM: always(self.funding.premium),
            m.FUNDING: always(self.funding.pay),
            m.RESOLVE: self.settlement.resolve,
            m.LIQUIDATE: always(self.liquidation.tick),
            m.DEPOSIT: self.cash.deposit,
            m.POOL: self.cash.pool,
            m.FUND: self.cash.fund,
            m.COMMIT: self.cash.commit,
            m.EXTERNAL: self.oracle.external,
            m.INTEREST: always(self.lending.interest),
            m.SETTLE: always(self.settlement.settle),
            m.PROPOSE: self.settlement.propose,
            m.DISPUTE: self.settlement.dispute,
            m.STATE: self.states.message,
            m.NEW: self.orders.new,
            m.CANCEL: self.orders.cancel,
            m.CANCEL_ALL: self.orders.cancel_all,
            m.REPLACE: self.orders.replace,
            m.MINT: partial(self.cash.sets, merge=False),
            m.MERGE: partial(self.cash.sets, merge=True),
            m.WITHDRAW: self.cash.withdraw,
            m.CONDITIONAL: self.conditionals.message,
            m.CONVERT: self.cash.convert,
            m.LEND: self.lending.lend,
            m.REDEEM: self.lending.redeem,
            m.SETTINGS: partial(settings.change, self.memory),
            m.DISCONNECT: partial(settings.disconnect, self.memory),
            m.TRANSFER: self.cash.transfer,
            m.BOOK: always(self.market_data.book),
            m.DEPTH: always(self.market_data.depth),
        }
