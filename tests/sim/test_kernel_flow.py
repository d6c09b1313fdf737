"""The flow that matching engines are compared on, and the benchmark functions on small sizes."""

from __future__ import annotations

import numpy as np
import pytest

from sim.exchange.bench import run_flow, run_kernel
from sim.exchange.flow import ADD, CANCEL, F_ID, F_KIND, TAKE, flow, opening_book


def test_the_known_flow_gives_the_known_result() -> None:
    found = run_flow(seed=12345, messages=200_000, runs=1)
    assert (found["trades"], found["volume_lots"], found["resting"]) == (101_443, 678_081, 7_177)
    assert found["messages_per_second"] > 0


def test_a_flow_is_the_seeds_own() -> None:
    assert np.array_equal(flow(1000, 1), flow(1000, 1))
    assert not np.array_equal(flow(1000, 1), flow(1000, 2))
    assert len(opening_book()) == 200


def test_cancels_name_earlier_orders_once() -> None:
    rows = flow(5000, 7)
    assert set(rows[:, F_KIND].tolist()) == {ADD, CANCEL, TAKE}
    cancels = np.flatnonzero(rows[:, F_KIND] == CANCEL)
    ids = rows[cancels, F_ID]
    assert (ids <= cancels).all()
    assert len(np.unique(ids)) == len(ids)
    assert (rows[ids - 1, F_KIND] == ADD).all()
    assert np.array_equal(rows[ids - 1, F_ID + 1 :], rows[cancels, F_ID + 1 :])


def test_the_kernel_benchmark_prints_what_it_did() -> None:
    found = run_kernel(messages=4000, accounts=50, instruments=10, mark_every=100, runs=1)
    assert found["messages"] == 4000 + 40 * 7 + 0
    assert found["fills"] > 1000
    assert found["margin_evaluations"] > 1000
    assert found["digest"] == run_kernel(4000, 50, 10, mark_every=100, runs=1)["digest"]


@pytest.mark.parametrize("messages", [1, 7])
def test_the_smallest_flow(messages: int) -> None:
    assert run_flow(messages=messages, runs=1)["messages"] == messages
