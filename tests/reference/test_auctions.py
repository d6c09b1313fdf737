"""Call auctions and the volatility auctions that a price sets off (ORD-03, ORD-05)."""

from __future__ import annotations

from typing import Any

import pytest
from little_market import PERP, SHARES, SPOT, Factory
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
from twin.codes import BUY, NO, SELL, BookState, Event, Flag, Message, Reason

# mu 0, sigma 1, 300 s, z 4: the root of the time is .0030843, so about 1.23 % either way.
VOLATILITY = {"mu": 0.0, "sigma": 1.0, "horizon_s": 300.0, "z": 4.0, "auction_s": 120.0}
LOW, HIGH = 9_878, 10_124  # around 10,000


def open_market(factory: Factory, accounts: int = 6, calm: bool = True, **changed: Any) -> Hand:
    """BTC at 10,000 ticks of a cent: a perpetual of whole coins, a spot book of tenths, an event."""
    more = {} if calm else {"volatility": VOLATILITY}
    what = listing(
        feeds=[feed("BTC", USD // 100, 10_000)],
        assets=[coin("BTC", 10)],
        perpetuals=[perpetual("BTC", 1, margin(), **more)],
        spots=[spot("BTC")],
        events=[event()],
    )
    hand = Hand(factory(what, rules(stale_guard=False, **changed), accounts), accounts)
    hand.index(0, 10_000)
    for account in range(accounts):
        hand.deposit(account, 100_000)
        hand.ok(Message.DEPOSIT, account=account, instrument=1, size=100)
    return hand


def state(hand: Hand, instrument: int, new: BookState, end: int = 0) -> list[Row]:
    return hand.send(Message.STATE, instrument=instrument, arg=new, arg2=end)


def place(hand: Hand, instrument: int, *orders: tuple[int, int, int, int]) -> list[int]:
    """(account, side, price, size) of orders that come to rest; returns their ids."""
    ids = []
    for account, side, price, size in orders:
        rows = hand.order(account, instrument, side, price, size)
        assert [r.kind for r in rows] == [Event.ORDER]
        ids.append(hand.next_order)
    return ids


def fills(rows: list[Row]) -> list[tuple[int, int, int, int]]:
    """(buyer, seller, price, size) of an uncrossing."""
    found = [r for r in rows if r.kind == Event.FILL]
    assert all((r.code, r.side) == (2, BUY) for r in found)
    return [(r.account, r.other, r.price, r.size) for r in found]


def only(rows: list[Row], kind: Event) -> Row:
    (row,) = [r for r in rows if r.kind == kind]
    return row


# -- the uniform price ----------------------------------------------------------------------


@pytest.mark.spec("ORD-03")
@pytest.mark.parametrize(
    ("orders", "price", "lots"),
    [
        # volume: at 10,010 five lots on either side, elsewhere fewer
        ([(BUY, 10_020, 2), (BUY, 10_010, 3), (SELL, 10_005, 4), (SELL, 10_010, 1)], 10_010, 5),
        # imbalance: three trade from 10,001 to 10,005; from 10,003 on all three are wanted
        ([(BUY, 10_005, 3), (BUY, 10_002, 4), (SELL, 10_001, 3)], 10_003, 3),
        # the mark: any price from 9,990 to 10,030 will do, the mark stands at 10,000
        ([(BUY, 10_030, 2), (SELL, 9_990, 2)], 10_000, 2),
        ([(BUY, 9_980, 2), (SELL, 9_970, 2)], 9_980, 2),
        # the lower: 9,999 and 10,001 are as good and as near, 10,000 leaves one lot over
        (
            [(BUY, 10_001, 2), (BUY, 9_999, 0), (SELL, 9_999, 2), (SELL, 10_000, 1)],
            9_999,
            2,
        ),
        # nothing crosses
        ([(BUY, 9_999, 2), (SELL, 10_001, 2)], 0, 0),
        ([(BUY, 9_999, 2)], 0, 0),
    ],
)
def test_the_uniform_price(
    venue_factory: Factory, orders: list[tuple[int, int, int]], price: int, lots: int
) -> None:
    hand = open_market(venue_factory)
    state(hand, PERP, BookState.AUCTION)
    wanted = [(side, p, size) for side, p, size in orders if size]
    place(hand, PERP, *[(k, *order) for k, order in enumerate(wanted)])
    rows = state(hand, PERP, BookState.OPEN)
    first = rows[0]
    assert (first.kind, first.code, first.x, first.y) == (Event.STATE, BookState.OPEN, 0, 0)
    assert (first.price, first.size) == (price, lots)
    assert sum(size for *_, size in fills(rows)) == lots
    assert {p for _, _, p, _ in fills(rows)} <= {price}
    bids = [p for side, p, *_ in hand.venue.book(PERP) if side == BUY]
    asks = [p for side, p, *_ in hand.venue.book(PERP) if side == SELL]
    assert not bids or not asks or max(bids) < min(asks)


@pytest.mark.spec("ORD-03")
def test_queues_meet_in_priority_and_both_pay(venue_factory: Factory) -> None:
    hand = open_market(venue_factory, taker_fee_bps=10.0, maker_fee_bps=-1.0)
    state(hand, PERP, BookState.AUCTION)
    place(
        hand,
        PERP,
        (0, BUY, 10_000, 3),
        (1, BUY, 10_010, 2),
        (2, SELL, 10_000, 4),
        (3, SELL, 9_990, 1),
    )
    rows = state(hand, PERP, BookState.LIMIT_ONLY)
    assert (rows[0].price, rows[0].size) == (10_000, 5)
    assert fills(rows) == [
        (1, 3, 10_000, 1),
        (1, 2, 10_000, 1),
        (0, 2, 10_000, 3),
    ]
    assert [(r.amount, r.x) for r in rows if r.kind == Event.FILL][2] == (300_000, 300_000)
    assert hand.venue.bucket("fees") == 2 * 5 * 100_000
    assert only(hand.ok(Message.BOOK)[:1], Event.BOOK).amount == 10_000  # last
    assert hand.venue.position(0, PERP) == (3, 3 * 10_000 * 10_000)


@pytest.mark.spec("ORD-03")
def test_in_auction_orders_rest_across_each_other(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    place(hand, PERP, (1, SELL, 10_050, 5))
    row = state(hand, PERP, BookState.AUCTION, hand.now + 10 * SECOND)[0]
    assert (row.code, row.x) == (BookState.AUCTION, hand.now + 10 * SECOND)
    place(hand, PERP, (2, BUY, 10_020, 1), (3, SELL, 9_980, 1))
    assert len(hand.venue.book(PERP)) == 3
    hand.index(0, 10_100)
    hand.wait(9)
    assert [r.instrument for r in hand.ok(Message.MARK)] == [SPOT]
    assert hand.venue.mark(PERP) == 10_000
    hand.wait(1)
    rows = hand.ok(Message.MARK)
    over = only(rows, Event.STATE)
    assert (over.code, over.price, over.size, over.x, over.y) == (0, 10_000, 1, 0, 3)
    assert fills(rows) == [(2, 3, 10_000, 1)]
    marked = rows[-1]  # the median of the index, the book and its average: 10,050 and 10,000
    assert (marked.kind, marked.instrument, marked.price) == (Event.MARK, PERP, 10_025)


@pytest.mark.spec("ORD-03")
def test_an_auction_goes_on_while_fills_are_guarded(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    state(hand, PERP, BookState.AUCTION, hand.now + SECOND)
    hand.wait(5)
    uncertain = {"instrument": 0, "price": 10_000, "size": 300, "arg": hand.now, "arg2": 3}
    hand.send(Message.INDEX, **uncertain)
    assert hand.send(Message.MARK) == []
    hand.index(0, 10_000)
    assert only(hand.send(Message.MARK), Event.STATE).y == 3


@pytest.mark.spec("ORD-03")
def test_who_may_not_trade_is_weeded_out_of_the_uncrossing(venue_factory: Factory) -> None:
    """A self-trade costs the seller his order; a reduce-only order shrinks to its position."""
    hand = open_market(venue_factory)
    hand.trade(4, 5, PERP, 10_000, 2)  # account 4 long 2
    state(hand, PERP, BookState.AUCTION)
    (own,) = place(hand, PERP, (0, SELL, 9_980, 1))
    for account in (4, 5):
        hand.next_order += 1
        side = SELL if account == 4 else BUY
        row = hand.ok(
            Message.NEW,
            account=account,
            instrument=PERP,
            side=side,
            price=10_000,
            size=2,
            order=hand.next_order,
            flags=Flag.REDUCE_ONLY,
        )[0]
        assert row.size == 2
    seller, buyer = hand.next_order - 1, hand.next_order
    place(hand, PERP, (0, BUY, 10_020, 1), (1, BUY, 10_010, 1), (2, SELL, 9_990, 2))
    rows = state(hand, PERP, BookState.OPEN)
    assert fills(rows)[0] == (0, 2, 10_000, 1)
    assert [(r.order, r.code) for r in rows if r.kind == Event.CANCELLED] == [
        (own, Reason.SELF_TRADE)
    ]
    assert fills(rows)[1:] == [(1, 2, 10_000, 1), (5, 4, 10_000, 2)]
    assert {seller, buyer}.isdisjoint(o for *_, o, _ in hand.venue.book(PERP))
    assert hand.venue.position(4, PERP)[0] == hand.venue.position(5, PERP)[0] == 0


@pytest.mark.spec("ORD-03")
def test_a_seller_without_coins_left_drops_out(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    state(hand, SPOT, BookState.AUCTION)
    (order,) = place(hand, SPOT, (0, SELL, 10_000, 60))
    place(hand, SPOT, (1, BUY, 10_000, 50), (2, SELL, 10_000, 50))
    hand.ok(Message.WITHDRAW, account=0, instrument=1, size=70)
    rows = state(hand, SPOT, BookState.OPEN)
    assert fills(rows) == [(1, 0, 10_000, 30), (1, 2, 10_000, 20)]
    dropped = only(rows, Event.CANCELLED)
    assert (dropped.order, dropped.size) == (order, 30)
    assert dropped.code == Reason.INSUFFICIENT_BALANCE


@pytest.mark.spec("ORD-03")
@pytest.mark.spec("PRD-04")
def test_an_event_book_uncrosses_by_minting_and_merging(venue_factory: Factory) -> None:
    hand = open_market(venue_factory, event_fee_bps=100.0)
    hand.ok(Message.MINT, account=0, instrument=0, size=10)
    state(hand, SHARES, BookState.AUCTION)
    hand.order(0, SHARES, SELL, 38, 4)  # sells YES it holds
    hand.order(1, SHARES, BUY, 60, 6, outcome=NO)  # an ask at 40
    hand.order(2, SHARES, BUY, 45, 10)
    rows = state(hand, SHARES, BookState.OPEN)
    assert rows[0].price == 45  # the mark stands at 50
    assert [(r.other, r.size, r.y) for r in rows if r.kind == Event.FILL] == [(0, 4, 0), (1, 6, 6)]
    # 1 % of 45 cents on each lot, from both sides
    assert [(r.amount, r.x) for r in rows if r.kind == Event.FILL] == [
        (18_000, 18_000),
        (27_000, 27_000),
    ]
    assert hand.venue.bucket("vault") == 16 * USD
    assert [hand.venue.balance(2, a) for a in (2, 3)] == [10, 0]
    assert [hand.venue.balance(1, a) for a in (2, 3)] == [0, 6]
    assert [hand.venue.balance(0, a) for a in (2, 3)] == [6, 10]


@pytest.mark.spec("ORD-01")
def test_the_price_of_an_uncrossing_sets_off_stops_by_last(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    hand.next_order += 1
    hand.ok(
        Message.CONDITIONAL,
        account=4,
        instrument=PERP,
        side=BUY,
        price=10_100,
        size=1,
        order=hand.next_order,
        arg=10_005,
        flags=Flag.BY_LAST,
    )
    state(hand, PERP, BookState.AUCTION)
    place(hand, PERP, (0, BUY, 10_010, 1), (1, SELL, 10_010, 2))
    rows = state(hand, PERP, BookState.OPEN)
    assert fills([r for r in rows if r.code == 2 or r.kind != Event.FILL]) == [(0, 1, 10_010, 1)]
    assert (only(rows, Event.TRIGGER).price, rows[-1].kind) == (10_010, Event.FILL)
    assert (rows[-1].account, rows[-1].other, rows[-1].code) == (4, 1, 0)


# -- volatility -----------------------------------------------------------------------------


@pytest.mark.spec("ORD-05")
@pytest.mark.parametrize(
    ("price", "halts"), [(LOW, False), (LOW - 1, True), (HIGH, False), (HIGH + 1, True)]
)
def test_a_trade_beyond_the_bounds_halts_the_book(
    venue_factory: Factory, price: int, halts: bool
) -> None:
    hand = open_market(venue_factory, calm=False)
    hand.ok(Message.MARK)
    maker = BUY if price < 10_000 else SELL
    place(hand, PERP, (0, maker, price, 5))
    rows = hand.order(1, PERP, 1 - maker, price, 3)
    if not halts:
        assert rows[-1].kind == Event.FILL
        return
    assert [r.kind for r in rows] == [Event.ORDER, Event.STATE]
    row, end = rows[-1], hand.now + 120 * SECOND
    assert (row.code, row.price, row.size, row.x, row.y) == (BookState.AUCTION, price, 0, end, 1)
    assert [size for _, _, size, *_ in hand.venue.book(PERP)] == (
        [5, 3] if maker == BUY else [3, 5]
    )
    rows = hand.order(2, PERP, 1 - maker, price, 1)
    assert [r.kind for r in rows] == [Event.ORDER]


@pytest.mark.spec("ORD-05")
def test_there_are_no_bounds_before_the_first_mark(venue_factory: Factory) -> None:
    hand = open_market(venue_factory, calm=False)
    place(hand, PERP, (0, SELL, HIGH + 1, 1))
    assert hand.order(1, PERP, BUY, HIGH + 1, 1)[-1].kind == Event.FILL


@pytest.mark.spec("ORD-05")
def test_the_halt_takes_what_crossed_before_it_and_stops_immediate_orders(
    venue_factory: Factory,
) -> None:
    hand = open_market(venue_factory, calm=False)
    hand.ok(Message.MARK)
    place(hand, PERP, (0, SELL, HIGH, 1), (0, SELL, HIGH + 1, 1))
    hand.next_order += 1
    rows = hand.send(
        Message.NEW,
        account=1,
        instrument=PERP,
        side=BUY,
        price=HIGH + 5,
        size=3,
        order=hand.next_order,
        flags=Flag.IOC,
    )
    assert [r.kind for r in rows] == [Event.ORDER, Event.FILL, Event.STATE, Event.CANCELLED]
    assert (rows[-1].size, rows[-1].code) == (2, Reason.IMMEDIATE)


@pytest.mark.spec("ORD-05")
def test_the_reference_is_the_mark_of_a_horizon_ago(venue_factory: Factory) -> None:
    """10,100 is marked one second in; it is the reference once 300 seconds have passed since."""
    for seconds, halts in ((299, True), (300, False)):
        hand = open_market(venue_factory, calm=False)
        hand.ok(Message.MARK)
        hand.wait(1)
        hand.index(0, 10_100)
        hand.ok(Message.MARK)
        assert hand.venue.mark(PERP) == 10_100
        hand.wait(seconds)
        hand.ok(Message.MARK)
        place(hand, PERP, (0, SELL, HIGH + 50, 1))
        rows = hand.order(1, PERP, BUY, HIGH + 50, 1)
        assert (rows[-1].kind == Event.STATE) == halts


@pytest.mark.spec("ORD-05")
def test_an_auction_is_extended_once_at_most(venue_factory: Factory) -> None:
    hand = open_market(venue_factory, calm=False)
    hand.ok(Message.MARK)
    place(hand, PERP, (0, SELL, HIGH + 10, 5))
    hand.order(1, PERP, BUY, HIGH + 10, 3)
    hand.wait(119)
    assert hand.ok(Message.MARK) == []
    hand.wait(1)
    (row,) = hand.ok(Message.MARK)
    assert (row.kind, row.code, row.y) == (Event.STATE, BookState.AUCTION, 2)
    assert (row.price, row.size, row.x) == (0, 0, hand.now + 120 * SECOND)
    hand.wait(120)
    rows = hand.ok(Message.MARK)
    assert (rows[0].code, rows[0].price, rows[0].size, rows[0].y) == (0, HIGH + 10, 3, 3)
    assert fills(rows) == [(1, 0, HIGH + 10, 3)]
    # the bounds start afresh from this mark
    mark = hand.venue.mark(PERP)
    assert rows[-1].kind == Event.MARK
    assert mark > 10_000
    place(hand, PERP, (2, BUY, round(mark * 0.99), 1))
    assert hand.order(3, PERP, SELL, round(mark * 0.99), 1)[-1].kind == Event.FILL


@pytest.mark.spec("ORD-05")
def test_an_auction_that_found_back_inside_ends_in_time(venue_factory: Factory) -> None:
    hand = open_market(venue_factory, calm=False)
    hand.ok(Message.MARK)
    place(hand, PERP, (0, SELL, HIGH + 10, 5))
    hand.order(1, PERP, BUY, HIGH + 10, 3)
    place(hand, PERP, (2, SELL, HIGH - 10, 4))
    hand.wait(120)
    rows = hand.ok(Message.MARK)
    assert (rows[0].y, rows[0].price, rows[0].size) == (3, HIGH - 10, 3)
