"""The cascade as a graph, by instrument and over time, from event rows."""

from __future__ import annotations

import numpy as np
import pytest

from sim.exchange.messages import EV_COLS, EVENT_COLUMNS, Event
from sim.network.cascade import (
    branching_ratio,
    cascade_graph,
    next_generation,
    peak_ratio,
    rolling_ratio,
    trees,
)
from sim.network.stored import cascade_table


def rows(*events: tuple[Event, dict[str, int]]) -> np.ndarray:
    table = np.zeros((len(events), EV_COLS), np.int64)
    for row, (kind, columns) in zip(table, events, strict=True):
        for name, value in {"kind": int(kind), **columns}.items():
            row[EVENT_COLUMNS.index(name)] = value
    return table


# A reading flags account 1; its order of 5 lots in 0 fills twice; the second fill flags account 2,
# which sells in 1; that fill flags account 3, whose parent's order is in another instrument.
STORY = rows(
    (Event.INDEX, {"seq": 10, "time_us": 100, "instrument": 4}),
    (Event.INDEX, {"seq": 11, "time_us": 100, "instrument": 5}),
    (Event.FLAG, {"seq": 20, "time_us": 200, "account": 1, "parent": 10}),
    (Event.STEP, {"seq": 30, "time_us": 200, "account": 1, "instrument": 0, "x": 5, "parent": 10}),
    (Event.FILL, {"seq": 31, "time_us": 200, "account": 1, "size": 3, "code": 1, "order": -30}),
    (Event.FILL, {"seq": 32, "time_us": 200, "account": 1, "size": 2, "code": 1, "order": -30}),
    (Event.FILL, {"seq": 33, "time_us": 200, "account": 9, "size": 2, "order": 77}),
    (Event.FLAG, {"seq": 40, "time_us": 300, "account": 2, "parent": 32}),
    (Event.STEP, {"seq": 50, "time_us": 300, "account": 2, "instrument": 1, "x": 4, "parent": 32}),
    (Event.FILL, {"seq": 51, "time_us": 300, "account": 2, "instrument": 1, "size": 4, "code": 1, "order": -50}),
    (Event.STEP, {"seq": 55, "time_us": 400, "account": 2, "instrument": 1, "parent": 32}),
    (Event.FLAG, {"seq": 60, "time_us": 500, "account": 3, "parent": 51}),
    (Event.STEP, {"seq": 61, "time_us": 500, "account": 3, "instrument": 0, "x": 1, "parent": 51}),
    (Event.FLAG, {"seq": 70, "time_us": 600, "account": 4, "parent": 5}),
)  # fmt: skip


@pytest.mark.spec("LIQ-09")
def test_the_graph_goes_from_reading_to_flag_to_order_to_fill_to_flag() -> None:
    graph = cascade_graph(STORY)
    edges = {(10, 20), (20, 30), (30, 31), (30, 32), (32, 40), (40, 50), (40, 55), (50, 51)}
    assert set(graph.edges) == edges | {(51, 60), (60, 61), (5, 70)}
    kinds = dict(graph.nodes(data="kind"))
    assert kinds == {
        10: "index", 20: "flag", 30: "order", 31: "fill", 32: "fill", 40: "flag", 50: "order",
        51: "fill", 55: "order", 60: "flag", 61: "order", 70: "flag", 5: "unknown",
    }  # fmt: skip
    assert graph.nodes[10]["instrument"] == 4  # the feed
    assert graph.nodes[50] == {
        "kind": "order", "time_us": 300, "account": 2, "instrument": 1, "lots": 4,
    }  # fmt: skip


def test_orders_by_instrument() -> None:
    """One order in 0 made two in 1; of the two in 1, one made one in 0."""
    table = cascade_table(STORY)
    found = next_generation(table)
    assert found.instruments.tolist() == [0, 1]
    assert found.orders.tolist() == [2, 2]
    assert found.matrix.tolist() == [[0, 0.5], [1, 0]]
    assert found.radius == pytest.approx(np.sqrt(0.5))
    assert branching_ratio(table) == 0.75


def test_trees() -> None:
    found = trees(cascade_table(STORY))
    assert found == [
        {"root": 30, "time_us": 200, "orders": 4, "generations": 3, "accounts": 3, "instruments": 2}
    ]
    assert trees(np.zeros((0, 7), np.int64)) == []


def test_a_parent_that_was_not_recorded_makes_a_root() -> None:
    lone = np.array([[50, 0, 1, 0, 1, 30, 0]])
    assert next_generation(lone).matrix.tolist() == [[0]]
    assert trees(lone)[0]["root"] == 50


def test_nothing_was_forced() -> None:
    nothing = np.zeros((0, 7), np.int64)
    assert branching_ratio(nothing) is None
    assert peak_ratio(nothing) is None
    assert next_generation(nothing).radius is None
    assert cascade_graph(np.zeros((0, EV_COLS), np.int64)).number_of_nodes() == 0


def test_rolling() -> None:
    """Twenty orders at 0 s with one offspring each, thirty at 250 s with none, twenty at 400 s."""
    times = np.repeat([0, 250, 400], [20, 30, 20]) * 1_000_000
    table = np.zeros((70, 7), np.int64)
    table[:, 0], table[:, 1] = np.arange(1, 71), times
    table[:20, 6] = 1
    begins, ratios = rolling_ratio(table)
    assert begins[[0, 20, -1]].tolist() == [0, 250_000_000, 400_000_000]
    assert ratios[0] == 20 / 50  # the orders at 0 s and 250 s
    assert ratios[20] == 0
    assert len(begins) == 20 + 30 + 1  # near the end too few are left
    assert peak_ratio(table) == 20 / 50
    assert peak_ratio(table, 100_000_000) == 1
