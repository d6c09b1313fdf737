"""What a case lists, in USD and coins: friendlier forms of the products, and the way to them.

A name stands for itself everywhere; money and prices are USD, sizes coins, contracts or shares,
times seconds after the case's start or date-times.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scenarios.casefile.amounts import MICRO, Amount, CaseFault, Moment, instant, plain, units
from scenarios.errors import choose
from sim.exchange import products
from sim.exchange.instruments import LIMIT, Listing
from sim.exchange.products import LADDER_MAX, Jump, Margin, Move, NonNegative, Ratio, Volatility

Name = Annotated[str, Field(min_length=1)]
ONE = Decimal(1)


class Part(BaseModel):
    """A table of the file: frozen, and every unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Feed(Part):
    """An oracle price; `tick` is the smallest step of every price that comes from it."""

    name: Name
    index: Amount = Field(description="USD per coin before the first reading.")
    tick: Amount = Field(default=Decimal("0.01"), description="USD.")
    stale_after_s: Annotated[int, Field(gt=0)] = 60
    min_sources: Annotated[int, Field(ge=0)] = 1
    bound: Annotated[int, Field(ge=2, le=1_000_000)] = Field(
        default=64, description="Prices above so many times `index` are refused."
    )
    own_book: str = Field(default="", description="The spot book whose median is the reading.")
    grid: Annotated[tuple[Move, ...], Field(min_length=1, max_length=8)] = Field(
        default=(0.04, 0.08, 0.12), description="Moves of portfolio margin, either way (MAR-07)."
    )
    read: bool = Field(default=True, description="Take a fresh reading of `index` at the start.")


class Lending(Part):
    """INT-01: rates per year on utilisation, limits in coins (USDC for USDC)."""

    optimal_utilisation: Annotated[float, Field(gt=0, lt=1)] = 0.8
    rate_zero: Annotated[float, Field(ge=0, le=100)] = 0.0
    rate_optimal: Annotated[float, Field(ge=0, le=100)] = 0.1
    rate_max: Annotated[float, Field(ge=0, le=100)] = 1.0
    reserve_fee: Ratio = 0.1
    throttle: Ratio = 0.95
    lend_cap: Amount = Field(default=Decimal(0), description="0: none.")
    borrow_cap: Amount = Field(default=Decimal(0), description="0: none.")

    def declared(self, unit: Decimal, who: str) -> dict[str, Any]:
        fields = self.model_dump(exclude={"lend_cap", "borrow_cap"})
        for cap in ("lend_cap", "borrow_cap"):
            fields[f"{cap}_units"] = units(getattr(self, cap), unit, f"{who} {cap}", "a unit")
        return fields


class Asset(Part):
    """A coin that accounts hold; `unit` is its smallest amount and the lot of its spot book."""

    name: Name
    feed: str = Field(default="", description="Default: the feed of the same name.")
    unit: Amount = Field(description="Coins, one part of a whole number: 0.001.")
    haircut_w: Ratio = 0.95
    haircut_b: NonNegative = 1.1
    haircut_kappa: NonNegative = 4e-5
    collateral_cap_usd: NonNegative = 0.0
    debt: Margin = Margin(base=0.05, factor=0.0, base_m=0.03, factor_m=0.0)
    borrowable: bool = False
    lending: Lending = Lending()


class Spot(Part):
    """A book of a coin against USDC."""

    name: Name
    base: str
    ladder_ticks: Annotated[int, Field(gt=0)] = LADDER_MAX
    min_notional_usd: NonNegative = 0.0
    volatility: Volatility | None = None


class Derivative(Part):
    """What perpetuals and futures share; `max_size` defaults to what int64 allows."""

    name: Name
    margin: Margin = Margin()
    ladder_ticks: Annotated[int, Field(gt=0)] = LADDER_MAX
    max_size: Amount | None = Field(default=None, description="Coins (inverse: contracts).")
    min_notional_usd: NonNegative = 0.0
    backstop_cap_usd: NonNegative = 0.0
    volatility: Volatility | None = None


class Perpetual(Derivative):
    """A linear perpetual."""

    feed: str
    lot: Amount = Field(default=ONE, description="Coins in one lot.")
    impact_notional_usd: NonNegative = 10_000.0


class Inverse(Derivative):
    """A coin-margined perpetual: one contract is `face_usd` of USD, settled in `base`."""

    base: str
    face_usd: Annotated[int, Field(gt=0, le=1_000_000)] = 1
    impact_notional_usd: NonNegative = 10_000.0


