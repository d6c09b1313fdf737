"""What a scenario lists: its coins and events as the exchange's `Listing`, ticks and lots chosen.

A price tick is about 1/20,000 of the first price, so that a tick is half a basis point and the
ladder of 16,384 ticks reaches 40 % either way; a lot is worth about 10 USD.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, log10
from typing import Any

from pydantic import ValidationError

from scenarios.errors import ScenarioError
from scenarios.schema import Coin, Scenario, microseconds
from scenarios.schema_events import Event
from sim.exchange.instruments import (
    MICRO,
    Asset,
    BinaryEvent,
    CategoricalEvent,
    Feed,
    Listing,
    Perpetual,
    ScalarEvent,
)
from sim.exchange.instruments import Spot as SpotBook
from sim.exchange.products import AnyEvent

TICKS_PER_PRICE = 20_000
LOT_USD = 10.0
TOP = 1 << 61  # price bound x largest size x tick value stays below


def tick_micro(coin: Coin) -> int:
    """Micro-USD of one price tick: as declared, or 1, 2 or 5 times a power of ten."""
    if coin.tick_usd:
        micro = round(coin.tick_usd * MICRO)
        if micro < 1 or abs(micro - coin.tick_usd * MICRO) > 1e-6:
            raise ScenarioError(
                f"tick_usd {coin.tick_usd:g} is no whole number of micro-USD",
                path=f"coin.{coin.name}",
            )
        return micro
    wanted = coin.price_usd * MICRO / TICKS_PER_PRICE
    power = 10 ** max(0, floor(log10(max(wanted, 1.0))))
    return min((power * k for k in (1, 2, 5, 10)), key=lambda m: abs(m - wanted))


def lots_per_coin(coin: Coin, tick: int) -> int:
    """Lots of one coin: as declared, or the power of ten that makes a lot about 10 USD."""
    if coin.lots_per_coin:
        return coin.lots_per_coin
    lots = 1
    while tick % (lots * 10) == 0 and coin.price_usd / (lots * 10) >= LOT_USD / 3.16:
        lots *= 10
    return lots


def event_of(event: Event, ticks: Mapping[str, int]) -> AnyEvent:
    """What the exchange lists of an event; ``ticks``: micro-USD of one tick of each coin."""
    shared: dict[str, Any] = {
        "name": event.name,
        "payoff_ticks": event.payoff_ticks,
        "lam": event.lam,
        "min_notional_usd": event.min_notional_usd,
        "date_us": microseconds(event.date) if event.date else 0,
    }
    if event.kind == "scalar":
        return ScalarEvent(**shared, low=event.low, high=event.high)
    if event.jumps:
        shared |= {"underlying": event.coin, "jumps": event.jumps}
    if event.kind == "categorical":
        return CategoricalEvent(**shared, outcomes=event.outcomes, exhaustive=event.exhaustive)
    if event.link:
        strike = round(event.strike_usd * MICRO / ticks[event.coin])
        below = event.side == "below"
        # The exchange's YES includes a price at the strike, a scenario's does not (MAR-07).
        shared |= {"underlying": event.coin, "below": below}
        shared["strike_ticks"] = strike if below else strike + 1
    return BinaryEvent(**shared)


def listing_of(scenario: Scenario, first_usd: Mapping[str, float] | None = None) -> Listing:
    """The listing: feeds and perpetuals in the order of the coins, then spot books, then events.

    ``first_usd`` replaces a coin's first price, but neither its tick nor its lot.

    Raises ScenarioError where the exchange refuses a combination of tick, lot and size.
    """
    feeds, assets, perpetuals, spots = [], [], [], []
    for coin in scenario.coin:
        tick = tick_micro(coin)
        index = round((first_usd or {}).get(coin.name, coin.price_usd) * MICRO / tick)
        lots = lots_per_coin(coin, tick)
        oracle = scenario.oracle
        feeds.append(
            Feed(
                name=coin.name,
                tick_micro=tick,
                index_ticks=max(1, index),
                stale_after_s=oracle.stale_after_s,
                min_sources=oracle.min_sources,
                bound=coin.price_bound,
            )
        )
        if coin.perpetual:
            largest = TOP // max(
                1, coin.price_bound * index * (tick // lots if tick % lots == 0 else 1)
            )
            perpetuals.append(
                Perpetual(
                    name=f"{coin.name}-PERP",
                    feed=coin.name,
                    lots_per_coin=lots,
                    margin=coin.margin,
                    max_size_lots=min(10**9, largest),
                    impact_notional_usd=coin.impact_notional_usd,
                    backstop_cap_usd=coin.backstop_cap_usd,
                )
            )
        if coin.spot:
            assets.append(
                Asset(
                    name=coin.name,
                    feed=coin.name,
                    units_per_coin=coin.spot.units_per_coin or lots,
                    haircut_w=coin.spot.haircut_w,
                    haircut_b=coin.spot.haircut_b,
                    haircut_kappa=coin.spot.haircut_kappa,
                    collateral_cap_usd=coin.spot.cap_usd,
                    debt=coin.spot.debt,
                    borrowable=coin.spot.borrowable,
                    lending=coin.spot.lending,
                )
            )
            spots.append(SpotBook(name=f"{coin.name}/USDC", base=coin.name))
    ticks = {feed.name: feed.tick_micro for feed in feeds}
    try:
        return Listing(
            feeds=tuple(feeds),
            assets=tuple(assets),
            perpetuals=tuple(perpetuals),
            spots=tuple(spots),
            events=tuple(event_of(e, ticks) for e in scenario.events),
            usdc_debt=scenario.usdc_debt,
        )
    except ValidationError as error:
        what = error.errors()[0]
        raise ScenarioError(
            str(what.get("ctx", {}).get("error", what["msg"])), path="coin"
        ) from None
