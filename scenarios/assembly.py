"""From a scenario to a world that is ready to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.facts import Facts
from scenarios.errors import ScenarioError
from scenarios.events import terms_of
from scenarios.listing import listing_of
from scenarios.oracle_parts import oracle_of, services_of
from scenarios.resolution_parts import serve_events
from scenarios.scale import trader_of
from scenarios.schema import Scenario, TraderSpec
from scenarios.truth import first_prices, truth_of
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.messages import (
    M_INSTRUMENT,
    M_KIND,
    M_SIZE,
    MSG_COLS,
    Kind,
)
from sim.exchange.wallets import Wallets
from sim.oracle.event import EventOracle
from sim.oracle.truth import TruthPath
from sim.world import Cadence, World

if TYPE_CHECKING:
    from agents.base import Trader
    from sim.exchange.exchange import Exchange

SLOTS_PER_ACCOUNT = 24


@dataclass(frozen=True)
class Assembly:
    """A world with its traders set up.

    ``cohorts``: account ids by name of trader or cohort, every wallet of its parties;
    ``wallets``: which party and wallet an account is; ``resolutions``: who resolves the events.
    """

    world: World
    exchange: Exchange
    listing: Listing
    truth: TruthPath
    facts: Facts
    cohorts: dict[str, list[int]]
    wallets: Wallets
    resolutions: EventOracle


def assemble(scenario: Scenario, recorder: Callable[..., Any] | None = None) -> Assembly:
    """Build everything; the set-up messages have been applied when it returns.

    Args:
        scenario: as `scenarios.scale.resolve` returns it.
        recorder: makes, from listing, wallets and truth, who is told everything.

    Raises ScenarioError for what only the parts can judge: trader parameters, oracle, prices.
    """
    from sim.exchange.exchange import Exchange

    seed = scenario.seed
    truth = truth_of(scenario, seed)
    listing = listing_of(scenario, first_prices(scenario, truth))
    facts = facts_of(scenario, listing, truth)
    plan = [(spec, *trader_of(scenario, i)) for i, spec in enumerate(scenario.trader)]
    counts = [_accounts(spec, cls) for spec, cls, _ in plan]
    total = max(1, sum(n * size for n, size in counts))
    wallets = Wallets(listing, scenario.rules.margin_mode, total)
    exchange = Exchange(listing, scenario.rules, wallets.accounts, order_slots=_slots(total))
    oracle = oracle_of(scenario, listing, truth, seed)
    world = World(
        exchange,
        seed=seed,
        start_us=scenario.start_us,
        end_us=scenario.end_us,
        window_us=scenario.window_us,
        truth=truth,
        oracle=oracle,
        recorder=recorder(listing, wallets, truth) if recorder is not None else None,
        cadence=cadence_of(scenario),
        wallets=wallets if wallets.count > 1 else None,
    )
    for service in services_of(scenario, listing, oracle):
        world.serve(service)
    cohorts: dict[str, list[int]] = {}
    taken = 0
    traders: list[Trader] = []
    for i, ((spec, cls, params), (n, size)) in enumerate(zip(plan, counts, strict=True)):
        for k in range(n):
            accounts = np.arange(taken, taken + size)
            taken += size
            cohorts.setdefault(spec.name, []).extend(wallets.accounts_of(accounts).tolist())
            name = spec.name if cls.cohort else f"{spec.name}/{k}"
            try:
                trader = cls(world, name, accounts, round(spec.latency_ms * 1000), params, facts)
                world.add(trader)
            except ValueError as error:
                where = scenario.origin.place(("trader", i))
                raise ScenarioError(str(error), where=where, path=f"trader.{spec.name}") from None
            traders.append(trader)
    resolutions = serve_events(scenario, facts, world, cohorts)
    world.setup(_funds(scenario, listing))
    world.setup(wallets.owners())
    # Historic trades need an empty book: who holds positions comes before who quotes.
    for trader in sorted(traders, key=lambda t: not hasattr(t, "opening")):
        world.setup(trader.setup(), trader.stakes())
    return Assembly(world, exchange, listing, truth, facts, cohorts, wallets, resolutions)


def _accounts(spec: TraderSpec, cls: type[Trader]) -> tuple[int, int]:
    """How many traders, with how many accounts each."""
    if cls.cohort:
        return min(spec.count, 1), spec.count
    return spec.count, cls.own_accounts


def _slots(accounts: int) -> int:
    """Order slots: a power of two with room for every account's orders."""
    return 1 << max(16, (accounts * SLOTS_PER_ACCOUNT).bit_length())


def facts_of(scenario: Scenario, listing: Listing, truth: TruthPath) -> Facts:
    """What every trader knows."""
    oi = scenario.open_interest_usd
    shares = tuple(c.oi_share * oi for c in scenario.coin if c.perpetual)
    return Facts(listing, shares, terms_of(scenario, listing, truth))


def cadence_of(scenario: Scenario) -> Cadence:
    """Seconds of the scenario as microseconds of the world."""
    seconds = scenario.cadence.model_dump()
    return Cadence(**{k.removesuffix("_s") + "_us": round(v * MICRO) for k, v in seconds.items()})


def _funds(scenario: Scenario, listing: Listing) -> np.ndarray:
    """Messages that fill the insurance fund, the pool, and the pools of coins."""
    wanted = [
        (Kind.FUND, 0, round(scenario.insurance_usd * MICRO)),
        (Kind.POOL, 0, round(scenario.pool_usd * MICRO)),
    ]
    for coin in scenario.coin:
        if coin.spot:
            units = coin.spot.pool_coins * listing.asset_units(coin.name)
            wanted.append((Kind.POOL, listing.asset_id(coin.name), round(units)))
    rows = []
    for kind, asset, units in wanted:
        if units > 0:
            row = np.zeros(MSG_COLS, np.int64)
            row[M_KIND], row[M_INSTRUMENT], row[M_SIZE] = kind, asset, units
            rows.append(row)
    return np.array(rows, np.int64).reshape(-1, MSG_COLS)
