"""Lending, borrowing, redeeming and the hour's interest (INT-01, MAR-09)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engines import Venue
from session import (
    USD,
    Hand,
    Row,
    coin,
    feed,
    listing,
    margin,
    perpetual,
    rules,
    spot,
)
from twin.codes import BUY, SELL, Event, Flag, Message, Reason

Factory = Callable[[dict[str, Any], dict[str, Any], int], Venue]
PERP, SPOT = 0, 1
TERMS = {
    "optimal_utilisation": 0.8,
    "rate_zero": 0.0,
    "rate_optimal": 0.1,
    "rate_max": 1.0,
    "reserve_fee": 0.1,
    "throttle": 0.95,
    "lend_cap_units": 0,
    "borrow_cap_units": 0,
}


def open_pools(
    factory: Factory,
    accounts: int = 5,
    usdc: dict[str, Any] | None = None,
    btc: dict[str, Any] | None = None,
    **changed: Any,
) -> Hand:
    """BTC at 100 dollars in thousandths, borrowable; every account has 100,000 USDC."""
    what = listing(
        feeds=[feed("BTC", USD, 100)],
        assets=[
            coin("BTC", 1_000, haircut_w=1.0, borrowable=True, lending={**TERMS, **(btc or {})})
        ],
        perpetuals=[perpetual("BTC", 1, margin())],
        spots=[spot("BTC")],
        usdc_lending={**TERMS, **(usdc or {})},
    )
    hand = Hand(factory(what, rules(**changed), accounts), accounts)
    hand.index(0, 100)
    for account in range(accounts):
        hand.deposit(account, 100_000)
    return hand


def coins(hand: Hand, account: int, units: int) -> None:
    hand.ok(Message.DEPOSIT, account=account, instrument=1, size=units)


def lend(hand: Hand, account: int, asset: int, units: int) -> list[Row]:
    return hand.send(Message.LEND, account=account, instrument=asset, size=units)


def redeem(hand: Hand, account: int, asset: int, units: int) -> list[Row]:
    return hand.send(Message.REDEEM, account=account, instrument=asset, size=units)


def short_coins(hand: Hand, seller: int, buyer: int, units: int) -> None:
    """The seller sells coins he has borrowed."""
    hand.order(buyer, SPOT, BUY, 100, units)
    hand.order(seller, SPOT, SELL, 100, units)


def refused(rows: list[Row]) -> Reason:
    assert [r.kind for r in rows] == [Event.REJECT], rows
    return Reason(rows[0].code)


# -- claims ---------------------------------------------------------------------------------


@pytest.mark.spec("INT-01")
def test_a_claim_counts_like_the_balance_it_came_from(venue_factory: Factory) -> None:
    hand = open_pools(venue_factory)
    coins(hand, 0, 10_000)
    before = hand.venue.equity(0), hand.venue.maintenance(0)
    (row,) = lend(hand, 0, 0, 40_000 * USD)
    assert (row.kind, row.instrument, row.size, row.code) == (Event.LEND, 0, 40_000 * USD, 0)
    assert lend(hand, 0, 1, 4_000)[0].kind == Event.LEND
    assert (hand.usdc(0), hand.venue.balance(0, 1)) == (60_000, 6_000)
    assert (hand.venue.bucket("pool"), hand.venue.bucket("pool", 1)) == (40_000 * USD, 4_000)
    assert (hand.venue.equity(0), hand.venue.maintenance(0)) == before
    assert refused(redeem(hand, 0, 1, 4_001)) == Reason.INSUFFICIENT_BALANCE
    (row,) = redeem(hand, 0, 1, 4_000)
    assert (row.kind, row.instrument, row.size, row.code) == (Event.REDEEM, 1, 4_000, 0)
    assert refused(redeem(hand, 0, 1, 1)) == Reason.INSUFFICIENT_BALANCE
    assert hand.venue.bucket("pool", 1) == 0


@pytest.mark.spec("INT-01")
@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"account": 9}, Reason.UNKNOWN_ACCOUNT),
        ({"instrument": 2}, Reason.UNKNOWN_ASSET),
        ({"size": 0}, Reason.BAD_SIZE),
        ({"size": 100_001 * USD}, Reason.INSUFFICIENT_BALANCE),
        ({"size": 60_000 * USD}, Reason.NO_LIQUIDITY),
        ({"size": 50_000 * USD}, None),
    ],
)
def test_lending_is_checked(
    venue_factory: Factory, columns: dict[str, int], reason: Reason | None
) -> None:
    hand = open_pools(venue_factory, usdc={"lend_cap_units": 50_000 * USD})
    rows = hand.send(Message.LEND, **{"account": 0, "instrument": 0, "size": 1, **columns})
    assert (refused(rows) if rows[0].kind == Event.REJECT else None) == reason


@pytest.mark.spec("INT-01")
def test_what_is_needed_as_margin_is_not_lent(venue_factory: Factory) -> None:
    """A claim is worth what it was, but lent dollars no longer cover an order's outflow: 2 % of
    what is short comes on top of the 99,000 that the position needs."""
    hand = open_pools(venue_factory)
    hand.trade(0, 1, PERP, 100, 49_500)
    hand.order(0, SPOT, BUY, 99, 1_000_000)  # 99,000 dollars
    assert refused(lend(hand, 0, 0, 100_000 * USD)) == Reason.INSUFFICIENT_MARGIN
    assert hand.usdc(0) == 100_000
    assert hand.venue.bucket("pool") == 0
    assert lend(hand, 0, 0, 20_000 * USD)[0].kind == Event.LEND


# -- borrowing coins ------------------------------------------------------------------------


@pytest.mark.spec("MAR-09")
def test_a_spot_sell_may_borrow_up_to_the_throttle(venue_factory: Factory) -> None:
    hand = open_pools(venue_factory, btc={"throttle": 0.5})

    def sell(size: int, flags: int = 0) -> list[Row]:
        hand.next_order += 1
        return hand.send(
            Message.NEW,
            account=0,
            instrument=SPOT,
            side=SELL,
            price=100,
            size=size,
            order=hand.next_order,
            flags=flags,
        )

    assert refused(sell(1)) == Reason.INSUFFICIENT_BALANCE  # nothing is lent
    coins(hand, 1, 10_000)
    lend(hand, 1, 1, 10_000)
    coins(hand, 0, 500)
    assert refused(sell(5_501)) == Reason.NO_LIQUIDITY
    hand.wait(61)
    assert refused(sell(501)) == Reason.STALE_ORACLE
    hand.index(0, 100)
    hand.order(2, SPOT, BUY, 100, 5_500)
    assert sell(5_500)[-1].kind == Event.FILL
    assert hand.venue.balance(0, 1) == -5_000
    assert refused(redeem(hand, 1, 1, 1)) == Reason.NO_LIQUIDITY
    # Buying back reduces, even on a reading that lets nobody take new risk.
    hand.wait(61)
    hand.next_order += 1
    order = {"account": 0, "instrument": SPOT, "side": BUY, "price": 100}
    row = hand.send(Message.NEW, **order, size=5_000, order=hand.next_order)[0]
    assert row.kind == Event.ORDER
    rows = hand.send(Message.NEW, **order, size=1, order=hand.next_order + 1)
    assert refused(rows) == Reason.STALE_ORACLE


@pytest.mark.spec("MAR-09")
def test_a_borrow_cap_binds_too(venue_factory: Factory) -> None:
    hand = open_pools(venue_factory, btc={"borrow_cap_units": 300})
    coins(hand, 1, 10_000)
    lend(hand, 1, 1, 10_000)
    short_coins(hand, 0, 2, 300)
    hand.next_order += 1
    order = {"account": 0, "instrument": SPOT, "side": SELL, "price": 100, "size": 1}
    rows = hand.send(Message.NEW, **order, order=hand.next_order)
    assert refused(rows) == Reason.NO_LIQUIDITY


@pytest.mark.spec("ORD-01")
def test_a_resting_spot_sell_trades_no_more_than_can_be_borrowed(venue_factory: Factory) -> None:
    """Accepted with 900 units to borrow; by the time it is hit another has borrowed 600."""
    hand = open_pools(venue_factory, btc={"throttle": 0.9})
    coins(hand, 1, 1_000)
    lend(hand, 1, 1, 1_000)
    hand.order(0, SPOT, SELL, 101, 900)
    resting = hand.next_order
    short_coins(hand, 3, 2, 600)
    hand.next_order += 1
    rows = hand.send(
        Message.NEW,
        account=2,
        instrument=SPOT,
        side=BUY,
        price=101,
        size=500,
        order=hand.next_order,
        flags=Flag.IOC,
    )
    kinds = [(r.kind, r.size) for r in rows]
    assert kinds == [
        (Event.ORDER, 500),
        (Event.FILL, 300),
        (Event.CANCELLED, 600),
        (Event.CANCELLED, 200),
    ]
    assert (rows[2].order, rows[2].code) == (resting, Reason.INSUFFICIENT_BALANCE)
    assert hand.venue.balance(0, 1) == -300


@pytest.mark.spec("MAR-09")
def test_dollars_are_borrowed_up_to_throttle_and_cap(venue_factory: Factory) -> None:
    for terms, most in (({"throttle": 0.5}, 500), ({"borrow_cap_units": 300 * USD}, 300)):
        hand = open_pools(venue_factory, usdc=terms)
        coins(hand, 0, 100_000)
        lend(hand, 1, 0, 1_000 * USD)
        size = 1_000_000 + most * 10  # at a tenth of a dollar each
        order = {"account": 0, "instrument": SPOT, "side": BUY, "price": 100}
        rows = hand.send(Message.NEW, **order, size=size + 1, order=91)
        assert refused(rows) == Reason.NO_LIQUIDITY
        assert hand.send(Message.NEW, **order, size=size, order=92)[0].kind == Event.ORDER


# -- interest -------------------------------------------------------------------------------


@pytest.mark.spec("K17")
def test_k17_an_hour_of_interest(venue_factory: Factory) -> None:
    """A million lent, 900,000 borrowed: .55 a year."""
    hand = open_pools(venue_factory)
    hand.deposit(1, 1e6)
    lend(hand, 1, 0, 1_000_000 * USD)
    coins(hand, 0, 20_000_000)
    coins(hand, 2, 10_000_000)
    hand.deposit(2, 1e6)
    hand.trade(0, 2, SPOT, 100, 10_000_000)
    assert hand.usdc(0) == -900_000
    paid, rate = hand.ok(Message.INTEREST)
    assert (paid.kind, paid.account, paid.instrument) == (Event.INTEREST, 0, 0)
    assert paid.amount == -56_506_850
    assert (rate.kind, rate.amount, rate.price) == (
        Event.INTEREST_RATE,
        550_000_000,
        445_500_000,
    )
    assert (rate.size, rate.other_order) == (1_000_000 * USD, 900_000 * USD)
    assert (rate.x, rate.y) == (50_856_164, 5_650_686)
    assert hand.venue.bucket("fees") == 5_650_686
    assert hand.venue.bucket("pool") == 1_000_000 * USD + 50_856_164
    assert redeem(hand, 1, 0, 1_000_000 * USD + 50_856_165)[0].kind == Event.REJECT


@pytest.mark.spec("INT-01")
@pytest.mark.parametrize(
    ("borrowed", "per_year"), [(0, None), (400, 0.05), (800, 0.1), (900, 0.55), (1_000, 1.0)]
)
def test_the_rate_has_two_slopes(
    venue_factory: Factory, borrowed: int, per_year: float | None
) -> None:
    hand = open_pools(venue_factory, btc={"throttle": 1.0})
    coins(hand, 1, 1_000)
    lend(hand, 1, 1, 1_000)
    if borrowed:
        short_coins(hand, 0, 2, borrowed)
    rows = hand.ok(Message.INTEREST)
    rates = [r.amount / 1e9 for r in rows if r.kind == Event.INTEREST_RATE]
    assert rates == ([] if per_year is None else [per_year])


@pytest.mark.spec("INT-01")
def test_a_debt_to_nobody_pays_the_highest_rate_to_the_reserve(venue_factory: Factory) -> None:
    """A loss of 50 dollars leaves a debt although nothing is lent: U counts as 2."""
    hand = open_pools(venue_factory)
    hand.ok(Message.WITHDRAW, account=0, instrument=0, size=100_000 * USD)
    coins(hand, 0, 10_000)
    hand.trade(0, 1, PERP, 100, 5)
    hand.trade(1, 0, PERP, 90, 5)
    assert hand.usdc(0) == -50
    paid, rate = hand.ok(Message.INTEREST)
    assert paid.amount == -5_708  # an hour of 50 dollars a year
    assert (rate.amount, rate.price) == (1_000_000_000, 1_800_000_000)
    assert (rate.size, rate.other_order, rate.x, rate.y) == (0, 50 * USD, 0, 5_708)


@pytest.mark.spec("INT-01")
def test_auto_lend_repays_and_lends_what_is_idle(venue_factory: Factory) -> None:
    hand = open_pools(venue_factory)
    for account in (0, 1):
        hand.ok(Message.SETTINGS, account=account, flags=2)
    coins(hand, 1, 2_000)
    hand.order(1, SPOT, SELL, 110, 500)
    hand.order(0, SPOT, BUY, 90, 10_000)  # 900 dollars
    rows = hand.ok(Message.INTEREST)
    lent = [(r.account, r.instrument, r.size, r.code) for r in rows if r.kind == Event.LEND]
    assert lent == [
        (0, 0, 99_100 * USD, 1),
        (1, 0, 100_000 * USD, 1),
        (1, 1, 1_500, 1),
    ]
    assert hand.ok(Message.INTEREST) == []
    hand.ok(Message.CANCEL_ALL, account=2, instrument=-1)
    hand.send(Message.CANCEL_ALL, account=0, instrument=-1)
    coins(hand, 3, 40_000)
    hand.trade(0, 3, SPOT, 100, 19_000)  # 1,900 dollars; 900 were not lent
    assert hand.usdc(0) == -1_000
    rows = hand.ok(Message.INTEREST)
    repaid = next(r for r in rows if r.kind == Event.REDEEM)
    interest = -next(r.amount for r in rows if r.kind == Event.INTEREST)
    assert (repaid.account, repaid.instrument, repaid.code) == (0, 0, 1)
    assert repaid.size == 1_000 * USD + interest
    assert hand.usdc(0) == 0


@pytest.mark.spec("INT-01")
def test_the_pool_of_nobody_dilutes_no_claim(venue_factory: Factory) -> None:
    hand = open_pools(venue_factory)
    lend(hand, 1, 0, 1_000 * USD)
    hand.ok(Message.POOL, instrument=0, size=3_000 * USD)
    assert refused(redeem(hand, 1, 0, 1_000 * USD + 1)) == Reason.INSUFFICIENT_BALANCE
    assert redeem(hand, 1, 0, 1_000 * USD)[0].kind == Event.REDEEM
    assert hand.venue.bucket("pool") == 3_000 * USD
