"""Scripted flow: how much, when, and how deep into the book."""

from __future__ import annotations

import numpy as np
import pytest

from agents.flow import Flow, FlowParams
from agents.testing import check_agent
from sim.exchange.messages import (
    E_ORDER,
    E_PRICE,
    E_SIDE,
    E_SIZE,
    E_TIME,
    M_KIND,
    M_PRICE,
    Event,
    Kind,
)
from tests.agents.stage import E_BOOK, START_US, T_BOOK, quotes, stage


def test_it_passes_the_check() -> None:
    sent = check_agent(Flow, FlowParams(total_usd=20_000.0, duration_s=50.0))
    orders = [b for b in sent if len(b) and b[0, M_KIND] == Kind.NEW]
    assert len(orders) > 20
    assert all(b[0, M_PRICE] > 0 for b in orders)


def fills(made) -> np.ndarray:  # type: ignore[no-untyped-def]
    return made.events(Event.FILL)


def test_a_sale_is_spread_over_its_time() -> None:
    """1,000 USD in 20 s into a deep bid, from the tenth second on."""
    bids = quotes(T_BOOK, 0, [0.999], 100_000)
    params = {
        "instrument": "T/USDC",
        "side": "sell",
        "total_usd": 1_000.0,
        "capital_usd": 5_000.0,
        "start_s": 10.0,
        "duration_s": 20.0,
    }
    made = stage("flow", params, before=bids).run()
    at_s = (fills(made)[:, E_TIME] - START_US) / 1e6
    sold = fills(made)[:, E_SIZE].sum() * 0.999
    assert 998 < sold <= 1_000
    assert made.trader.done_usd == pytest.approx(sold)
    assert 10 <= at_s.min() < 10.1
    assert 28.9 < at_s.max() < 31
    assert len(at_s) == 20
    assert made.exchange.balance(10, "T") == 5_000 - fills(made)[:, E_SIZE].sum()


def test_slippage_bounds_an_order() -> None:
    """The second level lies 3 % behind the first: an order with 1 % of slippage leaves it."""
    asks = quotes(T_BOOK, 1, [1.0, 1.03], 100)
    common = {"instrument": "T/USDC", "total_usd": 180.0, "duration_s": 1.0}
    near = stage("flow", {**common, "max_slippage_bps": 100.0}, before=asks).run()
    assert fills(near)[:, E_PRICE].tolist() == [10_000, 10_300]
    assert len(set(fills(near)[:, E_ORDER].tolist())) == 2
    far = stage("flow", {**common, "max_slippage_bps": 400.0}, before=asks).run()
    first = fills(far)[fills(far)[:, E_ORDER] == fills(far)[0, E_ORDER]]
    assert first[:, E_PRICE].tolist() == [10_000, 10_300]


def test_a_limit_sweeps_every_level_up_to_it() -> None:
    asks = quotes(T_BOOK, 1, [1.0, 1.1, 1.2, 1.3, 1.4], 100)
    params = {
        "instrument": "T/USDC",
        "total_usd": 5_000.0,
        "duration_s": 5.0,
        "limit_price": 1.3,
    }
    made = stage("flow", params, before=asks).run()
    assert fills(made)[:, E_PRICE].tolist() == [10_000, 11_000, 12_000, 13_000]
    assert made.trader.done_usd == pytest.approx(460.0)


def test_it_buys_no_more_than_it_was_told_although_prices_rise() -> None:
    asks = quotes(T_BOOK, 1, list(np.arange(1.0, 1.4, 0.01)), 50)
    params = {"instrument": "T/USDC", "total_usd": 800.0, "duration_s": 10.0, "limit_price": 1.4}
    made = stage("flow", params, before=asks).run()
    assert 790 < made.trader.done_usd <= 800
    spent = (fills(made)[:, E_SIZE] * fills(made)[:, E_PRICE]).sum() / 1e4
    assert spent == pytest.approx(made.trader.done_usd)


@pytest.mark.parametrize(("outcome", "price"), [("YES", 0.6), ("NO", 0.4)])
def test_shares_of_either_outcome(outcome: str, price: float) -> None:
    """Somebody offers each outcome at a price; prices of a flow are its own outcome's."""
    offers = quotes(E_BOOK, 0, [1 - price], 500, outcome=1 if outcome == "YES" else 0)
    params = {
        "instrument": "E",
        "outcome": outcome,
        "total_usd": 120.0,
        "duration_s": 12.0,
        "limit_price": 0.7,
    }
    made = stage("flow", params, before=offers).run()
    assert 118.5 < made.trader.done_usd <= 120
    held = made.exchange.balance(10, f"E:{outcome}")
    assert held == int(fills(made)[:, E_SIZE].sum()) == pytest.approx(120 / price, abs=4)
    assert set(fills(made)[:, E_SIDE].tolist()) == {0 if outcome == "YES" else 1}


def test_nobody_there_means_no_orders() -> None:
    made = stage("flow", {"instrument": "T/USDC", "total_usd": 100.0}).run()
    assert len(fills(made)) == 0
    assert made.refusals(Kind.NEW) == []


def test_bad_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no instrument 'X'; listed: \['T-PERP'"):
        stage("flow", {"instrument": "X"})
    with pytest.raises(ValueError, match="T-PERP is no event"):
        stage("flow", {"instrument": "T-PERP", "outcome": "NO"})
