"""What the exchange lists: feeds, assets, instruments and events, as declared data.

A *feed* is a price that the oracle publishes, in ticks.  An *asset* is something an account can
hold.  An *instrument* is a book.  The smallest unit of an asset is one lot of its spot book, so
that ``units * index_ticks * tick_value`` is its exact value in micro-USDC (LED-01).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

MICRO = 1_000_000
USDC = 0  # asset id of the settlement currency
LIMIT = 1 << 62  # price * size * tick_value stays below this (LED-01)
LADDER_MAX = 16_384


class Kind(IntEnum):
    SPOT = 0
    PERPETUAL = 1
    EVENT = 2


class AssetKind(IntEnum):
    CASH = 0
    COIN = 1
    SHARE = 2


class Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Positive = Annotated[int, Field(gt=0)]
Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Feed(Declared):
    """An oracle price.  ``tick_micro``: micro-USD of one tick of one whole coin."""

    name: str
    tick_micro: Positive
    index_ticks: Positive  # price before the first reading
    stale_after_s: Positive = 60
    min_sources: Annotated[int, Field(ge=0)] = 1


class Margin(Declared):
    """MAR-03: IMF = min(1, max(1/leverage_limit, base, factor*sqrt(N))), MMF likewise, N in USD."""

    base: Ratio = 0.02
    factor: NonNegative = 1e-4
    base_m: Ratio = 0.01
    factor_m: NonNegative = 5e-5
    leverage_limit: NonNegative = 0.0  # 0: none
    oi_low_usd: NonNegative = 0.0
    oi_up_usd: NonNegative = 0.0  # 0: no open-interest add-on

    @model_validator(mode="after")
    def _ordered(self) -> Margin:
        if self.base < self.base_m:
            raise ValueError(
                f"base {self.base} < base_m {self.base_m}: initial below maintenance margin"
            )
        if self.factor < self.factor_m:
            raise ValueError(
                f"factor {self.factor} < factor_m {self.factor_m}: initial below maintenance margin"
            )
        if self.oi_up_usd and self.oi_up_usd <= self.oi_low_usd:
            raise ValueError("oi_up_usd must exceed oi_low_usd")
        return self


class Asset(Declared):
    """A coin that can be collateral (MAR-02) or owed (MAR-04).

    ``unit_coins``: coins in one smallest unit (= one lot of the spot book), as a decimal fraction
    1/``units_per_coin``.  ``haircut_w``, ``haircut_b``, ``haircut_kappa``: W, B, kappa of MAR-02.
    """

    name: str
    feed: str
    units_per_coin: Positive
    haircut_w: Ratio = 0.95
    haircut_b: NonNegative = 1.1
    haircut_kappa: NonNegative = 4e-5
    collateral_cap_usd: NonNegative = 0.0  # 0: no cap
    debt: Margin = Margin(base=0.05, factor=0.0, base_m=0.03, factor_m=0.0)
    borrowable: bool = False


class Spot(Declared):
    """A book base/USDC; one lot is one smallest unit of the base asset."""

    name: str
    base: str
    ladder_ticks: Positive = LADDER_MAX
    min_notional_usd: NonNegative = 0.0


class Perpetual(Declared):
    """A linear perpetual; its price tick is its feed's tick.  ``lots_per_coin``: lots in one coin."""

    name: str
    feed: str
    lots_per_coin: Positive
    margin: Margin = Margin()
    ladder_ticks: Positive = LADDER_MAX
    max_size_lots: Positive = 100_000_000
    min_notional_usd: NonNegative = 0.0
    impact_notional_usd: NonNegative = 10_000.0
    backstop_cap_usd: NonNegative = 0.0  # 0: no cap


class BinaryEvent(Declared):
    """A binary event with one merged YES book (PRD-02, PRD-04); one lot is one share of 1 USDC."""

    name: str
    payoff_ticks: Annotated[int, Field(ge=2, le=LADDER_MAX)] = 1000
    lam: Annotated[float, Field(ge=0, le=1)] = 1.0  # lambda of MAR-05
    min_notional_usd: NonNegative = 0.0

    @model_validator(mode="after")
    def _divides(self) -> BinaryEvent:
        if MICRO % self.payoff_ticks:
            raise ValueError(f"payoff_ticks {self.payoff_ticks} must divide {MICRO}")
        return self