class Future(Derivative):
    """A linear future; `expiry` in seconds after the start, or a date-time."""

    feed: str
    lot: Amount = Field(default=ONE, description="Coins in one lot.")
    expiry: Moment


class Event(Part):
    """An event; `tick` is the smallest step of a share's price in USD."""

    name: Name
    kind: Literal["binary", "categorical", "scalar"] = "binary"
    tick: Amount = Decimal("0.01")
    lam: Ratio = 1.0
    min_notional_usd: NonNegative = 0.0
    date: Moment | None = Field(default=None, description="The date that SET-05 counts from.")
    outcomes: tuple[str, ...] = Field(default=(), description="Categorical only.")
    exhaustive: bool = Field(default=True, description="Categorical only; false adds `none`.")
    low: int | None = Field(default=None, description="Scalar only.")
    high: int | None = Field(default=None, description="Scalar only.")
    underlying: str = Field(default="", description="The feed it hangs on in portfolio margin.")
    strike: Amount | None = Field(
        default=None, description="Binary only: USD, YES pays at or above it."
    )
    below: bool = Field(default=False, description="With `strike`: YES pays below it instead.")
    jumps: tuple[Jump, ...] = Field(
        default=(), description="Relative move of the underlying by outcome."
    )


class Usdc(Part):
    """Debt margin and lending of the settlement currency."""

    debt: Margin = Margin(base=0.05, factor=0.0, base_m=0.03, factor_m=0.0)
    lending: Lending = Lending()


class Declaration(Part):
    """The tables that list something."""

    feeds: tuple[Feed, ...] = ()
    assets: tuple[Asset, ...] = ()
    perpetuals: tuple[Perpetual, ...] = ()
    inverses: tuple[Inverse, ...] = ()
    futures: tuple[Future, ...] = ()
    spots: tuple[Spot, ...] = ()
    events: tuple[Event, ...] = ()
    usdc: Usdc = Usdc()


def _parts(amount: Decimal, who: str, field: str) -> int:
    """1/amount when that is a whole number."""
    if amount <= 0:
        raise CaseFault(f"{who}: {field} {plain(amount)} must be above 0")
    return (
        units(ONE, amount, f"{who}: one", f"its {field}")
        if amount <= 1
        else _no(amount, who, field)
    )


def _no(amount: Decimal, who: str, field: str) -> int:
    raise CaseFault(f"{who}: {field} {plain(amount)} must be one part of 1, such as 0.001")


def _feed(f: Feed) -> products.Feed:
    tick = units(f.tick, ONE / MICRO, f"{f.name}: tick", "a micro-USD")
    if tick <= 0 or f.index <= 0:
        raise CaseFault(f"{f.name}: tick and index must be above 0")
    return products.Feed(
        name=f.name, tick_micro=tick, index_ticks=units(f.index, f.tick, f"{f.name}: index", "tick"),
        stale_after_s=f.stale_after_s, min_sources=f.min_sources, bound=f.bound, own_book=f.own_book,
        grid=f.grid,
    )  # fmt: skip


def _asset(a: Asset) -> products.Asset:
    fields = a.model_dump(exclude={"unit", "lending", "feed"})
    return products.Asset(
        **fields, feed=a.feed or a.name, units_per_coin=_parts(a.unit, a.name, "unit"),
        lending=products.Lending(**a.lending.declared(a.unit, a.name)),
    )  # fmt: skip


def _strike(e: Event, feeds: tuple[Feed, ...]) -> int:
    """The strike in ticks of the underlying; 0 without one."""
    if e.strike is not None and e.jumps:
        raise CaseFault(f"{e.name}: strike or jumps, not both")
    if e.underlying and e.strike is None and not e.jumps:
        raise CaseFault(f"{e.name}: underlying {e.underlying!r} needs strike or jumps")
    if e.jumps and not e.underlying:
        raise CaseFault(f"{e.name}: jumps need an underlying")
    if e.strike is None:
        if e.below:
            raise CaseFault(f"{e.name}: below belongs to a strike")
        return 0
    if e.kind != "binary":
        raise CaseFault(f"{e.name}: strike and below belong to a binary event")
    if e.strike <= 0:
        raise CaseFault(f"{e.name}: strike {plain(e.strike)} must be above 0")
    feed = next((f for f in feeds if f.name == e.underlying), None)
    if feed is None:
        names = [f.name for f in feeds]
        raise CaseFault(
            f"{e.name}: a strike needs the feed it is a price of, unknown underlying "
            f"{e.underlying!r}{choose(e.underlying, names)}"
        )
    return units(e.strike, feed.tick, f"{e.name}: strike", f"the tick of {feed.name}")


