"""What a scenario file may say about faults of the oracle: ``[[oracle.fault]]``, by ``kind``.

A magnitude that is not stated is that of the ``severity`` (`sim.oracle.faults.MAGNITUDES`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from scenarios.part import Name, Part, Ratio, Seconds, SecondsOr0, Usd
from sim.oracle.faults import Severity

Below100 = Annotated[float, Field(gt=-1e9, lt=100, allow_inf_nan=False)]
Percent = Annotated[float, Field(gt=-100, le=1e9, allow_inf_nan=False)]
Price = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]
Times = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
Width = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
HERE = frozenset(
    {"kind", "name", "sources", "feeds", "start", "duration_s", "severity", "upstream"}
)


class Fault(Part):
    """From ``start`` for ``duration_s`` on the ``sources`` of the ``feeds`` (coins) named."""

    name: str = ""  # of its random numbers; without one its kind and place
    sources: tuple[Name, ...] = ()  # none named: all
    feeds: tuple[Name, ...] = ()  # none named: all
    start: AwareDatetime
    duration_s: Seconds
    severity: Severity = "adverse"

    @model_validator(mode="after")
    def _named_once(self) -> Fault:
        for field in ("sources", "feeds"):
            names = getattr(self, field)
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{field}: {name!r} is named twice")
        return self

    @property
    def magnitudes(self) -> dict[str, Any]:
        """What is stated besides place, time and severity, in units of `sim.oracle.faults`."""
        stated: dict[str, Any] = {}
        for field in type(self).model_fields.keys() - HERE:
            value = getattr(self, field)
            if field.endswith("_s") and value is not None:
                field, value = field.removesuffix("_s") + "_us", round(value * 1_000_000)
            stated[field] = value
        return stated


class Freeze(Fault):
    """Price and time stand; with ``refresh`` the time goes on and it looks fresh."""

    kind: Literal["freeze"]
    refresh: bool | None = None
    through_s: SecondsOr0 | None = None  # one reading gets through per so many seconds; 0: none


class Lag(Fault):
    """The price of ``extra_s`` ago with the time of now."""

    kind: Literal["lag"]
    extra_s: Seconds | None = None


class Bias(Fault):
    kind: Literal["bias"]
    bias_pct: Percent | None = None


class Noise(Fault):
    kind: Literal["noise"]
    noise_bps: Times | None = None


class Spike(Fault):
    """A random ``share`` of readings times ``factor``."""

    kind: Literal["spike"]
    factor: Times | None = None
    share: Ratio | None = None


class Decimal(Fault):
    """Times ten to the power of ``places``."""

    kind: Literal["decimal"]
    places: Annotated[int, Field(ge=-12, le=12)] | None = None


class Factor(Fault):
    kind: Literal["factor"]
    factor: Times | None = None


class Drop(Fault):
    """Gone at a random ``share`` of its beats; 1 is gone altogether."""

    kind: Literal["drop"]
    share: Ratio | None = None


class Fork(Fault):
    """``depth_pct`` below the rest, reached and left over ``ramp_s``; negative is above it."""

    kind: Literal["fork"]
    depth_pct: Below100 | None = None
    ramp_s: SecondsOr0 | None = None


class Clamp(Fault):
    """Within ``floor_usd`` and ``ceiling_usd``; without both ``margin_pct`` around its last price."""

    kind: Literal["clamp"]
    floor_usd: Usd | None = None
    ceiling_usd: Price | None = None
    margin_pct: Width | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Clamp:
        floor, ceiling = self.floor_usd, self.ceiling_usd
        if self.margin_pct is not None and not floor is ceiling is None:
            raise ValueError("margin_pct stands alone: floor_usd and ceiling_usd are absolute")
        if floor is not None and ceiling is not None and floor > ceiling:
            raise ValueError(f"floor_usd {floor:g} is above ceiling_usd {ceiling:g}")
        return self


class Deadband(Fault):
    """The price moves only when it is ``band_pct`` away from the one last published."""

    kind: Literal["deadband"]
    band_pct: Times | None = None


class Confidence(Fault):
    """Claims a half width of ``pct`` percent of its price."""

    kind: Literal["confidence"]
    pct: Width | None = None


class Shuffle(Fault):
    """Readings take up to ``window_s`` to arrive and overtake each other."""

    kind: Literal["shuffle"]
    window_s: Seconds | None = None


class Replay(Fault):
    """The ``age_s`` before the start over and over, as if they were new."""

    kind: Literal["replay"]
    age_s: Seconds | None = None


class Captured(Fault):
    """``take`` of the sources (0: all) report ``to_usd``, or the truth times 1 + ``bias_pct`` %."""

    kind: Literal["captured"]
    to_usd: Price | None = None
    bias_pct: Percent | None = None
    take: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _one_lie(self) -> Captured:
        if self.to_usd is not None and self.bias_pct is not None:
            raise ValueError("to_usd and bias_pct: say one of them")
        return self


class Outage(Fault):
    """``upstream`` is gone in a random ``share`` of the seconds, with all that depend on it."""

    kind: Literal["outage"]
    upstream: Name
    share: Ratio | None = None

    @property
    def magnitudes(self) -> dict[str, Any]:
        return {**super().magnitudes, "upstream": self.upstream}

    @model_validator(mode="after")
    def _by_upstream(self) -> Outage:
        if self.sources:
            raise ValueError("an outage hits what depends on its upstream; it names no sources")
        return self


AnyFault = Annotated[
    Freeze | Lag | Bias | Noise | Spike | Decimal | Factor | Drop | Fork | Clamp | Deadband
    | Confidence | Shuffle | Replay | Captured | Outage,
    Field(discriminator="kind"),
]  # fmt: skip