class Listing(Declared):
    """Everything that is listed.  Ids are positions: feeds, then assets (0 is USDC, coins, then the
    YES and NO share of each event), then instruments (perpetuals, spot books, event books)."""

    feeds: tuple[Feed, ...] = ()
    assets: tuple[Asset, ...] = ()
    perpetuals: tuple[Perpetual, ...] = ()
    spots: tuple[Spot, ...] = ()
    events: tuple[BinaryEvent, ...] = ()
    usdc_debt: Margin = Margin(base=0.05, factor=0.0, base_m=0.03, factor_m=0.0)

    @model_validator(mode="after")
    def _consistent(self) -> Listing:
        for group in ("feeds", "assets", "perpetuals", "spots", "events"):
            names = [x.name for x in getattr(self, group)]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{group}: {name!r} is declared twice")
        feeds = {f.name for f in self.feeds}
        things: list[Asset | Perpetual] = [*self.assets, *self.perpetuals]
        for thing in things:
            if thing.feed not in feeds:
                raise ValueError(
                    f"{thing.name}: unknown feed {thing.feed!r}, declared: {sorted(feeds)}"
                )
        coins = {a.name for a in self.assets}
        for spot in self.spots:
            if spot.base not in coins:
                raise ValueError(
                    f"{spot.name}: unknown base asset {spot.base!r}, declared: {sorted(coins)}"
                )
        if len(self.instrument_names()) > 64 * 64:
            raise ValueError("more than 4096 instruments")
        for i, name in enumerate(self.instrument_names()):
            value = self.tick_value(i)
            size = self.max_size_lots(i)
            top = self.price_bound(i)
            if top * size * value >= LIMIT:
                raise ValueError(
                    f"{name}: price {top} x size {size} x tick value {value} reaches 2^62; "
                    "use a coarser tick, a larger lot or a smaller max_size_lots"
                )
        return self

    # ids ------------------------------------------------------------------------------
    def feed_id(self, name: str) -> int:
        return [f.name for f in self.feeds].index(name)

    def feed_names(self) -> list[str]:
        return [f.name for f in self.feeds]

    def asset_names(self) -> list[str]:
        shares = [f"{e.name}:{side}" for e in self.events for side in ("YES", "NO")]
        return ["USDC", *(a.name for a in self.assets), *shares]

    def asset_id(self, name: str) -> int:
        return self.asset_names().index(name)

    def items(self) -> list[Perpetual | Spot | BinaryEvent]:
        return [*self.perpetuals, *self.spots, *self.events]

    def instrument_names(self) -> list[str]:
        return [x.name for x in self.items()]

    def instrument_id(self, name: str) -> int:
        return self.instrument_names().index(name)

    def kind(self, i: int) -> Kind:
        n, s = len(self.perpetuals), len(self.spots)
        return Kind.PERPETUAL if i < n else Kind.SPOT if i < n + s else Kind.EVENT

    def item(self, i: int) -> Perpetual | Spot | BinaryEvent:
        return self.items()[i]

    def event_of(self, i: int) -> int:
        """Event id of an event book, -1 for other instruments."""
        return i - len(self.perpetuals) - len(self.spots) if self.kind(i) == Kind.EVENT else -1

    def feed_of(self, i: int) -> int:
        """Feed id behind an instrument, -1 for an event book."""
        item = self.item(i)
        if isinstance(item, Perpetual):
            return self.feed_id(item.feed)
        if isinstance(item, Spot):
            return self.feed_id(self.assets[self.asset_id(item.base) - 1].feed)
        return -1

    # units ----------------------------------------------------------------------------
    def tick_value(self, i: int) -> int:
        """Micro-USDC per tick per lot (LED-01); raises ValueError when it is no positive integer."""
        item = self.item(i)
        if isinstance(item, BinaryEvent):
            return MICRO // item.payoff_ticks
        per_coin = (
            item.lots_per_coin if isinstance(item, Perpetual) else self.asset_units(item.base)
        )
        tick = self.feeds[self.feed_of(i)].tick_micro
        if tick % per_coin:
            raise ValueError(
                f"{item.name}: tick of {tick} micro-USD per coin / {per_coin} lots per coin is no integer"
            )
        return tick // per_coin

    def asset_units(self, name: str) -> int:
        return self.assets[self.asset_id(name) - 1].units_per_coin

    def asset_tick_value(self, asset: int) -> int:
        """Micro-USDC per feed tick per smallest unit; 1 for USDC."""
        if asset == USDC:
            return 1
        if asset > len(self.assets):
            return 1
        a = self.assets[asset - 1]
        tick = self.feeds[self.feed_id(a.feed)].tick_micro
        if tick % a.units_per_coin:
            raise ValueError(
                f"{a.name}: tick of {tick} micro-USD / {a.units_per_coin} units per coin is no integer"
            )
        return tick // a.units_per_coin

    def price_bound(self, i: int) -> int:
        """Highest price in ticks that the overflow check allows for: 64 times the first index."""
        item = self.item(i)
        if isinstance(item, BinaryEvent):
            return item.payoff_ticks
        return 64 * self.feeds[self.feed_of(i)].index_ticks

    def max_size_lots(self, i: int) -> int:
        item = self.item(i)
        return item.max_size_lots if isinstance(item, Perpetual) else 1_000_000_000
