"""The base of every table of a scenario file, and the types of its fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Usd = Annotated[float, Field(ge=0, le=1e12)]  # money is int64 micro-USDC; far below its end
Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^\S+$")]


class Part(BaseModel):
    """A table of the file: frozen, and every unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
