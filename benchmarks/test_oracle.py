"""The price oracle: 30 coins × 7 sources × 3,600 readings, set-up and all messages of an hour.

``plain`` is what `oct-2025` does; ``faulty`` has one fault of every kind on all sources of a sixth of
the coins each, ``guarded`` all guards on top.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.exchange.instruments import Feed
from sim.oracle.faults import KINDS, graded
from sim.oracle.guards import Guard
from sim.oracle.price import PriceOracle
from sim.oracle.truth import Follower, follow, from_waypoints

S = 1_000_000
COINS, SECONDS = 30, 3600
TIMES = np.arange(SECONDS) * S
EVERY_S = 200  # one fault begins after the other and lasts as long


@pytest.fixture(scope="module")
def truth():
    lead = from_waypoints([(0, 1e5), (SECONDS * S, 9e4)], seed=1, sigma_1m=0.001)
    return follow(lead, [Follower(f"C{k}", 10.0 + k, 1.5, 0.001) for k in range(1, COINS)], seed=1)


def faults():
    """One of every kind, one after the other, each on five coins."""
    made = []
    for k, kind in enumerate(KINDS):
        coins = tuple(f"C{1 + (5 * k + j) % (COINS - 1)}" for j in range(5))
        stated = {"upstream": "binance"} if kind == "outage" else {}
        start = k * EVERY_S * S
        made.append(
            graded(kind, "adverse", stated, start_us=start, duration_us=EVERY_S * S, feeds=coins)
        )
    return made


@pytest.mark.parametrize("variant", ["plain", "faulty", "guarded"])
def test_an_hour_of_readings(benchmark, truth, variant):
    feeds = [Feed(name=n, tick_micro=100, index_ticks=10_000) for n in truth.names]
    hit = [] if variant == "plain" else faults()
    guard = Guard()
    if variant == "guarded":
        guard = Guard(dispersion_ratio=0.05, min_answer=True, band_ratio=0.2)

    def hour():
        oracle = PriceOracle(
            feeds, truth, seed=1, start_us=0, end_us=SECONDS * S, faults=hit, guard=guard
        )
        return sum(len(oracle.messages(part)) for part in np.split(TIMES, SECONDS // 300))

    benchmark.extra_info["readings"] = COINS * 7 * SECONDS
    assert benchmark.pedantic(hour, rounds=5, warmup_rounds=1) == COINS * SECONDS
