"""Offset groups, portfolio margin, liquidation prices: numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

from sim.exchange.account import Account
from sim.exchange.breakeven import liquidation_path
from sim.exchange.explain import Explanation
from sim.exchange.instruments import (
    Asset,
    BinaryEvent,
    CategoricalEvent,
    Feed,
    Future,
    InversePerpetual,
    Listing,
    Margin,
    Perpetual,
    Spot,
)
from sim.exchange.legs import Leg, legs_of, release_usd
from sim.exchange.rules import Rules
from sim.exchange.whatif import VOID, decided, repriced, scaled

FLAT = Margin(base=0.1, factor=0.0, base_m=0.05, factor_m=0.0)
STEEP = Margin(base=0.2, factor=0.0, base_m=0.08, factor_m=0.0)
USD = 1_000_000
PORTFOLIO = Rules(margin_mode="portfolio")


def listing(**events: object) -> Listing:
    """BTC at 105,000 USD (ticks of 10 USD): a perpetual, an inverse, a future, a spot book."""
    return Listing(
        feeds=(Feed(name="BTC", tick_micro=10 * USD, index_ticks=10_500),),
        assets=(
            Asset(
                name="BTC",
                feed="BTC",
                units_per_coin=10_000,
                haircut_w=1.0,
                haircut_b=1.0,
                haircut_kappa=0.0,
            ),
        ),
        perpetuals=(Perpetual(name="PERP", feed="BTC", lots_per_coin=1000, margin=FLAT),),
        inverses=(InversePerpetual(name="INV", base="BTC", face_usd=100, margin=STEEP),),
        futures=(
            Future(name="DEC", feed="BTC", lots_per_coin=1000, expiry_us=10**15, margin=FLAT),
        ),
        spots=(Spot(name="BTC/USDC", base="BTC"),),
        events=tuple(events.values()),  # type: ignore[arg-type]
    )


PLAIN = listing()
MARKS = {0: 10_500, 1: 10_500, 2: 10_500, 3: 10_500}


def account(
    positions: dict[int, tuple[int, int]],
    balances: dict[int, int],
    marks: dict[int, int] | None = None,
    **more: object,
) -> Account:
    return Account(
        balances=balances,
        positions=positions,
        index={0: 10_500},
        marks=MARKS | (marks or {}),
        **more,  # type: ignore[arg-type]
    )


def leg(legs: tuple[Leg, ...], name: str) -> Leg:
    return next(x for x in legs if x.name == name)


@pytest.mark.spec("MAR-06")
def test_a_long_and_a_short_on_one_coin_ask_for_their_net_and_a_hundredth_of_the_smaller() -> None:
    held = account({0: (2000, 210_000 * USD), 2: (-500, -52_500 * USD)}, {0: 50_000 * USD})
    found = legs_of(PLAIN, Rules(), held)
    both = leg(found, "BTC offset")
    # long 210,000, short 52,500: net 157,500 at 5 % (10 %), and 1 % of 52,500
    assert both.clause == "MAR-06"
    assert both.mm_usd == pytest.approx(157_500 * 0.05 + 525)
    assert both.im_usd == pytest.approx(157_500 * 0.1 + 525)
    assert both.inputs["maintenance"]["members"] == ["PERP", "DEC"]
    assert leg(found, "PERP").mm_usd == leg(found, "DEC").im_usd == 0
    # the steeper margin of the inverse counts for the whole net; its notional is its face
    three = account({0: (2000, 0), 1: (-100, 0), 2: (-500, 0)}, {0: 50_000 * USD})
    steep = leg(legs_of(PLAIN, Rules(), three), "BTC offset")
    assert steep.mm_usd == pytest.approx(147_500 * 0.08 + 625)


@pytest.mark.spec("MAR-06")
def test_orders_make_a_group_for_initial_margin_alone() -> None:
    """Long 2 perpetual, an ask for 3 futures rests: the worse of +2 and -1 coins."""
    asks = {2: (0, 0, 0, 3000, 0, 3000 * 10_500 * 10_000, 0, 0)}
    held = account({0: (2000, 210_000 * USD)}, {0: 50_000 * USD}, resting=asks)
    found = legs_of(PLAIN, Rules(), held)
    both, perp = leg(found, "BTC offset"), leg(found, "PERP")
    assert (both.mm_usd, perp.im_usd) == (0.0, 0.0)
    assert perp.mm_usd == pytest.approx(210_000 * 0.05)
    assert both.im_usd == pytest.approx(210_000 * 0.1 + 2100)  # L 210,000, S 315,000
    assert set(both.inputs) == {"initial"}


def k19() -> tuple[Listing, Account]:
    made = listing(
        up=BinaryEvent(name="UP", underlying="BTC", strike_ticks=10_000, payoff_ticks=1000)
    )
    held = account({0: (-50, -5_250 * USD)}, {0: 20_000 * USD, 2: 10_000}, {4: 800})
    return made, held


@pytest.mark.spec("MAR-07", "K19")
def test_ten_thousand_shares_of_a_strike_and_a_short() -> None:
    made, held = k19()
    found = leg(legs_of(made, PORTFOLIO, held), "BTC portfolio")
    assert found.mm_usd == pytest.approx(7_750)
    assert found.im_usd == pytest.approx(9_687.50)
    part = found.inputs["maintenance"]
    assert part["worst"]["strike_of"] == "UP"
    assert part["worst"]["price"] == "just below the strike"
    assert part["worst"]["move"] == pytest.approx(-1 / 21)
    assert part["from_price_usd"] == pytest.approx(250)
    assert part["from_events_usd"] == {"UP": {"outcome": "NO", "pnl_usd": -8000}}
    assert part["floor_usd"] == 4000
    assert part["binds"] == "point"


@pytest.mark.spec("MAR-07")
def test_events_of_one_strike_fall_on_one_side_of_it() -> None:
    """1,000 of "at or above" at .60, 1,000 of "below" at .40: one of them pays, if not void."""
    both = {"underlying": "BTC", "strike_ticks": 10_000}
    made = listing(
        up=BinaryEvent(name="UP", **both), down=BinaryEvent(name="DN", below=True, **both)
    )
    held = account({}, {0: 0, 2: 1000, 4: 1000}, {4: 600, 5: 400})
    part = leg(legs_of(made, PORTFOLIO, held), "BTC portfolio").inputs["maintenance"]
    # the loser pays nothing and the winner is void: 500 of the 1,000 they are worth
    ends = part["from_events_usd"]
    assert {ends["UP"]["outcome"], ends["DN"]["outcome"]} == {"NO", "void"}
    assert part["loss_usd"] == pytest.approx(500)


@pytest.mark.spec("MAR-07")
def test_the_widest_move_binds_when_the_strike_is_beyond_it() -> None:
    """Strike 30 % below: at a third of its weight, so that the short's rise of 12 % is the worst."""
    made = listing(up=BinaryEvent(name="UP", underlying="BTC", strike_ticks=7_350))
    held = account({0: (-5000, -525_000 * USD)}, {0: 200_000 * USD, 2: 1000}, {4: 900})
    part = leg(legs_of(made, PORTFOLIO, held), "BTC portfolio").inputs["maintenance"]
    # at +12 %: 63,000 lost on the short, at most 400 on the shares (void pays one half)
    assert part["loss_usd"] == pytest.approx(63_000 + 400)
    assert part["worst"] == {"move": pytest.approx(0.12), "weight": 1.0}
    assert part["from_events_usd"]["UP"]["outcome"] == "void"


