"""Stops and take-profits: when they fire, what they do then, how they end (ORD-01)."""

from __future__ import annotations

import pytest
from little_market import (
    DAY,
    PERP,
    SHARES,
    SPOT,
    Factory,
    ended,
    kinds,
    new,
    open_market,
    refused,
    wait_for,
)
from session import SECOND, Hand
from twin.codes import BUY, SELL, Event, Flag, Message, Reason


def quoted(hand: Hand, bid: int, ask: int) -> None:
    """Somebody to trade with, at any size the tests ask for."""
    hand.order(3, PERP, BUY, bid, 100)
    hand.order(3, PERP, SELL, ask, 100)


@pytest.mark.spec("ORD-01")
@pytest.mark.parametrize(
    ("side", "flags", "fires_at"),
    [
        (SELL, 0, {95, 94}),
        (SELL, Flag.TAKE_PROFIT, {95, 96}),
        (BUY, 0, {95, 96}),
        (BUY, Flag.TAKE_PROFIT, {95, 94}),
    ],
)
def test_stops_and_take_profits_by_index(
    venue_factory: Factory, side: int, flags: int, fires_at: set[int]
) -> None:
    for level in (94, 95, 96):
        hand = open_market(venue_factory)
        wait_for(hand, 0, side, 95, flags=flags | Flag.BY_INDEX)
        quoted(hand, 99, 101)
        hand.index(0, level)
        rows = hand.send(Message.MARK)
        fired = [r for r in rows if r.kind == Event.TRIGGER]
        assert bool(fired) == (level in fires_at)
        for row in fired:
            assert (row.price, row.side, row.code, row.account) == (level, side, 2, 0)
            assert kinds(rows)[kinds(rows).index(Event.TRIGGER) :] == [
                Event.TRIGGER,
                Event.ORDER,
                Event.FILL,
            ]


@pytest.mark.spec("ORD-01")
def test_a_stop_waits_outside_the_book_until_its_mark(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    rows = wait_for(hand, 0, BUY, 103, price=120, size=4, flags=Flag.GTD, arg2=hand.now + DAY)
    accepted = rows[0]
    assert kinds(rows) == [Event.CONDITIONAL]
    assert (accepted.price, accepted.size, accepted.x, accepted.y) == (120, 4, 103, 0)
    assert accepted.code == Flag.GTD
    assert hand.venue.book(PERP) == []
    quoted(hand, 101, 103)
    assert Event.TRIGGER not in kinds(hand.ok(Message.MARK))
    assert hand.venue.mark(PERP) == 101
    hand.order(2, PERP, BUY, 103, 1)
    hand.index(0, 103)
    rows = hand.send(Message.MARK)
    assert hand.venue.mark(PERP) == 103
    trigger, order, fill = rows[-3:]
    assert kinds(rows[-3:]) == [Event.TRIGGER, Event.ORDER, Event.FILL]
    assert (trigger.code, trigger.price, trigger.order) == (0, 103, accepted.order)
    assert (order.order, order.code, order.price) == (accepted.order, Flag.GTD, 120)
    assert (fill.account, fill.size, fill.price) == (0, 4, 103)
    assert Event.TRIGGER not in kinds(hand.send(Message.MARK))


@pytest.mark.spec("ORD-01")
def test_stops_by_last_set_each_other_off_in_rounds(venue_factory: Factory) -> None:
    """Each market sell trades lower and touches the next; the third in the list comes last."""
    hand = open_market(venue_factory)
    low = wait_for(hand, 1, SELL, 97, flags=Flag.BY_LAST)[0].order
    high = wait_for(hand, 0, SELL, 98, flags=Flag.BY_LAST)[0].order
    untouched = wait_for(hand, 1, SELL, 95, flags=Flag.BY_LAST)[0].order
    for price in (98, 97, 96):
        hand.order(3, PERP, BUY, price, 1)
    rows = new(hand, 2, SELL, 98, 1)
    fired = [(r.order, r.price, r.code) for r in rows if r.kind == Event.TRIGGER]
    assert fired == [(high, 98, 1), (low, 97, 1)]
    assert [r.price for r in rows if r.kind == Event.FILL] == [98, 97, 96]
    assert ended(hand.send(Message.CANCEL, account=1, order=untouched), Reason.BY_USER)


@pytest.mark.spec("ORD-01")
def test_a_source_that_does_not_exist_fires_nothing(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    wait_for(hand, 0, SELL, 200, flags=Flag.BY_LAST)
    quoted(hand, 99, 101)
    assert Event.TRIGGER not in kinds(hand.send(Message.MARK))


@pytest.mark.spec("ORD-01")
def test_a_conditional_order_for_no_is_tested_in_yes_terms(venue_factory: Factory) -> None:
    """A stop that sells NO when NO falls to 40: a YES buy once YES is at 60."""
    hand = open_market(venue_factory)
    hand.ok(Message.MINT, account=0, instrument=0, size=10)
    row = wait_for(hand, 0, SELL, 40, price=35, size=10, instrument=SHARES, flags=Flag.NO)[0]
    assert (row.side, row.x, row.price, row.code) == (BUY, 60, 35, Flag.NO)
    hand.order(3, SHARES, BUY, 58, 5)
    hand.order(3, SHARES, SELL, 62, 20)
    assert Event.TRIGGER not in kinds(hand.send(Message.MARK))
    assert hand.venue.mark(SHARES) == 58
    hand.order(2, SHARES, BUY, 60, 5)
    hand.order(1, SHARES, SELL, 61, 5)
    rows = hand.send(Message.MARK)
    assert hand.venue.mark(SHARES) == 60
    fill = next(r for r in rows if r.kind == Event.FILL)
    assert (fill.account, fill.side, fill.price, fill.size) == (0, BUY, 61, 5)


@pytest.mark.spec("ORD-01")
def test_a_fired_order_may_be_refused(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    order = wait_for(hand, 0, SELL, 99, size=3, flags=Flag.BY_INDEX | Flag.REDUCE_ONLY)[0].order
    quoted(hand, 99, 101)
    hand.index(0, 99)
    rows = hand.send(Message.MARK)
    trigger, reject = rows[-2:]
    assert kinds(rows[-2:]) == [Event.TRIGGER, Event.REJECT]
    assert (reject.code, reject.x) == (Reason.REDUCE_ONLY, Message.CONDITIONAL)
    assert (reject.side, reject.size, reject.order) == (SELL, 3, order)
    assert trigger.order == order
    assert refused(hand.send(Message.CANCEL, account=0, order=order)) == Reason.UNKNOWN_ORDER


@pytest.mark.spec("ORD-01")
def test_a_conditional_order_expires_at_a_mark(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    flags = Flag.GTD | Flag.BY_INDEX
    order = wait_for(hand, 0, SELL, 99, price=90, flags=flags, arg2=hand.now + SECOND)[0].order
    hand.index(0, 99)
    hand.wait(1)
    assert ended(hand.send(Message.PREMIUM), Reason.EXPIRED) == []
    rows = hand.send(Message.MARK)
    assert ended(rows, Reason.EXPIRED) == [order]
    assert Event.TRIGGER not in kinds(rows)


@pytest.mark.spec("ORD-01")
@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"account": 9}, Reason.UNKNOWN_ACCOUNT),
        ({"instrument": 3}, Reason.UNKNOWN_INSTRUMENT),
        ({"side": 2}, Reason.BAD_FLAGS),
        ({"flags": 1024}, Reason.BAD_FLAGS),
        ({"flags": Flag.NO}, Reason.BAD_FLAGS),
        ({"flags": Flag.BY_LAST | Flag.BY_INDEX}, Reason.BAD_FLAGS),
        ({"flags": Flag.BY_INDEX, "instrument": SHARES, "price": 50}, Reason.BAD_FLAGS),
        ({"flags": Flag.REDUCE_ONLY, "instrument": SPOT}, Reason.BAD_FLAGS),
        ({"size": 0}, Reason.BAD_SIZE),
        ({"order": 0}, Reason.DUPLICATE_ORDER),
        ({"order": 1}, Reason.DUPLICATE_ORDER),
        ({"arg": 0}, Reason.BAD_TICK),
        ({"price": 0}, Reason.BAD_TICK),
        ({"arg": 100, "instrument": SHARES, "price": 50}, Reason.BAD_TICK),
        ({"arg": 50, "instrument": SHARES, "price": 100}, Reason.BAD_TICK),
    ],
)
def test_conditional_orders_are_checked(
    venue_factory: Factory, columns: dict[str, int], reason: Reason
) -> None:
    hand = open_market(venue_factory)
    wait_for(hand, 0, BUY, 110, price=120, order=1)
    given = {
        "account": 0,
        "instrument": PERP,
        "side": BUY,
        "price": 120,
        "size": 1,
        "order": 2,
        "arg": 50,
        **columns,
    }
    rows = hand.send(Message.CONDITIONAL, **given)
    assert refused(rows) == reason
    assert rows[0].x == Message.CONDITIONAL


