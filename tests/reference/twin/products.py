"""One of each thing that can be listed, with its declared numbers in exact units."""

from __future__ import annotations

import math
from dataclasses import dataclass

from twin.arithmetic import MILLION, clamp, fdiv


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
class Lending:
    """INT-01: rates by utilisation and limits of one pool."""

    optimal_utilisation: float = 0.8
    rate_zero: float = 0.0
    rate_optimal: float = 0.1
    rate_max: float = 1.0
    reserve_fee: float = 0.1
    throttle: float = 0.95
    lend_cap_units: int = 0
    borrow_cap_units: int = 0


@dataclass(frozen=True)
class Volatility:
    """ORD-05: mu, sigma per year of 365 days."""

    mu: float = 0.0
    sigma: float = 1.0
    horizon_s: float = 300.0
    z: float = 4.0
    auction_s: float = 120.0

    @property
    def horizon_us(self) -> int:
        return round(self.horizon_s * MILLION)

    @property
    def auction_us(self) -> int:
        return round(self.auction_s * MILLION)


@dataclass(frozen=True)
class Feed:
    name: str
    tick_micro: int
    first_index: int
    stale_after_us: int
    min_sources: int
    own_book: int = -1  # instrument id of the spot book it reads, -1 none
    grid: tuple[float, ...] = (0.04, 0.08, 0.12)  # MAR-07
    bound: int = 64

    @property
    def highest(self) -> int:
        """PRC-04: the highest price that is taken."""
        return self.bound * self.first_index


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
    borrowable: bool = False
    lending: Lending = Lending()


@dataclass(frozen=True)
class EventProduct:
    """An event: its shares and its books are numbered from `first_share` and `first_book` on."""

    id: int
    name: str
    kind: str  # 'binary', 'categorical' or 'scalar'
    outcomes: int
    first_share: int
    first_book: int
    books: int
    payoff: int
    tv: int
    lam: float
    date_us: int
    low: int
    high: int
    underlying: int = -1  # MAR-07: a feed, -1 none
    strike: int = 0  # feed ticks, 0 none
    below: bool = False  # YES wins under the strike
    jumps: tuple[float, ...] = ()  # relative, by outcome

    @property
    def categorical(self) -> bool:
        return self.kind == "categorical"

    @property
    def scalar(self) -> bool:
        return self.kind == "scalar"


@dataclass(frozen=True)
class Instrument:
    id: int
    kind: str  # 'perpetual', 'inverse', 'future', 'spot' or 'event'
    name: str
    feed: int
    tv: int  # of an inverse: micro-USDC per tick and unit of its base
    ladder_ticks: int
    max_size: int
    min_notional: int
    first_mark: int
    price_bound: int = 0
    margin: Margin | None = None
    volatility: Volatility | None = None
    impact_usd: float = 0.0
    backstop_cap_usd: float = 0.0
    coin: int = 0  # base of a spot book or an inverse
    face: int = 0  # inverse: micro-USD of one contract
    F: int = 0  # inverse: base units of one contract times its price in ticks
    expiry: int = 0
    event: int = -1
    outcome: int = 0  # which outcome an event book trades
    outcomes: int = 0
    categorical: bool = False
    payoff: int = 0

    @property
    def is_perpetual(self) -> bool:
        """A linear perpetual."""
        return self.kind == "perpetual"

    @property
    def is_linear(self) -> bool:
        """A linear perpetual or a dated future."""
        return self.kind in ("perpetual", "future")

    @property
    def is_inverse(self) -> bool:
        return self.kind == "inverse"

    @property
    def is_future(self) -> bool:
        return self.kind == "future"

    @property
    def is_derivative(self) -> bool:
        """What has positions."""
        return self.kind in ("perpetual", "inverse", "future")

    @property
    def is_spot(self) -> bool:
        return self.kind == "spot"

    @property
    def is_event(self) -> bool:
        return self.kind == "event"

    @property
    def settles(self) -> int:
        """k(i): the asset that a derivative is settled in."""
        return self.coin if self.is_inverse else 0

    def pv(self, d: int, price: int) -> int:
        """The value of d signed lots, in units of k(i) (LED-02)."""
        if not self.is_inverse:
            return d * price * self.tv
        if d == 0:
            return 0
        value = fdiv(abs(d) * self.F, price)
        return -value if d > 0 else value

    def notional(self, lots: int, price: int) -> int:
        """Micro-USD of so many lots; of an inverse whatever the price."""
        return lots * self.face if self.is_inverse else lots * price * self.tv
