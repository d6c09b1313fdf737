"""Sessions with every product that is not a plain perpetual: inverses, futures, events of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor
from typing import Any

import pytest
from engines import Venue
from session import (
    SECOND,
    START,
    USD,
    Hand,
    Row,
    categorical,
    coin,
    event,
    feed,
    future,
    inverse,
    listing,
    margin,
    rules,
    scalar,
    spot,
)
from twin.codes import BUY, SELL, Event, Message, Reason

Factory = Callable[[dict[str, Any], dict[str, Any], int], Venue]
DAY = 86_400
TICK = 100  # micro-USDC of one unit of B at one tick


def begin(factory: Factory, what: dict[str, Any], accounts: int, **changed: Any) -> Hand:
    return Hand(factory(what, rules(**changed), accounts), accounts)


def only(rows: list[Row], kind: Event) -> list[Row]:
    return [r for r in rows if r.kind == kind]


def refused(hand: Hand, kind: Message, **columns: int) -> Reason:
    (row,) = hand.send(kind, **columns)
    assert row.kind == Event.REJECT
    return Reason(row.code)


def shares(hand: Hand, account: int, outcomes: int) -> list[int]:
    """Of the only event of a listing without coins."""
    return [hand.venue.balance(account, 1 + k) for k in range(outcomes)]


# -- events -----------------------------------------------------------------------------------


@pytest.mark.spec("K08", "PRD-05")
def test_three_noes_of_five_become_two_dollars_and_the_other_two(venue_factory: Factory) -> None:
    hand = begin(venue_factory, listing(events=[categorical("abcde")]), 4)
    hand.deposit(0, 100)
    hand.ok(Message.MINT, account=0, instrument=0, size=30)
    hand.deposit(1, 100)
    for k in range(3):  # 30 sets less ten each of a, b and c: ten NO of each of the three
        hand.order(1, k, BUY, 20, 10)
        hand.order(0, k, SELL, 20, 10)
    assert shares(hand, 0, 5) == [20, 20, 20, 30, 30]
    before = hand.venue.balance(0, 0)
    (row,) = hand.ok(Message.CONVERT, account=0, instrument=0, size=10, arg=0b111)
    assert (row.kind, row.size, row.amount, row.order) == (Event.CONVERT, 10, 20 * USD, 0b111)
    assert shares(hand, 0, 5) == [0, 0, 0, 10, 10]
    assert hand.venue.balance(0, 0) == before + 20 * USD
    assert hand.venue.bucket("vault", 0) == 10 * USD
    more = {"account": 0, "instrument": 0, "size": 10, "arg": 0b11}
    assert refused(hand, Message.CONVERT, **more) == Reason.INSUFFICIENT_BALANCE
    rows = hand.ok(Message.RESOLVE, instrument=0, arg=3)
    assert [(r.account, r.amount) for r in only(rows, Event.PAYOUT)] == [(0, 10 * USD), (1, 0)]
    assert [hand.venue.mark(k) for k in range(5)] == [0, 0, 0, 100, 0]


@pytest.mark.spec("PRD-02", "PRD-04")
def test_no_of_an_outcome_is_every_other_one(venue_factory: Factory) -> None:
    hand = begin(venue_factory, listing(events=[categorical("abc")]), 4)
    hand.deposit(0, 100)
    hand.deposit(1, 100)
    hand.order(0, 0, BUY, 40, 10)
    (fill,) = only(hand.order(1, 0, BUY, 60, 10, outcome=1), Event.FILL)
    assert fill.y == 10  # sets minted
    assert shares(hand, 0, 3) == [10, 0, 0]
    assert shares(hand, 1, 3) == [0, 10, 10]
    assert hand.usdc(1) == 94
    hand.order(1, 0, SELL, 60, 6, outcome=1)
    (fill,) = only(hand.order(0, 0, SELL, 40, 6), Event.FILL)
    assert fill.y == -6
    assert shares(hand, 1, 3) == [0, 4, 4]
    assert hand.usdc(1) == 94 + 3.6
    hand.order(0, 1, BUY, 30, 6)
    (fill,) = only(hand.order(1, 1, SELL, 30, 6), Event.FILL)  # holds four, two are minted
    assert fill.y == 2
    assert shares(hand, 1, 3) == [2, 0, 6]
    assert hand.venue.equity(1) == hand.venue.balance(1, 0) + (2 * 33 + 6 * 33) * USD // 100


@pytest.mark.spec("K26", "PRD-02", "SET-03")
def test_a_scalar_event_pays_by_its_value(venue_factory: Factory) -> None:
    hand = begin(venue_factory, listing(events=[scalar(0, 200)]), 3)
    hand.deposit(0, 100)
    hand.ok(Message.MINT, account=0, instrument=0, size=10)
    hand.deposit(1, 100)
    hand.order(1, 0, BUY, 50, 10)
    hand.order(0, 0, SELL, 50, 10)
    assert (hand.venue.balance(1, 1), hand.venue.balance(0, 2)) == (10, 10)
    for arg, value in ((0, 201), (0, -1), (1, 20), (-2, 0)):
        wrong = {"instrument": 0, "arg": arg, "arg2": value}
        assert refused(hand, Message.RESOLVE, **wrong) == Reason.UNKNOWN_OUTCOME
    rows = hand.ok(Message.RESOLVE, instrument=0, arg=0, arg2=130)
    paid = {r.account: r.amount for r in only(rows, Event.PAYOUT)}
    assert paid == {0: 3_500_000, 1: 6_500_000}
    assert hand.venue.mark(0) == 65
    assert hand.venue.bucket("vault", 0) == 0


@pytest.mark.spec("SET-03")
def test_the_value_of_a_void_counts_as_nothing(venue_factory: Factory) -> None:
    hand = begin(venue_factory, listing(events=[scalar(10, 200)]), 3)
    for account in (0, 1):
        hand.deposit(account, 100)
    bond = {"instrument": 0, "size": 5 * USD}
    (row,) = hand.ok(Message.PROPOSE, account=0, arg=-1, arg2=17, **bond)
    assert (row.code, row.x) == (-1, 0)
    (row,) = hand.ok(Message.DISPUTE, account=1, **bond)
    assert (row.code, row.x) == (-1, 0)
    rows = hand.ok(Message.RESOLVE, instrument=0, arg=-1, arg2=99)
    assert [r.price for r in only(rows, Event.RESOLVE)] == [0]
    assert [(r.account, r.code) for r in only(rows, Event.BOND)] == [(0, 1)]  # he was right


@pytest.mark.spec("K28", "SET-02", "SET-04")
def test_the_loser_of_a_dispute_pays_the_winner_and_the_store(venue_factory: Factory) -> None:
    hand = begin(venue_factory, listing(events=[event()]), 3)
    hand.deposit(0, 1000)
    hand.deposit(1, 1000)
    big, event_0 = {"size": 750 * USD}, {"instrument": 0}
    assert refused(hand, Message.DISPUTE, account=1, **event_0, **big) == Reason.BOOK_STATE
    two = {"account": 0, "arg": 0, "arg2": 1}
    assert refused(hand, Message.PROPOSE, **two, **event_0, **big) == Reason.TWO_WINNERS
    hand.ok(Message.PROPOSE, account=0, arg=0, **event_0, **big)
    again = refused(hand, Message.PROPOSE, account=1, arg=0, **event_0, **big)
    assert again == Reason.BOOK_STATE
    small = refused(hand, Message.DISPUTE, account=1, size=75 * USD, **event_0)
    assert small == Reason.BAD_SIZE
    hand.ok(Message.DISPUTE, account=1, **event_0, **big)
    assert hand.venue.bucket("bonds") == 1500 * USD
    hand.ok(Message.PROPOSE, account=0, arg=1, size=50 * USD, **event_0)
    rows = hand.ok(Message.RESOLVE, arg=1, **event_0)
    paid = [(r.account, r.amount, r.x, r.code) for r in only(rows, Event.BOND)]
    assert paid == [(1, 1125 * USD, 375 * USD, 2), (0, 50 * USD, 0, 0)]
    assert (hand.venue.bucket("fees"), hand.venue.bucket("bonds")) == (375 * USD, 0)


@pytest.mark.spec("K37", "MAR-05", "SET-02", "SET-03")
@pytest.mark.parametrize(("outcome", "after"), [(-1, (700, 6)), (1, (200, 21))])
def test_a_proposal_doubles_the_requirement_and_a_void_halves_the_share(
    venue_factory: Factory, outcome: int, after: tuple[float, float]
) -> None:
    what = listing(
        feeds=[feed("T", USD, 50)],
        assets=[coin("T", 1, haircut_w=0.9, haircut_b=10)],
        spots=[spot("T")],
        events=[event(lam=0.5)],
        usdc_debt=margin(0.06, 0, 0.03, 0),
    )
    hand = begin(venue_factory, what, 6)
    hand.ok(Message.POOL, size=10_000 * USD)
    hand.index(0, 100)
    hand.ok(Message.DEPOSIT, account=0, instrument=1, size=10)
    hand.deposit(1, 10_000)
    hand.ok(Message.MINT, account=1, instrument=0, size=1000)
    hand.order(1, 1, SELL, 60, 1000)
    hand.deposit(0, 1000)
    hand.order(0, 1, BUY, 60, 1000)
    units = hand.venue.balance(0, 0) + 700 * USD
    hand.ok(Message.WITHDRAW, account=0, instrument=0, size=units, arg=1)
    hand.order(1, 1, BUY, 59, 1)
    hand.order(1, 1, SELL, 61, 1)
    hand.ok(Message.MARK)
    assert hand.venue.mark(1) == 60
    assert hand.venue.maintenance(0) == pytest.approx((800, 321))
    hand.ok(Message.PROPOSE, account=1, instrument=0, arg=0, size=100 * USD)
    assert hand.venue.maintenance(0) == pytest.approx((800, 621))
    hand.send(Message.RESOLVE, instrument=0, arg=outcome)
    assert hand.venue.maintenance(0) == pytest.approx(after)


@pytest.mark.spec("SET-05")
def test_what_nobody_resolves_is_void_after_days(venue_factory: Factory) -> None:
    hand = begin(venue_factory, listing(events=[categorical("abc", date_us=START)]), 3)
    hand.deposit(0, 100)
    hand.ok(Message.MINT, account=0, instrument=0, size=10)
    hand.deposit(1, 100)
    hand.order(1, 0, BUY, 30, 1)
    hand.order(0, 0, SELL, 30, 1)
    hand.wait(DAY * 30 - 1)
    assert hand.send(Message.SETTLE) == []
    hand.wait(1)
    rows = hand.send(Message.SETTLE)
    paid = [r.amount for r in only(rows, Event.PAYOUT)]
    assert paid == [29 * USD // 3, USD // 3]
    (row,) = only(rows, Event.RESOLVE)
    assert row.code == -1
    assert row.y == hand.venue.bucket("rounding") == 10 * USD - sum(paid) == 1


# -- inverse perpetuals ---------------------------------------------------------------------------


def open_inverse(factory: Factory, units: tuple[int, ...] = (), **changed: Any) -> Hand:
    """B at 50,000 dollars, in millionths, of which the first accounts hold so many."""
    what = listing(
        feeds=[feed("B", 100 * USD, 500)],
        assets=[coin("B", 10**6, haircut_w=1, haircut_b=10)],
        spots=[spot("B")],
        inverses=[inverse("B", margin())],
    )
    hand = begin(factory, what, 6, band_ratio=1.0, **changed)
    hand.index(0, 500)
    hand.ok(Message.MARK)
    for account, held in enumerate(units):
        hand.ok(Message.DEPOSIT, account=account, instrument=1, size=held)
    return hand


def paint(hand: Hand, price: int) -> None:
    """Index, last price and mark."""
    hand.index(0, price)
    for account in (4, 5):
        hand.ok(Message.DEPOSIT, account=account, instrument=1, size=10**6)
    hand.order(4, 0, SELL, price, 1)
    hand.order(5, 0, BUY, price, 1)
    hand.ok(Message.MARK)
    assert hand.venue.mark(0) == price


@pytest.mark.spec("LED-02", "MAR-01", "PRD-01")
def test_an_inverse_gains_in_coins(venue_factory: Factory) -> None:
    hand = open_inverse(venue_factory, (10**6, 10**6))
    hand.order(1, 0, SELL, 500, 5000)
    hand.order(0, 0, BUY, 500, 5000)  # 5,000 dollars at 50,000 are 100,000 units
    assert hand.venue.position(0, 0) == (5000, -100_000)
    assert hand.venue.position(1, 0) == (-5000, 100_000)
    paint(hand, 625)  # now they are 80,000
    assert hand.venue.equity(0) == (10**6 + 20_000) * 625 * TICK
    assert hand.venue.equity(1) == (10**6 - 20_000) * 625 * TICK
    assert hand.venue.maintenance(0) == (hand.venue.equity(0) / 1e6, 50)
    hand.order(1, 0, BUY, 625, 5000)
    hand.order(0, 0, SELL, 625, 5000)
    assert hand.venue.balance(0, 1) == 10**6 + 20_000
    assert hand.venue.balance(1, 1) == 10**6 - 20_000
    held = sum(hand.venue.position(k, 0)[1] for k in range(6))
    assert hand.venue.bucket("clearing", 0) == -held


@pytest.mark.spec("FUN-01", "ORD-06")
def test_fees_and_funding_of_an_inverse_are_coins(venue_factory: Factory) -> None:
    hand = open_inverse(venue_factory, (10**7,) * 3, taker_fee_bps=5.0, maker_fee_bps=-1.0)
    hand.order(1, 0, SELL, 500, 50_000)
    (fill,) = only(hand.order(0, 0, BUY, 500, 50_000), Event.FILL)
    assert (fill.amount, fill.x) == (500, -100)  # of 1,000,000 units
    assert hand.venue.bucket("fees", 1) == 400
    hand.order(2, 0, BUY, 505, 20_000)
    hand.order(2, 0, SELL, 510, 20_000)
    hand.ok(Message.PREMIUM)  # one percent over the index
    rows = hand.ok(Message.FUNDING)
    assert [r.amount for r in only(rows, Event.FUNDING_RATE)] == [(10**7 - 500_000) // 8]
    assert [r.amount for r in only(rows, Event.FUNDING)] == [-1188, 1187]  # 1,187.5
    assert hand.venue.bucket("rounding", 1) == 1


@pytest.mark.spec("MAR-05")
def test_resting_orders_of_an_inverse_lose_against_the_mark(venue_factory: Factory) -> None:
    hand = open_inverse(venue_factory, (50_000,), taker_fee_bps=5.0)
    hand.order(0, 0, BUY, 510, 1000)
    # 1,000 contracts at 510 owe 19,607.8 units, at the mark 20,000: 392.2 lost, rounded down
    loss = 393 * 500 * TICK / 1e6 + 5e-4 * 1000
    assert hand.venue.initial(0)[1] == pytest.approx(20 + loss, abs=1e-9)
    hand.order(0, 0, SELL, 520, 3000)  # above the mark: no loss, but the larger side
    assert hand.venue.initial(0)[1] == pytest.approx(60 + loss, abs=1e-9)


@pytest.mark.spec("LIQ-02", "LIQ-07")
@pytest.mark.parametrize(("side", "mark"), [(BUY, 447), (SELL, 566)])
def test_the_bounds_of_an_inverse_step(venue_factory: Factory, side: int, mark: int) -> None:
    hand = open_inverse(
        venue_factory,
        (50_000, 10**6, 10**6),
        disposal={"policy": "steps", "ratio": 0.1, "min_usd": 10.0},
    )
    hand.order(1, 0, 1 - side, 500, 20_000)
    hand.order(0, 0, side, 500, 20_000)
    paint(hand, mark)
    worth, equity = 20_000 * 10**4 // mark, hand.venue.equity(0)
    now, cost = (-worth, -400_000) if side == BUY else (worth, 400_000)
    assert hand.venue.position(0, 0)[1] == cost
    assert equity == (50_000 + now - cost) * mark * TICK
    ne, mm = hand.venue.maintenance(0)
    assert (ne, mm) == (equity / 1e6, 200)
    assert 0 <= ne < mm
    (step,) = only(hand.liquidate(), Event.STEP)
    own = Fraction(equity, mark * TICK)
    give = (1 - ne / mm) * 1.5 * 200 * 1e6 / (mark * TICK)
    if side == BUY:
        bankruptcy = ceil(Fraction(20_000 * 10**4) / (worth + own))
        bound = max(bankruptcy, ceil(20_000 * 10**4 / (worth + give)))
    else:
        bankruptcy = floor(Fraction(20_000 * 10**4) / (worth - own))
        bound = min(bankruptcy, floor(20_000 * 10**4 / (worth - give)))
    assert (step.price, step.size, step.side) == (bound, 2000, 1 - side)


@pytest.mark.spec("LIQ-04", "LIQ-05", "LIQ-08")
@pytest.mark.parametrize("backstop", [False, True])
def test_a_bankrupt_inverse_position_ends(venue_factory: Factory, backstop: bool) -> None:
    hand = open_inverse(venue_factory, (50_000, 10**6, 10**6), mark_min_multiplier=0.01)
    if backstop:
        hand.ok(Message.COMMIT, account=2, size=1000 * USD)
    hand.fund(1_000 if backstop else 100)
    hand.order(1, 0, SELL, 500, 20_000)
    hand.order(0, 0, BUY, 500, 20_000)
    paint(hand, 440)
    # 400,000 units have become 454,545: 4,545 more than there are, 44,000 micro-USDC each
    lost = 4_545 * 440 * TICK
    assert hand.venue.equity(0) == -lost
    rows = hand.liquidate()
    assert hand.venue.position(0, 0) == (0, 0)
    (deficit,) = only(rows, Event.DEFICIT)
    assert deficit.amount == lost
    if backstop:
        assert (deficit.x, deficit.y) == (lost, 0)
        assert [(r.other, r.size) for r in only(rows, Event.BACKSTOP)] == [(2, 20_000)]
    else:
        assert (deficit.x, deficit.y) == (100 * USD, lost - 100 * USD)
        assert [(r.other, r.size) for r in only(rows, Event.ADL)] == [(1, 20_000)]
    assert hand.venue.balance(0, 1) == -4_545
    assert hand.venue.balance(0, 0) == lost  # which will buy them


# -- dated futures ------------------------------------------------------------------------------------


@pytest.mark.spec("SET-01", "LED-02")
def test_a_future_settles_at_the_mean_of_its_good_readings(venue_factory: Factory) -> None:
    end = START + 3600 * SECOND
    what = listing(
        feeds=[feed("T", USD, 100)], futures=[future("T", 1, margin(0.1, 0, 0.05, 0), end)]
    )
    hand = begin(venue_factory, what, 4, guard_increase=6)
    hand.index(0, 100)
    hand.ok(Message.MARK)
    for account in (0, 1):
        hand.deposit(account, 1000)
    hand.trade(0, 1, 0, 100, 10)
    hand.wait(1800)
    hand.index(0, 100)  # the window begins
    hand.wait(900)
    hand.index(0, 110)
    hand.wait(600)
    hand.send(Message.INDEX, instrument=0, price=0, arg=hand.now, arg2=3)  # for 300 s
    hand.order(0, 0, BUY, 95, 1)
    hand.wait(300)
    assert hand.now == end
    rows = hand.send(Message.SETTLE)
    assert [Reason(r.code) for r in only(rows, Event.CANCELLED)] == [Reason.BOOK_STATE]
    assert [r.y for r in only(rows, Event.STATE)] == [4]
    assert not only(rows, Event.SETTLED)  # the feed is not good enough
    hand.wait(10)
    hand.index(0, 120)
    rows = hand.send(Message.SETTLE)
    assert not only(rows, Event.STATE)
    (settled,) = only(rows, Event.SETTLED)
    assert (settled.size, settled.price) == (1500 * SECOND, 104)  # 900 s of 100, 600 s of 110
    paid = [(r.account, r.size, r.amount) for r in only(rows, Event.SETTLEMENT)]
    assert paid == [(0, 10, 40 * USD), (1, -10, -40 * USD)]
    assert hand.usdc(0) == 1040
    assert hand.send(Message.SETTLE) == []
    hand.ok(Message.MARK)
    assert hand.venue.mark(0) == 104
    assert refused(hand, Message.STATE, instrument=0, arg=0) == Reason.BOOK_STATE


@pytest.mark.spec("SET-01")
def test_an_expired_book_that_is_opened_again_is_closed_again(venue_factory: Factory) -> None:
    end = START + 100 * SECOND
    what = listing(feeds=[feed("T", USD, 100)], futures=[future("T", 1, margin(), end)])
    hand = begin(venue_factory, what, 4, guard_increase=6, guard_fill=6)
    hand.send(Message.INDEX, instrument=0, price=100, size=50, arg=hand.now, arg2=3)
    hand.deposit(0, 1000)
    hand.wait(100)
    assert [r.y for r in only(hand.send(Message.SETTLE), Event.STATE)] == [4]
    hand.ok(Message.STATE, instrument=0, arg=0)
    order = {"account": 0, "instrument": 0, "side": BUY, "price": 95, "size": 1, "order": 77}
    assert [r.code for r in hand.send(Message.NEW, **order)] == [Reason.BOOK_STATE]
    hand.index(0, 100)
    rows = hand.send(Message.SETTLE)
    assert [r.kind for r in rows] == [Event.STATE, Event.SETTLED]
    assert hand.venue.book(0) == []
