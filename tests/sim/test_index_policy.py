"""The index policies of PRC-01: what each makes of the same three sources."""

from __future__ import annotations

import numpy as np
import pytest

from sim.exchange.instruments import Feed
from sim.exchange.messages import M_ARG2, M_PRICE
from sim.oracle.faults import Freeze
from sim.oracle.policy import Policy
from sim.oracle.price import PriceOracle, Source
from sim.oracle.truth import TruthPath

S = 1_000_000
START = 1_760_129_400 * S
END = START + 600 * S
FEED = Feed(name="USDE", tick_micro=100, index_ticks=10_000, stale_after_s=60)
# A coin that falls by a cent a second from 1 USD, seen now, 10 s ago and 20 s ago.
SOURCES = tuple(
    Source(name, weight, lag_us=lag * S, noise_bps=0.0, heartbeat_us=S)
    for name, weight, lag in (("now", 1.0, 0), ("late", 2.0, 10), ("latest", 1.0, 20))
)


def falling() -> TruthPath:
    times = np.arange(START - 60 * S, END + S, S)
    price = np.maximum(0.1, 1.0 - np.maximum(0, (times - START) // S) * 0.01)
    return TruthPath(("USDE",), START - 60 * S, price[None, :])


def index_at(seconds: int, policy: Policy, faults: tuple[Freeze, ...] = ()) -> tuple[float, int]:
    """(index in USD, fresh sources) at a second of the fall."""
    oracle = PriceOracle(
        [FEED], falling(), seed=1, start_us=START, end_us=END, sources=SOURCES, faults=faults,
        policy=policy,
    )  # fmt: skip
    row = oracle.messages(np.array([START + seconds * S]))[0]
    return row[M_PRICE] / 10_000, int(row[M_ARG2])


@pytest.mark.spec("PRC-01")
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(), 0.70),  # .60(1) .70(2) .80(1)
        (Policy("median"), 0.70),
        (Policy("mean"), 0.70),  # (.60 + 2·.70 + .80)/4
        (Policy("single", source="latest"), 0.80),
        (Policy("redemption"), 0.70),  # no redemption price: the median
        (Policy("redemption", redemption_usd={"USDE": 1.0}), 0.85),  # half 1, half .70
        (Policy("redemption", redemption_usd={"USDE": 1.0}, redemption_floor=0.95), 0.95),
        (Policy("redemption", redemption_usd={"USDE": 1.0}, redemption_weight=0.0), 0.70),
    ],
)
def test_what_each_policy_makes_of_a_fall(policy: Policy, expected: float) -> None:
    # Heartbeats have a phase below a second: what was seen may be a second, a cent, old.
    index, fresh = index_at(40, policy)
    assert index == pytest.approx(expected, abs=0.0101)
    assert fresh == (1 if policy.name == "single" else 3)


@pytest.mark.spec("PRC-01")
def test_a_mean_follows_a_far_source_and_a_median_does_not() -> None:
    frozen = (Freeze(START, 300 * S, feeds=None, sources=("late",)),)
    # At 50 s: .50, .70 frozen at about 1.00 (weight 2), .70; frozen readings are fresh for 60 s.
    mean, _ = index_at(50, Policy("mean"), frozen)
    median, _ = index_at(50, Policy("median"), frozen)
    assert mean == pytest.approx((0.50 + 2 * 1.0 + 0.70) / 4, abs=0.0151)
    assert median == pytest.approx(0.70, abs=0.0101)


@pytest.mark.spec("PRC-01")
def test_a_mean_leaves_out_what_is_stale() -> None:
    frozen = (Freeze(START, 300 * S, feeds=None, sources=("late",)),)
    index, fresh = index_at(80, Policy("mean"), frozen)
    assert fresh == 2
    assert index == pytest.approx((0.20 + 0.40) / 2, abs=0.0101)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (Policy("single", source="nobody"), "unknown source 'nobody'"),
        (Policy("redemption", redemption_usd={"X": 1.0}), "unknown feed 'X'"),
        (Policy("redemption", redemption_usd={"USDE": 0.0}), "not above 0"),
        (Policy("redemption", redemption_weight=1.5), "between 0 and 1"),
        (Policy("best"), "unknown index policy 'best'"),  # type: ignore[arg-type]
    ],
)
def test_bad_policies_are_refused(policy: Policy, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        index_at(1, policy)
