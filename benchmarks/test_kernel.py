"""The whole kernel: 10,000 accounts, 20 instruments, margin on, marks every 1,000 messages."""

from __future__ import annotations

import pytest

from sim.exchange.bench import kernel_exchange, replay
from sim.exchange.messages import M_KIND, Kind

MESSAGES = 300_000


@pytest.fixture(scope="module")
def scene():
    return kernel_exchange(MESSAGES, accounts=10_000, instruments=20, seed=1, mark_every=1000)


def test_marks_moving(benchmark, scene):
    exchange, start, block = scene
    benchmark.extra_info["messages"] = len(block)
    benchmark.pedantic(replay, args=(exchange, start, block, 0), rounds=5, warmup_rounds=1)
    assert not any(exchange.verify().values())


def test_marks_off(benchmark, scene):
    exchange, start, block = scene
    orders = (block[:, M_KIND] == Kind.NEW) | (block[:, M_KIND] == Kind.CANCEL)
    orders[: orders.argmax()] = True  # the first readings stay
    benchmark.extra_info["messages"] = int(orders.sum())
    benchmark.pedantic(replay, args=(exchange, start, block[orders], 0), rounds=5, warmup_rounds=1)
    assert not any(exchange.verify().values())
