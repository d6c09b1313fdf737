"""The index of several sources (PRC-01), in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from twin.arithmetic import MILLION, half_even

Weighed = list[tuple[Fraction, Fraction]]  # (value, weight)


def lower_median(values: Weighed) -> Fraction:
    """The smallest value at which the weights up to it reach half of the total."""
    total = sum(weight for _, weight in values)
    return min(v for v, _ in values if 2 * sum(w for u, w in values if u <= v) >= total)


def ticks(dollars: Fraction, tick_micro: int) -> int:
    exact = dollars * MILLION / tick_micro
    return half_even(exact.numerator, exact.denominator)


def index_of(given: dict[str, Any], stale_after_s: int, tick_micro: int) -> tuple[int, ...]:
    """(price, confidence, age in µs, fresh sources); prices in ticks, ages given in seconds."""
    policy, readings = given["policy"], given["readings"]
    if policy == "single":
        readings = [r for r in readings if r["name"] == given["single"]]
    fresh = [r for r in readings if r["age"] <= stale_after_s]
    used = fresh or readings
    weighed = [
        (Fraction(r["price"]), Fraction(1) if policy == "median" else Fraction(r["weight"]))
        for r in used
    ]
    middle = index = lower_median(weighed)
    if policy == "mean":
        index = sum((p * w for p, w in weighed), Fraction(0)) / sum(w for _, w in weighed)
    elif policy == "redemption":
        redeemed, w = Fraction(given["redemption_usd"]), Fraction(given["redemption_weight"])
        floor = Fraction(given["redemption_floor"]) * redeemed
        index = max(floor, w * redeemed + (1 - w) * middle)
    apart = lower_median([(abs(p - middle), w) for p, w in weighed])
    confidence = apart if given["dispersion"] else Fraction(0)
    age = min(Fraction(r["age"]) for r in used) * MILLION
    return ticks(index, tick_micro), ticks(confidence, tick_micro), int(age), len(fresh)
