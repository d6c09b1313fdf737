"""What a portfolio file may say: the frozen model of a ``*.portfolio.toml``.

Money is USD, sizes are coins, contracts, shares or USD, volatilities are per square root of a year
of 365 days, moves and jumps relative (0.1 = 10 %).  `scenarios.portfolio.files.load` reads one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from scenarios.part import Finite, Name, NonNegative, Part, Positive, Ratio
from scenarios.schema import Origin
from sim.exchange.instruments import Margin
from sim.exchange.products import Jump, Move

USDC = "USDC"
BINARY, SCALAR, VOID = ("YES", "NO"), ("LONG", "SHORT"), "VOID"
SUFFIXES = {"perpetual": "PERP", "inverse": "INVERSE", "future": "FUTURE"}
Rho = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Bound = Annotated[int, Field(ge=-(10**12), le=10**12)]  # of a scalar event
Level = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Mode = Literal["isolated", "segregated", "unified", "portfolio"]
MODES: tuple[Mode, ...] = ("isolated", "segregated", "unified", "portfolio")


class Price(Part):
    """A coin's price, its risk, and how the exchange lends against it (MAR-02, MAR-04, MAR-07)."""

    name: Name
    price_usd: Positive
    volatility: NonNegative  # per square root of a year
    grid: Annotated[tuple[Move, ...], Field(min_length=1, max_length=8)] = (0.04, 0.08, 0.12)
    haircut_w: Ratio = 0.95
    haircut_b: NonNegative = 1.1
    haircut_kappa: NonNegative = 4e-5  # USD^-1/2
    debt: Margin = Margin(base=0.05, factor=0.0, base_m=0.03, factor_m=0.0)


class Event(Part):
    """An event: binary without ``outcomes``, categorical with them, scalar with ``low``, ``high``.

    ``probability`` and ``price`` are those of YES (or LONG); each stands in for the other where
    only one is given.  A categorical event has ``probabilities`` and ``prices`` by outcome.  An
    event is linked to a price by its strike (YES iff the price is at or above it, with
    ``side = "below"`` under it, at the horizon) or by the jump that each outcome's news brings.
    """

    name: Name
    outcomes: tuple[Name, ...] = ()
    exhaustive: bool = True  # false: `none` is one more outcome
    low: Bound | None = None
    high: Bound | None = None
    probability: Ratio | None = None
    price: Ratio | None = None
    probabilities: dict[str, Ratio] = Field(default_factory=dict)
    prices: dict[str, Ratio] = Field(default_factory=dict)
    void: Ratio = 0.0  # probability that it is void; the others share the rest
    underlying: str = ""  # a [[price]]
    strike_usd: Positive | None = None
    side: Literal["above", "below"] = "above"
    jumps: dict[str, Jump] = Field(
        default_factory=dict
    )  # relative, by outcome; one that is not named: 0
    lam: Ratio = 1.0  # lambda of MAR-05

    @property
    def shares(self) -> tuple[str, ...]:
        """Names of the shares of a complete set."""
        if self.outcomes:
            return self.outcomes if self.exhaustive else (*self.outcomes, "none")
        return SCALAR if self.low is not None or self.high is not None else BINARY


class Holding(Part):
    """A balance: coins of a price, or USDC.  Negative: borrowed."""

    asset: Name
    coins: Finite | None = None
    usd: Finite | None = None  # worth so much now; the amount itself for USDC


class Position(Part):
    """A derivative and what is held of it; ``coins = 0`` only lists it, for a what-if."""

    name: str = ""  # without: BTC-PERP, BTC-INVERSE, BTC-FUTURE
    on: Name  # a [[price]]
    kind: Literal["perpetual", "inverse", "future"] = "perpetual"
    coins: Finite | None = None
    usd: Finite | None = None  # notional at mark
    contracts: int | None = None  # of an inverse perpetual
    entry_usd: Positive | None = None  # default: the mark
    mark_usd: Positive | None = None  # default: the price
    face_usd: Annotated[int, Field(gt=0, le=1_000_000)] = 1  # of a contract
    days: Positive | None = None  # to a future's expiry
    margin: Margin | None = None  # default: [margin.derivative]

    @property
    def title(self) -> str:
        """Its name, or the usual one."""
        return self.name or f"{self.on}-{SUFFIXES[self.kind]}"


