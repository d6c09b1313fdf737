"""A typical venue for measuring margin: many accounts, most with a few perpetual positions.

Every account has USDC and one to three positions in 20 perpetuals; some hold a coin, some have
shares of an event.  It is built by messages only, so that it is a state the exchange can reach.
"""

from __future__ import annotations

import math

import numpy as np

from sim.exchange.exchange import Exchange
from sim.exchange.instruments import (
    MICRO,
    Asset,
    BinaryEvent,
    Feed,
    Listing,
    Margin,
    Perpetual,
)
from sim.exchange.messages import (
    M_ACCOUNT,
    M_ARG,
    M_ARG2,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    M_TIME,
    MSG_COLS,
    Kind,
)
from sim.exchange.rules import MarginMode, Rules

PERPETUALS, COINS, EVENTS = 20, 4, 4
INDEX, TICK_MICRO, LOTS_PER_COIN = 100_000, 10_000, 1_000  # a coin costs 1,000 USD, a lot 1 USD
MOST_POSITIONS = 3
NOTIONAL_USD, SPREAD = 300.0, 1.0  # of a position: log-normal
LEAST_RATIO, MOST_RATIO = 0.2, 1.0  # USDC over the sum of an account's notionals, uniform
WITH_COIN, WITH_SHARES = 0.2, 0.1  # shares of accounts
COIN_LOTS, SHARES = 200, 100
STEP = 3e-4  # standard deviation of a price's move in a second
DAY = 86_400
FIRST_US = 1_000_000


def listing() -> Listing:
    """Perpetuals on feeds of their own, coins of the first few, an event with a strike on each."""
    names = [f"C{n}" for n in range(PERPETUALS)]
    margin = Margin(base=0.05, factor=1e-4, base_m=0.025, factor_m=5e-5)
    return Listing(
        feeds=tuple(
            Feed(name=x, tick_micro=TICK_MICRO, index_ticks=INDEX, stale_after_s=DAY) for x in names
        ),
        assets=tuple(Asset(name=x, feed=x, units_per_coin=LOTS_PER_COIN) for x in names[:COINS]),
        perpetuals=tuple(
            Perpetual(name=f"{x}-PERP", feed=x, lots_per_coin=LOTS_PER_COIN, margin=margin)
            for x in names
        ),
        events=tuple(
            BinaryEvent(name=f"{x}-UP", underlying=x, strike_ticks=INDEX + INDEX // 20)
            for x in names[:EVENTS]
        ),
    )


def _rows(n: int, kind: Kind) -> np.ndarray:
    rows = np.zeros((n, MSG_COLS), np.int64)
    rows[:, M_KIND] = kind
    rows[:, M_TIME] = FIRST_US
    return rows


def readings(prices: np.ndarray, now_us: int) -> np.ndarray:
    """Messages: a reading of every feed (int64[PERPETUALS], ticks) and MARK."""
    rows = _rows(PERPETUALS + 1, Kind.INDEX)
    rows[:, M_TIME] = now_us
    rows[:-1, M_INSTRUMENT] = np.arange(PERPETUALS)
    rows[:-1, M_PRICE] = prices
    rows[:-1, M_ARG] = now_us
    rows[:-1, M_ARG2] = 5
    rows[-1, M_KIND] = Kind.MARK
    return rows


def _held(accounts: int, r: np.random.Generator) -> np.ndarray:
    """bool[accounts, PERPETUALS]: one to three each."""
    order = np.argsort(r.random((accounts, PERPETUALS)), axis=1)
    rank = np.argsort(order, axis=1)
    return np.asarray(rank < r.integers(1, MOST_POSITIONS + 1, accounts)[:, None])


def _pairs(holders: np.ndarray, r: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Holders split into two sides of equal number, at random."""
    mixed = r.permutation(holders)
    half = len(mixed) // 2
    return mixed[:half], mixed[half : 2 * half]


def _trades(instrument: int, pair: tuple[np.ndarray, np.ndarray], lots: np.ndarray,
            price: int, outcomes: bool) -> np.ndarray:  # fmt: skip
    """Messages: the first of each pair bids, the second takes (an event: bids for NO)."""
    n = len(lots)
    rows = _rows(2 * n, Kind.NEW)
    rows[:, M_INSTRUMENT] = instrument
    rows[:, M_PRICE] = price
    for side, who in enumerate(pair):
        rows[side::2, M_ACCOUNT] = who
        rows[side::2, M_SIZE] = lots
        rows[side::2, M_ARG if outcomes else M_SIDE] = side
    return rows


def venue(accounts: int = 100_000, seed: int = 1, mode: MarginMode = "unified") -> Exchange:
    """The exchange; raises RuntimeError if not every position was opened or somebody is not safe."""
    r = np.random.default_rng(seed)
    exchange = Exchange(
        listing(),
        Rules(margin_mode=mode, taker_fee_bps=0.0, maker_fee_bps=0.0),
        accounts,
        order_slots=1 << 10,
        order_ids=2 * MOST_POSITIONS * accounts + 2,
        event_rows=1 << 20,
    )
    held = _held(accounts, r)
    coin, share = r.random(accounts) < WITH_COIN, r.random(accounts) < WITH_SHARES
    notional = np.zeros(accounts)
    trades = []
    for i in range(PERPETUALS):
        pair = _pairs(np.flatnonzero(held[:, i]), r)
        drawn = r.standard_normal(len(pair[0])).tolist()
        lots = np.array([1 + round(NOTIONAL_USD * math.exp(SPREAD * x)) for x in drawn], np.int64)
        for who in pair:
            notional[who] += lots
        trades.append(_trades(i, pair, lots, INDEX, outcomes=False))
    books = exchange.listing.instrument_names()
    for e in range(EVENTS):
        pair = _pairs(np.flatnonzero(share)[e::EVENTS], r)
        book = books.index(f"C{e}-UP")
        trades.append(_trades(book, pair, np.full(len(pair[0]), SHARES), 500, outcomes=True))
    cash = _rows(accounts, Kind.DEPOSIT)
    cash[:, M_ACCOUNT] = np.arange(accounts)
    ratio = r.uniform(LEAST_RATIO, MOST_RATIO, accounts)
    cash[:, M_SIZE] = ((ratio * notional + share * SHARES + 10.0) * MICRO).astype(np.int64)
    coins = _rows(int(coin.sum()), Kind.DEPOSIT)
    coins[:, M_ACCOUNT] = np.flatnonzero(coin)
    coins[:, M_INSTRUMENT] = 1 + r.integers(0, COINS, len(coins))
    coins[:, M_SIZE] = COIN_LOTS
    exchange.process(readings(np.full(PERPETUALS, INDEX), FIRST_US))
    exchange.process(np.concatenate([cash, coins]))
    flow = np.concatenate(trades)
    flow[:, M_ORDER] = 1 + np.arange(len(flow))
    exchange.process(flow)
    found = exchange.counters()
    if found["rejects"] or found["fills"] * 2 != len(flow):
        raise RuntimeError(f"the venue's {len(flow)} orders ended as {found}")
    return exchange
