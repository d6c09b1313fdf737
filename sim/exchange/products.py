"""What can be listed: feeds, assets, spot books, derivatives and events, as declared data (PRD).

A *feed* is a price that the oracle publishes, in ticks.  An *asset* is something an account can
hold.  The smallest unit of an asset is one lot of its spot book, so that
``units * index_ticks * tick_value`` is its exact value in micro-USDC (LED-01).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
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
    INVERSE = 3
    FUTURE = 4


class AssetKind(IntEnum):
    CASH = 0
    COIN = 1
    SHARE = 2


class Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Positive = Annotated[int, Field(gt=0)]
Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Move = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]  # relative, either way
Jump = Annotated[float, Field(gt=-1, le=10, allow_inf_nan=False)]  # relative


class Feed(Declared):
    """An oracle price.  ``tick_micro``: micro-USD of one tick of one whole coin."""

    name: str
    tick_micro: Positive
    index_ticks: Positive  # price before the first reading
    stale_after_s: Positive = 60
    min_sources: Annotated[int, Field(ge=0)] = 1
    bound: Annotated[int, Field(ge=2, le=1_000_000)] = 64  # LED-01, times index_ticks
    own_book: str = ""  # PRC-01 policy: the spot book whose median is the reading
    grid: Annotated[tuple[Move, ...], Field(min_length=1, max_length=8)] = (
        0.04,
        0.08,
        0.12,
    )  # MAR-07


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


class Lending(Declared):
    """INT-01: a two-slope rate per year on utilisation, and the limits of the pool."""

    optimal_utilisation: Annotated[float, Field(gt=0, lt=1)] = 0.8
    rate_zero: Annotated[float, Field(ge=0, le=100)] = 0.0
    rate_optimal: Annotated[float, Field(ge=0, le=100)] = 0.1
    rate_max: Annotated[float, Field(ge=0, le=100)] = 1.0
    reserve_fee: Ratio = 0.1  # share of the interest that lenders do not get
    throttle: Ratio = 0.95  # utilisation above which nothing more is borrowed or redeemed
    lend_cap_units: Annotated[int, Field(ge=0, lt=1 << 60)] = 0  # 0: none
    borrow_cap_units: Annotated[int, Field(ge=0, lt=1 << 60)] = 0  # 0: none

    @model_validator(mode="after")
    def _slopes(self) -> Lending:
        if not self.rate_zero <= self.rate_optimal <= self.rate_max:
            raise ValueError("rate_zero <= rate_optimal <= rate_max does not hold")
        return self


class Volatility(Declared):
    """ORD-05: a trade beyond ref*exp((mu - sigma^2/2)*t +- z*sigma*sqrt(t)) halts the book for an auction.

    ``mu`` and ``sigma`` per year of 365 days; ref is the mark of ``horizon_s`` ago [Vega].
    """

    mu: Annotated[float, Field(ge=-100, le=100)] = 0.0
    sigma: Annotated[float, Field(gt=0, le=100)] = 1.0
    horizon_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    z: Annotated[float, Field(gt=0, le=100)] = 4.0
    auction_s: Annotated[float, Field(gt=0, le=86_400)] = 120.0


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
    borrowable: bool = False  # orders and withdrawals may make the balance negative
    lending: Lending = Lending()


class Spot(Declared):
    """A book base/USDC; one lot is one smallest unit of the base asset."""

    name: str
    base: str
    ladder_ticks: Positive = LADDER_MAX
    min_notional_usd: NonNegative = 0.0
    volatility: Volatility | None = None


class Derivative(Declared):
    """What perpetuals and futures share."""

    name: str
    margin: Margin = Margin()
    ladder_ticks: Positive = LADDER_MAX
    max_size_lots: Annotated[int, Field(gt=0, le=10**12)] = 100_000_000
    min_notional_usd: NonNegative = 0.0
    backstop_cap_usd: NonNegative = 0.0  # 0: no cap
    volatility: Volatility | None = None


class Perpetual(Derivative):
    """A linear perpetual; its price tick is its feed's tick.  ``lots_per_coin``: lots in one coin."""

    feed: str
    lots_per_coin: Positive
    impact_notional_usd: NonNegative = 10_000.0


class InversePerpetual(Derivative):
    """A coin-margined perpetual: one lot is a contract of ``face_usd`` settled in ``base`` (PRD-01)."""

    base: str
    face_usd: Annotated[int, Field(gt=0, le=1_000_000)] = 1
    impact_notional_usd: NonNegative = 10_000.0


