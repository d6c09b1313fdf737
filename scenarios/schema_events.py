"""What a scenario file may say about events: ``[[event]]``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from scenarios.part import Name, NonNegative, Part, Positive, Ratio


class Event(Part):
    """A binary event on a coin's true price: YES if it is below (or above) the strike then."""

    name: Name
    coin: Name
    strike_usd: Positive
    side: Literal["below", "above"] = "below"
    resolves: AwareDatetime
    price: Ratio = 0.5  # of YES at the start, USDC
    payoff_ticks: Annotated[int, Field(ge=2, le=16_384)] = 1000
    lam: Ratio = 1.0  # MAR-05
    min_notional_usd: NonNegative = 0.0
