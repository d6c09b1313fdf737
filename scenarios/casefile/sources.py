"""The readings of several sources as one INDEX (PRC-01), made by the oracle that scenarios use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from pydantic import Field, StrictInt

from scenarios.casefile.amounts import Amount, CaseFault, plain, units
from scenarios.casefile.declare import Part, Ratio
from scenarios.errors import choose
from sim.exchange.products import Feed


class SourceReading(Part):
    """What one source said last."""

    name: str = Field(default="", description="Only `single` asks for it.")
    price: Amount = Field(description="USD.")
    weight: Amount = Decimal(1)
    age: Amount = Field(default=Decimal(0), description="Seconds.")


class Sources(Part):
    """INDEX: one reading of a feed, made of the readings of its sources."""

    feed: StrictInt | str
    policy: Literal["weighted_median", "median", "mean", "single", "redemption"] = "weighted_median"
    single: str = Field(default="", description='The source that `policy = "single"` reads.')
    redemption_usd: Amount | None = Field(default=None, description='For `policy = "redemption"`.')
    redemption_weight: Ratio = 0.5
    redemption_floor: Ratio = 0.0
    dispersion: bool = Field(
        default=True, description="The sources' distances from the median make the confidence."
    )
    readings: tuple[SourceReading, ...] = Field(min_length=1)


class Index(NamedTuple):
    """What is published: price and confidence in ticks, age of the newest reading, fresh ones."""

    price: int
    confidence: int
    age_us: int
    fresh: int


Aggregate = Callable[[Sources, Feed], Index]


MICRO = Decimal(1_000_000)
MOST = Decimal(1 << 60)  # ticks, so that every index of such prices is an int64


def check(given: Sources, feed: Feed) -> None:
    """Raises CaseFault for what no oracle could make an index of."""
    for n, reading in enumerate(given.readings):
        if abs(reading.price) * MICRO > MOST * feed.tick_micro:
            raise CaseFault(f"price {plain(reading.price)} is too large", "readings", n)
        if reading.weight <= 0:
            raise CaseFault(f"weight {plain(reading.weight)} must be above 0", "readings", n)
        if reading.age < 0:
            raise CaseFault(f"age {plain(reading.age)} lies in the future", "readings", n)
        units(reading.age, 1 / MICRO, "age", "a microsecond")
    names = [r.name for r in given.readings if r.name]
    if len(set(names)) < len(names):
        raise CaseFault("a source is named twice", "readings")
    if given.policy == "single" and given.single not in names:
        raise CaseFault(f"unknown source {given.single!r}{choose(given.single, names)}", "single")
    if given.single and given.policy != "single":
        raise CaseFault('single belongs to policy = "single"', "single")
    if (given.redemption_usd is not None) != (given.policy == "redemption"):
        raise CaseFault('redemption_usd and policy = "redemption" go together', "redemption_usd")
    if given.redemption_usd is not None and given.redemption_usd <= 0:
        raise CaseFault("redemption_usd must be above 0", "redemption_usd")


def published(given: Sources, feed: Feed) -> Index:
    """The index by the oracle's own median and policy (``sim.oracle``), in ticks of `feed`.

    Fresh is what is no older than the feed's ``stale_after_s``; if nothing is, the last readings
    count again, and 0 as fresh.
    """
    import numpy as np

    from sim.oracle.median import weighted_median
    from sim.oracle.policy import Policy
    from sim.oracle.price import ticks

    redeemed = {} if given.redemption_usd is None else {feed.name: float(given.redemption_usd)}
    policy = Policy(
        given.policy, given.single, redeemed, given.redemption_weight, given.redemption_floor
    )
    policy.check([r.name for r in given.readings], [feed.name])
    asked = [r for r in given.readings if policy.name != "single" or r.name == policy.source]
    fresh = [r for r in asked if r.age <= feed.stale_after_s]
    used: Sequence[SourceReading] = fresh or asked
    prices = np.array([[float(r.price) for r in used]])
    weights = policy.weights(np.array([float(r.weight) for r in used]))
    median = weighted_median(prices[0].tolist(), weights.tolist())
    everyone = np.ones(prices.shape, dtype=np.bool_)
    index = policy.combine(feed.name, np.array([median]), prices, weights, everyone)
    apart = [abs(p - median) for p in prices[0].tolist()]
    confidence = weighted_median(apart, weights.tolist()) if given.dispersion else 0.0
    price, around = ticks(np.array([index[0], confidence]), feed).tolist()
    return Index(price, around, int(min(r.age for r in used) * MICRO), len(fresh))
