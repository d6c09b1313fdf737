"""What a scenario file may say about events: ``[[event]]`` (`docs/events.md`)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from scenarios.errors import choose
from scenarios.part import Name, NonNegative, Part, Positive, Ratio, Seconds, SecondsOr0, Usd
from scenarios.schema_resolution import EventResolution

VOID = "void"
Odds = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]  # log odds
Whole = Annotated[int, Field(ge=-(10**12), le=10**12)]  # as the exchange lists them
Jump = Annotated[float, Field(gt=-1, le=10, allow_inf_nan=False)]
OWN = {
    "strike_usd": ("price",),
    "strike": ("price",),
    "side": ("price",),
    "link": ("price",),
    "price": ("price", "binary", "scalar"),
    "outcomes": ("categorical",),
    "exhaustive": ("categorical",),
    "prices": ("categorical",),
    "strikes_usd": ("categorical",),
    "low": ("scalar",),
    "high": ("scalar",),
    "jumps": ("binary", "categorical"),
    "outcome": ("binary", "categorical", "scalar"),
    "sigma_per_sqrt_h": ("binary", "categorical", "scalar"),
    "jumps_per_h": ("binary", "categorical", "scalar"),
    "jump_logit": ("binary", "categorical", "scalar"),
    "reveals_s": ("binary", "categorical", "scalar"),
    "belief": ("binary", "categorical", "scalar"),
    "belief_step_s": ("binary", "categorical", "scalar"),
    "belief_after": ("binary", "categorical", "scalar"),
}  # which kinds a field is for; those not named are for every kind
UNPRICED = (
    "jumps",
    "outcome",
    "sigma_per_sqrt_h",
    "jumps_per_h",
    "jump_logit",
    "reveals_s",
    "belief",
)


class BeliefPoint(Part):
    """What the public believes at a time: ``price`` of YES or LONG, ``prices`` of the outcomes."""

    at: AwareDatetime
    price: Ratio | None = None
    prices: tuple[Ratio, ...] = ()

    @property
    def of_shares(self) -> tuple[float, ...]:
        """The price of each share."""
        return self.prices or (self.price or 0.0, 1.0 - (self.price or 0.0))


class Event(Part):
    """An event of one of four kinds.

    ``price``: binary, YES if the coin's true price is below (or above) the strike when it is due.
    ``categorical`` with ``strikes_usd``: the outcomes are the ranges that these part, from below, a
    strike belonging to the upper one; ``scalar`` with ``coin``: the price rounded to whole USD.
    Otherwise nothing on the exchange decides them; ``outcome`` is the truth, drawn from the start
    prices if not given, and the public's belief about it moves as `sim.oracle.belief` says.
    ``price`` of a scalar is the expected (value - low)/(high - low).
    """

    name: Name
    kind: Literal["price", "binary", "categorical", "scalar"] = "price"
    coin: str = ""  # whose price decides, or whose price the event moves by `jumps` (MAR-07)
    strike_usd: NonNegative = 0.0
    strike: Literal["given", "open"] = "given"  # open: the true price at `opens`
    side: Literal["below", "above"] = "below"
    opens: AwareDatetime | None = None  # the start of the run
    resolves: AwareDatetime
    every_s: SecondsOr0 = 0.0  # of a series <name>-1, <name>-2 …: each opens when one is due
    repeat: Annotated[int, Field(ge=1, le=1000)] = 1
    date: AwareDatetime | None = None  # from which `rules.void_after_days` counts (SET-05)
    price: Ratio = 0.5  # of YES or LONG when it opens, USDC
    outcomes: Annotated[tuple[Name, ...], Field(max_length=60)] = ()
    exhaustive: bool = True  # False: `none` is one more outcome
    prices: tuple[Ratio, ...] = ()  # of the outcomes; none given: all alike
    strikes_usd: tuple[Positive, ...] = ()  # a price decides: one less than outcomes
    low: Whole = 0
    high: Whole = 0
    outcome: str | int | float = ""  # name, YES, NO, a scalar's value, void; "": drawn
    sigma_per_sqrt_h: Odds = 1.0  # of the log odds
    jumps_per_h: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 0.0
    jump_logit: Odds = 1.0  # standard deviation of a jump of the log odds
    reveals_s: SecondsOr0 = 0.0  # before it resolves: the time in which the truth comes out
    belief: tuple[BeliefPoint, ...] = ()  # scripted, straight lines in between
    belief_step_s: Seconds = 1.0
    belief_after: Literal["truth", "frozen"] = "truth"  # once it is due
    link: bool = False  # portfolio margin knows what decides it (MAR-07)
    jumps: tuple[Jump, ...] = ()  # of the coin's price, one per share (MAR-07)
    payoff_ticks: Annotated[int, Field(ge=2, le=16_384)] = 1000
    lam: Ratio = 1.0  # MAR-05
    min_notional_usd: Usd = 0.0
    resolution: EventResolution | None = None  # where it differs from [resolution]

    @model_validator(mode="after")
    def _complete(self) -> Event:
        for field, kinds in OWN.items():
            default = type(self).model_fields[field].default
            if self.kind not in kinds and getattr(self, field) != default:
                raise ValueError(
                    f"{self.name}: {field!r} is for events of kind {', '.join(kinds)},"
                    f" not {self.kind!r}"
                )
        if self.date is not None and self.date.timestamp() < 0:
            raise ValueError(f"{self.name}: date {self.date} is before 1970")
        if self.repeat > 1 and not self.every_s:
            raise ValueError(f"{self.name}: repeat {self.repeat} needs every_s, seconds above 0")
        if self.repeat > 1 and self.belief:
            raise ValueError(f"{self.name}: a scripted belief is for one event, not for a series")
        if self.kind == "price":
            self._binary_on_a_price()
        else:
            self._of_shares()
        if self.priced:
            self._priced()
        elif self.kind != "price":
            self._exogenous()
        return self

    @property
    def priced(self) -> bool:
        """Whether the true price of a coin decides it."""
        scalar = self.kind == "scalar" and bool(self.coin)
        return self.kind == "price" or scalar or bool(self.strikes_usd)

    def _binary_on_a_price(self) -> None:
        if not self.coin:
            raise ValueError(
                f"{self.name}: coin is required; an event that no price decides says"
                " kind = 'binary', 'categorical' or 'scalar'"
            )
        if self.strike == "open" and (self.strike_usd or self.link):
            raise ValueError(
                f"{self.name}: strike = 'open' is the price at `opens`: no strike_usd, no link"
            )
        if self.strike == "given" and not self.strike_usd:
            raise ValueError(f"{self.name}: strike_usd above 0 is required, or strike = 'open'")

    def _of_shares(self) -> None:
        if self.kind == "categorical":
            self._categorical()
        elif self.kind == "scalar" and self.high <= self.low:
            raise ValueError(f"{self.name}: low {self.low} must be below high {self.high}")
        for price in self.start_prices:
            if not 0 < price < 1:
                raise ValueError(
                    f"{self.name}: a price of {price:g}; one between 0 and 1 is needed"
                )

    def _priced(self) -> None:
        for field in UNPRICED:
            if getattr(self, field) != type(self).model_fields[field].default:
                raise ValueError(f"{self.name}: the price of {self.coin} decides, not {field!r}")
        strikes = self.strikes_usd
        if not strikes:
            return
        if not self.coin:
            raise ValueError(f"{self.name}: strikes_usd need a coin")
        if not self.exhaustive or len(strikes) != len(self.outcomes) - 1:
            raise ValueError(
                f"{self.name}: {len(strikes)} strikes_usd part {len(strikes) + 1} outcomes, and no"
                f" `none`; found {self.outcomes}"
            )
        if any(after <= before for before, after in pairwise(strikes)):
            raise ValueError(f"{self.name}: strikes_usd {strikes} do not increase")

    def _exogenous(self) -> None:
        if self.coin and not self.jumps:
            raise ValueError(
                f"{self.name}: coin {self.coin!r} needs jumps, or kind = 'price', or strikes_usd"
            )
        if self.jumps and not self.coin:
            raise ValueError(f"{self.name}: jumps need a coin")
        self._possible()
        if self.belief and self.reveals_s:
            raise ValueError(f"{self.name}: a scripted belief reveals what it says: no reveals_s")
        for point in self.belief:
            self._believable(point)

    def _believable(self, point: BeliefPoint) -> None:
        at = f"{self.name}: belief at {point.at}"
        if self.kind != "categorical":
            if point.prices or point.price is None:
                raise ValueError(f"{at} needs price, the one of {self.shares[0]}, and no prices")
        elif point.price is not None or len(point.prices) != len(self.shares):
            raise ValueError(f"{at} needs prices, those of {self.shares}, and no price")
        elif abs(math.fsum(point.prices) - 1) > 1e-6:
            raise ValueError(f"{at}: prices {point.prices} do not sum to 1")

    def _categorical(self) -> None:
        shares = self.shares
        if len(self.outcomes) < 2:
            raise ValueError(f"{self.name}: outcomes must name two or more")
        for name in shares:
            if shares.count(name) > 1 or name == VOID:
                why = "is what nobody wins" if name == VOID else "is listed twice"
                raise ValueError(f"{self.name}: outcome {name!r} {why}")
        if not self.prices:
            return
        total = math.fsum(self.prices)
        if len(self.prices) == len(shares):
            if abs(total - 1) > 1e-6:
                raise ValueError(f"{self.name}: prices {self.prices} sum to {total:g}, not to 1")
        elif len(self.prices) != len(self.outcomes):
            raise ValueError(f"{self.name}: {len(self.prices)} prices for outcomes {shares}")
        elif total >= 1:
            raise ValueError(
                f"{self.name}: prices {self.prices} sum to {total:g} and leave nothing for 'none'"
            )

    def _possible(self) -> None:
        """The declared true outcome is one that there is."""
        if self.outcome in ("", VOID):
            return
        if self.kind == "scalar":
            value = self.outcome
            if isinstance(value, str) or not float(value).is_integer():
                raise ValueError(f"{self.name}: outcome {value!r} is neither whole nor 'void'")
            if not self.low <= value <= self.high:
                raise ValueError(
                    f"{self.name}: outcome {value} is outside {self.low} … {self.high}"
                )
        elif self.outcome not in self.shares:
            raise ValueError(
                f"{self.name}: unknown outcome {self.outcome!r}"
                f"{choose(str(self.outcome), (*self.shares, VOID))}"
            )

    @property
    def shares(self) -> tuple[str, ...]:
        """What can be held, in the exchange's order."""
        if self.kind == "categorical":
            return self.outcomes if self.exhaustive else (*self.outcomes, "none")
        return ("LONG", "SHORT") if self.kind == "scalar" else ("YES", "NO")

    @property
    def start_prices(self) -> tuple[float, ...]:
        """The price of each share when the event opens; they sum to 1."""
        if self.kind != "categorical":
            return (self.price, 1.0 - self.price)
        n = len(self.shares)
        if not self.prices:
            return (1.0 / n,) * n
        if len(self.prices) < n:
            return (*self.prices, 1.0 - math.fsum(self.prices))
        total = math.fsum(self.prices)
        return tuple(p / total for p in self.prices)


