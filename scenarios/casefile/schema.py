"""What a case file may say: the frozen model of a ``*.case.toml``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, PrivateAttr, model_validator

from scenarios.casefile.amounts import Amount
from scenarios.casefile.declare import Declaration
from scenarios.casefile.steps import Step
from scenarios.schema import Origin
from sim.exchange.rules import Rules

START = datetime.fromtimestamp(1_700_000_000, UTC)
Clause = Annotated[str, Field(pattern=r"^[A-Z]+-?\d+$")]

# `conformance`: strict prices off, bands wide open; fees are 0 by default.
PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "conformance": {"strict_prices": False, "band_ratio": 5.0},
}


class Preset(Rules):
    """Fields of Rules on top of a preset."""

    preset: Literal["default", "conformance"] = "default"


class Case(Declaration):
    """A listing, accounts, and steps with expectations."""

    title: Annotated[str, Field(min_length=1)]
    clauses: tuple[Clause, ...] = ()
    text: str = ""
    start: AwareDatetime = START
    rules: Preset = Preset()
    accounts: dict[str, dict[str, Amount]] = Field(default={}, description="What each begins with.")
    allow_refusals: bool = Field(
        default=False, description="A refusal that no step expects is no failure."
    )
    step: tuple[Step, ...] = ()

    _origin: Origin = PrivateAttr(default=Origin())

    @model_validator(mode="before")
    @classmethod
    def _presets(cls, raw: Any) -> Any:
        """Put the preset's values under those that the file gives."""
        if not isinstance(raw, dict) or not isinstance(raw.get("rules", {}), dict):
            return raw
        given = raw.get("rules", {})
        preset = PRESETS.get(str(given.get("preset", "default")), {})
        return {**raw, "rules": {**preset, **given}}

    @property
    def origin(self) -> Origin:
        """Where the case was read."""
        return self._origin

    def exchange_rules(self) -> Rules:
        return Rules(**self.rules.model_dump(exclude={"preset"}))
