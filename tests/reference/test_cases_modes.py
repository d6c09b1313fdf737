"""The conformance cases of margin modes and liquidation policies, against every engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engines import Venue
from session import (
    SECOND,
    USD,
    Hand,
    Row,
    coin,
    event,
    feed,
    future,
    inverse,
    listing,
    margin,
    perpetual,
    rules,
    spot,
)
from twin.codes import BUY, SELL, Event, Message, Reason

Factory = Callable[[dict[str, Any], dict[str, Any], int], Venue]
FLAT = margin(0.05, 0.0, 0.05, 0.0)


def of_kind(rows: list[Row], kind: Event) -> list[Row]:
    return [r for r in rows if r.kind == kind]


def open_at(factory: Factory, what: dict[str, Any], n: int, **changed: Any) -> Hand:
    return Hand(factory(what, rules(**changed), n), n)


# -- portfolio margin -------------------------------------------------------------------------


def strike_market(**event_changes: Any) -> dict[str, Any]:
    """BTC at whole dollars: a perpetual of hundredths, and YES from 100,000 on."""
    linked = {**event(), "underlying": "BTC", "strike_ticks": 100_000, **event_changes}
    return listing(
        feeds=[{**feed("BTC", USD, 105_000), "grid": [0.04, 0.08, 0.12]}],
        perpetuals=[perpetual("BTC", 100, margin())],
        events=[linked],
    )


def hedged(factory: Factory, what: dict[str, Any], **changed: Any) -> Hand:
    """Account 0: 10,000 YES at .80 and short .05 BTC at 105,000."""
    hand = open_at(factory, what, 3, margin_mode="portfolio", **changed)
    hand.index(0, 105_000)
    for account in range(2):
        hand.deposit(account, 100_000)
    hand.trade(0, 1, 1, 80, 10_000)
    hand.trade(1, 0, 0, 105_000, 5)
    hand.ok(Message.MARK)
    assert (hand.venue.mark(0), hand.venue.mark(1)) == (105_000, 80)
    return hand


def needs(hand: Hand, account: int = 0) -> tuple[float, float]:
    """(MM, IM) to the millionth."""
    mm, im = hand.venue.maintenance(account)[1], hand.venue.initial(account)[1]
    return round(mm, 6), round(im, 6)


@pytest.mark.spec("K19", "MAR-07")
def test_k19_strike_and_short(venue_factory: Factory) -> None:
    hand = hedged(venue_factory, strike_market())
    assert needs(hand) == (7_750.0, 9_687.5)


@pytest.mark.spec("K19", "MAR-07")
def test_k19_by_its_parts(venue_factory: Factory) -> None:
    """With the strike 8 % down that is where the grid loses: 8,000 - 420, or the floor R/2."""
    hand = hedged(venue_factory, strike_market(strike_ticks=96_600))
    assert needs(hand)[0] == 7_580.0
    hand = hedged(venue_factory, strike_market(strike_ticks=96_600), portfolio_floor=0.96)
    assert needs(hand)[0] == 7_680.0
    # Only the extreme reaches a strike at -30 %: 6,425 there at once, and what void pays is .50.
    hand = hedged(venue_factory, strike_market(strike_ticks=73_500), portfolio_extreme_weight=1.0)
    assert needs(hand)[0] == 6_425.0


@pytest.mark.spec("MAR-07")
def test_below_a_strike_the_other_side_wins(venue_factory: Factory) -> None:
    """Now the shares lose where the short loses: at +12 %, 8,000 + 630."""
    hand = hedged(venue_factory, strike_market(below=True))
    assert needs(hand)[0] == 8_630.0


@pytest.mark.spec("MAR-07")
def test_one_strike_has_one_side(venue_factory: Factory) -> None:
    """100 YES from 100,000 on at .40 and 100 YES below it at .60: one of them wins, or both are void."""
    above = {**event("A"), "underlying": "BTC", "strike_ticks": 100_000}
    below = {**above, "name": "B", "below": True}
    what = listing(feeds=[feed("BTC", USD, 101_000)], events=[above, below])
    hand = open_at(venue_factory, what, 3, margin_mode="portfolio", portfolio_floor=0.0)
    hand.index(0, 101_000)
    hand.deposit(0, 1_000)
    hand.deposit(1, 1_000)
    hand.trade(0, 1, 0, 40, 100)
    hand.trade(0, 1, 1, 60, 100)
    hand.ok(Message.MARK)
    # Above: A pays 60, void 10, B loses 60; below: A loses 40, B pays 40, void loses 10.
    assert needs(hand)[0] == 50.0


@pytest.mark.spec("MAR-07")
def test_an_extreme_counts_in_part(venue_factory: Factory) -> None:
    """Short .05 BTC: 630 at +12 %, .33·.48·5,250 at four times that."""
    what = listing(feeds=[feed("BTC", USD, 105_000)], perpetuals=[perpetual("BTC", 100, margin())])
    for times, mm in ((3.0, 630.0), (4.0, 831.6)):
        hand = open_at(venue_factory, what, 2, margin_mode="portfolio", portfolio_extreme=times)
        hand.index(0, 105_000)
        hand.deposit(0, 100_000)
        hand.deposit(1, 100_000)
        hand.trade(1, 0, 0, 105_000, 5)
        hand.ok(Message.MARK)
        assert needs(hand) == (mm, round(1.25 * mm, 6))


@pytest.mark.spec("MAR-07")
def test_a_jump_moves_the_price_by_outcome(venue_factory: Factory) -> None:
    """Long 1 at 100, 50 YES at .40; YES drops the price by half, NO lifts it by 10 %.

    Worst with YES: m = .88·.5 - 1 = -56 % and +30 on the shares; with NO: .88·1.1 - 1 = -3.2 %
    and -20; void: -12 % and +5.  The extreme at -36 % weighs a third: .33·(68 - 30).
    """
    linked = {**event(), "underlying": "T", "jumps": [-0.5, 0.1]}
    what = listing(
        feeds=[feed("T", USD, 100)], perpetuals=[perpetual("T", 1, margin())], events=[linked]
    )
    hand = open_at(venue_factory, what, 3, margin_mode="portfolio", portfolio_floor=0.0)
    hand.index(0, 100)
    hand.deposit(0, 1_000)
    hand.deposit(1, 1_000)
    hand.trade(0, 1, 1, 40, 50)
    hand.trade(0, 1, 0, 100, 1)
    hand.ok(Message.MARK)
    assert needs(hand)[0] == 26.0
    # Once somebody has proposed an outcome the event stands alone: R = 20, and -12 % of 100.
    hand.ok(Message.PROPOSE, account=1, instrument=0, size=USD, arg=0)
    assert needs(hand)[0] == 32.0


@pytest.mark.spec("MAR-07")
def test_spot_in_use_hedges_a_short(venue_factory: Factory) -> None:
    """1 coin at .95 under a short of 2: 1.05 of 2 are open, 12 % of that up."""
    what = listing(
        feeds=[feed("T", USD, 100)],
        assets=[coin("T", 10)],
        perpetuals=[perpetual("T", 1, margin())],
        spots=[spot("T")],
    )
    hand = open_at(venue_factory, what, 2, margin_mode="portfolio")
    hand.index(0, 100)
    hand.deposit(0, 1_000)
    hand.deposit(1, 1_000)
    hand.ok(Message.DEPOSIT, account=0, instrument=1, size=10)
    hand.trade(1, 0, 0, 100, 2)
    hand.ok(Message.MARK)
    assert needs(hand) == (12.6, 15.75)
    # Resting asks use up the hedge: half a coin is left of it, and 1.525 of 2 are open.
    hand.order(0, 1, SELL, 110, 5)
    assert needs(hand) == (12.6, round(1.25 * 0.12 * 152.5, 6))
    # The coins never ask for more than they give: a long of 2 is a long of 2.
    assert needs(hand, 1) == (24.0, 30.0)


@pytest.mark.spec("MAR-07")
def test_resting_orders_in_both_directions(venue_factory: Factory) -> None:
    """Flat but for a bid of 3 and an ask of 1: 3 long down, 1 short up, and no loss on entry."""
    what = listing(feeds=[feed("T", USD, 100)], perpetuals=[perpetual("T", 1, margin())])
    hand = open_at(venue_factory, what, 2, margin_mode="portfolio")
    hand.index(0, 100)
    hand.deposit(0, 1_000)
    hand.ok(Message.MARK)
    hand.order(0, 0, BUY, 100, 3)
    assert needs(hand) == (0.0, 1.25 * 36)
    hand.order(0, 0, SELL, 101, 4)
    assert needs(hand) == (0.0, 1.25 * 48)


# -- offset -------------------------------------------------------------------------------------


@pytest.mark.spec("MAR-06")
def test_a_future_offsets_a_perpetual(venue_factory: Factory) -> None:
    """Long 10 of one, short 7 of the other at 100: 5 % of 300, 1 % of the 700 that are hedged."""
    expiry = 1_800_000_000 * SECOND
    what = listing(
        feeds=[feed("T", USD, 100)],
        perpetuals=[perpetual("T", 1, FLAT)],
        futures=[future("T", 1, margin(0.1, 0.0, 0.08, 0.0), expiry)],
    )
    hand = open_at(venue_factory, what, 4)
    hand.index(0, 100)
    hand.deposit(0, 10_000)
    hand.deposit(1, 10_000)
    hand.trade(0, 1, 0, 100, 10)
    assert needs(hand) == (50.0, 50.0)
    hand.trade(1, 0, 1, 100, 7)
    hand.move((0, 0, 100))
    # the larger of the fractions: 8 % and 10 %
    assert needs(hand) == (0.08 * 300 + 0.01 * 700, 0.1 * 300 + 0.01 * 700)
    # A bid of 5 more on the future: 8 of 300 + 500 net, or as it is; the smaller side stays 700.
    hand.order(0, 1, BUY, 100, 5)
    assert needs(hand)[1] == 0.1 * 800 + 0.01 * 700


@pytest.mark.spec("MAR-06")
def test_an_inverse_is_of_its_coins_underlying(venue_factory: Factory) -> None:
    what = listing(
        feeds=[feed("T", USD, 100)],
        assets=[coin("T", 10)],
        perpetuals=[perpetual("T", 1, FLAT)],
        inverses=[inverse("T", FLAT, face_usd=10)],
        spots=[spot("T")],
    )
    hand = open_at(venue_factory, what, 4, offset_ratio=0.02)
    hand.index(0, 100)
    for account in range(2):
        hand.deposit(account, 10_000)
        hand.ok(Message.DEPOSIT, account=account, instrument=1, size=100)
    hand.trade(0, 1, 0, 100, 10)
    hand.trade(1, 0, 1, 100, 40)
    assert needs(hand) == (0.05 * 600 + 0.02 * 400,) * 2


@pytest.mark.spec("MAR-06", "LIQ-02")
def test_the_hedge_is_closed_last(venue_factory: Factory) -> None:
    """Long 10, short 6: buying the short back would free nothing, however cheap it is."""
    expiry = 1_800_000_000 * SECOND
    disposal = {"policy": "steps", "ratio": 0.1, "min_usd": 100.0}
    what = listing(
        feeds=[feed("T", USD, 100)],
        perpetuals=[perpetual("T", 1, FLAT)],
        futures=[future("T", 1, FLAT, expiry)],
    )
    hand = open_at(venue_factory, what, 5, disposal=disposal, fillable_ba=1e6)
    hand.index(0, 100)
    hand.deposit(0, 60)
    hand.deposit(1, 10_000)
    hand.deposit(2, 10_000)
    for part in (1, 1, 2, 2):  # never more than the margin of 5 % bears
        hand.trade(0, 1, 0, 100, part)
        hand.trade(1, 0, 1, 100, part)
    hand.trade(0, 1, 0, 100, 4)
    assert needs(hand)[0] == 0.05 * 400 + 0.01 * 600
    hand.move((0, 0, 90))
    hand.order(2, 0, BUY, 89, 10)
    hand.order(2, 1, SELL, 90, 6)
    assert hand.venue.maintenance(0) == (20.0, 0.05 * 360 + 0.01 * 540)
    (step,) = of_kind(hand.liquidate(), Event.STEP)
    assert (step.instrument, step.side, step.size) == (0, SELL, 2)


# -- wallets --------------------------------------------------------------------------------------


def send(hand: Hand, a: int, b: int, size: int, asset: int = 0) -> list[Row]:
    return hand.send(Message.TRANSFER, account=a, instrument=asset, size=size, arg=b)


@pytest.mark.spec("MAR-08")
@pytest.mark.parametrize("mode", ["unified", "segregated", "isolated", "portfolio"])
def test_money_goes_from_wallet_to_wallet(venue_factory: Factory, mode: str) -> None:
    what = listing(feeds=[feed("T", USD, 100)], perpetuals=[perpetual("T", 1, FLAT)])
    hand = open_at(venue_factory, what, 4, margin_mode=mode, withdraw_floor_ratio=0.0)
    hand.index(0, 100)
    hand.deposit(0, 1_000)
    hand.deposit(3, 1_000)

    def why(rows: list[Row]) -> Reason:
        (row,) = rows
        assert (row.kind, row.x) == (Event.REJECT, Message.TRANSFER)
        return Reason(row.code)

    assert why(send(hand, 0, 1, 5)) == Reason.BAD_FLAGS  # of another owner
    hand.ok(Message.SETTINGS, account=1, arg=1)
    assert why(send(hand, 0, 9, 5)) == Reason.UNKNOWN_ACCOUNT
    assert why(send(hand, -1, 0, 5)) == Reason.UNKNOWN_ACCOUNT
    assert why(send(hand, 0, 1, 5, asset=1)) == Reason.UNKNOWN_ASSET
    assert why(send(hand, 0, 1, 0)) == Reason.BAD_SIZE
    assert why(send(hand, 0, 1, (1 << 60) + 1)) == Reason.BAD_SIZE
    assert why(send(hand, 0, 0, 5)) == Reason.BAD_FLAGS
    assert why(send(hand, 0, 1, 1_001 * USD)) == Reason.INSUFFICIENT_BALANCE
    (row,) = send(hand, 0, 1, 600 * USD)
    assert (row.kind, row.account, row.other, row.size) == (Event.TRANSFER, 0, 1, 600 * USD)
    assert (hand.usdc(0), hand.usdc(1)) == (400, 600)
    # What a position needs stays: 10 at 100 ask for 50 dollars, in portfolio mode for 150.
    hand.trade(0, 3, 0, 100, 10)
    assert why(send(hand, 0, 1, 380 * USD)) == Reason.INSUFFICIENT_MARGIN
    free = 250 if mode == "portfolio" else 350
    assert why(send(hand, 0, 1, free * USD + 1)) == Reason.INSUFFICIENT_MARGIN
    hand.ok(Message.TRANSFER, account=0, arg=1, size=free * USD)
    hand.wait(61)
    assert why(send(hand, 0, 1, 1)) == Reason.STALE_ORACLE
    hand.ok(Message.TRANSFER, account=1, arg=0, size=USD)  # no position rests on that feed
    assert (hand.usdc(0), hand.usdc(1)) == (401 - free, 599 + free)


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
