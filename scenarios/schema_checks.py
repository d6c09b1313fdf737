"""What a scenario file may expect: ``[[check]]`` and ``[[control]]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from scenarios.errors import choose
from scenarios.part import Finite, Name, Part
from sim.risk.units import UNITS


class Check(Part):
    """A metric of the report against a value; ``between`` takes two, both included."""

    known: ClassVar[Mapping[str, str]] = UNITS  # the metrics that there are

    id: Name
    metric: str
    compare: Literal["<", "<=", ">", ">=", "==", "between"]
    value: Finite | tuple[Finite, Finite]
    text: str = ""

    @model_validator(mode="after")
    def _values(self) -> Check:
        if self.metric not in self.known:
            raise ValueError(f"unknown metric {self.metric!r}{choose(self.metric, self.known)}")
        if isinstance(self.value, tuple) != (self.compare == "between"):
            raise ValueError(
                f"compare {self.compare!r} takes"
                f" {'two values' if self.compare == 'between' else 'one value'}"
            )
        return self

    def expect(self) -> str:
        """``bad_debt_usd <= 0``, for people."""
        if isinstance(self.value, tuple):
            return f"{self.value[0]:g} <= {self.metric} <= {self.value[1]:g}"
        return f"{self.metric} {self.compare} {self.value:g}"

    def holds(self, value: float | None) -> bool:
        """Whether a measured value satisfies it; a metric that does not exist (None) never does."""
        if value is None:
            return False
        if isinstance(self.value, tuple):
            return self.value[0] <= value <= self.value[1]
        return {
            "<": value < self.value,
            "<=": value <= self.value,
            ">": value > self.value,
            ">=": value >= self.value,
            "==": value == self.value,
        }[self.compare]


class Variant(Part):
    """The scenario with some fields set otherwise, by dotted path."""

    name: Name
    set: dict[str, Any] = Field(default_factory=dict)


class ControlVariant(Variant):
    """``use`` and ``grade`` name one of the scenario's `variants` and `grades`, below ``set``."""

    use: str = ""
    grade: str = ""


class Control(Part):
    """An experiment whose answer is known in advance, run over several seeds.

    ``holds``: every run of every variant satisfies every check.  ``fails``: no run of any variant
    satisfies them all; an ablation, which shows what a check rests on.  ``never-falls``: the median
    of ``metric`` does not fall from one variant to the next.  ``shrinks``: the median of ``metric``
    is lower in every further variant than in the first.  ``reported``: nothing is expected.
    ``metrics`` are shown beside what is judged.
    """

    id: Name
    text: str = ""
    expect: Literal["holds", "fails", "never-falls", "shrinks", "reported"]
    metric: str = ""
    metrics: tuple[str, ...] = ()
    seeds: Annotated[int, Field(ge=1)] = 5
    variant: Annotated[tuple[ControlVariant, ...], Field(min_length=1)]
    check: tuple[Check, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Control:
        if self.expect in ("holds", "fails") and not self.check:
            raise ValueError(f"expect {self.expect!r} needs at least one check")
        for name in filter(None, (self.metric, *self.metrics)):
            if name not in UNITS:
                raise ValueError(f"unknown metric {name!r}{choose(name, UNITS)}")
        if self.expect in ("never-falls", "shrinks") and (not self.metric or len(self.variant) < 2):
            raise ValueError(f"expect {self.expect!r} needs a metric and two variants")
        if self.expect == "reported" and not (self.metric or self.metrics):
            raise ValueError("expect 'reported' needs metrics")
        return self

    def shown(self) -> tuple[str, ...]:
        """The metrics that its table shows, each once."""
        judged = (self.metric,) if self.metric else tuple(c.metric for c in self.check)
        return tuple(dict.fromkeys((*judged, *self.metrics)))
