"""What a scenario file may say about the price oracle: ``[oracle]`` and what stands below it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from scenarios.part import Name, NonNegative, Part, Positive, Ratio


class Source(Part):
    """A price source of the oracle: the truth of ``lag_ms`` ago times (1 + noise) per heartbeat."""

    name: Name
    weight: Positive = 1.0  # in the median
    noise_bps: NonNegative = 0.5
    lag_ms: NonNegative = 200.0
    heartbeat_s: Positive = 1.0
    upstream: tuple[Name, ...] = ()  # sources it is made from


class Fault(Part):
    """What goes wrong with sources; ``freeze``: time and price of the reading do not move."""

    kind: Literal["freeze"] = "freeze"
    sources: tuple[Name, ...] = ()  # none named: all
    feeds: tuple[Name, ...] = ()  # coins; none named: all
    start: AwareDatetime
    duration_s: Positive


class Oracle(Part):
    """Several sources, their weighted median, and what fails.  No source: the usual seven."""

    source: tuple[Source, ...] = ()
    dispersion: bool = True  # the sources' distances from the index make its confidence
    policy: Literal["weighted_median", "median", "mean", "single", "redemption"] = "weighted_median"
    single: str = ""  # the source that `policy = "single"` reads
    redemption_usd: dict[Name, Positive] = Field(
        default_factory=dict
    )  # by coin, for `policy = "redemption"`
    redemption_weight: Ratio = 0.5
    redemption_floor: Ratio = 0.0
    min_sources: Annotated[int, Field(ge=0)] = 1
    stale_after_s: Annotated[int, Field(gt=0)] = 60
    fault: tuple[Fault, ...] = ()