class Future(Derivative):
    """A linear future that settles at ``expiry_us`` (microseconds of UTC) against the index (SET-01)."""

    feed: str
    lots_per_coin: Positive
    expiry_us: Positive


class Event(Declared, ABC):
    """What all events share: ``lam`` is lambda of MAR-05, ``date_us`` the date SET-05 counts from.

    ``underlying`` (a feed) and ``jumps`` (relative move of its price by outcome) link the event to
    a price in portfolio margin (MAR-07).
    """

    name: str
    payoff_ticks: Annotated[int, Field(ge=2, le=LADDER_MAX)] = 1000
    lam: Annotated[float, Field(ge=0, le=1)] = 1.0
    min_notional_usd: NonNegative = 0.0
    date_us: Annotated[int, Field(ge=0)] = 0  # 0: none
    underlying: str = ""  # MAR-07: a feed
    jumps: tuple[Jump, ...] = ()  # MAR-07: one per share of a set

    @model_validator(mode="after")
    def _divides(self) -> Event:
        if MICRO % self.payoff_ticks:
            raise ValueError(f"payoff_ticks {self.payoff_ticks} must divide {MICRO}")
        return self

    @model_validator(mode="after")
    def _linked(self) -> Event:
        if self.jumps and len(self.jumps) != len(self.shares):
            raise ValueError(
                f"{self.name}: {len(self.jumps)} jumps for {len(self.shares)} outcomes {self.shares}"
            )
        if self.underlying and not (self.jumps or self.strike):
            raise ValueError(
                f"{self.name}: underlying {self.underlying!r} needs strike_ticks or jumps"
            )
        if not self.underlying and (self.jumps or self.strike):
            raise ValueError(f"{self.name}: strike_ticks and jumps need an underlying")
        if self.jumps and self.strike:
            raise ValueError(f"{self.name}: strike_ticks or jumps, not both")
        return self

    @property
    def strike(self) -> int:
        """Feed ticks from which on YES wins, 0 for an event that no price decides."""
        return 0

    @property
    @abstractmethod
    def shares(self) -> tuple[str, ...]:
        """Names of the shares, in asset order; a complete set is one of each."""

    @property
    def books(self) -> tuple[str, ...]:
        """Names of the merged books."""
        return (self.name,)


class BinaryEvent(Event):
    """YES or NO, one merged YES book (PRD-02, PRD-04); one lot is one share of 1 USDC.

    With ``strike_ticks`` YES wins iff the underlying's price is at or above it (``below``: under it).
    """

    strike_ticks: Annotated[int, Field(ge=0, le=10**15)] = 0
    below: bool = False

    @property
    def strike(self) -> int:
        return self.strike_ticks

    @property
    def shares(self) -> tuple[str, ...]:
        return ("YES", "NO")


class CategoricalEvent(Event):
    """Exactly one outcome wins; a list that is not exhaustive gets ``none`` as one more (PRD-02)."""

    outcomes: Annotated[tuple[str, ...], Field(min_length=2, max_length=60)]
    exhaustive: bool = True

    @model_validator(mode="after")
    def _distinct(self) -> CategoricalEvent:
        for name in self.shares:
            if self.shares.count(name) > 1:
                raise ValueError(f"{self.name}: outcome {name!r} is listed twice")
        return self

    @property
    def shares(self) -> tuple[str, ...]:
        return self.outcomes if self.exhaustive else (*self.outcomes, "none")

    @property
    def books(self) -> tuple[str, ...]:
        return tuple(f"{self.name}:{name}" for name in self.shares)


class ScalarEvent(Event):
    """A value x in [low, high]: LONG pays (x - low)/(high - low), SHORT the rest; one LONG book."""

    low: Annotated[int, Field(ge=-(10**12), le=10**12)]
    high: Annotated[int, Field(ge=-(10**12), le=10**12)]

    @model_validator(mode="after")
    def _range(self) -> ScalarEvent:
        if self.high <= self.low:
            raise ValueError(f"{self.name}: low {self.low} must be below high {self.high}")
        return self

    @property
    def shares(self) -> tuple[str, ...]:
        return ("LONG", "SHORT")


AnyEvent = CategoricalEvent | ScalarEvent | BinaryEvent
AnyDerivative = Perpetual | InversePerpetual | Future
Item = AnyDerivative | Spot | AnyEvent
