"""Quality of an oracle reading (PRC-04)."""

from __future__ import annotations

from sim.exchange.kernel.jit import inlined
from sim.exchange.kernel.state import (
    D_BAD,
    D_CONF,
    D_COUNT,
    D_FRESH,
    D_MIN_SOURCES,
    D_PRICE,
    D_READ,
    D_STALE_AT,
    D_STALE_US,
    D_VOLATILE,
    NOW,
    STALE_GUARD,
    UNCERTAIN,
)

NEVER = 1 << 62  # microseconds
STALE, INSUFFICIENT, UNCERTAIN_GRADE, VOLATILE_GRADE, NON_POSITIVE = 1, 2, 3, 4, 5


@inlined
def reading(s, feed):
    """Quality of a feed's latest reading, its age apart (PRC-04)."""
    f = s.feeds[feed]
    if f[D_BAD] != 0:
        return NON_POSITIVE
    if f[D_COUNT] == 0:
        return STALE
    if f[D_VOLATILE] != 0:
        return VOLATILE_GRADE
    if f[D_CONF] > s.rules[UNCERTAIN] * f[D_PRICE]:
        return UNCERTAIN_GRADE
    if f[D_FRESH] < f[D_MIN_SOURCES]:
        return INSUFFICIENT
    return 0


@inlined
def note_quality(s, feed):
    """After a reading: from when on (microseconds) the feed is graded STALE or worse."""
    f = s.feeds[feed]
    if reading(s, feed) != 0:
        f[D_STALE_AT] = 0
    elif s.h[STALE_GUARD]:
        f[D_STALE_AT] = f[D_READ] + f[D_STALE_US] + 1
    else:
        f[D_STALE_AT] = NEVER


@inlined
def stale(s, feed):
    """Whether the grade is STALE or worse now: one comparison, for the hot path."""
    return s.h[NOW] >= s.feeds[feed, D_STALE_AT]


@inlined
def grade(s, feed):
    """Quality of a feed's latest reading now (PRC-04); an event book (feed -1) is always valid."""
    if feed < 0:
        return 0
    found = reading(s, feed)
    return STALE if found == 0 and stale(s, feed) else found
