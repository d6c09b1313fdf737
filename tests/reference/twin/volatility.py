"""Price bounds from the marks of a while ago, and the auction beyond them (ORD-05)."""

from __future__ import annotations

import math

from twin.codes import BookState, Event
from twin.listing import Instrument
from twin.state import State

YEAR_S = 31_536_000
LONGEST = 1024


def remember(state: State, i: Instrument) -> None:
    """After a MARK computed this instrument's mark: its history and bounds."""
    if i.volatility is None:
        return
    phase = state.phases[i.id]
    phase.history.append((state.now, state.marks[i.id].mark))
    del phase.history[:-LONGEST]
    ref = phase.history[0][1]
    for time, mark in phase.history:
        if time <= state.now - i.volatility.horizon_us:
            ref = mark
    phase.bounds = bounds(i, ref)


def bounds(i: Instrument, ref: int) -> tuple[int, int]:
    v = i.volatility
    assert v is not None
    y = v.horizon_s / YEAR_S
    drift = (v.mu - v.sigma * v.sigma / 2) * y
    spread = v.z * v.sigma * math.sqrt(y)
    return math.ceil(ref * math.exp(drift - spread)), math.floor(ref * math.exp(drift + spread))


def outside(state: State, i: Instrument, price: int) -> bool:
    """Is a trade at this price beyond the bounds, where there are any?"""
    limits = state.phases[i.id].bounds
    return limits is not None and not limits[0] <= price <= limits[1]


def halts(state: State, i: Instrument, price: int) -> bool:
    """Before a trade: beyond the bounds the book goes into auction instead."""
    if not outside(state, i, price):
        return False
    assert i.volatility is not None
    phase = state.phases[i.id]
    phase.state, phase.end = BookState.AUCTION, state.now + i.volatility.auction_us
    phase.by_volatility, phase.extended = True, False
    state.emit(
        Event.STATE,
        instrument=i.id,
        code=BookState.AUCTION,
        price=price,
        x=phase.end,
        y=1,
    )
    return True
