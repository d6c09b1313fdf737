"""From ``[resolution]`` to the event oracle of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from agents.facts import EventTerms, Facts
from scenarios import schema_resolution as schema
from scenarios.errors import ScenarioError, choose
from scenarios.events import resolution_of
from scenarios.schema import Scenario
from scenarios.schema_resolution import Resolution
from sim.exchange.instruments import MICRO, AnyEvent
from sim.oracle.answers import Answer, Truth, answer_named
from sim.oracle.electorate import Bribe, Mind, Voters, Whale
from sim.oracle.event import EventOracle
from sim.oracle.observation import Observer
from sim.oracle.price import PriceOracle
from sim.oracle.question import Procedure, Question
from sim.oracle.resolution_faults import ResolutionFault
from sim.oracle.truth import TruthPath

if TYPE_CHECKING:
    from sim.world import World


def serve_events(
    scenario: Scenario, facts: Facts, world: World, cohorts: Mapping[str, Sequence[int]]
) -> EventOracle:
    """Give a world its event oracle; ``cohorts``: accounts by name of trader.

    Raises ScenarioError for what only the parts can judge.
    """
    assert world.truth is not None
    made = event_oracle(scenario, facts, world.truth, world.oracle)
    made.cohorts = cohorts
    try:
        world.serve(made)
    except ValueError as error:
        raise ScenarioError(
            str(error), where=scenario.origin.place(("resolution",)), path="resolution"
        ) from None
    return made


def event_oracle(
    scenario: Scenario, facts: Facts, truth: TruthPath, oracle: PriceOracle | None
) -> EventOracle:
    """The event oracle of a scenario.

    Raises ScenarioError for what only the parts can judge.
    """
    questions, spoken_of = [], scenario.spoken_of
    for terms in facts.events:
        event = scenario.events[terms.event]
        settings = scenario.resolution.of(event.resolution)
        item = facts.listing.events[terms.event]
        outcome, value = resolution_of(terms, truth)
        try:
            questions.append(
                Question(
                    terms.event,
                    item,
                    Truth(outcome, terms.resolves_us, value),
                    procedure_of(settings),
                    voters_of(settings.voters, item)
                    if settings.method == "optimistic"
                    else Voters(),
                    *_observed(settings, terms, oracle),
                    faults_of(scenario.resolution, spoken_of[event.name], item),
                )
            )
        except ValueError as error:
            raise ScenarioError(
                str(error),
                where=scenario.origin.place(("resolution",)),
                path=f"event.{event.name}.resolution" if event.resolution else "resolution",
            ) from None
    return EventOracle(questions, scenario.seed, scenario.resolution.corrupters)


def procedure_of(settings: Resolution) -> Procedure:
    """Liveness, votes, bonds in the oracle's units."""
    return Procedure(
        settings.method,
        round(settings.delay_s * MICRO),
        round(settings.liveness_s * MICRO),
        round(settings.vote_s * MICRO),
        round(settings.bond_usd * MICRO),
        settings.tie,
    )


def voters_of(given: schema.Voters, item: AnyEvent) -> Voters:
    """The voters on one event."""
    whales = tuple(
        Whale(w.name, w.share, _mind(w.votes, item), w.trader, w.bought, w.resale_loss)
        for w in given.whale
    )
    bribe = None
    if given.bribe is not None:
        bribe = Bribe(
            answer_named(item, given.bribe.outcome),
            round(given.bribe.budget_usd * MICRO),
            given.bribe.price_per_stake,
        )
    return Voters(
        given.count,
        round(given.stake_usd * MICRO),
        given.tail_exponent,
        given.communities,
        given.accuracy,
        given.correlation,
        given.turnout,
        given.slash,
        given.majority,
        given.min_turnout,
        whales,
        bribe,
    )


def _mind(votes: schema.Outcome, item: AnyEvent) -> Mind:
    if votes == "honest":
        return "honest"
    return "position" if votes == "position" else answer_named(item, votes)


def faults_of(
    resolution: Resolution, names: frozenset[str], item: AnyEvent
) -> tuple[ResolutionFault, ...]:
    """The faults that may strike one event, in the order of the file."""
    return tuple(
        ResolutionFault(
            f.kind,
            answer_named(item, f.outcome) if f.outcome != "" else None,
            round(f.delay_s * MICRO),
            f.probability,
            round(f.retry_s * MICRO),
        )
        for f in resolution.fault
        if not f.event or f.event in names
    )


def _observed(
    settings: Resolution, terms: EventTerms, oracle: PriceOracle | None
) -> tuple[Observer | None, Callable[[float], Answer] | None]:
    """How a price-linked event's price is read, if it is not the true one."""
    if settings.observes == "truth" or terms.exogenous:
        return None, None
    if oracle is None:
        raise ValueError(f"observes {settings.observes!r} needs a price oracle")
    feed, covering = oracle.feeds[terms.feed].name, oracle.names_of(terms.feed)
    if settings.source and settings.source not in covering:
        raise ValueError(
            f"source {settings.source!r} does not cover {feed!r}{choose(settings.source, covering)}"
        )
    nearest = settings.observes == "nearest"
    names = (settings.source or covering[0],) if nearest else tuple(covering)
    observer = Observer(
        oracle, feed, terms.resolves_us, settings.observes, settings.twap_s, names, settings.quorum
    )
    return observer, lambda price_usd: Answer(*terms.answer(price_usd))
