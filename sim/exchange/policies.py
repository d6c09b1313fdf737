"""Liquidation policies: small, frozen, swappable parts of `Rules` (LIQ-02).

A *disposal* says how much of a leg one liquidation step offers to the book.  What each one assumes
is written out in ``docs/policies.md``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Wait = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class Policy(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Steps(Policy):
    """A tenth of what the leg was when the account was flagged, each tick (REF-1)."""

    policy: Literal["steps"] = "steps"
    ratio: Share = 0.10
    min_usd: Annotated[float, Field(ge=0, le=1e12)] = 1000.0  # and not less than this


class FullClose(Policy):
    """The whole leg at once, as early venues did and lending protocols may."""

    policy: Literal["full"] = "full"


class VegaDisposal(Policy):
    """Half of what is left, at most a share of the opposite side of the book, every ten seconds.

    Source: Vega protocol, liquidation strategy of a market.
    """

    policy: Literal["vega"] = "vega"
    interval_s: Wait = 10.0
    fraction: Share = 0.5
    full_size_lots: Annotated[int, Field(ge=0, le=10**12)] = 50  # up to this all of it
    book_share: Share = 0.01


class TwoStep(Policy):
    """Small positions whole; of large ones a fifth, then a wait.  Source: Hyperliquid."""

    policy: Literal["two_step"] = "two_step"
    threshold_usd: Annotated[float, Field(ge=0, le=1e12)] = 100_000.0
    ratio: Share = 0.20
    wait_s: Wait = 30.0


AnyDisposal = Annotated[Steps | FullClose | VegaDisposal | TwoStep, Field(discriminator="policy")]
# Ways to choose who closes against a bankrupt position (LIQ-05), in the kernel's numbering.
ADL = ("hyperliquid", "binance", "random", "pro_rata", "integer_pro_rata", "risk_weighted")
AdlPolicy = Literal[
    "hyperliquid", "binance", "random", "pro_rata", "integer_pro_rata", "risk_weighted"
]
DISPOSALS = ("steps", "full", "vega", "two_step")  # likewise
MarginMode = Literal["unified", "portfolio", "segregated", "isolated"]
