"""The events of a scenario as traders and the resolution know them: terms, truth, belief."""

from __future__ import annotations

import numpy as np

from agents.facts import VOID, EventTerms
from scenarios import schema_events
from scenarios.schema import Scenario, microseconds
from scenarios.schema_events import Event
from sim.exchange.instruments import MICRO, Listing
from sim.oracle.belief import BeliefPath, News, Span, scripted, simulated
from sim.oracle.hypotheses import CELLS, Hypotheses, fraction, outcomes
from sim.oracle.truth import TruthPath
from sim.streams import stream


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
                strikes_usd=event.strikes_usd,
                low=event.low,
                high=event.high,
                outcome=outcome,
                value=value,
                sigma_per_sqrt_h=event.sigma_per_sqrt_h,
                belief=None if outcome is None else belief_of(event, outcome, value, scenario),
            )
        )
    return tuple(out)


def hypotheses_of(event: Event) -> Hypotheses:
    """What may be true of an exogenous event, with the prices at which it opens."""
    if event.kind == "scalar":
        return fraction(event.price, min(event.high - event.low, CELLS))
    return outcomes(event.start_prices)


def true_outcome(event: Event, seed: int) -> tuple[int | None, int]:
    """(outcome, a scalar's value): as declared, or drawn from the prices at which it opens.

    None: the price decides.
    """
    if event.priced:
        return None, 0
    if event.outcome == schema_events.VOID:
        return VOID, 0
    scalar, given = event.kind == "scalar", event.outcome != ""
    if given:
        return (0, int(event.outcome)) if scalar else (event.shares.index(str(event.outcome)), 0)
    known = hypotheses_of(event)
    drawn = known.draw(stream(seed, f"event/{event.name}"))
    if not scalar:
        return drawn, 0
    cells = len(known.prior) - 1
    return 0, event.low + (2 * drawn * (event.high - event.low) + cells) // (2 * cells)


def belief_of(event: Event, outcome: int, value: int, scenario: Scenario) -> BeliefPath:
    """What the public believes of an exogenous event, given what is true."""
    due = microseconds(event.resolves)
    opens = microseconds(event.opens) if event.opens else scenario.start_us
    span = Span(opens, due, scenario.end_us, round(event.belief_step_s * MICRO))
    wide = event.high - event.low
    if event.belief:
        knots = [(microseconds(p.at), p.of_shares) for p in event.belief]
        values = scripted(event.start_prices, knots, span)
    else:
        known = hypotheses_of(event)
        true = outcome
        if event.kind == "scalar" and outcome != VOID:
            true = round((value - event.low) / wide * (len(known.prior) - 1))
        news = News(
            event.sigma_per_sqrt_h,
            event.jumps_per_h,
            event.jump_logit,
            round(event.reveals_s * MICRO),
        )
        values = simulated(
            known,
            None if outcome == VOID else true,
            news,
            span,
            seed=scenario.seed,
            name=event.name,
        )
    if event.belief_after == "frozen":
        after = values[:, -1]
    elif outcome == VOID:
        after = np.full(len(values), 1.0 / len(values))
    elif event.kind == "scalar":
        after = np.array([(value - event.low) / wide, (event.high - value) / wide])
    else:
        after = np.eye(len(values))[outcome]
    return BeliefPath(opens, span.step_us, values, due, after)


def resolution_of(terms: EventTerms, truth: TruthPath) -> tuple[int, int]:
    """(outcome, value) that the truth gives an event when it is due."""
    if terms.outcome is not None:
        return terms.outcome, terms.value
    price = float(truth.sample(terms.feed, np.array([terms.resolves_us]))[0])
    return terms.answer(price)