def series(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Events one by one: an entry with ``repeat`` becomes <name>-1 … <name>-<repeat>."""
    out: list[Event] = []
    for event in events:
        if event.repeat == 1:
            out.append(event)
            continue
        opens = event.opens
        for k in range(event.repeat):
            later = timedelta(seconds=event.every_s * k)
            own = {
                "name": f"{event.name}-{k + 1}",
                "opens": opens,
                "resolves": event.resolves + later,
                "date": event.date + later if event.date else None,
                "every_s": 0.0,
                "repeat": 1,
            }
            out.append(event.model_copy(update=own))
            opens = event.resolves + later
    return tuple(out)


def check_events(events: tuple[Event, ...], start: datetime, coins: Collection[str]) -> None:
    """Raises ValueError, naming the entry, for what an event alone does not know."""
    names = Counter(e.name for e in series(events))
    for event in events:
        at = f"event.{event.name}"
        if event.coin and event.coin not in coins:
            raise ValueError(f"{at}.coin: unknown coin {event.coin!r}; allowed: {list(coins)}")
        opens = event.opens or start
        if event.resolves < start:
            raise ValueError(f"{at}.resolves: due {event.resolves}, before the start {start}")
        if opens < start:
            raise ValueError(f"{at}.opens: {opens} is before the start {start}")
        if opens >= event.resolves and (event.opens or event.kind != "price"):
            raise ValueError(f"{at}.resolves: due {event.resolves}, not after it opens, {opens}")
        for before, after in pairwise([opens, *(point.at for point in event.belief)]):
            if after < before:
                raise ValueError(f"{at}.belief: {after} comes after {before} in the list")
        for one in series((event,)):
            if names[one.name] > 1:
                raise ValueError(f"{at}: two events are called {one.name!r}")
