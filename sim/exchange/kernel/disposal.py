"""How much of a leg one liquidation step offers to the book (LIQ-02; `sim.exchange.policies`)."""

from __future__ import annotations

from sim.exchange.kernel.bits import cdiv, rate_down
from sim.exchange.kernel.book import side_lots
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.state import (
    BOOK_PPM,
    C_WAIT,
    DISPOSAL,
    NOW,
    STEP_LOTS,
    STEP_MIN,
    STEP_PPM,
    WAIT_US,
)

STEPS, FULL, VEGA, TWO_STEP = range(4)  # sim.exchange.policies.DISPOSALS


@inlined
def fraction(s, whole):
    return cdiv(whole * s.h[STEP_PPM], 1_000_000)


@inlined
def usual(s, a, leg, whole, unit):
    """Steps: a part of what the leg was when flagged, at least a minimum."""
    if s.flag_size[a, leg] == 0:
        s.flag_size[a, leg] = whole
    if whole * unit <= s.h[STEP_MIN]:
        return whole
    return min(whole, max(fraction(s, s.flag_size[a, leg]), cdiv(s.h[STEP_MIN], unit)))


@kernel
def step_lots(s, a, leg, whole, unit, i, side):
    """Lots of a step out of `whole` lots worth `unit` micro-USDC each, sold (side 1) in book i."""
    how = s.h[DISPOSAL]
    if how == STEPS:
        return usual(s, a, leg, whole, unit)
    if how == FULL:
        return whole
    if how == TWO_STEP:
        return whole if whole * unit <= s.h[STEP_MIN] else fraction(s, whole)
    lots = whole if whole <= s.h[STEP_LOTS] else fraction(s, whole)
    return min(lots, rate_down(side_lots(s, 2 * i + 1 - side), s.h[BOOK_PPM]))


@kernel
def debt_units(s, a, leg, debt, unit):
    """Units of a debt that a step pays, each worth `unit` micro-USDC."""
    how = s.h[DISPOSAL]
    if how == STEPS:
        return usual(s, a, leg, debt, unit)
    if how == FULL or debt * unit <= s.h[STEP_MIN]:
        return debt
    return fraction(s, debt)


@inlined
def waits(s, a):
    return s.h[NOW] < s.acct[a, C_WAIT]


@inlined
def wait_after(s, a, filled, value):
    """Remember that the next step has to wait; ``value``: micro-USDC of the leg before the step."""
    how = s.h[DISPOSAL]
    if how == VEGA or (how == TWO_STEP and filled > 0 and value > s.h[STEP_MIN]):
        s.acct[a, C_WAIT] = s.h[NOW] + s.h[WAIT_US]
