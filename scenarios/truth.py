"""The true prices of a scenario: the lead's path, the other coins after it, all scaled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scenarios.errors import ScenarioError
from scenarios.schema import Scenario, microseconds
from sim.oracle.bars import PriceFileError, read_bars
from sim.oracle.truth import Follower, TruthPath, flat, follow, from_bars, from_waypoints


def truth_of(scenario: Scenario, seed: int) -> TruthPath:
    """Prices in USD of every coin, in the order of the coins, on a grid of one second.

    Raises ScenarioError for waypoints or a price file that cannot be used.
    """
    lead = next(c for c in scenario.coin if c.name == scenario.index.lead)
    others = [c for c in scenario.coin if c is not lead]
    path = follow(
        _lead(scenario, seed, lead.price_usd),
        [Follower(c.name, c.price_usd, c.beta, c.sigma_1m) for c in others],
        seed=seed,
    ).scaled(scenario.index.scale)
    order = [path.names.index(c.name) for c in scenario.coin]
    return replace(
        path, names=tuple(path.names[i] for i in order), values=path.values[order].copy()
    )


def _lead(scenario: Scenario, seed: int, price_usd: float) -> TruthPath:
    index, start, end = scenario.index, scenario.start_us, scenario.end_us
    try:
        if index.path:
            bars = read_bars(Path(index.path).expanduser())
            return from_bars(bars, seed=seed, name=index.lead, start_us=start, end_us=end)
        if not index.waypoint:
            return flat({index.lead: price_usd}, start, end)
        points = [(microseconds(w.at), w.price_usd) for w in index.waypoint]
        return from_waypoints(
            points, seed=seed, name=index.lead, sigma_1m=index.sigma_1m, start_us=start, end_us=end
        )
    except PriceFileError as error:
        raise ScenarioError(str(error), path="index.path") from None
    except ValueError as error:
        raise ScenarioError(
            str(error), where=scenario.origin.place(("index", "waypoint")), path="index.waypoint"
        ) from None
