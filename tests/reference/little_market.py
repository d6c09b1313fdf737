"""A market of one coin at 100 dollars, and short ways to send orders to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engines import Venue
from session import (
    SECOND,
    USD,
    Hand,
    Row,
    coin,
    event,
    feed,
    listing,
    margin,
    perpetual,
    rules,
    spot,
)
from twin.codes import Event, Flag, Message, Reason

Factory = Callable[[dict[str, Any], dict[str, Any], int], Venue]
PERP, SPOT, SHARES = 0, 1, 2
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def open_market(factory: Factory, accounts: int = 4, **changed: Any) -> Hand:
    """BTC at 100 dollars: a perpetual of whole coins, a spot book of tenths, an event of 100 ticks."""
    what = listing(
        feeds=[feed("BTC", USD, 100)],
        assets=[coin("BTC", 10)],
        perpetuals=[perpetual("BTC", 1, margin())],
        spots=[spot("BTC")],
        events=[event()],
    )
    hand = Hand(factory(what, rules(**changed), accounts), accounts)
    hand.index(0, 100)
    for account in range(accounts):
        hand.deposit(account, 10_000)
        hand.ok(Message.DEPOSIT, account=account, instrument=1, size=100)
    return hand


def new(hand: Hand, account: int, side: int, price: int, size: int, **more: int) -> list[Row]:
    """An order in the perpetual unless said."""
    hand.next_order += 1
    columns = {"instrument": PERP, "order": hand.next_order, **more}
    return hand.send(Message.NEW, account=account, side=side, price=price, size=size, **columns)


def wait_for(
    hand: Hand, account: int, side: int, trigger: int, price: int = 0, size: int = 1, **more: int
) -> list[Row]:
    """A conditional order in the perpetual, at the market unless it has a price."""
    hand.next_order += 1
    flags = more.pop("flags", 0) | (0 if price else Flag.MARKET)
    columns = {"instrument": PERP, "order": hand.next_order, **more}
    return hand.send(
        Message.CONDITIONAL,
        account=account,
        side=side,
        price=price,
        size=size,
        arg=trigger,
        flags=flags,
        **columns,
    )


def kinds(rows: list[Row]) -> list[Event]:
    return [Event(r.kind) for r in rows]


def refused(rows: list[Row]) -> Reason:
    """The reason of what was refused, and nothing else happened."""
    assert kinds(rows) == [Event.REJECT], rows
    return Reason(rows[0].code)


def ended(rows: list[Row], reason: Reason) -> list[int]:
    """Ids of the orders that were cancelled for this reason."""
    return [r.order for r in rows if r.kind == Event.CANCELLED and r.code == reason]