@pytest.mark.spec("ORD-04")
def test_conditional_orders_count_as_open(venue_factory: Factory) -> None:
    hand = open_market(venue_factory, max_open_orders=2)
    wait_for(hand, 0, BUY, 110)
    new(hand, 0, BUY, 90, 1)
    assert refused(new(hand, 0, BUY, 90, 1)) == Reason.MAX_OPEN_ORDERS
    assert refused(wait_for(hand, 0, BUY, 110)) == Reason.MAX_OPEN_ORDERS
    assert kinds(new(hand, 0, BUY, 90, 1, flags=Flag.IOC)) == [Event.ORDER, Event.CANCELLED]


@pytest.mark.spec("ORD-01")
def test_conditional_orders_are_replaced_in_place(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    order = wait_for(hand, 0, SELL, 97, price=90, size=2, flags=Flag.BY_LAST)[0].order
    rows = hand.send(Message.REPLACE, account=0, order=order, price=91, size=5)
    row = rows[0]
    assert kinds(rows) == [Event.CONDITIONAL]
    assert (row.price, row.size, row.x, row.y, row.code) == (91, 5, 97, 1, Flag.BY_LAST)
    for price, size, reason in ((91, 0, Reason.BAD_SIZE), (0, 1, Reason.BAD_TICK)):
        rows = hand.send(Message.REPLACE, account=0, order=order, price=price, size=size)
        assert refused(rows) == reason
    rows = hand.send(Message.REPLACE, account=1, order=order, price=91, size=5)
    assert refused(rows) == Reason.UNKNOWN_ORDER


@pytest.mark.spec("ORD-01")
def test_nothing_fires_on_a_price_the_guard_distrusts(venue_factory: Factory) -> None:
    """Confidence of 3 % of the price: TOO_UNCERTAIN (3), below the guard's 4."""
    for guard, fires in ((4, True), (3, False)):
        hand = open_market(venue_factory, guard_trigger=guard)
        wait_for(hand, 0, SELL, 99, flags=Flag.BY_INDEX)
        hand.send(Message.INDEX, instrument=0, price=99, size=3, arg=hand.now, arg2=3)
        assert (Event.TRIGGER in kinds(hand.send(Message.MARK))) == fires
