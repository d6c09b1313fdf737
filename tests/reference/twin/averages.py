"""The mean that a future settles at, kept while readings arrive (SET-01)."""

from __future__ import annotations

from twin.arithmetic import MILLION
from twin.listing import Instrument
from twin.memory import Reading
from twin.state import State


def taken(state: State, feed: int) -> None:
    """A feed has just taken an INDEX (a NON_POSITIVE one too)."""
    for i in state.market.futures:
        if i.feed == feed:
            accrue(state, i)
    f = state.feeds[feed]
    uncertain = f.confidence > state.rules["uncertain_ratio"] * f.price
    counts = not (f.non_positive or f.volatile or uncertain)
    state.readings[feed] = Reading(state.now, f.price, counts)


def accrue(state: State, i: Instrument) -> None:
    """Count the time since the feed's latest reading, cut to the window, at its price."""
    reading, average = state.readings[i.feed], state.averages[i.id]
    if reading is None or average.settled:
        return
    window = round(state.rules["settlement_window_s"] * MILLION)
    begin = max(reading.time, average.until, i.expiry - window)
    end = min(state.now, i.expiry)
    if end <= begin:
        return
    average.until = end
    if reading.counts:
        average.total += reading.price * (end - begin)
        average.micros += end - begin
