"""What every study has, and what it finds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, PrivateAttr, model_validator

from scenarios.errors import ScenarioError, choose
from scenarios.part import Name, Part
from scenarios.schema import Assumption, Origin
from scenarios.schema_checks import Check
from sim.risk.units import STUDY_UNITS

if TYPE_CHECKING:
    import polars as pl

Progress = Callable[..., Any]
Picture = str | Callable[[], str]  # SVG text, or what makes it when it is written


@dataclass(frozen=True)
class Findings:
    """What came out of a study.

    Attributes:
        metrics: by name, in the units of `STUDY_UNITS`; None: does not exist here.
        tables: by name; a column's name ends in its unit.  The digest is taken over them.
        pictures: by name, as SVG.
        main: the table that the terminal shows; default: the first.  also: further ones.
        columns: which columns it shows of them, where they have these; default: all.
        notes: sentences for the reader, such as which file was read.
    """

    metrics: dict[str, float | None]
    tables: dict[str, pl.DataFrame]
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    main: str = ""
    also: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class StudyCheck(Check):
    """A metric of a study against a value."""

    known: ClassVar[Mapping[str, str]] = {
        k: u for units in STUDY_UNITS.values() for k, u in units.items()
    }


class Study(Part, ABC):
    """A study; each kind adds tables of its own and says what `run` does."""

    needs_exchange: ClassVar[bool] = True  # False: the kernel need not be compiled for it

    study: str
    name: Name
    title: str
    description: str = ""
    assumption: tuple[Assumption, ...] = ()
    seed: Annotated[int, Field(ge=0)] = 1
    check: tuple[StudyCheck, ...] = ()

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @model_validator(mode="after")
    def _own_metrics(self) -> Self:
        own = self.units()
        for check in self.check:
            if check.metric not in own:
                raise ValueError(
                    f"check {check.id!r}: unknown metric {check.metric!r}{choose(check.metric, own)}"
                )
            if [c.id for c in self.check].count(check.id) > 1:
                raise ValueError(f"check {check.id!r} is declared twice")
        return self

    @property
    def origin(self) -> Origin:
        """Where it was read."""
        return self._origin

    def units(self) -> Mapping[str, str]:
        """Metrics of this kind of study with their units, in the order of the report."""
        return STUDY_UNITS[self.study]

    def resolved(self, seed: int | None, scale: float) -> Self:
        """The study with this seed and scale: what a run stores; it depends on nothing else.

        Raises ScenarioError for a scale that makes no sense, or a file that cannot be found.
        """
        if not 0 < scale <= 1000:
            raise ScenarioError(f"a scale lies between 0 and 1000, found {scale:g}", path="--scale")
        made = self.scaled(scale) if scale != 1.0 else self
        made = made.located()
        made = made.model_copy(update={"seed": self.seed if seed is None else seed})
        made._origin = self._origin
        return made

    def scaled(self, scale: float) -> Self:
        """The study, larger or smaller; ScenarioError where it has no size."""
        raise ScenarioError(f"the study {self.study!r} has no scale", path="--scale")

    def located(self) -> Self:
        """The study with the files it reads found and fingerprinted; most read none."""
        return self

    @abstractmethod
    def run(self, progress: Progress | None = None) -> Findings:
        """Do it; a pure function of the resolved study.

        Args:
            progress: called as ``progress(share, note)``.

        Raises ScenarioError for data it cannot use.
        """
