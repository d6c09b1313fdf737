"""The true prices of a scenario: the lead's path, coins that follow it, coins on their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from scenarios.errors import ScenarioError
from scenarios.schema import Coin, Scenario, Waypoint, microseconds
from sim.oracle.bars import PriceFileError, read_bars
from sim.oracle.truth import Follower, TruthPath, flat, follow, from_bars, from_waypoints


def truth_of(scenario: Scenario, seed: int) -> TruthPath:
    """Prices in USD of every coin, in the order of the coins, on a grid of one second.

    Raises ScenarioError for waypoints or a price file that cannot be used.
    """
    lead = next(c for c in scenario.coin if c.name == scenario.index.lead)
    if lead.waypoint:
        raise ScenarioError(
            "the lead's path stands in index.waypoint",
            where=scenario.origin.place(("coin", scenario.coin.index(lead), "waypoint")),
            path=f"coin.{lead.name}.waypoint",
        )
    others = [c for c in scenario.coin if c is not lead]
    path = follow(
        _lead(scenario, seed, lead.price_usd),
        [Follower(c.name, c.price_usd, c.beta, c.sigma_1m) for c in others if not c.waypoint],
        seed=seed,
    )
    rows = dict(zip(path.names, path.values, strict=True))
    for i, coin in enumerate(scenario.coin):
        if coin.waypoint:
            rows[coin.name] = _own(scenario, seed, coin, i).values[0]
    names = tuple(c.name for c in scenario.coin)
    values = np.array([rows[name] for name in names])
    return replace(path, names=names, values=values).scaled(scenario.index.scale)


def first_prices(scenario: Scenario, truth: TruthPath) -> dict[str, float]:
    """USD at the start of the coins whose price then is not their ``price_usd``, by name."""
    own = [c.name for c in scenario.coin if c.waypoint]
    names = [scenario.index.lead, *own]
    return {name: float(truth.values[truth.names.index(name), 0]) for name in names}


def _own(scenario: Scenario, seed: int, coin: Coin, place: int) -> TruthPath:
    """The path of a coin with waypoints."""
    try:
        return _through(scenario, seed, coin.name, coin.waypoint, coin.sigma_1m)
    except ValueError as error:
        raise ScenarioError(
            str(error),
            where=scenario.origin.place(("coin", place, "waypoint")),
            path=f"coin.{coin.name}.waypoint",
        ) from None


def _through(
    scenario: Scenario, seed: int, name: str, points: Sequence[Waypoint], sigma_1m: float
) -> TruthPath:
    """A path of one coin through waypoints, over the run."""
    return from_waypoints(
        [(microseconds(w.at), w.price_usd) for w in points],
        seed=seed,
        name=name,
        sigma_1m=sigma_1m,
        start_us=scenario.start_us,
        end_us=scenario.end_us,
    )


def _lead(scenario: Scenario, seed: int, price_usd: float) -> TruthPath:
    index, start, end = scenario.index, scenario.start_us, scenario.end_us
    try:
        if index.path:
            bars = read_bars(Path(index.path).expanduser())
            return from_bars(bars, seed=seed, name=index.lead, start_us=start, end_us=end)
        if not index.waypoint:
            return flat({index.lead: price_usd}, start, end)
        return _through(scenario, seed, index.lead, index.waypoint, index.sigma_1m)
    except PriceFileError as error:
        raise ScenarioError(str(error), path="index.path") from None
    except ValueError as error:
        raise ScenarioError(
            str(error), where=scenario.origin.place(("index", "waypoint")), path="index.waypoint"
        ) from None
