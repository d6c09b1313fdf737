"""Sessions of accounts that owe coins, or have lent what they need: how they are liquidated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engines import Venue
from session import USD, Hand, Row, coin, feed, listing, margin, rules, spot
from twin.codes import BUY, SELL, Event, Flag, Message, Reason

Factory = Callable[[dict[str, Any], dict[str, Any], int], Venue]


def only(rows: list[Row], kind: Event) -> list[Row]:
    return [r for r in rows if r.kind == kind]


def open_market(factory: Factory) -> Hand:
    """B at 100 dollars, which account 1 lends, and E at 10; account 2 has a million dollars."""
    debt = margin(0.05, 0, 0.03, 0)
    what = listing(
        feeds=[feed("B", USD, 50), feed("E", USD, 10)],
        assets=[
            coin("B", 1, haircut_w=0.9, haircut_b=10, debt=debt, borrowable=True),
            coin("E", 1, haircut_w=0.8, haircut_b=10, debt=debt),
        ],
        spots=[spot("B"), spot("E")],
    )
    hand = Hand(factory(what, rules(), 5), 5)
    hand.index(0, 100)
    hand.index(1, 10)
    hand.ok(Message.MARK)
    hand.ok(Message.DEPOSIT, account=1, instrument=1, size=1000)
    hand.ok(Message.LEND, account=1, instrument=1, size=100)
    hand.deposit(2, 1e6)
    return hand


def rise(hand: Hand, price: int) -> None:
    hand.send(Message.CANCEL_ALL, account=2, instrument=-1)
    hand.index(0, price)
    hand.ok(Message.MARK)


@pytest.mark.spec("LIQ-02", "MAR-04", "MAR-09")
def test_an_owed_coin_is_bought_back_in_steps(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    hand.deposit(0, 1500)
    hand.order(2, 0, BUY, 100, 100)
    order = {"instrument": 0, "side": SELL, "price": 100, "size": 20, "flags": Flag.IOC}
    hand.send(Message.NEW, account=0, order=99, **order)
    assert (hand.venue.balance(0, 1), hand.usdc(0)) == (-20, 3500)
    assert hand.venue.equity(0) == 1500 * USD
    rise(hand, 172)  # NE 60 below MM 103.20
    hand.order(1, 0, SELL, 172, 100)
    rows = hand.liquidate()
    (step,) = only(rows, Event.STEP)
    # a step of at least 1,000 dollars is six of them at 172
    assert (step.code, step.side, step.size, step.x) == (3, BUY, 6, 6)
    assert hand.venue.balance(0, 1) == -14
    # the fee of 1.032 goes to the fund; NE 58.968 against MM 72.24: still flagged
    assert hand.venue.bucket("insurance") == 1_032_000
    assert hand.venue.flagged() == [0]
    hand.liquidate()
    assert hand.venue.balance(0, 1) == -8
    assert hand.venue.flagged() == []  # NE 57.936, MM 41.28


@pytest.mark.spec("LIQ-02", "LIQ-06")
def test_collateral_is_sold_for_an_owed_coin_and_the_rest_written_off(
    venue_factory: Factory,
) -> None:
    hand = open_market(venue_factory)
    hand.ok(Message.DEPOSIT, account=0, instrument=2, size=400)
    hand.ok(Message.WITHDRAW, account=0, instrument=1, size=20, arg=1)
    assert hand.venue.balance(0, 1) == -20
    assert hand.venue.maintenance(0) == (400 * 10 * 0.8 - 2000, 60)
    rise(hand, 160)  # NE 0
    hand.order(2, 1, BUY, 10, 1000)
    hand.order(1, 0, SELL, 161, 500)
    (step,) = only(hand.liquidate(), Event.STEP)
    # seven coins of 160 are worth 1,120 dollars: 112 E
    assert (step.code, step.instrument, step.side, step.size, step.x) == (2, 1, SELL, 112, 112)
    rise(hand, 550)
    hand.send(Message.CANCEL_ALL, account=1, instrument=-1)
    hand.order(1, 0, SELL, 550, 500)
    rows: list[Row] = []
    for _ in range(12):
        rows += hand.liquidate()
        hand.order(2, 1, BUY, 10, 100)
    assert [hand.venue.balance(0, asset) for asset in range(3)][1:] == [0, 0]
    (lost,) = only(rows, Event.WRITE_OFF)
    assert lost.x == 1
    cuts = [(r.code, r.x, r.amount) for r in only(rows, Event.HAIRCUT)]
    assert cuts == [(1, 1, lost.amount)]  # the lenders of B bear it
    assert hand.venue.bucket("pool", 1) == 100 - lost.amount
    assert hand.venue.claim(1, 1) == 100 - lost.amount
    bought = sum(r.x for r in only(rows, Event.STEP) if r.code == 3)
    assert bought + lost.amount == 20


@pytest.mark.spec("INT-01")
def test_a_claim_counts_fully_and_grows_with_interest(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    hand.deposit(0, 1000)
    hand.ok(Message.LEND, account=0, instrument=0, size=400 * USD)
    assert hand.venue.claim(0, 0) == 400 * USD
    assert hand.venue.equity(0) == 1000 * USD
    hand.ok(Message.FUND, size=200 * USD)  # custody for the withdrawal
    borrow = {"account": 1, "instrument": 0, "size": 200 * USD, "arg": 1}
    hand.ok(Message.WITHDRAW, **borrow)
    (row,) = hand.send(Message.WITHDRAW, **borrow)  # all of it would be lent
    assert row.code == Reason.NO_LIQUIDITY
    (row,) = hand.send(Message.REDEEM, account=0, instrument=0, size=300 * USD)
    assert row.code == Reason.NO_LIQUIDITY
    hand.ok(Message.INTEREST)
    assert hand.venue.claim(0, 0) > 400 * USD


@pytest.mark.spec("LIQ-01", "INT-01")
def test_a_flagged_account_takes_back_what_it_has_lent(venue_factory: Factory) -> None:
    hand = open_market(venue_factory)
    hand.deposit(0, 2500)
    hand.ok(Message.LEND, account=0, instrument=0, size=2000 * USD)
    hand.ok(Message.WITHDRAW, account=0, instrument=1, size=20, arg=1)
    rise(hand, 124)
    rows = hand.liquidate()
    held = [(r.code, r.instrument, r.size) for r in only(rows, Event.LEG)]
    assert held == [(0, 0, 500 * USD), (0, 1, -20), (2, 0, 2000 * USD)]
    taken = [(r.instrument, r.size, r.code) for r in only(rows, Event.REDEEM)]
    assert taken == [(0, 2000 * USD, 2)]
