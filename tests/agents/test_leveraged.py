"""Leveraged accounts: who stops out, who adds, who tops up, who just holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from agents.leveraged import Leveraged, LeveragedParams
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
    M_ACCOUNT,
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
PRICE = np.where(FACTS.start_ticks > 0, FACTS.start_ticks, 500).astype(np.float64)
NOTHING = np.zeros((0, EV_COLS), dtype=np.int64)


def cohort(n: int = 200, **params: Any) -> tuple[Leveraged, np.ndarray]:
    """A cohort after its set-up, and the fills of the opening orders, each against a stranger."""
    trader = build(Leveraged, FACTS, 1, LeveragedParams.model_validate(params), n)
    assert isinstance(trader, Leveraged)
    messages = np.concatenate(trader.setup())
    new = messages[messages[:, M_KIND] == Kind.NEW]
    new = new[new[:, M_INSTRUMENT] < FACTS.perpetuals]
    fills = np.zeros((len(new), EV_COLS), dtype=np.int64)
    fills[:, E_KIND], fills[:, E_OTHER] = int(Event.FILL), -1
    for to, column in (
        (E_ACCOUNT, M_ACCOUNT),
        (E_INSTRUMENT, M_INSTRUMENT),
        (E_SIDE, M_SIDE),
        (E_PRICE, M_PRICE),
        (E_SIZE, M_SIZE),
    ):
        fills[:, to] = new[:, column]
    return trader, fills


def run(trader: Leveraged, fills: np.ndarray, price: np.ndarray, wakes: int = 20) -> np.ndarray:
    """First a wake-up at the start's prices, then `wakes` at `price`; all messages of these."""
    trader.wake(START_US + 100_000, view_at(FACTS, PRICE, START_US), fills)
    sent = []
    for k in range(wakes):
        now = START_US + (k + 1) * 1_000_000
        sent.append(trader.wake(now, view_at(FACTS, price, now), NOTHING)[0])
    return np.concatenate(sent)


def test_it_learns_its_opening_positions_from_events() -> None:
    trader, fills = cohort()
    run(trader, fills, PRICE, 1)
    assert trader.opening is not None
    assert (trader.positions.lots[:, :3] == trader.opening.lots).all()


def test_at_unchanged_prices_nobody_acts() -> None:
    trader, fills = cohort(top_up_at_ratio=0.5)
    assert len(run(trader, fills, PRICE)) == 0


def test_holders_do_nothing_in_a_crash() -> None:
    trader, fills = cohort(stop_share=0, trend_share=0, top_up_share=0)
    assert len(run(trader, fills, PRICE * 0.7)) == 0


def test_stops_close_losers_with_reduce_only_market_orders() -> None:
    trader, fills = cohort(stop_share=1, trend_share=0, top_up_share=0, take_profit_ratio=100)
    sent = run(trader, fills, PRICE * 0.8)
    assert len(sent)
    assert (sent[:, M_FLAGS] == int(Flag.MARKET | Flag.REDUCE_ONLY)).all()
    assert (sent[:, M_SIDE] == 1).all()  # longs lose, and sell
    held = trader.positions.lots[sent[:, M_ACCOUNT] - 100, sent[:, M_INSTRUMENT]]
    assert (sent[:, M_SIZE] == held).all()


def test_trend_followers_add_to_what_wins_at_most_so_often() -> None:
    trader, fills = cohort(stop_share=0, trend_share=1, top_up_share=0, trend_max_adds=2)
    sent = run(trader, fills, PRICE * 0.7, wakes=100)
    assert (sent[:, M_SIDE] == 1).all()  # shorts win, and sell more
    assert (sent[:, M_FLAGS] == int(Flag.MARKET)).all()
    pairs = sent[:, M_ACCOUNT] * 10 + sent[:, M_INSTRUMENT]
    assert np.unique(pairs, return_counts=True)[1].max() == 2


def test_top_up_deposits_once_before_liquidation() -> None:
    trader, fills = cohort(stop_share=0, trend_share=0, top_up_share=1)
    sent = run(trader, fills, PRICE * 0.85, wakes=60)
    assert (sent[:, M_KIND] == Kind.DEPOSIT).all()
    assert len(np.unique(sent[:, M_ACCOUNT])) == len(sent) > 0


def test_a_flagged_account_does_not_act() -> None:
    trader, fills = cohort(stop_share=1, trend_share=0, top_up_share=0)
    flags = np.zeros((200, EV_COLS), dtype=np.int64)
    flags[:, E_KIND], flags[:, E_ACCOUNT] = int(Event.FLAG), trader.accounts
    assert len(run(trader, np.concatenate((fills, flags)), PRICE * 0.8)) == 0


def test_shares_of_behaviours_may_not_exceed_one() -> None:
    with pytest.raises(ValidationError, match="exceed 1"):
        LeveragedParams(stop_share=0.6, trend_share=0.6)
