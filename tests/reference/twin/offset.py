"""Derivatives on one underlying offset each other (MAR-06)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twin.listing import Instrument


def members(derivatives: Iterable[Instrument], i: Instrument) -> list[Instrument]:
    """Those of a group with `i`, by id."""
    return [j for j in derivatives if j.feed == i.feed]


def running(values: Iterable[float]) -> float:
    """A sum in float64, one after the other."""
    total = 0.0
    for value in values:
        total += value
    return total


def requirement(
    low: list[float], high: list[float], fraction: Callable[[float], float], beta: float
) -> float:
    """USD of a group: signed notionals by id with all asks (low) and all bids (high) filled.

    `fraction` gives the margin fraction of a net notional, `beta` is the part of the smaller side
    that hedging leaves to pay.
    """
    net = max(abs(running(low)), abs(running(high)))
    long = running(max(0.0, n) for n in high)
    short = running(max(0.0, -n) for n in low)
    return net * fraction(net) + beta * min(long, short)
