"""What orders may be, when they end, who trades with whom, what it costs (ORD-01 to ORD-06)."""

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
from session import SECOND, USD, Hand, coin, feed, listing, margin, perpetual, rules, spot
from twin.codes import BUY, SELL, BookState, Event, Flag, Message, Reason

# -- good till a date -----------------------------------------------------------------------


@pytest.mark.spec("ORD-01")
def test_orders_expire_by_expiry_then_id(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    start = hand.now
    for order, seconds in ((30, 20), (10, 20), (20, 5), (40, 21)):
        new(hand, 0, BUY, 90, 1, order=order, flags=Flag.GTD, arg2=start + seconds * SECOND)
    hand.wait(19)
    assert ended(hand.send(Message.PREMIUM), Reason.EXPIRED) == [20]
    hand.wait(1)
    rows = new(hand, 1, SELL, 90, 5)
    assert ended(rows, Reason.EXPIRED) == [10, 30]
    assert {r.time_us for r in rows} == {hand.now}
    assert [(r.other_order, r.size) for r in rows if r.kind == Event.FILL] == [(40, 1)]


@pytest.mark.spec("ORD-01")
def test_an_expiry_must_lie_ahead_of_an_order_that_rests(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    for flags, expiry in (
        (Flag.GTD, hand.now),
        (Flag.GTD | Flag.IOC, hand.now + 1),
        (Flag.GTD | Flag.FOK, hand.now + 1),
        (Flag.GTD | Flag.MARKET, hand.now + 1),
    ):
        rows = new(hand, 0, BUY, 90, 1, flags=flags, arg2=expiry)
        assert refused(rows) == Reason.BAD_FLAGS
    assert kinds(new(hand, 0, BUY, 90, 1, arg2=hand.now - 1)) == [Event.ORDER]


@pytest.mark.spec("ORD-01")
def test_a_replaced_order_keeps_its_expiry(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    new(hand, 0, BUY, 90, 1, order=7, flags=Flag.GTD, arg2=hand.now + 10 * SECOND)
    hand.wait(1)
    rows = hand.ok(Message.REPLACE, account=0, order=7, price=91, size=3)
    assert [(r.price, r.size, r.code, r.y) for r in rows] == [(91, 3, Flag.GTD, 1)]
    hand.wait(9)
    assert ended(hand.send(Message.PREMIUM), Reason.EXPIRED) == [7]


# -- cancelling -----------------------------------------------------------------------------


@pytest.mark.spec("ORD-01")
def test_everything_goes_resting_orders_first(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    wait_for(hand, 0, BUY, 110, order=11)
    new(hand, 0, BUY, 90, 2, order=12)
    new(hand, 0, BUY, 95, 2, order=13)
    wait_for(hand, 0, BUY, 109, order=14, instrument=SPOT)
    hand.ok(Message.REPLACE, account=0, order=12, price=91, size=2)
    rows = hand.send(Message.CANCEL_ALL, account=0, instrument=PERP)
    assert ended(rows, Reason.BY_USER) == [13, 12, 11]
    assert ended(hand.send(Message.CANCEL, account=0, order=14), Reason.BY_USER) == [14]
    assert hand.send(Message.CANCEL_ALL, account=0, instrument=-1) == []


@pytest.mark.spec("ORD-01")
def test_cancel_on_disconnect(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    new(hand, 0, BUY, 90, 2, order=21)
    wait_for(hand, 0, BUY, 110, order=22, instrument=SPOT)
    new(hand, 1, BUY, 90, 2, order=23)
    assert hand.send(Message.DISCONNECT, account=0) == []
    row = hand.ok(Message.SETTINGS, account=0, flags=1)[0]
    assert (row.kind, row.code, row.x) == (Event.SETTINGS, 1, 0)
    rows = hand.send(Message.DISCONNECT, account=0)
    assert ended(rows, Reason.DISCONNECTED) == [21, 22]
    assert refused(hand.send(Message.DISCONNECT, account=4)) == Reason.UNKNOWN_ACCOUNT
    for columns in ({"flags": 4}, {"arg": 5}, {"arg": -1}):
        rows = hand.send(Message.SETTINGS, account=0, **columns)
        assert refused(rows) == Reason.BAD_FLAGS


@pytest.mark.spec("ORD-02")
@pytest.mark.parametrize("by_owner", [False, True])
def test_accounts_of_one_owner_do_not_trade(venue_factory: Factory, by_owner: bool) -> None:
    hand = open_market(venue_factory, self_trade_by_owner=by_owner, self_trade=1)
    row = hand.ok(Message.SETTINGS, account=1, arg=1)[0]
    assert (row.code, row.x) == (0, 0)
    hand.order(1, PERP, SELL, 100, 1)
    own = hand.next_order
    hand.order(2, PERP, SELL, 101, 1)
    rows = new(hand, 0, BUY, 101, 1)
    assert ended(rows, Reason.SELF_TRADE) == ([own] if by_owner else [])
    assert [r.price for r in rows if r.kind == Event.FILL] == [101 if by_owner else 100]


# -- fees -----------------------------------------------------------------------------------


@pytest.mark.spec("ORD-06")
def test_fees_follow_the_volume_of_thirty_days(venue_factory: Factory) -> None:
    tiers = (
        {"volume_usd": 1_000.0, "maker_bps": 1.0, "taker_bps": 5.0},
        {"volume_usd": 5_000.0, "maker_bps": -1.0, "taker_bps": 4.0},
    )
    hand = open_market(
        venue_factory, fee_tiers=tiers, maker_fee_bps=2.0, taker_fee_bps=10.0, stale_guard=False
    )

    def trade(size: int) -> tuple[int, int]:
        """Fees in cents of a dollar of account 0 who takes, and of 1 who makes."""
        hand.order(1, PERP, SELL, 100, size)
        fill = hand.order(0, PERP, BUY, 100, size)[-1]
        assert fill.kind == Event.FILL
        return fill.amount, fill.x

    def mark() -> list[tuple[int, int]]:
        rows = hand.ok(Message.MARK)
        return [(r.account, r.code) for r in rows if r.kind == Event.FEE_TIER]

    hand.now += DAY - hand.now % DAY
    assert trade(90) == (9 * USD, 9 * USD // 5)  # before the first MARK: not counted
    assert mark() == []
    trade(9)
    hand.now += DAY
    assert mark() == []  # 900 dollars
    trade(1)
    hand.now += DAY
    assert mark() == [(0, 1), (1, 1)]  # 1,000
    assert trade(1) == (50_000, 10_000)
    hand.order(2, PERP, SELL, 100, 40)
    hand.order(0, PERP, BUY, 100, 40)
    assert mark() == []
    hand.now += DAY
    assert mark() == [(0, 2), (2, 1)]  # 5,100; 1,100; 4,000
    hand.order(0, PERP, SELL, 100, 10)
    fill = hand.order(1, PERP, BUY, 100, 10)[-1]
    assert (fill.amount, fill.x) == (500_000, -100_000)
    hand.now += DAY
    assert mark() == []  # 6,100; 2,100; 4,000
    hand.now += 28 * DAY
    assert mark() == []  # thirty days on from the 4,100 dollars: they still count
    hand.now += DAY
    assert mark() == [(0, 1), (2, 0)]  # 1,000; 1,000; 0
    hand.now += DAY
    assert mark() == [(0, 0), (1, 0)]


# -- guards ---------------------------------------------------------------------------------


@pytest.mark.spec("PRC-04")
def test_guards_are_grades_from_the_rules(venue_factory: Factory) -> None:
    hand = open_market(venue_factory, guard_increase=2, guard_fill=1)
    hand.order(3, PERP, SELL, 101, 5)
    hand.wait(61)  # STALE
    assert kinds(new(hand, 0, BUY, 100, 1)) == [Event.ORDER]
    assert refused(new(hand, 0, BUY, 101, 1)) == Reason.STALE_ORACLE
    hand.send(Message.INDEX, instrument=0, price=100, arg=hand.now, arg2=0)  # too few sources
    assert refused(new(hand, 0, BUY, 100, 1)) == Reason.STALE_ORACLE


@pytest.mark.spec("PRC-02")
def test_external_mids_join_the_mark_while_fresh(venue_factory: Factory) -> None:
    hand = open_market(venue_factory, external_stale_s=10.0)
    row = hand.ok(Message.EXTERNAL, instrument=PERP, price=110, arg=hand.now)[0]
    assert (row.kind, row.price, row.x) == (Event.EXTERNAL, 110, hand.now)
    hand.ok(Message.MARK)
    assert hand.venue.mark(PERP) == 105
    hand.wait(10)
    hand.ok(Message.MARK)
    assert hand.venue.mark(PERP) == 105
    hand.wait(1)
    hand.ok(Message.MARK)
    assert hand.venue.mark(PERP) == 100
    hand.ok(Message.EXTERNAL, instrument=PERP, price=120, arg=hand.now)
    hand.ok(Message.EXTERNAL, instrument=PERP, price=0, arg=hand.now)
    assert hand.ok(Message.MARK) == []
    rows = hand.send(Message.EXTERNAL, instrument=PERP, price=6401, arg=hand.now)
    assert refused(rows) == Reason.PRICE_OUT_OF_BOUNDS
    for instrument in (SPOT, -1, 9):
        rows = hand.send(Message.EXTERNAL, instrument=instrument, price=100, arg=hand.now)
        assert refused(rows) == Reason.UNKNOWN_INSTRUMENT


@pytest.mark.spec("PRC-01")
def test_a_feed_may_read_its_own_book(venue_factory: Factory) -> None:
    what = listing(
        feeds=[{**feed("BTC", USD, 100), "own_book": "BTC/USDC"}],
        assets=[coin("BTC", 10)],
        perpetuals=[perpetual("BTC", 1, margin())],
        spots=[spot("BTC")],
    )
    hand = Hand(venue_factory(what, rules(guard_increase=6, guard_fill=6), 3), 3)
    hand.deposit(0, 10_000)
    hand.ok(Message.DEPOSIT, account=1, instrument=1, size=10)
    rows = hand.send(Message.INDEX, instrument=0, price=100, arg=hand.now, arg2=1)
    assert refused(rows) == Reason.BAD_FLAGS
    assert hand.ok(Message.MARK) == []
    hand.order(0, SPOT, BUY, 97, 1)
    hand.order(1, SPOT, SELL, 100, 1)
    hand.wait(1)
    reading = hand.ok(Message.MARK)[0]
    assert (reading.kind, reading.price, reading.x, reading.y) == (
        Event.INDEX,
        98,  # 98.5, half to even
        hand.now,
        1,
    )
    assert hand.venue.index(0) == 98
    assert hand.venue.mark(SPOT) == 98


# -- states that are no auction -------------------------------------------------------------


@pytest.mark.spec("ORD-03")
@pytest.mark.parametrize(
    ("state", "flags", "reason"),
    [
        (BookState.POST_ONLY, 0, Reason.BOOK_STATE),
        (BookState.POST_ONLY, Flag.IOC, Reason.BOOK_STATE),
        (BookState.POST_ONLY, Flag.POST_ONLY, None),
        (BookState.LIMIT_ONLY, Flag.MARKET, Reason.BOOK_STATE),
        (BookState.LIMIT_ONLY, Flag.IOC, None),
        (BookState.CANCEL_ONLY, 0, Reason.BOOK_STATE),
        (BookState.AUCTION, Flag.IOC, Reason.BOOK_STATE),
        (BookState.AUCTION, Flag.FOK, Reason.BOOK_STATE),
        (BookState.AUCTION, Flag.POST_ONLY, Reason.BOOK_STATE),
        (BookState.AUCTION, 0, None),
        (BookState.CLOSED, Flag.POST_ONLY, Reason.BOOK_STATE),
    ],
)
def test_what_a_state_lets_in(
    venue_factory: Factory, state: BookState, flags: int, reason: Reason | None
) -> None:
    hand = open_market(venue_factory)
    hand.order(3, PERP, SELL, 101, 5)
    row = hand.send(Message.STATE, instrument=PERP, arg=state)[-1]
    assert (row.kind, row.code, row.x, row.y) == (Event.STATE, state, 0, 0)
    rows = new(hand, 0, BUY, 100, 1, flags=flags)
    assert (refused(rows) if rows[0].kind == Event.REJECT else None) == reason


@pytest.mark.spec("ORD-03")
def test_shrinking_and_cancelling_work_in_cancel_only(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    new(hand, 0, BUY, 90, 5, order=31)
    new(hand, 0, BUY, 91, 5, order=32)
    hand.ok(Message.STATE, instrument=PERP, arg=BookState.CANCEL_ONLY)
    row = hand.ok(Message.REPLACE, account=0, order=31, price=90, size=4)[0]
    assert (row.kind, row.size, row.y) == (Event.ORDER, 4, 1)
    rows = hand.send(Message.REPLACE, account=0, order=31, price=90, size=6)
    assert [(r.kind, r.code) for r in rows] == [
        (Event.REJECT, Reason.BOOK_STATE),
        (Event.CANCELLED, Reason.REPLACED),
    ]
    assert ended(hand.send(Message.CANCEL, account=0, order=32), Reason.BY_USER) == [32]


@pytest.mark.spec("ORD-03")
def test_closing_empties_the_book(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    for order, side, price in ((41, SELL, 110), (42, SELL, 105), (43, BUY, 95), (44, BUY, 90)):
        new(hand, 0, side, price, 1, order=order)
    wait_for(hand, 0, BUY, 110, order=45)
    wait_for(hand, 1, BUY, 110, order=46, instrument=SPOT)
    rows = hand.send(Message.STATE, instrument=PERP, arg=BookState.CLOSED)
    assert ended(rows, Reason.BOOK_STATE) == [44, 43, 42, 41, 45]
    assert (rows[-1].kind, rows[-1].code) == (Event.STATE, BookState.CLOSED)
    assert refused(wait_for(hand, 0, BUY, 110)) == Reason.BOOK_STATE
    hand.last(SPOT, 100)
    hand.index(0, 105)
    assert [r.instrument for r in hand.send(Message.MARK) if r.kind == Event.MARK] == [SPOT]
    assert [r.code for r in hand.ok(Message.STATE, instrument=PERP, arg=0)] == [BookState.OPEN]


@pytest.mark.spec("ORD-03")
@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"instrument": 9}, Reason.UNKNOWN_INSTRUMENT),
        ({"arg": 6}, Reason.BAD_FLAGS),
        ({"arg": -1}, Reason.BAD_FLAGS),
        ({"arg": 1, "arg2": 2_000_000_000 * SECOND}, Reason.BAD_FLAGS),
        ({"arg": 4, "arg2": 1}, Reason.BAD_FLAGS),
        ({"arg": 3, "instrument": SPOT}, Reason.BOOK_STATE),
        ({"arg": 0, "instrument": SHARES}, Reason.BOOK_STATE),
    ],
)
def test_states_are_checked(
    venue_factory: Factory, columns: dict[str, int], reason: Reason
) -> None:
    hand = open_market(venue_factory)
    hand.ok(Message.STATE, instrument=SPOT, arg=BookState.AUCTION)
    hand.ok(Message.RESOLVE, instrument=0, arg=0)
    rows = hand.send(Message.STATE, **{"instrument": PERP, "arg": 0, **columns})
    assert refused(rows) == reason
