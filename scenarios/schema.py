"""What a scenario file may say: the frozen model of a ``*.scenario.toml``.

Money is USD, time seconds or a UTC time, prices USD for one coin.  `scenarios.files.load` reads
one; `scenarios.listing` turns it into what the exchange lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, PrivateAttr, model_validator

from scenarios.errors import choose
from scenarios.part import Name, NonNegative, Part, Positive, Ratio, Usd
from scenarios.schema_checks import Check, Control
from scenarios.schema_events import Event, check_events, series
from scenarios.schema_oracle import Oracle, Pause
from scenarios.schema_resolution import Resolution, check_resolution
from scenarios.source import Key, line_of, lines
from sim.exchange.instruments import Lending, Margin
from sim.exchange.rules import Rules

Record = Literal["full", "fills", "summary"]


class Assumption(Part):
    """One figure that the scenario rests on, and where it comes from."""

    text: str
    source: str


class Cadence(Part):
    """Seconds between the exchange's own messages; 0 switches one off."""

    oracle_s: NonNegative = 1.0  # one reading per feed
    mark_s: NonNegative = 1.0
    liquidate_s: NonNegative = 1.0
    book_s: NonNegative = 0.5  # market data
    premium_s: NonNegative = 5.0
    funding_s: NonNegative = 3600.0
    interest_s: NonNegative = 3600.0
    settle_s: NonNegative = 1.0  # expired futures, forgotten events
    depth_s: NonNegative = 10.0
    sample_s: Positive = 1.0  # rows of the run's series and funds


class Spot(Part):
    """A coin that is also collateral, with a book against USDC (MAR-02)."""

    units_per_coin: Annotated[int, Field(ge=0)] = 0  # 0: as the perpetual's lots
    haircut_w: Ratio = 0.95
    haircut_b: NonNegative = 1.1
    haircut_kappa: NonNegative = 4e-5  # USD^-1/2
    cap_usd: NonNegative = 0.0  # 0: none
    borrowable: bool = False  # accounts may owe it (MAR-04)
    debt: Margin = Margin(base=0.05, factor=0.0, base_m=0.03, factor_m=0.0)  # of such a debt
    lending: Lending = Lending()  # rates and limits of its pool (INT-01)
    pool_coins: NonNegative = 0.0  # that lenders outside have brought to its pool

    @model_validator(mode="after")
    def _pool(self) -> Spot:
        if self.pool_coins and not self.borrowable:
            raise ValueError(f"pool_coins {self.pool_coins:g}, but borrowable is false")
        return self


class Waypoint(Part):
    at: AwareDatetime
    price_usd: Positive


class Coin(Part):
    """One coin: its price, its path, its perpetual and perhaps its spot book.

    The true price is ``price_usd * (lead / lead at the start) ** beta`` times its own noise with a
    standard deviation of ``sigma_1m`` per square root of a minute.  A coin with waypoints follows
    them instead, beta or not, with a bridge of ``sigma_1m`` in between; ``price_usd`` then chooses
    ticks and lots only.
    """

    name: Name
    price_usd: Positive
    beta: Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)] = 1.0
    sigma_1m: NonNegative = 0.0
    perpetual: bool = True
    oi_share: Ratio = 0.0  # of the open interest
    tick_usd: NonNegative = 0.0  # 0: price / 20,000, rounded to 1, 2 or 5 times a power of ten
    lots_per_coin: Annotated[int, Field(ge=0)] = 0  # 0: lots of about 10 USD
    price_bound: Annotated[int, Field(ge=2, le=1_000_000)] = 64  # readings above price_usd times it
    margin: Margin = Margin()
    impact_notional_usd: NonNegative = 10_000.0  # FUN-01
    backstop_cap_usd: NonNegative = 0.0  # 0: none
    spot: Spot | None = None
    waypoint: tuple[Waypoint, ...] = ()  # its own true path


class Index(Part):
    """The true path of the lead coin: published waypoints with a seeded bridge, or real bars.

    ``scale`` multiplies every log return since the start, of every coin: 0 is a flat market.
    """

    lead: Name = "BTC"
    waypoint: tuple[Waypoint, ...] = ()
    path: str = ""  # CSV of 1-minute bars of the lead; replaces the waypoints
    path_sha256: str = ""  # of that file, written into a run
    scale: NonNegative = 1.0
    sigma_1m: NonNegative = 0.0  # of the bridge between waypoints, per square root of a minute


