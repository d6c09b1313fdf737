"""Who stands on the other side of a wave: a seeded, heavy-tailed population of winners.

The files of waves name no accounts.  A coin gets winners whose unrealised profits add to its part
of the wave's capacity (in proportion to the gaps), bystanders who went short at the last price and
have no profit, and one bankrupt who is long.  Everything is integers: lots, ticks, micro-USDC.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from scenarios.part import Part, Positive, Ratio
from scenarios.studies.adl_waves import Wave
from sim.exchange.instruments import MICRO
from sim.streams import stream

LAST = 10_000  # ticks, the price when the wave comes
HIGHEST_FALL = 0.8  # of one price to the next: the mark of the exchange follows no faster
Hedge = Literal["", "coin", "spot", "loan"]


class Population(Part):
    """Winners and bystanders of each coin.

    Profits are Pareto with exponent ``pareto``; a winner went short when the price stood one of
    ``levels`` above the last one.  Of the winners ``hedged`` (a share) hold the other side too: a
    long of another coin, the coin itself, or the coin bought with a loan, in turn.
    """

    winners: Annotated[int, Field(ge=1, le=10_000)] = 24
    bystanders: Annotated[int, Field(ge=1, le=10_000)] = 4
    pareto: Annotated[float, Field(gt=0, le=20)] = 1.2
    levels: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=20)] = (
        0.3,
        0.2,
        0.1,
        0.05,
    )
    leverage: tuple[Positive, Positive] = (2.0, 20.0)  # lowest, highest; their logarithm is uniform
    hedged: Ratio = 0.3
    loan: Annotated[float, Field(ge=0, le=0.5)] = 0.3  # of the value of the coin
    gap: Annotated[float, Field(gt=0, le=0.15)] = 0.01  # of the bankrupt's notional: its deficit
    cover: Annotated[float, Field(ge=1, le=100)] = 1.2  # lots short over the bankrupt's
    lots: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000  # of the bankrupt's position, about

    @model_validator(mode="after")
    def _possible(self) -> Population:
        prices = [*(1 + level for level in self.levels), 1.0]
        for high, low in pairwise(prices):
            if low >= high:
                raise ValueError(f"levels {list(self.levels)} do not fall")
            if low / high < HIGHEST_FALL:
                raise ValueError(
                    f"levels {list(self.levels)}: the price may fall by a fifth from one to the next"
                )
        low, high = self.leverage
        if not low <= high <= 25:
            raise ValueError(f"leverage {low:g} to {high:g}: lowest, highest, at most 25")
        if self.levels[0] / (1 + self.levels[0]) - self.gap < 0.05:
            raise ValueError(
                f"levels {list(self.levels)}: a bankrupt who falls by the highest and loses its gap"
                f" of {self.gap:g} beyond its deposit would need a leverage above 20"
            )
        return self

    def prices(self) -> list[int]:
        """Ticks at which shorts are opened, falling."""
        return [round(LAST * (1 + level)) for level in self.levels]


@dataclass(frozen=True)
class Coin:
    """A coin of a wave.  ``tick``: micro-USDC per tick and lot."""

    name: str
    tick: int
    gap: int  # micro-USDC, the bankrupt's deficit
    lots: int  # long, the bankrupt's

    @property
    def worth(self) -> int:
        """Micro-USDC of a lot at the last price."""
        return LAST * self.tick


@dataclass(frozen=True)
class Short:
    """One account that is short.

    ``level``: index of its price, -1 the last.  ``pair``: the coin that it holds long with
    ``pair_lots`` when ``hedge`` is "coin".
    """

    coin: int
    lots: int
    level: int
    leverage: float
    hedge: Hedge = ""
    pair: int = -1
    pair_lots: int = 0


def coins_of(wave: Wave, how: Population) -> list[Coin]:
    """The coins of a wave, in the order of its file; gaps to the micro-USDC."""
    found = []
    for name, usd in wave.gaps.items():
        gap = max(1, round(usd * MICRO))
        notional = max(LAST, round(gap / how.gap))
        tick = max(1, notional // (how.lots * LAST))
        found.append(Coin(name, tick, gap, max(1, round(notional / (tick * LAST)))))
    return found


def population(wave: Wave, coins: list[Coin], how: Population, seed: int) -> list[Short]:
    """Winners of every coin, then its bystanders; the same for every policy."""
    shorts: list[Short] = []
    total = sum(coin.gap for coin in coins)
    for c, coin in enumerate(coins):
        capacity = round(wave.capacity * MICRO) * coin.gap // total
        shorts += _winners(wave, coins, c, capacity, how, seed)
    for c, coin in enumerate(coins):
        short = sum(s.lots for s in shorts if s.coin == c)
        long = coin.lots + sum(s.pair_lots for s in shorts if s.pair == c)
        missing = max(math.ceil(how.cover * coin.lots), long) - short
        draws = stream(seed, f"adl/{wave.number}/{coin.name}", "bystanders").random(how.bystanders)
        for k, draw in enumerate(draws.tolist()):
            lots = missing // how.bystanders + (k < missing % how.bystanders)
            if lots > 0:
                shorts.append(Short(c, lots, -1, _leverage(draw, how)))
    return shorts


def _winners(
    wave: Wave, coins: list[Coin], c: int, capacity: int, how: Population, seed: int
) -> list[Short]:
    coin, prices = coins[c], how.prices()
    draws = stream(seed, f"adl/{wave.number}/{coin.name}", "winners").random((how.winners, 5))
    weights = [(1 - u) ** (-1 / how.pareto) for u in draws[:, 0].tolist()]
    whole = math.fsum(weights)
    kinds: list[Hedge] = ["coin", "spot", "loan"] if len(coins) > 1 else ["spot", "loan"]
    found = []
    left = capacity  # what rounding to lots leaves goes on to the next
    for weight, (_, level, leverage, hedged, which) in zip(weights, draws.tolist(), strict=True):
        k = int(level * len(prices))
        each = (prices[k] - LAST) * coin.tick
        due = min(left, int(capacity * (weight / whole)) + each // 2)
        lots = due // each
        if lots <= 0:
            continue
        left -= lots * each
        hedge: Hedge = kinds[int(which * len(kinds))] if hedged < how.hedged else ""
        pair = pair_lots = 0
        if hedge == "coin":
            pair = (c + 1 + int(leverage * (len(coins) - 1))) % len(coins)
            pair_lots = max(1, lots * coin.tick // coins[pair].tick)
        else:
            pair = -1
        found.append(Short(c, lots, k, _leverage(leverage, how), hedge, pair, pair_lots))
    return found


def _leverage(draw: float, how: Population) -> float:
    low, high = how.leverage
    return low * (high / low) ** draw
