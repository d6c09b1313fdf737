"""Cost of a message with 1,000 and with 1,000,000 orders resting, in a batch and call by call."""

from __future__ import annotations

import numpy as np
import pytest

from sim.exchange import bench_growth
from sim.exchange.bench import replay
from sim.exchange.flow import deep_book, growth_flow, opening_book

MESSAGES = 100_000


@pytest.fixture(scope="module", params=[1_000, 1_000_000])
def book(request):
    opening = np.concatenate([opening_book(), deep_book(request.param)])
    exchange, block = bench_growth.exchange_for(
        opening, growth_flow(MESSAGES, request.param), margin=True
    )
    return exchange, exchange.snapshot(), block


def test_batch(benchmark, book):
    exchange, start, block = book
    benchmark.extra_info["messages"] = len(block)
    benchmark.pedantic(replay, args=(exchange, start, block, 0), rounds=5, warmup_rounds=1)
    assert not any(exchange.verify().values())


def test_call_by_call(benchmark, book):
    exchange, start, block = book
    rows = bench_growth.arguments(block)
    benchmark.extra_info["messages"] = len(rows)
    benchmark.pedantic(
        bench_growth.play,
        args=(exchange, rows),
        setup=lambda: exchange.restore(start),
        rounds=5,
        warmup_rounds=1,
    )
    assert not any(exchange.verify().values())
