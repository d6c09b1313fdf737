"""The market maker: where it quotes, how inventory and shocks move it, and its standing orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from agents.maker import Maker, MakerParams
from agents.testing import START_US, build, check_agent, tiny_facts, view_at
from sim.exchange.messages import (
    E_ACCOUNT,
    E_CODE,
    E_INSTRUMENT,
    E_KIND,
    E_ORDER,
    E_OTHER,
    E_OTHER_ORDER,
    E_PRICE,
    E_SIDE,
    E_SIZE,
    E_TIME,
    E_X,
    EV_COLS,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    Event,
    Kind,
    Reason,
)

FACTS = tiny_facts()
NOTHING = np.zeros((0, EV_COLS), dtype=np.int64)
SECOND = 1_000_000
PRICE = np.where(FACTS.start_ticks > 0, FACTS.start_ticks, 500).astype(np.float64)


def maker(**params: Any) -> Maker:
    trader = build(Maker, FACTS, 1, MakerParams.model_validate(params))
    assert isinstance(trader, Maker)
    trader.setup()
    return trader


def woken(trader: Maker, at_s: float, price: np.ndarray, inbox: np.ndarray = NOTHING) -> np.ndarray:
    now = START_US + int(at_s * SECOND)
    return trader.wake(now, view_at(FACTS, price, now - trader.latency_us), inbox)[0]


def fill(trader: Maker, order: np.ndarray, lots: int, at_s: float) -> np.ndarray:
    """A FILL of `lots` of a quote of the maker (row of its block) at its price."""
    row = np.zeros((1, EV_COLS), dtype=np.int64)
    row[0, E_KIND], row[0, E_TIME] = int(Event.FILL), START_US + int(at_s * SECOND)
    row[0, E_ACCOUNT], row[0, E_OTHER] = 1, trader.account
    row[0, E_INSTRUMENT], row[0, E_OTHER_ORDER] = order[M_INSTRUMENT], order[M_ORDER]
    row[0, E_SIDE], row[0, E_PRICE], row[0, E_SIZE] = 1 - order[M_SIDE], order[M_PRICE], lots
    return row


def refusal(trader: Maker, order: np.ndarray, code: Reason, of: Kind) -> np.ndarray:
    row = np.zeros((1, EV_COLS), dtype=np.int64)
    row[0, E_KIND], row[0, E_ACCOUNT] = int(Event.REJECT), trader.account
    row[0, E_ORDER], row[0, E_CODE], row[0, E_X] = order[M_ORDER], int(code), int(of)
    return row


def side(block: np.ndarray, book: int, which: int) -> np.ndarray:
    return block[(block[:, M_INSTRUMENT] == book) & (block[:, M_SIDE] == which)]


def test_first_wake_sends_every_level_of_every_book_as_new() -> None:
    block = woken(maker(), 1, PRICE)
    assert (block[:, M_KIND] == Kind.NEW).all()
    assert len(side(block, 0, 0)) == len(side(block, 0, 1)) == 5
    assert set(block[:, M_INSTRUMENT]) == {0, 1, 2, 3, 4}


def test_bids_lie_below_asks_and_move_away_by_level() -> None:
    block = woken(maker(), 1, PRICE)
    for book in range(5):
        bids, asks = side(block, book, 0)[:, M_PRICE], side(block, book, 1)[:, M_PRICE]
        assert bids.max() < asks.min()
        assert (np.diff(bids) <= 0).all()
        assert (np.diff(asks) >= 0).all()


def test_depth_within_50_bp_is_as_asked() -> None:
    block = side(woken(maker(depth50_ratio=0.01), 1, PRICE), 0, 0)
    near = block[block[:, M_PRICE] >= PRICE[0] * (1 - 50e-4)]
    usd = (near[:, M_SIZE] * near[:, M_PRICE]).sum() * FACTS.tick_value[0] / 1e6
    assert usd == pytest.approx(0.01 * FACTS.oi[0], rel=0.05)


def test_second_wake_replaces_the_same_orders() -> None:
    trader = maker()
    first, second = woken(trader, 1, PRICE), woken(trader, 2, PRICE)
    assert (second[:, M_KIND] == Kind.REPLACE).all()
    assert set(first[:, M_ORDER]) == set(second[:, M_ORDER])


def test_a_quote_that_was_filled_comes_back_as_new() -> None:
    trader = maker()
    best = side(woken(trader, 1, PRICE), 0, 0)[0]
    block = woken(trader, 2, PRICE, fill(trader, best, int(best[M_SIZE]), 1.5))
    kinds = {int(row[M_ORDER]): int(row[M_KIND]) for row in block}
    assert kinds[int(best[M_ORDER])] == Kind.NEW
    assert sum(kind == Kind.NEW for kind in kinds.values()) == 1


def test_a_fill_from_before_the_last_replace_does_not_count() -> None:
    trader = maker()
    best = side(woken(trader, 1, PRICE), 0, 0)[0]
    woken(trader, 2, PRICE)
    block = woken(trader, 3, PRICE, fill(trader, best, int(best[M_SIZE]), 2.0))
    assert (block[:, M_KIND] == Kind.REPLACE).all()


def test_unknown_order_comes_back_as_new_and_duplicate_as_replace() -> None:
    trader = maker()
    best = side(woken(trader, 1, PRICE), 0, 0)[0]
    gone = refusal(trader, best, Reason.UNKNOWN_ORDER, Kind.REPLACE)
    block = woken(trader, 2, PRICE, gone)
    assert block[block[:, M_ORDER] == best[M_ORDER], M_KIND].tolist() == [int(Kind.NEW)]
    twice = refusal(trader, best, Reason.DUPLICATE_ORDER, Kind.NEW)
    block = woken(trader, 3, PRICE, twice)
    assert block[block[:, M_ORDER] == best[M_ORDER], M_KIND].tolist() == [int(Kind.REPLACE)]


@pytest.mark.parametrize("which", [0, 1])
def test_inventory_moves_both_quotes_against_it(which: int) -> None:
    flat, full = maker(), maker()
    first = woken(flat, 1, PRICE)
    best = side(woken(full, 1, PRICE), 0, which)[0]
    lots = int(0.5 * full.limit_usd[0] / FACTS.usd(0, PRICE[0], 1))
    moved = woken(full, 2, PRICE, fill(full, best, lots, 1.5))
    usual = woken(flat, 2, PRICE)
    for s in (0, 1):
        change = side(moved, 0, s)[0, M_PRICE] - side(usual, 0, s)[0, M_PRICE]
        assert change < 0 if which == 0 else change > 0
    assert len(first)


def test_at_the_position_limit_it_quotes_one_side() -> None:
    trader = maker()
    best = side(woken(trader, 1, PRICE), 0, 0)[0]
    lots = int(1.1 * trader.limit_usd[0] / FACTS.usd(0, PRICE[0], 1))
    block = woken(trader, 2, PRICE, fill(trader, best, lots, 1.5))
    assert (side(block, 0, 0)[:, M_KIND] == Kind.CANCEL).all()
    assert (side(block, 0, 1)[:, M_KIND] == Kind.REPLACE).all()


def test_a_jump_makes_it_pull_to_stubs_and_return() -> None:
    trader = maker(warm_s=0, pull_s=5, stub_bps=400)
    woken(trader, 1, PRICE)
    woken(trader, 2, PRICE)
    fallen = PRICE.copy()
    fallen[0] *= 0.99
    block = woken(trader, 3, fallen)
    assert side(block, 0, 0)[0, M_PRICE] < 0.965 * fallen[0]
    assert side(block, 1, 0)[0, M_PRICE] > 0.99 * PRICE[1]
    assert side(block, 0, 0)[0, M_SIZE] <= max(1, side(woken(trader, 30, fallen), 0, 0)[0, M_SIZE])
    for at in range(31, 200):
        block = woken(trader, at, fallen)
    assert side(block, 0, 0)[0, M_PRICE] > 0.98 * fallen[0]


def test_without_pulling_it_stays() -> None:
    trader = maker(warm_s=0, pulls=False)
    woken(trader, 1, PRICE)
    fallen = PRICE * 0.99
    block = woken(trader, 2, fallen)
    for at in range(3, 6):
        block = woken(trader, at, fallen)
    assert side(block, 0, 0)[0, M_PRICE] > 0.965 * fallen[0]


def test_when_prices_rise_asks_are_sent_first() -> None:
    trader = maker()
    woken(trader, 1, PRICE)
    up = woken(trader, 2, PRICE * 1.001)
    assert up[up[:, M_INSTRUMENT] == 0][0, M_SIDE] == 1
    down = woken(trader, 3, PRICE * 0.999)
    assert down[down[:, M_INSTRUMENT] == 0][0, M_SIDE] == 0


def test_spot_asks_never_exceed_the_coins_it_has() -> None:
    trader = maker(spot_capital_ratio=1e-4)
    block = woken(trader, 1, PRICE)
    for book in FACTS.spots:
        j = int(np.flatnonzero(trader.books == book)[0])
        asks = side(block, int(book), 1)
        assert asks[asks[:, M_KIND] == Kind.NEW, M_SIZE].sum() <= trader.spot_lots[j]


def test_capital_is_deposited_in_usdc_and_coins() -> None:
    trader = maker()
    deposits = np.concatenate(build(Maker, FACTS, 1).setup())
    usdc = deposits[deposits[:, M_INSTRUMENT] == 0, M_SIZE].sum() / 1e6
    assert usdc == pytest.approx(0.8 * trader.params.capital_usd)
    value = trader.spot_lots * PRICE[trader.books] * trader.tick_value / 1e6
    assert value.sum() == pytest.approx(0.2 * trader.params.capital_usd, rel=1e-3)


def test_after_a_heavy_loss_it_only_reduces() -> None:
    trader = maker(stop_drawdown_ratio=0.1)
    best = side(woken(trader, 1, PRICE), 0, 0)[0]
    lots = int(0.5 * trader.limit_usd[0] / FACTS.usd(0, PRICE[0], 1))
    block = woken(trader, 2, PRICE * 0.7, fill(trader, best, lots, 1.5))
    live = block[block[:, M_KIND] != Kind.CANCEL]
    assert len(side(live, 0, 0)) == 0
    assert len(side(live, 0, 1)) == 5
    assert len(side(live, 1, 1)) == 0


def test_only_the_named_books() -> None:
    trader = maker(instruments=("C1-PERP",))
    assert set(woken(trader, 1, PRICE)[:, M_INSTRUMENT]) == {1}


def test_levels_need_a_share_each() -> None:
    with pytest.raises(ValidationError, match="one entry per level"):
        MakerParams(level_offset_bps=(0.0,), level_share=(0.5, 0.5))


def test_check_agent_with_post_only() -> None:
    check_agent(Maker, MakerParams(post_only=True))