def _event(e: Event, feeds: tuple[Feed, ...], start_us: int) -> products.AnyEvent:
    fields: dict[str, Any] = {
        "name": e.name, "payoff_ticks": _parts(e.tick, e.name, "tick"), "lam": e.lam,
        "min_notional_usd": e.min_notional_usd,
        "date_us": 0 if e.date is None else instant(e.date, start_us),
        "underlying": e.underlying, "jumps": e.jumps,
    }  # fmt: skip
    strike = _strike(e, feeds)
    if e.kind == "categorical":
        return products.CategoricalEvent(**fields, outcomes=e.outcomes, exhaustive=e.exhaustive)
    if e.outcomes or not e.exhaustive:
        raise CaseFault(f"{e.name}: outcomes and exhaustive belong to a categorical event")
    if e.kind == "scalar":
        return products.ScalarEvent(**fields, low=e.low, high=e.high)  # type: ignore[arg-type]
    if e.low is not None or e.high is not None:
        raise CaseFault(f"{e.name}: low and high belong to a scalar event")
    return products.BinaryEvent(**fields, strike_ticks=strike, below=e.below)


def _derivative(d: Derivative, declared: Declaration, start_us: int) -> dict[str, Any]:
    """Fields of the product, its largest size left at what int64 can bear unless it is given."""
    out = d.model_dump(exclude={"max_size", "lot", "expiry"})
    lot = getattr(d, "lot", ONE)
    if isinstance(d, Perpetual | Future):
        out["lots_per_coin"] = _parts(lot, d.name, "lot")
        feed = next((f for f in declared.feeds if f.name == d.feed), None)
        top = 0 if feed is None else feed.bound * int(feed.index * MICRO)
        per_size = top // out["lots_per_coin"]
    else:
        per_size = _inverse_bound(d, declared)
    if isinstance(d, Future):
        out["expiry_us"] = instant(d.expiry, start_us)
    if d.max_size is not None:
        out["max_size_lots"] = units(d.max_size, lot, f"{d.name}: max_size", "lot")
    else:
        out["max_size_lots"] = min(100_000_000, (LIMIT - 1) // max(1, per_size))
    return out


def _inverse_bound(d: Derivative, declared: Declaration) -> int:
    """The larger of an inverse contract's base units times ticks and 64 times its face."""
    assert isinstance(d, Inverse)
    asset = next((a for a in declared.assets if a.name == d.base), None)
    name = "" if asset is None else asset.feed or asset.name
    feed = next((f for f in declared.feeds if f.name == name), None)
    if asset is None or feed is None:
        return 64 * d.face_usd * MICRO
    return max(int(d.face_usd / (feed.tick * asset.unit)), 64 * d.face_usd * MICRO)


def listing_of(declared: Declaration, start_us: int) -> Listing:
    """The Listing of the tables; raises CaseFault with the product's name."""
    tables: dict[str, Any] = {
        "feeds": lambda: [_feed(f) for f in declared.feeds],
        "assets": lambda: [_asset(a) for a in declared.assets],
        "perpetuals": lambda: [
            products.Perpetual(**_derivative(p, declared, start_us)) for p in declared.perpetuals
        ],
        "inverses": lambda: [
            products.InversePerpetual(**_derivative(p, declared, start_us))
            for p in declared.inverses
        ],
        "futures": lambda: [
            products.Future(**_derivative(f, declared, start_us)) for f in declared.futures
        ],
        "spots": lambda: [products.Spot(**s.model_dump()) for s in declared.spots],
        "events": lambda: [_event(e, declared.feeds, start_us) for e in declared.events],
    }
    where = ""
    try:
        made: dict[str, Any] = {}
        for where, table in tables.items():
            made[where] = tuple(table())
        where = ""
        lending = products.Lending(**declared.usdc.lending.declared(ONE / MICRO, "usdc"))
        return Listing(**made, usdc_debt=declared.usdc.debt, usdc_lending=lending)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = str(first.get("ctx", {}).get("error", first["msg"]))
        raise CaseFault(what, *_place(declared, where, what), *first["loc"]) from None
    except CaseFault as fault:
        raise CaseFault(str(fault), *_place(declared, where, str(fault))) from None


def _place(declared: Declaration, where: str, what: str) -> tuple[str | int, ...]:
    """The table that a fault's text names: ``("perpetuals", 0)``."""
    for table in [where] if where else list(Declaration.model_fields):
        entries = getattr(declared, table)
        if isinstance(entries, tuple):
            for n, entry in enumerate(entries):
                if what.startswith(f"{entry.name}: "):
                    return (table, n)
    return (where,) if where else ()