@pytest.mark.spec("MAR-07")
def test_orders_count_on_the_side_on_which_they_would_lose() -> None:
    """Long 1 coin, bids for 2 and asks for 5 rest: it may be long 3 when the price falls, or short 4."""
    unit = 10_500 * 10_000
    resting = {0: (0, 0, 2000, 5000, 2000 * unit, 5000 * unit, 0, 0)}
    held = account({0: (1000, 105_000 * USD)}, {0: 0}, resting=resting)
    inputs = leg(legs_of(PLAIN, PORTFOLIO, held), "BTC portfolio").inputs
    assert inputs["maintenance"]["loss_usd"] == pytest.approx(0.12 * 105_000)
    assert inputs["initial"]["worst"]["move"] == pytest.approx(0.12)
    assert inputs["initial"]["loss_usd"] == pytest.approx(0.12 * 4 * 105_000)
    fewer = {0: (0, 0, 2000, 3000, 2000 * unit, 3000 * unit, 0, 0)}
    long = account({0: (1000, 105_000 * USD)}, {0: 0}, resting=fewer)
    inputs = leg(legs_of(PLAIN, PORTFOLIO, long), "BTC portfolio").inputs
    assert inputs["initial"]["worst"]["move"] == pytest.approx(-0.12)
    assert inputs["initial"]["loss_usd"] == pytest.approx(0.12 * 3 * 105_000)


@pytest.mark.spec("MAR-07")
def test_coins_in_use_hedge_a_short_and_ask_for_nothing_themselves() -> None:
    held = account({0: (-1000, -105_000 * USD)}, {0: 0, 1: 10_000})
    found = leg(legs_of(PLAIN, PORTFOLIO, held), "BTC portfolio")
    assert (found.mm_usd, found.im_usd) == (0.0, 0.0)
    assert found.inputs["maintenance"]["binds"] == "nothing"
    alone = account({}, {1: 10_000})
    assert [x.name for x in legs_of(PLAIN, PORTFOLIO, alone)] == ["USDC", "BTC"]


