"""All kinds of traders together, on the real exchange in the real world, for a short while."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import agents
from agents.leveraged import Leveraged, LeveragedParams
from agents.maker import MakerParams
from agents.noise import NoiseParams
from agents.testing import START_US, tiny_facts
from sim.exchange.exchange import Exchange
from sim.exchange.messages import E_CODE, E_KIND, E_TIME, EV_COLS, Event, Reason
from sim.exchange.rules import Rules
from sim.oracle.price import PriceOracle
from sim.oracle.truth import TruthPath
from sim.world import World

FACTS = tiny_facts(oi_usd=1e6)
SECONDS = 60
LEVERAGED = 300


class Keeper:
    """A recorder that keeps everything."""

    def __init__(self) -> None:
        self.kept: list[np.ndarray] = []

    def begin(self, exchange: object) -> None: ...
    def sample(self, now_us: int, exchange: object) -> None: ...

    def add(self, events: np.ndarray) -> None:
        self.kept.append(events.copy())

    def events(self) -> np.ndarray:
        return np.concatenate([np.zeros((0, EV_COLS), dtype=np.int64), *self.kept])


def world(fall: float, window_us: int = 10_000) -> tuple[World, Keeper, Leveraged]:
    """A world after its set-up whose prices fall by `fall` in the middle."""
    feeds = FACTS.listing.feeds
    shape = 1.0 - fall * np.clip((np.arange(SECONDS + 1) - 20) / 20, 0, 1)
    start = np.array([f.index_ticks * f.tick_micro / 1e6 for f in feeds])
    values = start[:, None] * shape[None, :]
    values[-1] = start[-1]
    truth = TruthPath(tuple(f.name for f in feeds), START_US, values)
    end_us = START_US + SECONDS * 1_000_000
    made = World(
        Exchange(FACTS.listing, Rules(maker_fee_bps=1.5, taker_fee_bps=4.5), accounts=600),
        seed=1,
        start_us=START_US,
        end_us=end_us,
        window_us=window_us,
        truth=truth,
        oracle=PriceOracle(feeds, truth, seed=1, start_us=START_US, end_us=end_us),
    )
    keeper = Keeper()
    made.recorder = keeper
    params = {
        "leveraged": LeveragedParams(),
        "maker": MakerParams(capital_usd=100_000.0, depth50_ratio=0.01),
        "noise": NoiseParams(market_per_s=20.0),
    }
    first, traders = 0, []
    for kind in ("leveraged", "noise", "event_trader", "maker", "event_maker", "hedger"):
        cls = agents.kind(kind)
        n = {"leveraged": LEVERAGED, "noise": 50, "event_trader": 20}.get(kind, 1)
        ids = np.arange(first, first + n)
        traders.append(cls(made, kind, ids, 20_000, params.get(kind), FACTS))
        first += n
        made.add(traders[-1])
    backstop = agents.kind("backstop")(made, "backstop", np.array([first]), 20_000, None, FACTS)
    made.add(backstop)
    for trader in (*traders, backstop):
        made.setup(trader.setup())
    assert isinstance(traders[0], Leveraged)
    return made, keeper, traders[0]


def test_the_set_up_is_accepted_as_planned() -> None:
    made, keeper, leveraged = world(0.0)
    events = keeper.events()
    refused = events[events[:, E_KIND] == Event.REJECT]
    # Debtors find no lenders' pool here; everything else is accepted.
    assert set(refused[:, E_CODE]) <= {int(Reason.INSUFFICIENT_BALANCE)}
    assert leveraged.opening is not None
    coins = FACTS.perpetuals
    exchange = made.exchange
    assert isinstance(exchange, Exchange)
    held = exchange.positions()[:LEVERAGED, :coins]
    assert (held == leveraged.opening.lots).all()
    assert [exchange.mark(i) for i in range(coins)] == FACTS.start_ticks[:coins].tolist()
    for account in range(LEVERAGED):
        net, margin = exchange.initial(account)
        assert net >= margin
    assert not any(exchange.verify().values())


@pytest.mark.parametrize("fall", [0.0, 0.15])
def test_a_minute_of_trading(fall: float) -> None:
    made, keeper, _ = world(fall)
    made.run()
    events = keeper.events()
    during = events[events[:, E_TIME] > START_US]
    counted = Counter(during[:, E_KIND].tolist())
    assert counted[int(Event.FILL)] > 500
    assert counted[int(Event.REJECT)] < 0.03 * counted[int(Event.ORDER)]
    assert (counted[int(Event.FLAG)] > 0) == (fall > 0)
    last = made.data.view(made.clock.now_us)
    if fall == 0:
        assert ((last.bid > 0) & (last.ask > last.bid))[:5].all()
        assert (np.abs(last.mark - last.index)[:3] <= 0.002 * last.index[:3]).all()
    assert isinstance(made.exchange, Exchange)
    assert not any(made.exchange.verify().values())


def test_the_matching_window_changes_nothing() -> None:
    seen = []
    for window_us in (10_000, 0):
        made, keeper, _ = world(0.1, window_us)
        made.run()
        seen.append(keeper.events())
    assert seen[0].shape == seen[1].shape
    assert (seen[0] == seen[1]).all()
