"""Matching alone: 200,000 messages in one batch, margin and ledger off, trades written as events."""

from __future__ import annotations

from sim.exchange.bench import flow_exchange
from sim.exchange.kernel import loop
from sim.exchange.kernel import state as st

MESSAGES = 200_000


def test_matching_alone(benchmark):
    exchange, block = flow_exchange(seed=12345, messages=MESSAGES)
    start = exchange.snapshot()

    def again():
        exchange.restore(start)
        exchange.state.h[st.LOGGED] = 0
        return (exchange.arenas, block, 0), {}

    benchmark.extra_info["messages"] = MESSAGES
    handled = benchmark.pedantic(loop.process, setup=again, rounds=10, warmup_rounds=1)
    assert handled == MESSAGES
    counters = exchange.counters()
    assert (counters["fills"], counters["live_orders"]) == (101_443, 7_177)
