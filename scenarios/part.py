"""The base of every table of a scenario file, and the types of its fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Usd = Annotated[float, Field(ge=0, le=1e12)]  # money is int64 micro-USDC; far below its end
Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=1e-6, allow_inf_nan=False)]  # times are whole microseconds
Name = Annotated[str, Field(pattern=r"^\S+$")]


def _whole_us(seconds: float) -> float:
    if 0 < seconds < 1e-6:
        raise ValueError(f"{seconds:g} s is less than a microsecond: 0, or at least 1e-6")
    return seconds


SecondsOrNone = Annotated[NonNegative, AfterValidator(_whole_us)]  # 0: none


class Part(BaseModel):
    """A table of the file: frozen, and every unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