class TraderSpec(Part):
    """Traders of one kind (`agents` names the kinds and checks ``params``).

    ``count``: accounts of a cohort, traders of any other kind; 0 leaves them out.
    """

    name: Name
    kind: str
    count: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    latency_ms: Positive = 20.0
    params: dict[str, Any] = Field(default_factory=dict)


@dataclass
class Origin:
    """Where a scenario was read: its file, its text, the paths that were overridden."""

    file: str = ""
    text: str = ""
    given: frozenset[tuple[Key, ...]] = frozenset()

    def place(self, path: tuple[Key, ...]) -> str:
        """``file:line`` of a field, ``--set`` if it or what it stands in was overridden."""
        if any(path[:k] in self.given for k in range(1, len(path) + 1)):
            return "--set"
        at = line_of(lines(self.text), path) if self.text else None
        return f"{self.file}:{at}" if at else self.file


class Scenario(Part):
    """A whole scenario.  ``seed`` is used when none is given."""

    name: Name
    title: str
    description: str = ""
    assumption: tuple[Assumption, ...] = ()
    start: AwareDatetime
    end: AwareDatetime
    seed: Annotated[int, Field(ge=0)] = 1
    window_us: Annotated[int, Field(ge=1)] = 10_000
    record: Record = "fills"
    grade: str = ""  # one of `grades`, applied before other overrides
    grades: dict[str, dict[str, Any]] = Field(default_factory=dict)
    variant: str = ""  # one of `variants`, applied after the grade
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    cadence: Cadence = Cadence()
    coin: tuple[Coin, ...]
    event: tuple[Event, ...] = ()
    usdc_debt: Margin = Margin(base=0.05, factor=0.0, base_m=0.03, factor_m=0.0)
    rules: Rules = Rules()
    oracle: Oracle = Oracle()
    pause: Pause | None = None
    resolution: Resolution = Resolution()
    index: Index = Index()
    insurance_usd: Usd = 0.0
    pool_usd: Usd = 0.0  # USDC that lenders bring
    open_interest_usd: Usd = 0.0  # of all perpetuals at the start
    trader: tuple[TraderSpec, ...] = ()
    check: tuple[Check, ...] = ()
    control_scale: Positive = 1.0  # of the runs of `windtunnel check`
    control_set: dict[str, Any] = Field(
        default_factory=dict
    )  # overrides of these runs, by dotted path
    control: tuple[Control, ...] = ()

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        if self.end <= self.start:
            raise ValueError(f"end {self.end} is not after start {self.start}")
        for group in ("coin", "event", "trader", "check", "control"):
            names = [getattr(x, "name", None) or x.id for x in getattr(self, group)]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{group} {name!r} is declared twice")
        coins = [c.name for c in self.coin]
        if self.index.lead not in coins:
            raise ValueError(f"index.lead: unknown coin {self.index.lead!r}; allowed: {coins}")
        check_events(self.event, self.start, coins)
        sources = [s.name for s in self.oracle.source]
        traders = [t.name for t in self.trader]
        check_resolution(self.resolution, self.events, self.spoken_of, sources, traders)
        for control in self.control:
            for v in control.variant:
                for word, known in ((v.use, self.variants), (v.grade, self.grades)):
                    if word and word not in known:
                        raise ValueError(
                            f"control {control.id!r}, variant {v.name!r}: unknown"
                            f" {word!r}{choose(word, known)}"
                        )
        listed = [c.oi_share for c in self.coin if c.perpetual]
        if listed and abs(sum(listed) - 1) > 1e-3:
            raise ValueError(f"the oi_share of the perpetuals add to {sum(listed):.4f}, not to 1")
        return self

    @property
    def origin(self) -> Origin:
        return self._origin

    @property
    def events(self) -> tuple[Event, ...]:
        """The events one by one, in the exchange's order: every series written out."""
        return series(self.event)

    @property
    def spoken_of(self) -> dict[str, frozenset[str]]:
        """By event: the names under which the file may speak of it, its own and its series'."""
        return {
            one.name: frozenset({one.name, event.name})
            for event in self.event
            for one in series((event,))
        }

    @property
    def start_us(self) -> int:
        return microseconds(self.start)

    @property
    def accounts(self) -> int:
        """Accounts, if every trader that is no cohort has one."""
        return sum(t.count for t in self.trader)

    @property
    def end_us(self) -> int:
        return microseconds(self.end)


def microseconds(at: datetime) -> int:
    """A UTC time as integer microseconds since 1970, exactly."""
    gone = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds
