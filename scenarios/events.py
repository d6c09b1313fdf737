"""The events of a scenario as traders and the resolution know them: terms, truth, belief."""

from __future__ import annotations

import math
from itertools import accumulate

import numpy as np

from agents.facts import VOID, EventTerms
from scenarios import schema_events
from scenarios.schema import Scenario, microseconds
from scenarios.schema_events import Event
from sim.exchange.instruments import MICRO, Listing
from sim.oracle.truth import TruthPath
from sim.streams import stream

CONCENTRATION = (
    4.0  # of the Beta distribution of a scalar's fraction: at ½ a standard deviation .22
)


def terms_of(scenario: Scenario, listing: Listing, truth: TruthPath) -> tuple[EventTerms, ...]:
    """Terms of every event, in the exchange's order."""
    feeds = listing.feed_names()
    out = []
    for k, event in enumerate(scenario.events):
        feed = feeds.index(event.coin) if event.coin else -1
        opens = microseconds(event.opens) if event.opens else scenario.start_us
        strike_usd = event.strike_usd
        if event.strike == "open":
            strike_usd = float(truth.sample(feed, np.array([opens]))[0])
        ticks = round(strike_usd * MICRO / listing.feeds[feed].tick_micro) if feed >= 0 else 0
        outcome, value = true_outcome(event, scenario.seed)
        out.append(
            EventTerms(
                event=k,
                feed=feed,
                strike_ticks=ticks,
                resolves_us=microseconds(event.resolves),
                below=event.side == "below",
                price=event.price if event.kind != "categorical" else event.start_prices[0],
                kind=event.kind,
                name=event.name,
                outcomes=event.shares,
                prices=event.start_prices,
                opens_us=opens,
                strike_usd=strike_usd,
                low=event.low,
                high=event.high,
                outcome=outcome,
                value=value,
                sigma_per_sqrt_h=event.sigma_per_sqrt_h,
            )
        )
    return tuple(out)


def true_outcome(event: Event, seed: int) -> tuple[int | None, int]:
    """(outcome, a scalar's value): as declared, or drawn from the prices at which it opens.

    A scalar's fraction of its range is Beta distributed with the price as its mean, and rounded to
    a whole value up or down by chance, so that the mean stays.  None: the price decides.
    """
    if event.kind == "price":
        return None, 0
    if event.outcome == schema_events.VOID:
        return VOID, 0
    draw = stream(seed, f"event/{event.name}")
    if event.kind == "scalar":
        if event.outcome != "":
            return 0, int(event.outcome)
        a = CONCENTRATION * event.price
        wide = float(draw.beta(a, CONCENTRATION - a)) * (event.high - event.low)
        whole = math.floor(wide)
        value = event.low + whole + int(float(draw.random()) < wide - whole)
        return 0, min(value, event.high)
    if event.outcome != "":
        return event.shares.index(str(event.outcome)), 0
    u = float(draw.random())
    below = [k for k, total in enumerate(accumulate(event.start_prices)) if u < total]
    return below[0] if below else len(event.shares) - 1, 0


def resolution_of(terms: EventTerms, truth: TruthPath) -> tuple[int, int]:
    """(outcome, value) that the truth gives an event when it is due."""
    if terms.outcome is not None:
        return terms.outcome, terms.value
    price = float(truth.sample(terms.feed, np.array([terms.resolves_us]))[0])
    yes = price < terms.strike_usd if terms.below else price > terms.strike_usd
    return (0 if yes else 1), 0
