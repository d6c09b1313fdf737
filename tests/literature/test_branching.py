"""Branching: a ladder of Poisson cascades, told from the events that a run would have left."""

from __future__ import annotations

import numpy as np
import pytest

from sim.exchange import messages as m
from sim.exchange.messages import Event
from sim.network.cascade import branching_ratio, next_generation, trees
from sim.risk.cascade import Cascade
from sim.streams import stream

ROOTS = 20_000
LADDER = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95)


def cascade(means: np.ndarray, roots: int, rng: np.random.Generator) -> Cascade:
    """Steps and forced fills of a multi-type branching process.

    An order in instrument j has Poisson(means[i, j]) offspring in i; each order has one fill, whose
    seq is one above its own; roots are spread evenly over the instruments.
    """
    k = len(means)
    generation = np.arange(roots) % k
    parents = np.zeros(roots, np.int64)
    found = Cascade()
    seq = 1
    for depth in range(100_000):
        if not len(generation):
            return found
        n = len(generation)
        steps, fills = (np.zeros((n, m.EV_COLS), np.int64) for _ in range(2))
        steps[:, m.E_SEQ] = seq + 2 * np.arange(n)
        steps[:, m.E_TIME] = depth
        steps[:, m.E_KIND], fills[:, m.E_KIND] = Event.STEP, Event.FILL
        steps[:, m.E_INSTRUMENT] = generation
        steps[:, m.E_PARENT] = parents
        fills[:, m.E_SEQ] = steps[:, m.E_SEQ] + 1
        fills[:, m.E_ORDER] = -steps[:, m.E_SEQ]
        found.add(steps, fills)
        seq += 2 * n
        born = [rng.poisson(means[i, generation]) for i in range(k)]
        parents = np.concatenate([np.repeat(fills[:, m.E_SEQ], count) for count in born])
        generation = np.repeat(np.arange(k), [int(count.sum()) for count in born])
    raise AssertionError("the cascade never ended")


@pytest.mark.parametrize("ratio", LADDER)
def test_mean_size_is_one_over_one_minus_r(ratio: float) -> None:
    rng = stream(1, "branching", f"{ratio}")
    table = cascade(np.array([[ratio]]), ROOTS, rng).table()
    tolerance = 0.1 if ratio >= 0.9 else 0.05
    sizes = [tree["orders"] for tree in trees(table)]
    assert len(sizes) == ROOTS
    assert np.mean(sizes) == pytest.approx(1 / (1 - ratio), rel=tolerance)
    assert branching_ratio(table) == pytest.approx(ratio, rel=tolerance)
    assert next_generation(table).radius == pytest.approx(ratio, rel=tolerance)


def test_generations_of_one_tree_are_counted() -> None:
    """A subcritical tree dies: the deepest of many is far deeper than the mean one."""
    table = cascade(np.array([[0.8]]), 2_000, stream(2, "branching", "depth")).table()
    depths = np.array([tree["generations"] for tree in trees(table)])
    assert depths.min() == 1
    assert np.mean(depths == 1) == pytest.approx(np.exp(-0.8), abs=0.03)  # no offspring at all


def test_the_next_generation_matrix_is_found_across_instruments() -> None:
    """An order in one instrument makes more in the other than in its own; neither R is 0.6."""
    means = np.array([[0.1, 0.9], [0.4, 0.0]])
    table = cascade(means, ROOTS, stream(3, "branching", "two")).table()
    found = next_generation(table)
    assert found.instruments.tolist() == [0, 1]
    assert found.matrix == pytest.approx(means, abs=0.01)
    assert found.radius == pytest.approx(0.05 + np.sqrt(0.0025 + 0.36), rel=0.02)
    assert found.matrix.sum(axis=0) @ found.orders / len(table) == pytest.approx(
        branching_ratio(table)
    )
