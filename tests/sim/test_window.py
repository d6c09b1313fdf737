"""The real exchange gives the same run for every matching window up to the smallest latency."""

from __future__ import annotations

from pathlib import Path

import mesa
import numpy as np
import polars as pl
import pytest

from sim.exchange.exchange import Exchange
from sim.exchange.instruments import Asset, BinaryEvent, Feed, Listing, Perpetual, Spot
from sim.exchange.messages import (
    E_AMOUNT,
    M_ACCOUNT,
    M_ARG,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    MSG_COLS,
    Event,
    Flag,
    Kind,
)
from sim.market import MarketView
from sim.oracle.price import PriceOracle
from sim.oracle.truth import Follower, follow, from_waypoints
from sim.record.folder import RunFolder
from sim.record.recorder import Recorder
from sim.record.store import RunStore
from sim.streams import stream
from sim.world import World

S = 1_000_000
START = 1_760_129_400 * S
SECONDS = 40
END = START + SECONDS * S
COINS = ("BTC", "ETH")
LISTING = Listing(
    feeds=tuple(Feed(name=n, tick_micro=S, index_ticks=10_000) for n in COINS),
    assets=(Asset(name="BTC", feed="BTC", units_per_coin=1000),),
    perpetuals=tuple(Perpetual(name=f"{n}-PERP", feed=n, lots_per_coin=1000) for n in COINS),
    spots=(Spot(name="BTC/USDC", base="BTC"),),
    events=(BinaryEvent(name="E"),),
)
LATENCY_US = 10_000


class Gambler(mesa.Agent):
    """Quotes and takes at random around what it sees, with little money behind it."""

    def __init__(self, world: World, name: str, account: int, latency_us: int) -> None:
        super().__init__(world)
        self.world, self.name, self.latency_us = world, name, latency_us
        self.accounts = np.array([account])
        self.draw = stream(world.seed, name)
        self.seen = 0

    def setup(self) -> np.ndarray:
        block = np.zeros((2, MSG_COLS), dtype=np.int64)
        block[:, M_KIND], block[:, M_ACCOUNT] = Kind.DEPOSIT, self.accounts[0]
        block[:, M_INSTRUMENT], block[:, M_SIZE] = [0, 1], [200 * S, 5]
        return block

    def first_wake_us(self) -> int:
        return START + int(self.draw.integers(S // 2))

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        draw = self.draw
        self.seen += int(np.abs(inbox[:, E_AMOUNT]).sum())
        n = int(draw.integers(1, 4)) + self.seen % 2
        block = np.zeros((n, MSG_COLS), dtype=np.int64)
        block[:, M_KIND] = draw.choice([Kind.NEW, Kind.NEW, Kind.CANCEL_ALL, Kind.MINT], n)
        block[:, M_ACCOUNT] = self.accounts[0]
        i = draw.choice([0, 0, 0, 1, 2, 3], n)
        block[:, M_INSTRUMENT] = np.where(block[:, M_KIND] == Kind.MINT, 0, i)
        side = draw.integers(0, 2, n)
        block[:, M_SIDE], block[:, M_ARG] = side, (i == 3) * draw.integers(0, 2, n)
        around = np.where(i == 3, 500, np.where(view.index[i] < 0, 10_000, view.index[i]))
        away = draw.integers(-10, 30, n)
        block[:, M_PRICE] = around + np.where(side == 0, -away, away)
        block[:, M_SIZE] = np.where(block[:, M_KIND] == Kind.MINT, 20, draw.integers(1, 400, n))
        block[:, M_FLAGS] = draw.choice([0, 0, Flag.IOC, Flag.POST_ONLY], n)
        block[:, M_ORDER] = self.world.transport.new_ids(n)
        return block, int(draw.integers(20_000, 200_000))


def play(window_us: int, folder: RunFolder | None = None) -> tuple[World, Recorder]:
    lead = from_waypoints(
        [(START, 10_000.0), (START + 20 * S, 9_000.0), (END, 9_400.0)], seed=1, sigma_1m=0.003
    )
    truth = follow(lead, [Follower("ETH", 10_000.0, 2.0, 0.002)], seed=1)
    oracle = PriceOracle(LISTING.feeds, truth, seed=1, start_us=START, end_us=END)
    recorder = Recorder(LISTING, 30, START, END, mode="full", folder=folder, truth=truth)
    world = World(
        Exchange(LISTING, accounts=30, order_slots=1 << 12, order_ids=1 << 14, event_rows=1 << 14),
        seed=1,
        start_us=START,
        end_us=END,
        window_us=window_us,
        truth=truth,
        oracle=oracle,
        recorder=recorder,
    )
    funds = np.zeros((2, MSG_COLS), dtype=np.int64)
    funds[:, M_KIND], funds[:, M_SIZE] = [Kind.POOL, Kind.FUND], [10_000 * S, 50 * S]
    world.setup(funds)
    for k in range(20):
        trader = Gambler(world, f"gambler/{k}", k, LATENCY_US + 3_456 * k)
        world.add(trader)
        world.setup(trader.setup())
    world.run()
    recorder.flush()
    return world, recorder


@pytest.mark.spec("I17")
def test_no_window_length_changes_a_run_of_the_exchange() -> None:
    runs = [play(window_us) for window_us in (0, 1, 777, LATENCY_US)]
    calls = [world.window.closed for world, _ in runs]
    assert calls[-1] < calls[0]
    (first_world, first), *others = runs
    for world, recorder in others:
        assert recorder.digest.minutes() == first.digest.minutes()
        assert recorder.digest.hexdigest() == first.digest.hexdigest()
        assert world.exchange.state_digest() == first_world.exchange.state_digest()
        assert recorder.funds.frame().equals(first.funds.frame())
        assert recorder.series.frame().equals(first.series.frame())


def test_a_run_of_the_exchange_is_recorded(tmp_path: Path) -> None:
    world, recorder = play(LATENCY_US, RunFolder(tmp_path, "r"))
    exchange = world.exchange
    recorder.finish(exchange, cohorts={"g": np.arange(20)}, metrics={}, manifest={"seed": 1})
    run = RunStore(tmp_path).open("r")
    events = run.events().collect()
    assert events["seq"].to_list() == list(range(1, len(events) + 1))
    assert events["time_us"].is_sorted()
    kinds = dict(events.group_by("kind").len().iter_rows())
    for kind in (Event.FILL, Event.REJECT, Event.CANCELLED, Event.MINT, Event.FLAG, Event.STEP):
        assert kinds.get(kind, 0) > 0, kind.name
    assert kinds[Event.INDEX] == 2 * (SECONDS + 1)
    assert kinds[Event.BOOK] == 4 * (2 * SECONDS + 1)
    series = run.series().collect()
    assert len(series) == 4 * (SECONDS + 1)
    close = series.filter(pl.col("instrument") == 0)
    assert ((close["truth"] - close["index"]).abs() / close["truth"]).max() < 0.02
    funds = run.funds().collect()
    assert len(funds) == SECONDS + 1
    assert funds["flagged_accounts"].max() > 0
    assert funds["book_usd"].to_list() == sorted(funds["book_usd"])
    assert funds["insurance_usd"][0] == 50
    accounts = run.accounts().collect()
    np.testing.assert_allclose(accounts["end_equity_usd"], exchange.equities() / S)
    assert accounts["start_equity_usd"].to_list() == [250.0] * 20 + [0.0] * 10
    flagged = set(events.filter(pl.col("kind") == Event.FLAG)["account"])
    assert set(accounts.filter(pl.col("flagged_us") >= 0)["account"]) == flagged