@pytest.mark.spec("MAR-07")
def test_a_jump_moves_the_price_and_pays_the_share_at_once() -> None:
    """Long 1 coin; LOSS makes the price fall 20 %: 1,000 shares of LOSS at .30 insure it."""
    law = CategoricalEvent(
        name="LAW", outcomes=("WIN", "LOSS"), underlying="BTC", jumps=(0.1, -0.2)
    )
    made = listing(law=law)
    held = account({0: (1000, 105_000 * USD)}, {0: 0, 3: 1000}, {4: 700, 5: 300})
    part = leg(legs_of(made, PORTFOLIO, held), "BTC portfolio").inputs["maintenance"]
    # worst: LOSS and 12 % on top, .88 · .8 − 1 = −29.6 %, the shares pay 700 more than their mark
    assert part["worst"]["move"] == pytest.approx(-0.296)
    assert part["worst"]["jumps"] == {"LAW": "LOSS"}
    assert part["loss_usd"] == pytest.approx(31_080 - 700)
    # once it is proposed it is unlinked, and asks for all of its value
    proposed = legs_of(made, PORTFOLIO, account(
        {0: (1000, 105_000 * USD)}, {0: 0, 3: 1000}, {4: 700, 5: 300}, proposed=frozenset({0})
    ))  # fmt: skip
    assert leg(proposed, "BTC portfolio").mm_usd == pytest.approx(12_600)
    assert leg(proposed, "LAW").mm_usd == 300


@pytest.mark.spec("LIQ-00")
def test_a_flagged_account_is_released_a_fiftieth_above_the_margin_of_its_derivatives() -> None:
    """A long asks for 5,250, 100 YES at .40 for 40: 5,290 and 2 % of 5,250."""
    made = listing(rain=BinaryEvent(name="RAIN"))
    held = account({0: (1000, 105_000 * USD)}, {0: 0, 2: 100}, {4: 400})
    legs = legs_of(made, Rules(), held)
    assert release_usd(Rules(), legs) == pytest.approx(5_290 + 105)


@pytest.mark.spec("LIQ-00", "MAR-11")
def test_the_liquidation_price_of_a_long_is_where_its_margin_is_used_up() -> None:
    """1 coin long from 105,000 with 10,500: NE = 10,500 − (105,000 − p), MM = .05·p."""
    held = account({0: (1000, 105_000 * USD)}, {0: 10_500 * USD})
    path = liquidation_path(PLAIN, Rules(), held)
    (btc,) = path.feeds
    assert path.safe
    assert path.together is None
    assert btc.up is None
    assert btc.down is not None
    exact = 94_500 / 0.95
    assert btc.down.price_usd == math.floor(exact / 10) * 10  # the first tick below
    assert not btc.down.safe
    assert btc.down.ne_usd < btc.down.mm_usd
    assert sum(x.ne_usd for x in btc.down.legs) == btc.down.ne_usd
    assert btc.down.move == pytest.approx(btc.down.price_usd / 105_000 - 1)
    hedged = account({0: (1000, 105_000 * USD), 2: (-1000, -105_000 * USD)}, {0: 10_500 * USD})
    assert liquidation_path(PLAIN, Rules(), hedged).feeds[0].down is None


def test_an_account_below_its_margin_is_told_where_it_is_safe_again() -> None:
    held = account({0: (1000, 105_000 * USD)}, {0: 1_000 * USD})
    path = liquidation_path(PLAIN, Rules(), held)
    assert not path.safe
    (btc,) = path.feeds
    assert btc.down is None
    assert btc.up is not None
    assert btc.up.safe
    assert btc.up.price_usd == math.ceil(104_000 / 0.95 / 10) * 10


def test_a_strike_between_two_looks_is_not_overlooked() -> None:
    """Portfolio margin is worst near a strike; the crossing is found beside it."""
    made, held = k19()
    path = liquidation_path(made, PORTFOLIO, held)
    assert path.feeds[0].feed == "BTC"
    ends = {(r.outcome, r.move): r for r in path.resolutions}
    assert set(ends) == {("YES", 0.0), ("NO", 0.0), ("void", 0.0)}
    assert ends[("YES", 0.0)].ne_usd == 20_000 + 10_000
    assert ends[("NO", 0.0)].ne_usd == 20_000
    assert ends[("void", 0.0)].ne_usd == 20_000 + 5_000


def test_other_prices_keep_the_distance_of_marks() -> None:
    held = account({0: (1000, 0)}, {}, {0: 10_605})  # one per cent above the index
    moved = repriced(PLAIN, held, {0: 21_000})
    assert (moved.index[0], moved.marks[0]) == (21_000, 21_210)
    assert [scaled(5, 1, 2), scaled(7, 1, 2), scaled(1, 1, 1000)] == [2, 4, 1]


def test_an_event_that_ends_pays_its_shares() -> None:
    made, held = k19()
    yes, void = decided(made, held, 0, 0), decided(made, held, 0, VOID)
    assert (yes.balances, yes.resolved) == ({0: 30_000 * USD}, {0})
    assert void.balances == {0: 25_000 * USD}


def test_legs_alone_know_no_liquidation_price() -> None:
    with pytest.raises(ValueError, match="legs alone"):
        _ = Explanation(0, 0, (), 0.0).liquidation
