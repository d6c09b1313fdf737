"""The study ``policy-contest``: liquidation policies on the same market, seed by seed.

A market runs once per seed and variant.  Traders, prices and opening positions are the same in
every variant, so that what a variant changes is read as a difference within a seed; the parts:
`policy_run` (one run), `policy_table` (paired differences), `policy_picture`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from scenarios.errors import ScenarioError, choose
from scenarios.files import market
from scenarios.scale import resolve
from scenarios.schema import Scenario
from scenarios.schema_checks import Variant
from scenarios.studies.base import Findings, Progress, Study
from scenarios.studies.policy_picture import picture
from scenarios.studies.policy_run import Measured, measure
from scenarios.studies.policy_table import (
    GROUPS,
    Comparison,
    compare,
    contest,
    frame,
    paired,
    words,
)
from scenarios.studies.workers import in_order
from sim.exchange.rules import Rules

Runs = dict[str, list[Measured]]  # by variant, in the order of the seeds


class PolicyVariant(Variant):
    """Rules set otherwise, ``rules.<name>`` by value, and the variant it is compared with."""

    against: str = ""  # the name of another variant; default: the first

    @field_validator("set")
    @classmethod
    def _rules_only(cls, values: dict[str, Any]) -> dict[str, Any]:
        names = [f"rules.{name}" for name in Rules.model_fields if name != "margin_mode"]
        for key in values:
            if key == "rules.margin_mode":
                raise ValueError("another margin mode has other accounts: nothing could be paired")
            if ".".join(key.split(".")[:2]) not in names:
                raise ValueError(f"{key!r} is no rule{choose(key, names)}")
        return values


class PolicyContest(Study):
    """Which market, how often, and the rules that are compared."""

    study: Literal["policy-contest"]
    scenario: str = "oct-2025"
    set: dict[str, Any] = Field(default_factory=dict)  # overrides of it in every run
    seeds: Annotated[int, Field(ge=2, le=1000)] = 6  # from ``seed`` on
    scale: Annotated[float, Field(gt=0, le=10)] = 0.03
    workers: Annotated[int, Field(ge=1, le=64)] = 2  # processes; the result does not depend on it
    variant: Annotated[tuple[PolicyVariant, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _named(self) -> Self:
        names = [v.name for v in self.variant]
        for v in self.variant:
            if names.count(v.name) > 1:
                raise ValueError(f"variant {v.name!r} is declared twice")
            others = [name for name in names if name != v.name]
            if v.against and v.against not in others:
                raise ValueError(
                    f"variant {v.name!r}: against {v.against!r}{choose(v.against, others)}"
                )
        return self

    def scaled(self, scale: float) -> Self:
        """A larger or smaller market; seeds and variants stay."""
        return self.model_copy(update={"scale": self.scale * scale})

    def located(self) -> Self:
        for v in self.variant:
            self.plan(v, self.seed)  # what cannot be run is said before anything runs
        return self

    def plan(self, variant: PolicyVariant, seed: int) -> Scenario:
        """The run of a variant and seed; ScenarioError for overrides that make no market."""
        try:
            chosen = market(self.scenario, {**self.set, **variant.set})
        except ScenarioError as error:
            raise ScenarioError(str(error), path=f"variant.{variant.name}.set") from None
        made = resolve(chosen, seed, self.scale)
        return made.model_copy(update={"record": "summary"})

    def pairs(self) -> list[tuple[PolicyVariant, str]]:
        """Every variant but the first with the name of what it is compared with."""
        first = self.variant[0].name
        return [(v, v.against or first) for v in self.variant if v.against or v.name != first]

    def run(self, progress: Progress | None = None) -> Findings:
        plans = [
            (v.name, self.seed + k, self.plan(v, self.seed + k))
            for k in range(self.seeds)
            for v in self.variant
        ]
        runs: Runs = {v.name: [] for v in self.variant}
        rows: list[dict[str, Any]] = []
        every = in_order(measure, [plan for *_, plan in plans], self.workers)
        for (name, seed, _), found in zip(plans, every, strict=True):
            runs[name].append(found)
            rows.append({"seed": seed, "variant": name, **asdict(found)})
            if progress is not None:
                progress(len(rows) / len(plans), f"{len(rows)} of {len(plans)} runs")
        compared = [
            compare(v.name, against, runs[v.name], runs[against], self.seed)
            for v, against in self.pairs()
        ]
        tables = {
            "contest": contest(runs),
            **{group: words(runs, compared, group) for group in GROUPS},
            "paired": paired(compared),
            "runs": frame(rows),
        }
        return Findings(
            metrics=self._metrics(runs, compared),
            tables=tables,
            pictures={"policy-contest": lambda: picture(compared)},
            main="money",
            also=("rest", "closed", "market"),
            notes=(
                f"{self.scenario}, {self.seeds} seeds; first row: means over them",
                "other rows: the difference to it (or to what stands behind /) within a seed, its"
                " mean and the mean's 90 % bootstrap interval; 0: no seed differs",
            ),
        )

    def _metrics(self, runs: Runs, compared: Sequence[Comparison]) -> dict[str, float | None]:
        first = runs[self.variant[0].name]
        every = [found for one in runs.values() for found in one]

        def mean(name: str) -> float:
            return sum(getattr(found, name) for found in first) / len(first)

        def differ(name: str) -> float:
            """Runs whose seed has something else in the first variant."""
            return float(
                sum(
                    getattr(found, name) != getattr(first[k], name)
                    for one in runs.values()
                    for k, found in enumerate(one)
                )
            )

        debts = [c.measures["bad_debt_usd"] for c in compared if c.against == self.variant[0].name]
        means = [d.interval.mean for d in debts if d.interval is not None]
        return {
            "policy_runs": float(len(every)),
            "policy_bad_debt_usd": mean("bad_debt_usd"),
            "policy_insurance_usd": mean("insurance_usd"),
            "policy_adl_notional_usd": mean("adl_notional_usd"),
            "policy_adl_haircut_usd": mean("adl_haircut_usd"),
            "policy_socialised_usd": mean("socialised_usd"),
            "policy_bad_debt_least_usd": min(means, default=None),
            "policy_bad_debt_most_usd": max(means, default=None),
            "policy_bad_debt_clear": float(sum(d.clear for d in debts)),
            "policy_deficit_breaks": float(sum(found.deficit_breaks for found in every)),
            "policy_violations": float(sum(found.violations for found in every)),
            "policy_path_breaks": differ("path"),
            "policy_start_breaks": differ("start"),
        }