class Shares(Part):
    """Shares of one outcome of an event."""

    event: Name
    outcome: Name = "YES"
    amount: Annotated[int, Field(ge=0, le=10**12)]


class Trade(Part):
    """One trade of a what-if: of a coin, a position or shares; negative sells."""

    asset: str = ""
    position: str = ""
    event: str = ""
    outcome: str = ""
    coins: Finite | None = None
    usd: Finite | None = None
    contracts: int | None = None
    amount: int | None = None  # shares
    price_usd: NonNegative | None = None  # default: the mark

    @property
    def subject(self) -> str:
        """Which field says what is traded; empty when it is not exactly one."""
        named = [f for f in ("asset", "position", "event") if getattr(self, f)]
        return named[0] if len(named) == 1 else ""


class WhatIf(Part):
    """A named list of trades whose effect is shown."""

    name: Annotated[str, Field(min_length=1)]
    trade: Annotated[tuple[Trade, ...], Field(min_length=1)]


class Horizon(Part):
    """How far ahead the loss is looked at; events resolve within it."""

    days: Positive = 1.0


class MarginTables(Part):
    """The exchange's margin; every field has the exchange's own default."""

    derivative: Margin = Margin()  # MAR-03
    usdc_debt: Margin = Margin(base=0.05, factor=0.0, base_m=0.03, factor_m=0.0)  # MAR-04
    phi: Ratio = 1.0  # MAR-02
    offset_ratio: Ratio = 0.01  # MAR-06
    portfolio_extreme: Annotated[float, Field(ge=1, le=10)] = 3.0  # MAR-07, and the next three
    portfolio_extreme_weight: Ratio = 0.33
    portfolio_floor: Ratio = 0.5
    portfolio_initial: Annotated[float, Field(ge=1, le=10)] = 1.25


class Model(Part):
    """How losses are drawn.

    ``auto`` enumerates the events' joint outcomes exactly where that is possible (normal copula,
    few enough outcomes) and simulates otherwise.
    """

    method: Literal["auto", "exact", "simulate"] = "auto"
    copula: Literal["normal", "t"] = "normal"
    df: Annotated[float, Field(gt=2, le=1000)] = 4.0  # of the t copula
    others: Rho | None = None  # every correlation that is not written; none: each is needed
    paths: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    seed: Annotated[int, Field(ge=0)] = 1


class States(Part):
    """The table of losses in every state."""

    moves: tuple[Annotated[float, Field(gt=-1, le=10, allow_inf_nan=False)], ...] = ()
    # without: the grids of all prices, either way, and 0
    price: str = ""  # the only price that moves by them; without: all move together
    void: bool = True  # whether events may also be void


class Portfolio(Part):
    """A whole portfolio file."""

    title: str = ""
    text: str = ""
    price: tuple[Price, ...] = ()
    event: tuple[Event, ...] = ()
    correlation: dict[str, dict[str, float]] = Field(default_factory=dict)
    holding: tuple[Holding, ...] = ()
    position: tuple[Position, ...] = ()
    shares: tuple[Shares, ...] = ()
    margin: MarginTables = MarginTables()
    horizon: Horizon = Horizon()
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=8)] = (0.95, 0.975, 0.99)
    model: Model = Model()
    states: States = States()
    what_if: tuple[WhatIf, ...] = ()

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @property
    def origin(self) -> Origin:
        return self._origin

    def price_named(self, name: str) -> Price:
        return next(p for p in self.price if p.name == name)

    def event_named(self, name: str) -> Event:
        return next(e for e in self.event if e.name == name)

    def position_named(self, name: str) -> Position:
        return next(p for p in self.position if p.title == name)
