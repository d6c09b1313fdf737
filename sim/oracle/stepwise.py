"""What of an oracle depends on what it said before, compiled: deviation rule and rate band."""

from __future__ import annotations

from sim.exchange.kernel.jit import entry


@entry
def moved(beats, prices, deviation, heartbeat, out):
    """Mark in `out` which looks are published: the first, and those that differ by `deviation` from
    the last one published, or come a `heartbeat` after it."""
    last = 0
    for i in range(beats.shape[0]):
        if (
            i == 0
            or beats[i] - beats[last] >= heartbeat
            or abs(prices[i] - prices[last]) >= deviation * prices[last]
        ):
            out[i] = True
            last = i


@entry
def hold_band(times, prices, first, ratio, span):
    """Clamp prices from row `first` on, in place, to within ±`ratio` of those `span` before.

    The reference of a row is the last row at or before ``time − span``, or the very first.
    """
    ref = 0
    for i in range(first, times.shape[0]):
        while ref + 1 < i and times[ref + 1] <= times[i] - span:
            ref += 1
        if i > 0:
            low, high = prices[ref] * (1.0 - ratio), prices[ref] * (1.0 + ratio)
            prices[i] = min(max(prices[i], low), high)
