"""The study ``loop-ladder``: how much of a ladder of leveraged loops a falling collateral breaks.

Before feedback: whose debt is liquidatable at a price.  With feedback: what is left when the
seized collateral is sold (`scenarios.studies.loop_cascade`), by shock and liquidation policy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator

from scenarios.part import Positive
from scenarios.studies import pictures
from scenarios.studies.base import Findings, Progress, Study
from scenarios.studies.loop_cascade import (
    POLICIES,
    Liquidation,
    Market,
    Outcome,
    Policy,
    cascade,
)
from scenarios.studies.loops import Ladder, Loops, loops_of

if TYPE_CHECKING:
    import polars as pl

Shock = Annotated[float, Field(ge=0, lt=100, allow_inf_nan=False)]  # % of the price
HEADLINE = (2, 4, 6, 8)  # %, the shocks before feedback that are metrics
SHOWN = (
    "shock_pct", "policy", "before_feedback_share", "final_price_pct", "touched_share",
    "repaid_share", "bad_debt_eth", "rounds", "loops", "branching",
)  # fmt: skip
KEPT = {"partial": "close factor", "target": "back to a target", "full": "everything at once"}


class LoopLadder(Study):
    """Loops, shocks, liquidation and the market for what is seized."""

    needs_exchange: ClassVar[bool] = False

    study: Literal["loop-ladder"]
    ladder: Ladder = Ladder()
    liquidation: Liquidation = Liquidation()
    market: Market = Market()
    policies: Annotated[tuple[Policy, ...], Field(min_length=1)] = POLICIES
    shock_pct: Annotated[tuple[Shock, ...], Field(min_length=1)] = (2, 4, 6, 8, 10, 15, 20)
    headline_shock_pct: Shock = 8.0  # of the metrics with feedback
    depth_ratios: tuple[Positive, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the second table

    @field_validator("policies", "shock_pct", "depth_ratios")
    @classmethod
    def _once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        for value in values:
            if values.count(value) > 1:
                raise ValueError(f"{value} is listed twice")
        return values

    def located(self) -> Self:
        ladder = self.ladder.located(self.origin, "ladder.path")
        return self.model_copy(update={"ladder": ladder})

    def scaled(self, scale: float) -> Self:
        """More drawn loops and, in proportion, a deeper market; loops of a file are given."""
        if self.ladder.path:
            return super().scaled(scale)
        loops = max(1, round(self.ladder.loops * scale))
        depth = self.market.depth_1pct * scale
        return self.model_copy(
            update={
                "ladder": self.ladder.model_copy(update={"loops": loops}),
                "market": self.market.model_copy(update={"depth_1pct": depth}),
            }
        )

    def run(self, progress: Progress | None = None) -> Findings:
        import polars as pl

        loops = loops_of(self.ladder, self.seed)
        rows = []
        for k, shock in enumerate(self.shock_pct):
            rows += [self._row(loops, shock, policy, self.market) for policy in self.policies]
            if progress is not None:
                progress((k + 1) / len(self.shock_pct), f"-{shock:g} %")
        by_depth = [
            {"depth_ratio": ratio, **self._row(loops, self.headline_shock_pct, policy, market)}
            for ratio in self.depth_ratios
            for market in [self._deeper(ratio)]
            for policy in self.policies
        ]
        drops = sorted({*HEADLINE, *range(31), *self.shock_pct})
        ladder = [{"drop_pct": float(d), **before(loops, d)} for d in drops]
        tables = {
            "shocks": pl.DataFrame(rows),
            "ladder": pl.DataFrame(ladder),
            "depths": pl.DataFrame(by_depth) if by_depth else pl.DataFrame({"depth_ratio": []}),
        }
        source = f"{self.ladder.path}" if self.ladder.path else f"drawn from seed {self.seed}"
        total = math.fsum(loops.debt)
        return Findings(
            metrics=self._metrics(loops),
            tables=tables,
            pictures={
                "ladder": lambda: drawn_ladder(tables["ladder"]),
                "further-fall": lambda: drawn_prices(tables["shocks"]),
            },
            columns=SHOWN,
            notes=(f"{len(loops):,} loops owing {total:,.0f} ETH: {source}",),
        )

    def _deeper(self, ratio: float) -> Market:
        return self.market.model_copy(update={"depth_1pct": self.market.depth_1pct * ratio})

    def _row(self, loops: Loops, shock: float, policy: Policy, market: Market) -> dict[str, Any]:
        """One row of the tables with feedback."""
        total = math.fsum(loops.debt)
        found = cascade(loops, shock / 100, policy, self.liquidation, market)
        return {
            "shock_pct": float(shock),
            "policy": policy,
            "before_feedback_share": before(loops, shock)["liquidatable_share"],
            "final_price_pct": 100 * found.price,
            "lowest_price_pct": 100 * found.low,
            "touched_share": found.touched / total,
            "repaid_share": found.repaid / total,
            "bad_debt_eth": found.bad_debt,
            "rounds": found.rounds,
            "loops": found.loops,
            "branching": found.branching,
            "sold_steth": found.sold,
            "liquidators_eth": found.liquidators,
            "complete": found.complete,
        }

    def _metrics(self, loops: Loops) -> dict[str, float | None]:
        metrics: dict[str, float | None] = {
            f"liquidatable_share_{d}pct": 100 * before(loops, d)["liquidatable_share"]
            for d in HEADLINE
        }
        total = math.fsum(loops.debt)
        for policy in POLICIES:
            found: Outcome | None = None
            if policy in self.policies:
                shock = self.headline_shock_pct / 100
                found = cascade(loops, shock, policy, self.liquidation, self.market)
            metrics[f"loop_price_{policy}_pct"] = 100 * found.price if found else None
            metrics[f"loop_liquidated_{policy}_pct"] = (
                100 * found.touched / total if found else None
            )
            metrics[f"loop_bad_debt_{policy}_eth"] = found.bad_debt if found else None
            metrics[f"loop_branching_{policy}"] = found.branching if found else None
        return metrics


def before(loops: Loops, drop_pct: float) -> dict[str, float]:
    """Debt and loops that are liquidatable at a fall of the collateral, before anything is sold."""
    weak = loops.health(1 - drop_pct / 100) < 1
    debt = math.fsum(loops.debt[weak])
    return {
        "liquidatable_share": debt / math.fsum(loops.debt),
        "debt_eth": debt,
        "loops": int(weak.sum()),
    }


def drawn_ladder(table: pl.DataFrame) -> str:
    """Liquidatable debt against the fall."""
    points = [(r["drop_pct"], 100 * r["liquidatable_share"]) for r in table.iter_rows(named=True)]
    return pictures.lines(
        "Debt that can be liquidated before anything is sold",
        "fall of the collateral, %",
        "% of all debt",
        {"liquidatable": points},
    )


def drawn_prices(table: pl.DataFrame) -> str:
    """What liquidations add to the fall against the shock, a line a policy."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in table.iter_rows(named=True):
        name = f"{row['policy']}: {KEPT[row['policy']]}"
        further = 100 - row["shock_pct"] - row["final_price_pct"]
        lines.setdefault(name, []).append((row["shock_pct"], further))
    return pictures.lines(
        "How much further liquidations carry the fall",
        "shock, %",
        "% of the price before the shock",
        lines,
    )
