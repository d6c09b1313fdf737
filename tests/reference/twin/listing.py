"""What is traded: feeds, assets, instruments with their ids (docs/formats.md, Ids)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from twin.arithmetic import MILLION, clamp, micro

PRICE_BOUND = 64
SPOT_MAX_SIZE = EVENT_MAX_SIZE = 1_000_000_000


@dataclass(frozen=True)
class Margin:
    """The two margin functions of one asset or instrument (MAR-03, MAR-04)."""

    base: float
    factor: float
    base_m: float
    factor_m: float
    leverage_limit: float
    oi_low_usd: float
    oi_up_usd: float

    def initial(self, n: float) -> float:
        fraction = max(self.base, self.factor * math.sqrt(n))
        if self.leverage_limit > 0:
            fraction = max(1.0 / self.leverage_limit, fraction)
        return min(1.0, fraction)

    def initial_with_interest(self, n: float, open_interest: float) -> float:
        """With the open-interest add-on (MAR-03)."""
        fraction = self.initial(n)
        if self.oi_up_usd > 0:
            span = self.oi_up_usd - self.oi_low_usd
            share = clamp((open_interest - self.oi_low_usd) / span, 0.0, 1.0)
            fraction = max(fraction, self.base + share * (1.0 - self.base))
        return fraction

    def maintenance(self, n: float) -> float:
        return min(1.0, max(self.base_m, self.factor_m * math.sqrt(n)))


@dataclass(frozen=True)
class Feed:
    name: str
    tick_micro: int
    first_index: int
    stale_after_us: int
    min_sources: int


@dataclass(frozen=True)
class Coin:
    asset: int
    name: str
    feed: int
    tv: int
    w: float
    b: float
    kappa: float
    cap_usd: float
    debt: Margin
    spot: int  # the spot book it is the base of, -1 none


@dataclass(frozen=True)
class Instrument:
    id: int
    kind: str  # 'perpetual', 'spot' or 'event'
    name: str
    feed: int
    tv: int
    ladder_ticks: int
    max_size: int
    min_notional: int
    first_mark: int
    margin: Margin | None = None
    impact_usd: float = 0.0
    backstop_cap_usd: float = 0.0
    coin: int = 0
    event: int = -1
    payoff: int = 0
    lam: float = 1.0

    @property
    def is_perpetual(self) -> bool:
        return self.kind == "perpetual"

    @property
    def is_spot(self) -> bool:
        return self.kind == "spot"

    @property
    def is_event(self) -> bool:
        return self.kind == "event"


class Market:
    """The listing with every id resolved."""

    def __init__(self, listing: dict[str, Any]) -> None:
        self.feeds = [
            Feed(
                f["name"],
                f["tick_micro"],
                f["index_ticks"],
                round(f["stale_after_s"] * MILLION),
                f["min_sources"],
            )
            for f in listing["feeds"]
        ]
        feed_of = {f.name: k for k, f in enumerate(self.feeds)}
        self.usdc_debt = Margin(**listing["usdc_debt"])
        perpetuals, spots = listing["perpetuals"], listing["spots"]
        coin_of = {a["name"]: k for k, a in enumerate(listing["assets"], 1)}
        spot_of = {s["base"]: len(perpetuals) + k for k, s in reversed([*enumerate(spots)])}
        self.coins = [
            Coin(
                k,
                a["name"],
                feed_of[a["feed"]],
                self.feeds[feed_of[a["feed"]]].tick_micro // a["units_per_coin"],
                a["haircut_w"],
                a["haircut_b"],
                a["haircut_kappa"],
                a["collateral_cap_usd"],
                Margin(**a["debt"]),
                spot_of.get(a["name"], -1),
            )
            for k, a in enumerate(listing["assets"], 1)
        ]
        self.instruments: list[Instrument] = []
        for p in perpetuals:
            feed = feed_of[p["feed"]]
            self.instruments.append(
                Instrument(
                    len(self.instruments),
                    "perpetual",
                    p["name"],
                    feed,
                    self.feeds[feed].tick_micro // p["lots_per_coin"],
                    p["ladder_ticks"],
                    p["max_size_lots"],
                    micro(p["min_notional_usd"]),
                    self.feeds[feed].first_index,
                    margin=Margin(**p["margin"]),
                    impact_usd=p["impact_notional_usd"],
                    backstop_cap_usd=p["backstop_cap_usd"],
                )
            )
        for s in spots:
            coin = self.coins[coin_of[s["base"]] - 1]
            self.instruments.append(
                Instrument(
                    len(self.instruments),
                    "spot",
                    s["name"],
                    coin.feed,
                    coin.tv,
                    s["ladder_ticks"],
                    SPOT_MAX_SIZE,
                    micro(s["min_notional_usd"]),
                    self.feeds[coin.feed].first_index,
                    coin=coin.asset,
                )
            )
        for k, e in enumerate(listing["events"]):
            self.instruments.append(
                Instrument(
                    len(self.instruments),
                    "event",
                    e["name"],
                    -1,
                    MILLION // e["payoff_ticks"],
                    e["payoff_ticks"] + 1,
                    EVENT_MAX_SIZE,
                    micro(e["min_notional_usd"]),
                    round(e["payoff_ticks"] / 2),
                    event=k,
                    payoff=e["payoff_ticks"],
                    lam=e["lam"],
                )
            )
        self.perpetuals = [i for i in self.instruments if i.is_perpetual]
        self.spots = [i for i in self.instruments if i.is_spot]
        self.events = [i for i in self.instruments if i.is_event]
        self.assets = 1 + len(self.coins) + 2 * len(self.events)

    def share(self, event: int, outcome: int) -> int:
        """Asset id of a share."""
        return 1 + len(self.coins) + 2 * event + outcome
