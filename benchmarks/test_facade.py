"""The façade: one order per Python call, copies of an exchange of 100,000 accounts."""

from __future__ import annotations

import gc

import pytest

from sim.exchange import bench_facade
from sim.exchange.bench import kernel_exchange

CALLS = 50_000


@pytest.fixture(scope="module")
def crowd():
    return kernel_exchange(300_000, accounts=100_000, instruments=20, seed=1, mark_every=1000)


def test_one_order_a_call(benchmark):
    exchange, start, block = kernel_exchange(
        CALLS, accounts=10_000, instruments=20, seed=1, mark_every=CALLS
    )
    ((house, orders),) = bench_facade.parts(exchange, block)
    benchmark.extra_info["calls"] = len(orders)

    def again():
        exchange.restore(start)
        exchange.process(house)
        gc.collect()

    benchmark.pedantic(
        bench_facade.play, args=(exchange, orders), setup=again, rounds=10, warmup_rounds=1
    )
    assert not any(exchange.verify().values())


def test_snapshot(benchmark, crowd):
    exchange, *_ = crowd
    benchmark.extra_info["accounts"] = exchange.accounts
    benchmark.pedantic(lambda: exchange.snapshot() and None, rounds=20, warmup_rounds=2)


def test_restore(benchmark, crowd):
    exchange, *_ = crowd
    kept, digest = exchange.snapshot(), exchange.state_digest()
    exchange.submit(0, 0, "buy", 1)
    benchmark.pedantic(exchange.restore, args=(kept,), rounds=20, warmup_rounds=2)
    assert exchange.state_digest() == digest
