"""The study ``capital-silos``: what separate wallets cost in capital, and what they keep apart.

The same books under four margin modes, each account with the capital that its mode asks for (and,
as a second view, every party with the same total), through the same shocks.  The parts:
`silos_venue` (products), `silos_books` (who holds what), `silos_desk` (opening, capital),
`silos_shock` (prices, events, depth), `silos_measure` (harm), `silos_curve` (picture).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from scenarios.errors import choose
from scenarios.studies.base import Findings, Progress, Study
from scenarios.studies.silos_books import Group, Population, gross_usd, parties_of
from scenarios.studies.silos_curve import Point, curve
from scenarios.studies.silos_desk import Desk
from scenarios.studies.silos_intervals import Bootstrap
from scenarios.studies.silos_measure import measure
from scenarios.studies.silos_shock import Market, Shock, strike
from scenarios.studies.silos_venue import COINS, Terms, Venue
from scenarios.studies.workers import side_by_side
from sim.exchange.policies import MarginMode

if TYPE_CHECKING:
    import polars as pl

MODES: tuple[MarginMode, ...] = ("unified", "portfolio", "segregated", "isolated")
VIEWS = ("own", "equal")
TOLERANCE_MICRO = 5  # float64 requirements rounded to micro-USDC
Row = dict[str, Any]


class CapitalSilos(Study):
    """Products, parties, how prices fall, and the shocks."""

    study: Literal["capital-silos"]
    seeds: Annotated[int, Field(ge=1, le=1000)] = 8
    workers: Annotated[int, Field(ge=1, le=64)] = 2  # processes; the result does not depend on it
    reference: str  # the shock that the metrics are about
    spot_credit: bool = True  # coins may be bought with USDC that the wallet owes
    terms: Terms = Terms()
    population: Population = Population()
    market: Market = Market()
    shock: Annotated[tuple[Shock, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = [s.name for s in self.shock]
        for s in self.shock:
            if names.count(s.name) > 1:
                raise ValueError(f"shock {s.name!r} is declared twice")
            for coin in s.drop:
                if coin not in COINS:
                    raise ValueError(
                        f"shock {s.name!r}: unknown coin {coin!r}{choose(coin, COINS)}"
                    )
            if s.event not in ("", "ACT", "LAUNCH"):
                raise ValueError(
                    f"shock {s.name!r}: event {s.event!r} moves no price"
                    f"{choose(s.event, ('ACT', 'LAUNCH'))}"
                )
        if self.reference not in names:
            raise ValueError(
                f"reference: unknown shock {self.reference!r}{choose(self.reference, names)}"
            )
        return self

    def scaled(self, scale: float) -> Self:
        """More or fewer parties; their sizes stay."""
        grown: dict[str, Any] = {
            name: Group(parties=max(2, round(g.parties * scale)), usd=g.usd * scale)
            for name, g in self.population.groups().items()
        }
        grown["makers"] = max(2, round(self.population.makers * scale))
        return self.model_copy(update={"population": self.population.model_copy(update=grown)})

    def run(self, progress: Progress | None = None) -> Findings:
        import polars as pl

        seeds = [self.seed + k for k in range(self.seeds)]
        found: list[tuple[list[Row], list[Row]]] = []
        for rows in self._every(seeds):
            found.append(rows)
            if progress is not None:
                progress(len(found) / len(seeds), f"{len(found)} of {len(seeds)} seeds")
        runs = pl.DataFrame([row for one, _ in found for row in one])
        needs = pl.DataFrame([row for _, one in found for row in one])
        points = self._points(runs, needs)
        tables = {"curve": _short([p for p in points if p.view == "own"])}
        tables |= {view: _table([p for p in points if p.view == view]) for view in VIEWS}
        tables["capital"] = _capital(needs)
        tables["archetypes"] = self._archetypes(runs)
        tables["runs"] = runs
        tables["needs"] = needs
        own = [p for p in points if p.view == "own"]
        falls = [s.name for s in self.shock if s.size and not s.event]
        events = [s.name for s in self.shock if s.event]
        return Findings(
            metrics=self._metrics(runs, needs, points),
            tables=tables,
            pictures={"capital-silos": lambda: curve(own, falls, events)},
            main="curve",
            notes=(
                f"means over {len(seeds)} seeds, low and high the bounds of a 90 % bootstrap"
                " interval; bp of the notional of all books",
                "tables curve and own: every wallet has the capital its mode asks for; equal: every"
                " party has the same total under each mode",
            ),
        )

    def _every(self, seeds: list[int]) -> Iterator[tuple[list[Row], list[Row]]]:
        """What each seed gives, in order."""
        workers = min(self.workers, len(seeds), os.cpu_count() or 1)
        if workers < 2:
            for seed in seeds:
                yield one_seed(self, seed)
            return
        yield from side_by_side(partial(one_seed, self), seeds, workers)

    # what it comes to ---------------------------------------------------------------------
    def _points(self, runs: pl.DataFrame, needs: pl.DataFrame) -> list[Point]:
        """One a view, shock and mode."""
        import polars as pl

        boot = Bootstrap(self.seeds, self.seed)
        parties = sum(g.parties for g in self.population.groups().values())
        parties += self.population.makers
        points = []
        for (view, shock, mode), part in runs.group_by(
            ["view", "shock", "mode"], maintain_order=True
        ):
            gross = part["gross_usd"]
            part = part.with_columns(
                bps=pl.col("bad_debt_usd") / gross * 1e4,
                capital=pl.col("capital_usd") / gross,
                outsiders=(pl.col("bystanders_usd") + pl.col("lenders_usd")) / gross * 1e4,
                apart=pl.col("untouched_usd") / gross * 1e4,
                hurt=pl.col("lost_hedged") / pl.col("hedged").clip(1),
                gone=pl.col("lost") / parties,
                closed=pl.col("liquidated_usd") / gross * 1e4,
            )
            forced = math.fsum(part["liquidated_usd"])
            points.append(
                Point(
                    view=str(view),
                    shock=str(shock),
                    mode=str(mode),
                    capital=boot.of(part["capital"].to_list()),
                    bad_debt=boot.of(part["bps"].to_list()),
                    outsiders=boot.of(part["outsiders"].to_list()),
                    untouched=boot.of(part["apart"].to_list()),
                    liquidated=boot.of(part["closed"].to_list()),
                    lost=boot.of(part["gone"].to_list()),
                    lost_hedged=boot.of(part["hurt"].to_list()),
                    untouched_share=math.fsum(part["untouched_usd"]) / forced if forced else None,
                )
            )
        names = [*VIEWS, *(s.name for s in self.shock), *MODES]
        return sorted(points, key=lambda p: [names.index(x) for x in (p.view, p.shock, p.mode)])

    def _metrics(
        self, runs: pl.DataFrame, needs: pl.DataFrame, points: list[Point]
    ) -> dict[str, float | None]:
        import polars as pl

        at = {(p.view, p.shock, p.mode): p for p in points}
        flat = [s.name for s in self.shock if not s.size and not s.event]
        still = runs.filter(pl.col("shock").is_in(flat))
        metrics: dict[str, float | None] = {
            "silos_gross_usd": math.fsum(runs["gross_usd"]) / len(runs),
            "silos_flat_harm_usd": (
                math.fsum(still["bad_debt_usd"]) + math.fsum(still["liquidated_usd"])
                if flat
                else None
            ),
            "silos_order_breaks": _order_breaks(needs),
            "silos_monotone_breaks": self._monotone_breaks(at),
            "silos_violations": float(runs["violations"].sum()),
            "silos_cut_off": float((~runs["quiet"]).sum()),
        }
        for mode in MODES:
            point = at["own", self.reference, mode]
            metrics[f"silos_capital_{mode}"] = point.capital.mean
            metrics[f"silos_bad_debt_{mode}_bps"] = point.bad_debt.mean
            metrics[f"silos_outsiders_{mode}_bps"] = point.outsiders.mean
            metrics[f"silos_untouched_{mode}"] = point.untouched_share
            metrics[f"silos_lost_hedged_{mode}"] = point.lost_hedged.mean
            metrics[f"silos_equal_bad_debt_{mode}_bps"] = at[
                "equal", self.reference, mode
            ].bad_debt.mean
        return metrics

    def _archetypes(self, runs: pl.DataFrame) -> pl.DataFrame:
        """Share of the parties of each archetype that are lost, the mean over seeds; view own."""
        import polars as pl

        parties = {name: g.parties for name, g in self.population.groups().items()}
        parties["maker"] = self.population.makers
        return (
            runs.filter(pl.col("view") == "own")
            .group_by(["shock", "mode"], maintain_order=True)
            .agg(
                (pl.col(f"lost_{name}").mean() / n).alias(f"{name}_share")
                for name, n in parties.items()
            )
        )

    def _monotone_breaks(self, at: dict[tuple[str, str, str], Point]) -> float:
        """Pairs of neighbouring pure price shocks of which the larger has less mean bad debt."""
        falls = sorted((s.size, s.name) for s in self.shock if not s.event)
        count = 0
        for view in VIEWS:
            for mode in MODES:
                debts = [at[view, name, mode].bad_debt.mean for _, name in falls]
                count += sum(b < a for a, b in pairwise(debts))
        return float(count)


def one_seed(study: CapitalSilos, seed: int) -> tuple[list[Row], list[Row]]:
    """Rows of the tables ``runs`` and ``needs`` for one seed: every mode, view and shock."""
    venue = Venue(study.terms)
    parties = parties_of(venue, study.population, seed)
    gross = math.fsum(gross_usd(venue, p.book) for p in parties)
    fund = study.market.insurance_ratio * gross
    desks = {mode: Desk(venue, parties, mode, fund, study.spot_credit) for mode in MODES}
    own = {mode: desk.own_capital() for mode, desk in desks.items()}
    totals = np.max([capital.sum(axis=1) for capital in own.values()], axis=0)
    runs, needs = [], []
    for mode, desk in desks.items():
        for party, need in zip(desk.parties, desk.need.sum(axis=1).tolist(), strict=True):
            needs.append(
                {
                    "seed": seed,
                    "mode": mode,
                    "archetype": party.archetype,
                    "gross_usd": gross_usd(venue, party.book),
                    "need_usd": need / 1e6,
                    "capital_usd": math.ceil(need * party.buffer) / 1e6,
                }
            )
        for view in VIEWS:
            capital = own[mode] if view == "own" else desk.spread(totals)
            funded = desk.fund(capital)
            for shock in study.shock:
                desk.exchange.restore(funded)
                outcome = strike(desk, shock, study.market, seed)
                harm, lost = measure(desk, shock, outcome)
                kinds = np.array([p.archetype for p in parties])
                runs.append(
                    {
                        "seed": seed,
                        "view": view,
                        "shock": shock.name,
                        "mode": mode,
                        "gross_usd": gross,
                        "capital_usd": int(capital.sum()) / 1e6,
                        **asdict(harm),
                        "violations": sum(desk.exchange.verify().values()),
                        **{
                            f"lost_{name}": int(lost[kinds == name].sum())
                            for name in dict.fromkeys(kinds.tolist())
                        },
                    }
                )
    return runs, needs


def _order_breaks(needs: pl.DataFrame) -> float:
    """Parties and seeds for which unified ≤ segregated ≤ isolated does not hold."""
    by_mode = {
        mode: part["need_usd"].to_list()
        for (mode,), part in needs.group_by(["mode"], maintain_order=True)
    }
    least = TOLERANCE_MICRO / 1e6
    return float(
        sum(
            u > s + least or s > i + least
            for u, s, i in zip(
                by_mode["unified"], by_mode["segregated"], by_mode["isolated"], strict=True
            )
        )
    )


def _capital(needs: pl.DataFrame) -> pl.DataFrame:
    """Capital by archetype and mode, the mean over seeds, and what it is of the notional."""
    import polars as pl

    seeds = needs["seed"].n_unique()
    by = needs.group_by(["archetype", "mode"], maintain_order=True).agg(
        pl.col("gross_usd").sum() / seeds, pl.col("capital_usd").sum() / seeds
    )
    total = by.group_by("mode", maintain_order=True).agg(
        pl.lit("all").alias("archetype"), pl.col("gross_usd").sum(), pl.col("capital_usd").sum()
    )
    by = pl.concat([by, total.select(by.columns)])
    wide = by.pivot(on="mode", index=["archetype", "gross_usd"], values="capital_usd")
    return wide.rename({mode: f"{mode}_usd" for mode in MODES})


def _short(points: list[Point]) -> pl.DataFrame:
    """What fits a terminal."""
    import polars as pl

    return pl.DataFrame(
        [
            {
                "shock": p.shock,
                "mode": p.mode,
                "capital_share": p.capital.mean,
                "debt_bps": p.bad_debt.mean,
                "low_bps": p.bad_debt.low,
                "high_bps": p.bad_debt.high,
                "apart_bps": p.untouched.mean,
                "outsiders_bps": p.outsiders.mean,
                "lost_share": p.lost.mean,
                "hedged_share": p.lost_hedged.mean,
            }
            for p in points
        ]
    )


def _table(points: list[Point]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        [
            {
                "shock": p.shock,
                "mode": p.mode,
                "capital_share": p.capital.mean,
                "bad_debt_bps": p.bad_debt.mean,
                "bad_debt_low_bps": p.bad_debt.low,
                "bad_debt_high_bps": p.bad_debt.high,
                "liquidated_bps": p.liquidated.mean,
                "untouched_bps": p.untouched.mean,
                "untouched_low_bps": p.untouched.low,
                "untouched_high_bps": p.untouched.high,
                "outsiders_bps": p.outsiders.mean,
                "outsiders_low_bps": p.outsiders.low,
                "outsiders_high_bps": p.outsiders.high,
                "lost_share": p.lost.mean,
                "lost_hedged_share": p.lost_hedged.mean,
                "lost_hedged_low_share": p.lost_hedged.low,
                "lost_hedged_high_share": p.lost_hedged.high,
            }
            for p in points
        ]
    )
