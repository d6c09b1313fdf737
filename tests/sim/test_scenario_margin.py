"""Bulk portfolio margin: equal to the exchange's own, in full and one change at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sim.exchange import Exchange
from sim.exchange.instruments import MICRO, Asset, BinaryEvent, Feed, Listing, Perpetual
from sim.exchange.rules import Rules
from sim.risk.errors import RiskError
from sim.risk.scenario_margin import Book, Grid, Strike, exposure, full, grid_of

ACCOUNTS = 300
INDEX = 100_000
MARK = 450  # of every event, in thousandths of a USDC
COUNTS = 0.9  # of a coin's value
EVENTS = (
    BinaryEvent(name="Up", underlying="BTC", strike_ticks=105_000),
    BinaryEvent(name="Far", underlying="BTC", strike_ticks=130_000, below=True),
    BinaryEvent(name="Down", underlying="BTC", strike_ticks=97_000, below=True),
    BinaryEvent(name="Beyond", underlying="BTC", strike_ticks=300_000),
)


@pytest.fixture(scope="module")
def crowd() -> Exchange:
    """Accounts with random longs, shorts, coins and shares; everybody is rich enough to trade."""
    r = np.random.default_rng(7)
    x = Exchange(
        Listing(
            feeds=(Feed(name="BTC", tick_micro=10_000, index_ticks=INDEX, stale_after_s=86_400),),
            assets=(
                Asset(
                    name="BTC",
                    feed="BTC",
                    units_per_coin=1_000,
                    haircut_w=COUNTS,
                    haircut_kappa=0.0,
                ),
            ),
            perpetuals=(Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1_000),),
            events=EVENTS,
        ),
        Rules(margin_mode="portfolio", band_ratio=100.0),
        accounts=ACCOUNTS,
    )
    for a in range(ACCOUNTS):
        x.deposit(a, "USDC", 10**7 * MICRO)
        if r.random() < 0.3:
            x.deposit(a, "BTC", int(r.integers(1, 3_000)))
    x.price("BTC", INDEX)
    for _ in range(2 * ACCOUNTS):
        pair = [int(a) for a in r.choice(ACCOUNTS, 2, replace=False)]
        lots = int(r.integers(1, 5_000))
        if r.random() < 0.5:
            x.submit(pair[0], "BTC-PERP", "buy", lots, INDEX)
            assert x.submit(pair[1], "BTC-PERP", "sell", lots, INDEX).filled == lots
        else:
            book = EVENTS[int(r.integers(len(EVENTS)))].name
            x.submit(pair[0], book, "buy", lots, MARK)
            assert x.submit(pair[1], book, "sell", lots, MARK).filled == lots
    x.price("BTC", 101_234)
    return x


def inputs(x: Exchange) -> tuple[Grid, np.ndarray, np.ndarray]:
    """(grid, exposures, net shares) of what the exchange holds."""
    index, mark = x.index("BTC"), x.mark("BTC-PERP")
    strikes = [
        Strike(e.strike_ticks, x.mark(e.name) / 1_000, e.below, x.listing.events[n].lam)
        for n, e in enumerate(EVENTS)
    ]
    grid = grid_of(index, (0.04, 0.08, 0.12), strikes)
    delta = x.positions()[:, 0] * mark * 10 / 1e6
    spot = np.zeros(ACCOUNTS)
    first = 2
    shares = np.array(
        [
            [x.balance(a, first + 2 * e) - x.balance(a, first + 2 * e + 1) for e in range(4)]
            for a in range(ACCOUNTS)
        ],
        float,
    )
    for a in range(ACCOUNTS):
        units = x.balance(a, "BTC")
        if units:
            spot[a] = units * index * 10 / 1e6 * COUNTS
    return grid, exposure(delta, spot), shares


def test_margins_are_the_exchanges_own(crowd: Exchange) -> None:
    grid, f, shares = inputs(crowd)
    kernel = np.array([crowd.maintenance(a)[1] for a in range(ACCOUNTS)])
    assert np.count_nonzero(shares) > ACCOUNTS / 4
    assert (f > 0).any()
    assert (f < 0).any()
    np.testing.assert_allclose(full(grid, f, shares), kernel, rtol=1e-9)


def test_only_a_strike_within_the_extremes_is_a_point(crowd: Exchange) -> None:
    grid, _, _ = inputs(crowd)
    assert grid.points == 1 + 2 * 3 + 2 + 2 * 3  # the fourth strike is out of reach
    assert grid.weights.tolist().count(1.0) == 7 + 4


def test_incremental_margins_are_full_ones_after_the_same_changes(crowd: Exchange) -> None:
    grid, f, shares = inputs(crowd)
    r = np.random.default_rng(3)
    n = 2_000
    account = r.integers(0, ACCOUNTS, n)
    event = r.integers(-1, grid.events, n)
    amount = np.where(event < 0, r.normal(0, 5e4, n), r.integers(-3_000, 3_000, n))
    book = Book(grid, f, shares)
    found = book.incremental(account, event, amount)
    last = np.zeros(ACCOUNTS)
    changed = np.zeros(ACCOUNTS, bool)
    for a, e, x, mm in zip(account, event, amount, found, strict=True):
        if e < 0:
            f[a] += x
        else:
            shares[a, e] += x
        last[a], changed[a] = mm, True
    expected = full(grid, f, shares)
    assert changed.sum() > ACCOUNTS / 2
    np.testing.assert_allclose(last[changed], expected[changed], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(book.exposure_usd, f, rtol=1e-12, atol=1e-6)
    np.testing.assert_array_equal(book.shares, shares)


def test_a_hand_computed_account() -> None:
    """Long 1,000 USD and 100 NO below 950: at -10 % the perpetual loses 100, NO loses its price."""
    grid = grid_of(1_000, (0.1,), [Strike(950, 0.3, below=True)], 2.0, 0.5, 0.0)
    assert full(grid, np.array([1_000.0]), np.array([[-100.0]])).tolist() == pytest.approx([170.0])
    floored = grid_of(1_000, (0.1,), [Strike(950, 0.3, below=True)], 2.0, 0.5, 1.0)
    assert full(floored, np.array([0.0]), np.array([[-300.0]])).tolist() == pytest.approx([210.0])


def test_without_events_only_the_exposure_counts() -> None:
    grid = grid_of(50.0, (0.04, 0.12))
    assert full(grid, np.array([100.0, -200.0, 0.0])).tolist() == pytest.approx([12.0, 24.0, 0.0])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: grid_of(0, (0.1,)), "index: 0 is not above 0"),
        (lambda: grid_of(1, ()), "moves: none given"),
        (lambda: grid_of(1, (1.5,)), "moves: 1.5 is outside"),
        (lambda: grid_of(1, (0.1,), [Strike(1, 1.2)]), "price: probability 1.2"),
        (lambda: full(grid_of(1, (0.1,)), np.zeros((2, 2))), "exposure_usd: has 2 dimensions"),
        (lambda: full(grid_of(1, (0.1,)), np.array([np.nan])), "exposure_usd: has a value"),
        (
            lambda: full(grid_of(1, (0.1,), [Strike(1, 0.5)]), np.zeros(2), np.zeros((1, 1))),
            r"shares: has shape \(1, 1\), \(2, 1\) is needed",
        ),
        (
            lambda: Book(grid_of(1, (0.1,)), np.zeros(2), np.zeros((2, 0))).incremental(
                np.array([2]), np.array([-1]), np.array([1.0])
            ),
            "account: outside 0 … 1",
        ),
    ],
)
def test_bad_input_is_named(wrong: Callable[[], object], says: str) -> None:
    with pytest.raises(RiskError, match=says):
        wrong()
