"""The base of every table of a scenario file, and the types of its fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _not_too_short(seconds: float) -> float:
    if 0 < seconds < 1e-6:
        raise ValueError(f"{seconds:g} s is less than a microsecond: 0, or at least 1e-6")
    return seconds


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# Seconds and milliseconds stay far below the end of int64 microseconds, and above one of them.
Seconds = Annotated[float, Field(ge=1e-6, le=1e9, allow_inf_nan=False)]
SecondsOr0 = Annotated[
    float, Field(ge=0, le=1e9, allow_inf_nan=False), AfterValidator(_not_too_short)
]
Milliseconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Usd = Annotated[
    float, Field(ge=0, le=1e12, allow_inf_nan=False)
]  # money is int64 micro-USDC; far below its end
Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^\S+$")]


class Part(BaseModel):
    """A table of the file: frozen, and every unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
