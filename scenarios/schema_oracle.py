"""What a scenario file may say about the price oracle: ``[oracle]`` and what stands below it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scenarios.part import (
    Milliseconds,
    Name,
    NonNegative,
    Part,
    Positive,
    Ratio,
    Seconds,
    SecondsOr0,
)
from scenarios.schema_faults import AnyFault

Bps = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]  # up to a hundred times the price


class Source(Part):
    """A price source of the oracle: what it reads of ``lag_ms`` ago times (1 + noise) per heartbeat."""

    name: Name
    weight: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 1.0  # in the median
    noise_bps: Bps = 0.5
    lag_ms: Milliseconds = 200.0
    heartbeat_s: Seconds = 1.0
    deviation_bps: Bps = 0.0  # publishes on such a move or a heartbeat; 0: each heartbeat
    look_s: Seconds = 1.0  # how often it looks then
    confidence_bps: Bps = 0.0  # half width it claims; 0: none
    reads: Literal["truth", "spot", "perpetual"] = "truth"  # or the exchange's own book of the coin
    average_s: SecondsOr0 = 0.0  # exponential average of what a book says; 0: none
    coins: tuple[Name, ...] = ()  # that it covers; none named: all
    upstream: tuple[Name, ...] | dict[Name, Positive] = ()  # fails with them; or is made of them
    min_usd: dict[Name, NonNegative] = Field(default_factory=dict)  # least it can answer, by coin
    max_usd: dict[Name, Positive] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Source:
        if isinstance(self.upstream, dict):
            total = sum(self.upstream.values())
            if self.upstream and abs(total - 1) > 1e-9:
                raise ValueError(
                    f"source {self.name!r}: the weights of its upstreams add to {total:g}, not to 1"
                )
        return self


class Guard(Part):
    """What the oracle does about bad readings before it publishes; 0 or false is off."""

    dispersion_ratio: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = (
        0.0  # max/min − 1 of fresh sources
    )
    min_answer: bool = False  # a reading at min_usd or max_usd of its source is none
    band_ratio: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = (
        0.0  # of what was published band_s ago
    )
    band_s: Seconds = 300.0


class Pause(Part):
    """Instruments are paused when their feed is bad, and reopened by a call auction."""

    instruments: tuple[Name, ...] = ()  # none named: all with a feed
    grade: Literal[
        "stale", "insufficient_sources", "too_uncertain", "too_volatile", "non_positive"
    ] = "too_uncertain"  # this or worse is bad
    after_s: SecondsOr0 = 5.0  # bad for so long: paused
    state: Literal["post_only", "cancel_only", "auction", "closed"] = "cancel_only"
    clear_s: SecondsOr0 = 30.0  # good for so long: reopened
    auction_s: SecondsOr0 = 60.0  # 0: without an auction


class Oracle(Part):
    """Several sources, their weighted median, and what fails.  No source: the usual seven."""

    source: tuple[Source, ...] = ()
    dispersion: bool = True  # distances from the weighted median make the confidence
    policy: Literal["weighted_median", "median", "mean", "single", "redemption"] = "weighted_median"
    single: str = ""  # the source that `policy = "single"` reads
    redemption_usd: dict[Name, Positive] = Field(
        default_factory=dict
    )  # by coin, for `policy = "redemption"`
    redemption_weight: Ratio = 0.5
    redemption_floor: Ratio = 0.0
    min_sources: Annotated[int, Field(ge=0)] = 1  # quorum (PRC-04)
    stale_after_s: Annotated[int, Field(gt=0, le=10**9)] = 60
    latency_ms: Milliseconds = 0.0  # from the making of an index to its arrival
    guard: Guard = Guard()
    fault: tuple[AnyFault, ...] = ()

    @model_validator(mode="after")
    def _redeemable(self) -> Oracle:
        if (self.policy == "redemption") != bool(self.redemption_usd):
            raise ValueError(
                "policy 'redemption' and redemption_usd, a price by coin, belong together"
            )
        return self
