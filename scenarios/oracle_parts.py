"""From a scenario's ``[oracle]`` and ``[pause]`` to the oracle and the services of its run."""

from __future__ import annotations

from scenarios import schema_oracle as declared
from scenarios.errors import ScenarioError, nearest
from scenarios.schema import Scenario, microseconds
from scenarios.source import Key, dotted
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.messages import BookState, Grade
from sim.oracle.fault import Fault, OracleError
from sim.oracle.faults import graded
from sim.oracle.guards import Guard
from sim.oracle.live import LiveOracle
from sim.oracle.pause import Pauser, PauseRule
from sim.oracle.policy import Policy
from sim.oracle.price import DEFAULT_SOURCES, PriceOracle
from sim.oracle.source import Source
from sim.oracle.truth import TruthPath
from sim.world import Service


def oracle_of(scenario: Scenario, listing: Listing, truth: TruthPath, seed: int) -> PriceOracle:
    """The oracle with its sources, faults and guards.

    Raises ScenarioError naming the entry that cannot be.
    """
    told = scenario.oracle
    faults = faults_of(scenario)
    try:
        oracle = PriceOracle(
            listing.feeds,
            truth,
            seed=seed,
            start_us=scenario.start_us,
            end_us=scenario.end_us,
            sources=sources_of(told) or DEFAULT_SOURCES,
            faults=faults,
            dispersion=told.dispersion,
            policy=Policy(
                told.policy,
                told.single,
                told.redemption_usd,
                told.redemption_weight,
                told.redemption_floor,
            ),
            guard=Guard(
                told.guard.dispersion_ratio,
                told.guard.min_answer,
                told.guard.band_ratio,
                round(told.guard.band_s * MICRO),
            ),
            latency_us=round(told.latency_ms * 1000),
        )
        idle = [] if _shortened(scenario) else oracle.idle_faults()
        if idle:
            f = told.fault[idle[0]]
            raise OracleError(
                f"this {f.kind} changes nothing: from {f.start} for {f.duration_s:g} s none of its "
                "sources publishes a reading",
                ("fault", idle[0]),
            )
        return oracle
    except OracleError as error:
        raise _placed(error, scenario) from None
    except ValueError as error:
        raise ScenarioError(
            str(error), where=scenario.origin.place(("oracle",)), path="oracle"
        ) from None


def services_of(scenario: Scenario, listing: Listing, oracle: PriceOracle) -> list[Service]:
    """The services of the oracle: who reads books during the run, who pauses instruments.

    Raises ScenarioError naming the entry that cannot be.
    """
    services: list[Service] = []
    every_us = round(scenario.cadence.oracle_s * MICRO)
    if oracle.live and every_us:
        try:
            services.append(LiveOracle(oracle, listing, every_us))
        except OracleError as error:
            raise _placed(error, scenario) from None
    if scenario.pause is not None:
        told = scenario.pause
        rule = PauseRule(
            Grade[told.grade.upper()],
            round(told.after_s * MICRO),
            BookState[told.state.upper()],
            round(told.clear_s * MICRO),
            round(told.auction_s * MICRO),
        )
        try:
            services.append(
                Pauser(
                    listing,
                    rule,
                    told.instruments or None,
                    stale_guard=scenario.rules.stale_guard,
                )
            )
        except OracleError as error:
            raise _placed(error, scenario, "pause") from None
    return services


def sources_of(told: declared.Oracle) -> tuple[Source, ...]:
    """The sources declared, in order.

    Raises OracleError for one whose numbers cannot be.
    """
    made = []
    for i, s in enumerate(told.source):
        try:
            made.append(
                Source(
                    s.name,
                    s.weight,
                    lag_us=round(s.lag_ms * 1000),
                    noise_bps=s.noise_bps,
                    heartbeat_us=round(s.heartbeat_s * MICRO),
                    upstream=s.upstream,
                    deviation_bps=s.deviation_bps,
                    look_us=round(s.look_s * MICRO),
                    confidence_bps=s.confidence_bps,
                    reads=s.reads,
                    average_us=round(s.average_s * MICRO),
                    coins=s.coins,
                    min_usd=s.min_usd,
                    max_usd=s.max_usd,
                )
            )
        except OracleError as error:
            raise OracleError(str(error), ("source", i), error.word, error.allowed) from None
    return tuple(made)


def faults_of(scenario: Scenario) -> tuple[Fault, ...]:
    """The faults declared, in order, with the magnitudes of their severities.

    Raises ScenarioError for one that lies wholly outside the run, unless the run was made shorter
    by an override.
    """
    made = []
    for i, f in enumerate(scenario.oracle.fault):
        fault = graded(
            f.kind,
            f.severity,
            f.magnitudes,
            start_us=microseconds(f.start),
            duration_us=round(f.duration_s * MICRO),
            feeds=f.feeds or None,
            sources=f.sources or None,
            name=f.name,
        )
        outside = fault.end_us <= scenario.start_us or fault.start_us > scenario.end_us
        if outside and not _shortened(scenario):
            path = ("oracle", "fault", i)
            raise ScenarioError(
                f"this {f.kind} starts at {f.start} for {f.duration_s:g} s, wholly outside the run "
                f"from {scenario.start} to {scenario.end}",
                where=scenario.origin.place(path),
                path=dotted(path),
            )
        made.append(fault)
    return tuple(made)


def _shortened(scenario: Scenario) -> bool:
    """Whether an override set the start or the end of the run."""
    return bool({("start",), ("end",)} & scenario.origin.given)


def _placed(error: OracleError, scenario: Scenario, table: str = "oracle") -> ScenarioError:
    """The same error, with file and line of the entry and the nearest known name."""
    path: tuple[Key, ...] = (table, *error.entry)
    guess = nearest(error.word, error.allowed) if error.word else None
    hint = f"; did you mean {guess!r}?" if guess else ""
    return ScenarioError(f"{error}{hint}", where=scenario.origin.place(path), path=dotted(path))
