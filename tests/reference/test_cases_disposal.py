"""The conformance cases of liquidation steps and their prices, against every engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engines import Venue
from session import (
    USD,
    Hand,
    Row,
    feed,
    listing,
    margin,
    perpetual,
    rules,
)
from twin.codes import BUY, Event, Message

Factory = Callable[[dict[str, Any], dict[str, Any], int], Venue]
FLAT = margin(0.05, 0.0, 0.05, 0.0)


def of_kind(rows: list[Row], kind: Event) -> list[Row]:
    return [r for r in rows if r.kind == kind]


def open_at(factory: Factory, what: dict[str, Any], n: int, **changed: Any) -> Hand:
    return Hand(factory(what, rules(**changed), n), n)


# -- disposal ---------------------------------------------------------------------------------------


def failing(factory: Factory, size: int, **changed: Any) -> Hand:
    """Account 0 is long `size` at 101 and liquidatable at 100; bids of 10,000 lots stand near."""
    what = listing(feeds=[feed("T", USD, 101)], perpetuals=[perpetual("T", 1, FLAT)])
    hand = open_at(factory, what, 5, fillable_ba=1e6, backstop=False, **changed)
    hand.index(0, 101)
    hand.deposit(0, size * 5.5)
    hand.deposit(1, 1e6)
    hand.deposit(2, 2e6)
    hand.trade(0, 1, 0, 101, size)
    hand.move((0, 0, 100))
    for price in (99, 98):
        hand.order(2, 0, BUY, price, 5_000)
    return hand


def steps(rows: list[Row]) -> list[tuple[int, int]]:
    return [(r.size, r.x) for r in of_kind(rows, Event.STEP)]


@pytest.mark.spec("K25", "LIQ-02")
def test_k25_vega_disposal(venue_factory: Factory) -> None:
    disposal = {
        "policy": "vega",
        "interval_s": 10.0,
        "fraction": 0.5,
        "full_size_lots": 50,
        "book_share": 0.01,
    }
    hand = failing(venue_factory, 280, disposal=disposal, liquidation_fee_bps=400.0)
    sizes = []
    for _ in range(4):
        rows = hand.liquidate()
        sizes += [size for size, _ in steps(rows)]
        for r in of_kind(rows, Event.FILL):  # the book is as deep again
            hand.order(2, 0, BUY, r.price, r.size)
        for _ in range(9):
            assert steps(hand.liquidate()) == []
    assert sizes == [100, 90, 45, 45]
    assert hand.venue.position(0, 0)[0] == 0


@pytest.mark.spec("LIQ-02")
def test_a_book_without_depth_leaves_no_leg(venue_factory: Factory) -> None:
    """1 % of 99 lots is none: no step, and no wait either."""
    disposal = {"policy": "vega", "interval_s": 10.0, "fraction": 0.5, "full_size_lots": 50}
    hand = failing(venue_factory, 280, disposal={**disposal, "book_share": 0.01})
    hand.send(Message.CANCEL_ALL, account=2, instrument=0)
    hand.order(2, 0, BUY, 99, 99)
    assert steps(hand.liquidate()) == []
    hand.order(2, 0, BUY, 99, 1)
    assert steps(hand.liquidate()) == [(1, 1)]


@pytest.mark.spec("LIQ-02")
def test_two_steps_and_a_wait_between(venue_factory: Factory) -> None:
    """280 are worth 28,000: parts of a fifth while that is above 20,000, then the whole."""
    disposal = {"policy": "two_step", "threshold_usd": 20_000.0, "ratio": 0.2, "wait_s": 3.0}
    hand = failing(venue_factory, 280, disposal=disposal, liquidation_fee_bps=400.0)
    ticks = [steps(hand.liquidate()) for _ in range(9)]
    assert ticks == [[(56, 56)], [], [], [(45, 45)], [], [], [(179, 179)], [], []]


@pytest.mark.spec("LIQ-02")
def test_a_part_that_finds_nobody_is_tried_again(venue_factory: Factory) -> None:
    disposal = {"policy": "two_step", "threshold_usd": 20_000.0, "ratio": 0.2, "wait_s": 3.0}
    hand = failing(venue_factory, 280, disposal=disposal)
    hand.send(Message.CANCEL_ALL, account=2, instrument=0)
    assert [steps(hand.liquidate()) for _ in range(2)] == [[(56, 0)], [(56, 0)]]


@pytest.mark.spec("LIQ-02")
def test_everything_at_once(venue_factory: Factory) -> None:
    hand = failing(venue_factory, 280, disposal={"policy": "full"})
    rows = hand.liquidate()
    assert steps(rows) == [(280, 280)]
    assert len(of_kind(rows, Event.UNFLAG)) == 1


# -- fills that settle against the bankruptcy price ------------------------------------------------


@pytest.mark.spec("K12", "LIQ-07")
@pytest.mark.parametrize(
    ("bid", "insurance", "paid", "fee"), [(49_550, 850, 150, 0), (49_800, 1_100, 0, 100)]
)
def test_k12_fills_settle_against_the_bankruptcy_price(
    venue_factory: Factory, bid: int, insurance: int, paid: int, fee: int
) -> None:
    what = listing(
        feeds=[feed("BTC", USD, 51_000)],
        perpetuals=[perpetual("BTC", 1, margin(0.02, 0.0, 0.012, 0.0))],
    )
    hand = open_at(venue_factory, what, 5, bounds="dydx_exact")
    hand.index(0, 51_000)
    hand.fund(1_000)
    hand.deposit(0, 1_300)
    hand.deposit(1, 1e6)
    hand.deposit(2, 1e6)
    hand.trade(0, 1, 0, 51_000, 1)
    hand.move((0, 0, 50_000))
    assert hand.venue.equity(0) == 300 * USD
    hand.order(2, 0, BUY, bid, 1)
    hand.order(2, 0, BUY, 49_549, 5)
    rows = hand.liquidate()
    (step,) = of_kind(rows, Event.STEP)
    assert (step.price, step.size, step.x, step.amount) == (49_550, 1, 1, fee * USD)
    assert hand.venue.bucket("insurance") == insurance * USD
    assert [r.amount for r in of_kind(rows, Event.INSURANCE)] == [paid * USD] * (paid > 0)
    deficits = [(r.amount, r.x) for r in of_kind(rows, Event.DEFICIT)]
    assert deficits == [(paid * USD, paid * USD)] * (paid > 0)
    assert hand.usdc(0) == 0


@pytest.mark.spec("LIQ-07")
def test_the_fee_of_an_exact_fill_is_capped(venue_factory: Factory) -> None:
    """A fill at the mark leaves 300 above the bankruptcy price; 1 per mille of it is 50."""
    what = listing(
        feeds=[feed("BTC", USD, 51_000)],
        perpetuals=[perpetual("BTC", 1, margin(0.02, 0.0, 0.012, 0.0))],
    )
    hand = open_at(venue_factory, what, 5, bounds="dydx_exact", exact_fee_cap=0.001)
    hand.index(0, 51_000)
    hand.deposit(0, 1_300)
    hand.deposit(1, 1e6)
    hand.deposit(2, 1e6)
    hand.trade(0, 1, 0, 51_000, 1)
    hand.move((0, 0, 50_000))
    hand.order(2, 0, BUY, 50_000, 1)
    (step,) = of_kind(hand.liquidate(), Event.STEP)
    assert step.amount == 50 * USD
    assert hand.usdc(0) == 250
