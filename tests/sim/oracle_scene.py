"""A steep market for one oracle: helpers of the oracle's tests."""

from __future__ import annotations

import numpy as np

from sim.exchange.instruments import Feed
from sim.oracle.fault import Fault
from sim.oracle.faults import graded
from sim.oracle.price import PriceOracle
from sim.oracle.readings import Readings
from sim.oracle.source import Source
from sim.oracle.truth import TruthPath

S = 1_000_000
START, END = 10_000 * S, 14_000 * S
BTC = Feed(name="BTC", tick_micro=100, index_ticks=1_000_000)
ETH = Feed(name="ETH", tick_micro=100, index_ticks=500_000)
EXACT = tuple(Source(name, lag_us=0, noise_bps=0.0) for name in "abcdefg")
# What a fault needs that has no magnitude.
NEEDS = {"outage": {"upstream": "a"}}


def rising() -> TruthPath:
    """BTC from 100 USD, 10 cents more each second; ETH always half of it."""
    btc = 100.0 + 0.1 * np.arange((END - START) // S + 1)
    return TruthPath(("BTC", "ETH"), START, np.array([btc, btc / 2]))


def make(sources=EXACT[:3], faults=(), **options) -> PriceOracle:  # type: ignore[no-untyped-def]
    options = {"seed": 1, "start_us": START, "end_us": END, "truth": rising()} | options
    feeds = options.pop("feeds", (BTC, ETH))
    return PriceOracle(feeds, options.pop("truth"), sources=sources, faults=faults, **options)


def at(*seconds: float) -> np.ndarray:
    return START + np.array([round(s * S) for s in seconds])


def fault(
    kind: str, severity: str = "adverse", start_s: float = 2000, duration_s: float = 1500, **stated
) -> Fault:  # type: ignore[no-untyped-def]
    where = {key: stated.pop(key) for key in ("feeds", "sources", "name") if key in stated}
    return graded(
        kind,  # type: ignore[arg-type]
        severity,  # type: ignore[arg-type]
        NEEDS.get(kind, {}) | stated,
        start_us=START + round(start_s * S),
        duration_us=round(duration_s * S),
        **where,
    )


def readings(*faults: Fault, seed: int = 1, source: int = 0) -> Readings:
    """What the first source publishes for BTC."""
    found = make(faults=faults, seed=seed).readings[0][source]
    assert found is not None
    return found


def equal(one: Readings, two: Readings) -> bool:
    return all(np.array_equal(getattr(one, f), getattr(two, f)) for f in one.__dataclass_fields__)
