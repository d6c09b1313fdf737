"""Those who trade the event: its maker, its traders and the hedger; and the backstop provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.backstop import Backstop, BackstopParams
from agents.event_maker import EventMaker, EventMakerParams
from agents.event_price import EventPrice, call, pick
from agents.event_trader import EventTrader, EventTraderParams
from agents.hedger import Hedger, HedgerParams
from agents.testing import START_US, build, tiny_facts, view_at
from sim.exchange.messages import (
    E_ACCOUNT,
    E_INSTRUMENT,
    E_KIND,
    E_OTHER,
    E_PRICE,
    E_SIDE,
    E_SIZE,
    EV_COLS,
    M_ARG,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    Event,
    Flag,
    Kind,
)

FACTS = tiny_facts()
TERMS = FACTS.events[0]
BOOK = FACTS.book_of(TERMS)
PRICE = np.where(FACTS.start_ticks > 0, FACTS.start_ticks, 500).astype(np.float64)
NOTHING = np.zeros((0, EV_COLS), dtype=np.int64)
END_S = (TERMS.resolves_us - START_US) / 1e6


def at(trader: Any, second: float, price: np.ndarray = PRICE, inbox: np.ndarray = NOTHING) -> Any:
    now = START_US + int(second * 1e6)
    return trader.wake(now, view_at(FACTS, price, now), inbox)[0]


def event_row(kind: Event, account: int, **columns: int) -> np.ndarray:
    row = np.zeros((1, EV_COLS), dtype=np.int64)
    row[0, E_KIND], row[0, E_ACCOUNT] = int(kind), account
    row[0, E_OTHER] = columns.get("other", -1)
    row[0, E_INSTRUMENT], row[0, E_SIDE] = columns["instrument"], columns.get("side", 0)
    row[0, E_SIZE], row[0, E_PRICE] = columns["size"], columns["price"]
    return row


def near(index: float) -> np.ndarray:
    price = PRICE.copy()
    price[0] = index
    return price


# the fair price ---------------------------------------------------------------------------
def test_fair_price_rises_as_the_index_falls_to_the_strike() -> None:
    values = []
    for index in (20_000.0, 19_900.0, 19_800.0, 19_500.0):
        price = EventPrice(FACTS, TERMS, 1.4, 1800.0)
        price.see(view_at(FACTS, near(index), START_US))
        values.append(price.fair(START_US)[0])
    assert values == sorted(values)
    assert values[2] == pytest.approx(0.5, abs=0.01)


def test_the_wild_share_keeps_a_long_shot_alive() -> None:
    far = near(22_000.0)
    tame = EventPrice(FACTS, TERMS, 1.4, 1800.0, wild_share=0.0)
    wild = EventPrice(FACTS, TERMS, 1.4, 1800.0)
    for price in (tame, wild):
        price.see(view_at(FACTS, far, START_US))
    assert tame.fair(START_US)[0] < 1e-12
    assert wild.fair(START_US)[0] > 1e-4


@pytest.mark.parametrize("strike", [0.0, 19_000.0, 20_000.0, 23_000.0])
def test_a_call_is_worth_what_it_pays_on_average(strike: float) -> None:
    spread = 0.1
    z = np.random.default_rng(1).standard_normal(400_000)
    ends = 20_000 * np.exp(spread * z - spread * spread / 2)
    pays = np.maximum(ends - strike, 0.0)
    worth, slope = call(20_000.0, strike, spread)
    assert abs(pays.mean() - worth) < 4 * pays.std() / 400_000**0.5
    up, down = call(20_002.0, strike, spread)[0], call(19_998.0, strike, spread)[0]
    assert slope == pytest.approx((up - down) / 2e-4, rel=1e-4, abs=1e-3)


def linked(**terms: Any) -> EventPrice:
    price = EventPrice(FACTS, replace(TERMS, **terms), 1.4, 1800.0)
    price.see(view_at(FACTS, near(19_900.0), START_US))
    return price


def test_ranges_of_a_price_are_differences_of_digitals() -> None:
    tick_usd = FACTS.listing.feeds[0].tick_micro / 1e6
    strikes = (19_700 * tick_usd, 19_900 * tick_usd, 20_100 * tick_usd)
    price = linked(kind="categorical", outcomes=("a", "b", "c", "d"), strikes_usd=strikes)
    fair = [price.fair(START_US, k) for k in range(4)]
    assert sum(p for p, _ in fair) == pytest.approx(1, abs=1e-12)
    assert sum(slope for _, slope in fair) == pytest.approx(0, abs=1e-9)
    below = linked(strike_ticks=19_700).fair(START_US)
    assert fair[0] == pytest.approx(below)
    assert fair[3] == pytest.approx(linked(strike_ticks=20_100, below=False).fair(START_US))
    due = TERMS.due_us + 1
    price.see(view_at(FACTS, near(19_000.0), due))  # too late to count
    assert [price.fair(due, k)[0] for k in range(4)] == [0, 0, 1, 0]


def test_a_scalar_on_a_price_is_the_expected_share_of_its_range() -> None:
    tick_usd = FACTS.listing.feeds[0].tick_micro / 1e6
    low, high = int(19_800 * tick_usd), int(20_100 * tick_usd)
    price = linked(kind="scalar", outcomes=("LONG", "SHORT"), low=low, high=high)
    longs = [price.fair(START_US)[0]]
    for index in (19_950.0, 20_000.0):
        price.see(view_at(FACTS, near(index), START_US + len(longs)))
        longs.append(price.fair(START_US)[0])
    assert longs == sorted(longs)
    assert 0.3 < longs[0] < 0.45  # a third of the range, and volatility is cut at its lower end
    assert price.fair(TERMS.due_us)[0] == pytest.approx(2 / 3)


def test_an_event_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="event 3 of 1"):
        pick(FACTS, 3, "x")


# the maker --------------------------------------------------------------------------------
def event_maker(**params: Any) -> EventMaker:
    trader = build(EventMaker, FACTS, 1, EventMakerParams.model_validate(params))
    assert isinstance(trader, EventMaker)
    return trader


def test_event_maker_quotes_around_the_fair_price() -> None:
    trader = event_maker()
    block = at(trader, 1, near(19_800.0))
    bids = block[block[:, M_SIDE] == 0, M_PRICE]
    asks = block[block[:, M_SIDE] == 1, M_PRICE]
    assert len(bids) == len(asks) == 4
    assert bids.max() < 1000 * trader.last_fair < asks.min()


def test_event_maker_leans_against_inventory() -> None:
    trader, other = event_maker(), event_maker()
    first = at(trader, 1, near(19_800.0))
    held = event_row(Event.FILL, trader.account, instrument=BOOK, size=100_000, price=500)
    second = at(trader, 2, near(19_800.0), held)
    at(other, 1, near(19_800.0))
    usual = at(other, 2, near(19_800.0))
    assert len(first) == 8
    assert second[0, M_PRICE] < usual[0, M_PRICE]


def test_event_maker_pulls_when_the_index_jumps() -> None:
    trader = event_maker(warm_s=0)
    for second in range(1, 5):
        at(trader, second, near(19_900.0))
    block = at(trader, 5, near(19_700.0))
    assert (block[:, M_KIND] == Kind.CANCEL).all()
    assert len(block) == 8


def test_event_maker_cancels_before_the_end_and_is_silent_after() -> None:
    trader = event_maker()
    at(trader, END_S - 100, near(19_800.0))
    assert (at(trader, END_S - 50, near(19_800.0))[:, M_KIND] == Kind.CANCEL).all()
    assert len(at(trader, END_S + 1, near(19_800.0))) == 0


def test_event_maker_does_not_buy_beyond_its_limit() -> None:
    trader = event_maker(max_shares=1000)
    at(trader, 1, near(19_800.0))
    held = event_row(Event.FILL, trader.account, instrument=BOOK, size=2000, price=500)
    block = at(trader, 2, near(19_800.0), held)
    assert (block[block[:, M_SIDE] == 0, M_KIND] == Kind.CANCEL).all()
    assert (block[block[:, M_SIDE] == 1, M_KIND] == Kind.REPLACE).all()


# the traders ------------------------------------------------------------------------------
def event_traders(**params: Any) -> EventTrader:
    trader = build(EventTrader, FACTS, 1, EventTraderParams.model_validate(params))
    assert isinstance(trader, EventTrader)
    return trader


def test_opening_pairs_mint_the_open_interest() -> None:
    blocks = np.concatenate(event_traders(open_sets=10_000.0).setup())
    new = blocks[blocks[:, M_KIND] == Kind.NEW].reshape(-1, 2, 12)
    assert new[:, 0, M_SIZE].sum() == pytest.approx(10_000, abs=20)
    assert (new[:, :, M_SIDE] == 0).all()
    assert (new[:, :, M_ARG] == [0, 1]).all()
    assert (new[:, 0, M_PRICE] + new[:, 1, M_PRICE] == 1000).all()


@pytest.mark.parametrize(("index", "outcome"), [(19_000.0, 0), (20_500.0, 1)])
def test_event_traders_buy_what_the_book_underprices(index: float, outcome: int) -> None:
    trader = event_traders(looks_per_s=20.0)
    sent = np.concatenate([at(trader, second, near(index)) for second in range(1, 20)])
    assert len(sent) > 20
    assert (sent[:, M_ARG] == outcome).all()
    assert (sent[:, M_FLAGS] == int(Flag.IOC)).all()


def test_event_traders_without_a_gap_do_nothing() -> None:
    trader = event_traders(edge_ticks=1000)
    assert not any(len(at(trader, second)) for second in range(1, 20))


# the hedger -------------------------------------------------------------------------------
def hedger(**params: Any) -> Hedger:
    trader = build(Hedger, FACTS, 1, HedgerParams.model_validate(params))
    assert isinstance(trader, Hedger)
    return trader


@pytest.mark.parametrize(("outcome", "price"), [("NO", 1000 - 299), ("YES", 301)])
def test_hedger_buys_its_outcome_at_the_touch(outcome: str, price: int) -> None:
    block = at(hedger(outcome=outcome), 1, near(20_500.0))
    assert block[0, M_INSTRUMENT] == BOOK
    assert block[0, M_SIDE] == 0
    assert block[0, M_ARG] == (outcome == "NO")
    assert block[0, M_PRICE] == price


def test_holder_of_no_is_short_the_perpetual_near_the_strike() -> None:
    trader = hedger(shares=1000.0, step_usd=100.0)
    sold = event_row(Event.FILL, trader.account, instrument=BOOK, side=1, size=1000, price=500)
    block = at(trader, 1, near(19_800.0), sold)
    assert block[0, M_INSTRUMENT] == 0
    assert block[0, M_SIDE] == 1
    worth = FACTS.usd(0, 19_800.0, int(block[0, M_SIZE]))
    assert worth == pytest.approx(1000 * -trader.price.fair(START_US + 1_000_000)[1], rel=0.01)


def test_hedge_is_capped_and_undone_after_resolution() -> None:
    trader = hedger(shares=1e6, max_hedge_usd=5_000.0, step_usd=100.0)
    sold = event_row(Event.FILL, trader.account, instrument=BOOK, side=1, size=10**6, price=500)
    block = at(trader, 1, near(19_800.0), sold)
    assert FACTS.usd(0, 19_800.0, int(block[0, M_SIZE])) <= 5_000.0
    lots = int(block[0, M_SIZE])
    hedge = event_row(Event.FILL, trader.account, instrument=0, side=1, size=lots, price=19_800)
    after = at(trader, END_S + 1, near(19_800.0), hedge)
    assert after[:, [M_INSTRUMENT, M_SIDE, M_SIZE]].tolist() == [[0, 0, lots]]


# the backstop -----------------------------------------------------------------------------
def backstop(**params: Any) -> Backstop:
    trader = build(Backstop, FACTS, 1, BackstopParams.model_validate(params))
    assert isinstance(trader, Backstop)
    return trader


def taken(trader: Backstop, lots: int, price: int = 20_000) -> np.ndarray:
    return event_row(Event.BACKSTOP, 1, other=trader.account, instrument=0, size=lots, price=price)


def test_backstop_deposits_and_commits() -> None:
    blocks = np.concatenate(backstop(capital_usd=1000.0, commit_ratio=0.5).setup())
    assert blocks[:, M_KIND].tolist() == [int(Kind.DEPOSIT), int(Kind.COMMIT)]
    assert blocks[:, M_SIZE].tolist() == [1_000_000_000, 500_000_000]


@pytest.mark.parametrize(("lots", "side"), [(1000, 1), (-1000, 0)])
def test_backstop_unwinds_a_slice_reduce_only(lots: int, side: int) -> None:
    trader = backstop(unwind_ratio=0.1, unwind_min_usd=1.0)
    block = at(trader, 1, PRICE, taken(trader, lots))
    assert block[:, [M_INSTRUMENT, M_SIDE, M_SIZE]].tolist() == [[0, side, 100]]
    assert block[0, M_FLAGS] == int(Flag.REDUCE_ONLY)
    again = at(trader, 6)
    assert again[0, M_KIND] == Kind.CANCEL_ALL


def test_backstop_withdraws_once_at_its_drawdown_cap() -> None:
    trader = backstop(capital_usd=1000.0, drawdown_cap_ratio=0.2)
    worth = FACTS.usd(0, 20_000.0, 1)
    lots = int(3000 / worth)
    calm = at(trader, 1, PRICE, taken(trader, lots))
    assert Kind.COMMIT not in calm[:, M_KIND]
    fallen = at(trader, 6, PRICE * 0.9)
    commits = fallen[fallen[:, M_KIND] == Kind.COMMIT]
    assert commits[:, M_SIZE].tolist() == [0]
    assert Kind.COMMIT not in at(trader, 11, PRICE * 0.8)[:, M_KIND]
