"""The study ``oracle-roulette``: random faults over random guards, and what each guard is worth.

A draw is a disturbance and a set of guards that are on.  It runs once, and once more with each
guard turned, everything else equal: what a guard avoids is read as a difference within a draw.
The parts: `roulette_draw` and `roulette_fault` (what is drawn), `roulette_run` (one run),
`roulette_table` (effects and ranking), `roulette_picture`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from scenarios.errors import ScenarioError, choose
from scenarios.files import market
from scenarios.part import Name, Part
from scenarios.scale import resolve
from scenarios.schema import Scenario
from scenarios.studies.base import Findings, Progress, Study
from scenarios.studies.policy_table import Difference, frame
from scenarios.studies.roulette_chance import Chance
from scenarios.studies.roulette_draw import KINDS, NAME, Draw, draw_all
from scenarios.studies.roulette_picture import picture
from scenarios.studies.roulette_run import Spun, spin
from scenarios.studies.roulette_table import (
    Effect,
    Pair,
    draws_table,
    effect_of,
    numbers,
    parts,
    ranking,
)
from scenarios.studies.workers import in_order

GUARDED = ("rules.", "oracle.", "pause.", "cadence.")  # where a guard may set something
DRAWN = ("oracle.fault", "oracle.source")  # but not there


class Guard(Part):
    """A switch: overrides of the market when it is on, and others of these fields when it is off.

    A field that ``off`` does not name is then as the market has it.
    """

    name: Name
    text: str = ""
    on: Annotated[dict[str, Any], Field(min_length=1)]
    off: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _switch(self) -> Self:
        for path in self.on:
            if not path.startswith(GUARDED) or path.startswith(DRAWN):
                raise ValueError(
                    f"guard {self.name!r}: {path!r} is no guard's; it begins with one of"
                    f" {list(GUARDED)} and not with one of {list(DRAWN)}"
                )
        more = sorted(set(self.off) - set(self.on))
        if more:
            raise ValueError(f"guard {self.name!r}: off sets {more}, on does not")
        return self


class Reference(Part):
    """What true crashes are run with besides: a policy that must be worse there."""

    name: Name
    text: str = ""
    set: Annotated[dict[str, Any], Field(min_length=1)]


@dataclass(frozen=True)
class Turn:
    """One run: a draw, the guards on, and what is otherwise than in the draw's first run.

    ``turned``: a guard, the reference, or "" for the first run.
    """

    draw: Draw
    turned: str
    on: frozenset[str]
    plan: Scenario


class OracleRoulette(Study):
    """Which market, how many draws, what may happen, and the guards."""

    study: Literal["oracle-roulette"]
    scenario: str = "oracle-desk"
    set: dict[str, Any] = Field(default_factory=dict)  # overrides of it in every run
    draws: Annotated[int, Field(ge=1, le=10_000)] = 20
    scale: Annotated[float, Field(gt=0, le=10)] = 1.0
    workers: Annotated[int, Field(ge=1, le=64)] = 2  # processes; the result does not depend on it
    chance: Chance = Chance()
    guard: Annotated[tuple[Guard, ...], Field(min_length=1)]
    reference: Reference

    @model_validator(mode="after")
    def _apart(self) -> Self:
        names = [g.name for g in self.guard]
        for name in (*names, self.reference.name):
            if (*names, self.reference.name).count(name) > 1:
                raise ValueError(f"guard {name!r} is declared twice")
        owner: dict[str, str] = {}
        for g in self.guard:
            for path in g.on:
                if path in owner:
                    raise ValueError(f"guards {owner[path]!r} and {g.name!r} both set {path!r}")
                owner[path] = g.name
        return self

    def scaled(self, scale: float) -> Self:
        """A larger or smaller market; draws and guards stay."""
        return self.model_copy(update={"scale": self.scale * scale})

    def located(self) -> Self:
        self.turns()  # what cannot be run is said before anything runs
        return self

    def base(self) -> Scenario:
        """The market without a disturbance; ScenarioError if what may happen does not fit it."""
        found = market(self.scenario, self.set)
        length, need = (found.end - found.start).total_seconds(), self.chance.longest_s
        if length < need:
            raise ScenarioError(
                f"{self.scenario} lasts {length:g} s, what may happen takes {need} s", path="chance"
            )
        known = [c.name for c in found.coin]
        for coin in self.chance.coins:
            if coin not in known:
                raise ScenarioError(
                    f"unknown coin {coin!r}{choose(coin, known)}", path="chance.coins"
                )
        return found

    def turns(self) -> list[Turn]:
        """Every run in order: of a draw the first, each guard's, and the reference's of a crash."""
        names = [g.name for g in self.guard]
        made = []
        for draw in draw_all(self.chance, self.base(), names, self.draws, self.seed):
            made.append(first := self._turn(draw, "", draw.on))
            for name in names:
                made.append(turn := self._turn(draw, name, draw.on ^ {name}))
                if turn.plan == first.plan:
                    raise ScenarioError("on and off are the same", path=f"guard.{name}")
            if draw.kind == "crash":
                made.append(self._turn(draw, self.reference.name, draw.on))
        return made

    def _turn(self, draw: Draw, turned: str, on: frozenset[str]) -> Turn:
        """ScenarioError for overrides that make no market."""
        changes: dict[str, Any] = {}
        for guard in self.guard:
            changes |= guard.on if guard.name in on else guard.off
        if turned == self.reference.name:
            changes |= self.reference.set
        try:
            chosen = market(self.scenario, {**self.set, **changes, **draw.change})
        except ScenarioError as error:
            where = f"draw {draw.place} with {turned or 'its guards'}"
            raise ScenarioError(f"{where}: {error}", path="guard") from None
        made = resolve(chosen, draw.seed, self.scale)
        return Turn(draw, turned, on, made.model_copy(update={"record": "summary"}))

    def run(self, progress: Progress | None = None) -> Findings:
        turns = self.turns()
        spun: dict[tuple[int, str], Spun] = {}
        rows: list[dict[str, Any]] = []
        every = in_order(spin, [turn.plan for turn in turns], self.workers)
        for turn, found in zip(turns, every, strict=True):
            spun[turn.draw.place, turn.turned] = found
            rows.append(
                {
                    "draw": turn.draw.place,
                    "seed": turn.draw.seed,
                    "kind": turn.draw.kind,
                    "turned": turn.turned or "none",
                    "on": " ".join(g.name for g in self.guard if g.name in turn.on) or "none",
                    "loss_usd": found.loss_usd,
                    **asdict(found),
                }
            )
            if progress is not None:
                progress(len(rows) / len(turns), f"{len(rows)} of {len(turns)} runs")
        draws = [turn.draw for turn in turns if not turn.turned]
        effects = [effect_of(g.name, _pairs(g.name, draws, spun), self.seed) for g in self.guard]
        crashes = [d for d in draws if d.kind == "crash"]
        never = effect_of(
            self.reference.name, _pairs(self.reference.name, crashes, spun), self.seed
        )
        bases = [spun[d.place, ""] for d in draws]
        return Findings(
            metrics=self._metrics(draws, spun, effects, never),
            tables={
                "ranking": ranking(effects),
                "parts": parts(effects),
                "reference": ranking([never]).drop("rank", "fault_usd", "calm_usd"),
                "draws": draws_table(draws, bases, [g.name for g in self.guard]),
                "numbers": numbers([*effects, never]),
                "runs": frame(rows),
            },
            pictures={NAME: lambda: picture(effects)},
            main="ranking",
            also=("parts", "reference"),
            notes=(
                f"{self.scenario}, {self.draws} draws, each once and once more with every guard"
                " turned; money is what is lost without the guard less what is lost with it",
                "means over draws with their 90 % bootstrap interval; 0: no draw differs",
                f"{self.reference.name} on true crashes only, against the same guards",
            ),
        )

    def _metrics(
        self,
        draws: Sequence[Draw],
        spun: Mapping[tuple[int, str], Spun],
        effects: Sequence[Effect],
        never: Effect,
    ) -> dict[str, float | None]:
        first = [spun[d.place, ""] for d in draws]
        best, worst = _ends([e.by_kind["crash"]["loss_usd"] for e in effects])
        harm = never.by_kind["crash"]["loss_usd"].interval
        return {
            "roulette_runs": float(len(draws) * (1 + len(self.guard))),
            "roulette_reference_runs": float(sum(turned == never.guard for _, turned in spun)),
            **{
                f"roulette_{kind}_draws": float(sum(d.kind == kind for d in draws))
                for kind in KINDS
            },
            "roulette_loss_usd": _mean([found.loss_usd for found in first]),
            "roulette_unpaid_usd": _mean([found.unpaid_usd for found in first]),
            "roulette_extracted_usd": _mean([found.extracted_usd for found in first]),
            "roulette_victims_usd": _mean([found.victims_usd for found in first]),
            "roulette_clear": float(sum(e.every["loss_usd"].clear for e in effects)),
            "roulette_crash_best_usd": best,
            "roulette_crash_worst_usd": worst,
            "roulette_crash_never_usd": harm.mean if harm else None,
            "roulette_never_gap_usd": best - harm.mean if harm and best is not None else None,
            "roulette_violations": float(sum(found.violations for found in spun.values())),
            "roulette_path_breaks": self._differ("path", spun),
            "roulette_start_breaks": self._differ("start", spun),
        }

    @staticmethod
    def _differ(name: str, spun: Mapping[tuple[int, str], Spun]) -> float:
        """Runs that have something else than the first of their draw."""
        return float(
            sum(
                getattr(found, name) != getattr(spun[place, ""], name)
                for (place, _), found in spun.items()
            )
        )


def _pairs(turned: str, draws: Sequence[Draw], spun: Mapping[tuple[int, str], Spun]) -> list[Pair]:
    """Without and with, a pair a draw; a reference is never on in the first run."""
    found = []
    for draw in draws:
        first, other = spun[draw.place, ""], spun[draw.place, turned]
        without, having = (other, first) if turned in draw.on else (first, other)
        found.append(Pair(draw, without, having))
    return found


def _ends(found: Sequence[Difference]) -> tuple[float | None, float | None]:
    """Largest and smallest mean."""
    means = [d.interval.mean for d in found if d.interval is not None]
    return max(means, default=None), min(means, default=None)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
