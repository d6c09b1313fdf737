"""Zero-intelligence flow: rates, books, lifetimes and what it remembers of its orders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.noise import Noise, NoiseParams
from agents.testing import START_US, build, tiny_facts, view_at
from sim.exchange.messages import (
    E_ACCOUNT,
    E_CODE,
    E_INSTRUMENT,
    E_KIND,
    E_ORDER,
    E_OTHER,
    EV_COLS,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    Event,
    Flag,
    Kind,
    Reason,
)

FACTS = tiny_facts()
PRICE = np.where(FACTS.start_ticks > 0, FACTS.start_ticks, 500).astype(np.float64)
NOTHING = np.zeros((0, EV_COLS), dtype=np.int64)


def sent(seconds: float, price: np.ndarray = PRICE, **params: Any) -> tuple[Noise, np.ndarray]:
    trader = build(Noise, FACTS, 1, NoiseParams.model_validate(params))
    assert isinstance(trader, Noise)
    trader.setup()
    now, out = START_US, []
    while now < START_US + seconds * 1e6:
        block, pause = trader.wake(now, view_at(FACTS, price, now), NOTHING)
        out.append(block)
        now += pause
    return trader, np.concatenate(out)


def test_rates_are_those_asked_for() -> None:
    _, block = sent(200, market_per_s=10, limit_per_s=20, lifetime_s=5)
    new = block[block[:, M_KIND] == Kind.NEW]
    market = (new[:, M_FLAGS] == int(Flag.MARKET)).sum()
    cancels = (block[:, M_KIND] == Kind.CANCEL).sum()
    assert market / 200 == pytest.approx(10, rel=0.1)
    assert (len(new) - market) / 200 == pytest.approx(20, rel=0.1)
    assert cancels / 200 == pytest.approx(20, rel=0.1)


def test_books_follow_open_interest() -> None:
    _, block = sent(200, weight_exponent=1, limit_per_s=0, spot_weight=0, event_weight=0)
    drawn = np.bincount(block[:, M_INSTRUMENT], minlength=3)
    assert drawn[:3] / len(block) == pytest.approx(FACTS.oi_share, abs=0.02)
    assert set(block[:, M_INSTRUMENT]) == {0, 1, 2}


def test_limit_orders_stay_on_their_side_of_the_mid() -> None:
    _, block = sent(50, market_per_s=0, spot_weight=0, event_weight=0)
    new = block[block[:, M_KIND] == Kind.NEW]
    buys = new[:, M_SIDE] == 0
    mid = PRICE[new[:, M_INSTRUMENT]]
    assert (new[buys, M_PRICE] <= mid[buys]).all()
    assert (new[~buys, M_PRICE] >= mid[~buys]).all()


def test_value_traders_buy_below_the_index() -> None:
    trader = build(Noise, FACTS, 1, NoiseParams(limit_per_s=0, value_share=1, event_weight=0))
    trader.setup()
    view = view_at(FACTS, PRICE, START_US)
    cheap = replace(view, bid=view.bid - 50, ask=view.ask - 50)
    block = trader.wake(START_US + 5_000_000, cheap, NOTHING)[0]
    assert len(block) > 50
    assert (block[:, M_SIDE] == 0).all()


def test_without_quotes_there_is_no_market_order() -> None:
    trader = build(Noise, FACTS, 1, NoiseParams(limit_per_s=0))
    trader.setup()
    view = view_at(FACTS, PRICE, START_US)
    gone = np.full_like(view.bid, -1)
    empty = replace(view, bid=gone, ask=gone)
    assert len(trader.wake(START_US + 5_000_000, empty, NOTHING)[0]) == 0


def test_an_order_that_is_gone_is_not_cancelled() -> None:
    trader, _ = sent(10, market_per_s=0, lifetime_s=1000)
    assert isinstance(trader, Noise)
    before = len(trader.live)
    row = np.zeros((1, EV_COLS), dtype=np.int64)
    row[0, E_KIND], row[0, E_ORDER], row[0, E_OTHER] = int(Event.CANCELLED), trader.live[3, 0], -1
    row[0, E_ACCOUNT] = trader.accounts[0]
    trader._read(row)
    assert len(trader.live) == before - 1
    assert row[0, E_ORDER] not in trader.live[:, 0]


def test_a_resolved_book_is_left_alone() -> None:
    trader = build(Noise, FACTS, 1, NoiseParams(event_weight=1000.0))
    trader.setup()
    row = np.zeros((1, EV_COLS), dtype=np.int64)
    row[0, E_KIND], row[0, E_CODE] = int(Event.REJECT), int(Reason.BOOK_STATE)
    row[0, E_INSTRUMENT], row[0, E_OTHER] = FACTS.book_of(FACTS.events[0]), -1
    view = view_at(FACTS, PRICE, START_US)
    first = trader.wake(START_US + 5_000_000, view, NOTHING)[0]
    later = trader.wake(START_US + 10_000_000, view, row)[0]
    assert FACTS.book_of(FACTS.events[0]) in first[:, M_INSTRUMENT]
    new = later[later[:, M_KIND] == Kind.NEW]
    assert FACTS.book_of(FACTS.events[0]) not in new[:, M_INSTRUMENT]


def test_market_orders_grow_with_volatility() -> None:
    trader = build(Noise, FACTS, 1, NoiseParams(limit_per_s=0, value_share=0, event_weight=0))
    assert isinstance(trader, Noise)
    trader.setup()
    price, now = PRICE.copy(), START_US
    for second in range(600):
        now = START_US + second * 1_000_000
        step = 20e-4 if second > 300 else 1.4e-4
        price = price * (1 + step * (1 if second % 2 else -1) * (1 + 0.1 * (second % 3)))
        trader.wake(now, view_at(FACTS, price, now), NOTHING)
        if second == 250:
            assert trader.factor[0] == pytest.approx(1.0, abs=0.5)
    assert 4 < trader.factor[0] <= 30


def test_value_traders_buy_more_the_wider_the_gap() -> None:
    sizes = []
    for gap in (10, 300):
        params = NoiseParams(limit_per_s=0, value_share=1, event_weight=0, size_median_usd=5000)
        trader = build(Noise, FACTS, 1, params)
        trader.setup()
        view = view_at(FACTS, PRICE, START_US)
        cheap = replace(view, bid=view.bid - gap, ask=view.ask - gap)
        block = trader.wake(START_US + 5_000_000, cheap, NOTHING)[0]
        sizes.append(block[block[:, M_INSTRUMENT] == 0, M_SIZE].sum())
    assert sizes[1] > 5 * sizes[0]
