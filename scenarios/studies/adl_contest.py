"""The study ``adl-contest``: policies of auto-deleveraging on the same waves and the same ends.

Waves come from a file (`scenarios.studies.adl_waves`), their counterparties from a seed
(`scenarios.studies.adl_winners`); the exchange itself does the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, field_validator

from scenarios.studies import pictures
from scenarios.studies.adl_arena import Arena
from scenarios.studies.adl_endstates import EndStates, end_state, shocked
from scenarios.studies.adl_measure import Tally, before, tally
from scenarios.studies.adl_waves import AUTHOR, Wave, Waves, read
from scenarios.studies.adl_winners import Population, coins_of, population
from scenarios.studies.base import Findings, Progress, Study
from sim.exchange.policies import ADL, AdlPolicy
from sim.exchange.rules import Rules

if TYPE_CHECKING:
    import polars as pl

REPORTED: tuple[AdlPolicy, ...] = ("hyperliquid", "pro_rata", "integer_pro_rata", "risk_weighted")
SHOWN = (
    "wave", "policy", "needed_usd", "taken_usd", "overshoot", "x_over_u_max", "x_over_u_gini",
    "closed_usd", "hedges_broken_share", "haircut_usd",
)  # fmt: skip
Row = dict[str, Any]


class AdlContest(Study):
    """Policies, waves, who stands on their other side, and the ends of a market's runs."""

    study: Literal["adl-contest"]
    policies: Annotated[tuple[AdlPolicy, ...], Field(min_length=1)] = ADL  # type: ignore[assignment]
    waves: Waves = Waves()
    population: Population = Population()
    end_states: EndStates = EndStates()

    @field_validator("policies")
    @classmethod
    def _once(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if values.count(value) > 1:
                raise ValueError(f"{value} is listed twice")
        return values

    def located(self) -> Self:
        return self.model_copy(update={"waves": self.waves.located(self.origin, "waves.path")})

    def scaled(self, scale: float) -> Self:
        """More winners and bystanders of each coin, and a larger market at the end."""
        grown = self.population.model_copy(
            update={
                "winners": max(1, round(self.population.winners * scale)),
                "bystanders": max(1, round(self.population.bystanders * scale)),
            }
        )
        ends = self.end_states.model_copy(update={"scale": self.end_states.scale * scale})
        return self.model_copy(update={"population": grown, "end_states": ends})

    def run(self, progress: Progress | None = None) -> Findings:
        import polars as pl

        waves = sorted(read(self.waves), key=lambda w: w.number in self.waves.apart)
        steps = len(waves) + len(self.end_states.seeds)
        tallies: dict[tuple[int, AdlPolicy], Tally] = {}
        populations, contest = [], []
        for done, wave in enumerate(waves):
            if progress is not None:
                progress(done / steps, f"wave {wave.number}")
            coins = coins_of(wave, self.population)
            shorts = population(wave, coins, self.population, self.seed)
            state = None
            for policy in self.policies:
                arena = Arena(
                    wave, coins, shorts, self.population, Rules(adl=policy, backstop=False)
                )
                if state is None:
                    state = before(arena.exchange)
                    populations.append(_population_row(wave, state, len(coins), len(shorts)))
                found = tallies[wave.number, policy] = tally(state, arena.tick())
                contest.append({**self._wave(wave), **_row(policy, found)})
            contest += [{**self._wave(wave), **row} for row in _author(wave)]
        ends: dict[tuple[int, AdlPolicy], Tally] = {}
        for done, seed in enumerate(self.end_states.seeds):
            if progress is not None:
                progress((len(waves) + done) / steps, f"{self.end_states.scenario}, seed {seed}")
            x = end_state(self.end_states, seed)
            for policy in self.policies:
                ends[seed, policy] = shocked(x, self.end_states, policy)
        tables = {
            "waves": _frame(contest, {"wave": pl.Int64, "apart": pl.Boolean}),
            "beside": pl.DataFrame([self._beside(w, tallies) for w in waves]),
            "population": pl.DataFrame(populations),
            "ends": _frame(
                [{"seed": s, **_row(p, t)} for (s, p), t in ends.items()], {"seed": pl.Int64}
            ),
        }
        whole = [w.number for w in waves if w.whole]
        notes = [f"waves: {self.waves.path}", f"gaps by coin: {self.waves.gaps_path}"]
        if whole:
            listed = ", ".join(map(str, whole))
            notes.append(
                f"no gaps by coin for waves {listed}: each is one coin with all that was needed"
            )
        return Findings(
            metrics=self._metrics(waves, tallies, ends),
            tables=tables,
            pictures={
                name: _picture(tables["waves"], name, *words) for name, words in DRAWN.items()
            },
            main="waves",
            also=("ends",),
            columns=SHOWN,
            notes=tuple(notes),
        )

    def _wave(self, wave: Wave) -> Row:
        return {"wave": wave.number, "apart": wave.number in self.waves.apart}

    def _beside(self, wave: Wave, tallies: Mapping[tuple[int, AdlPolicy], Tally]) -> Row:
        """Overshoot of our policies and of the author's columns, by the names these have in the file."""
        row: Row = {**self._wave(wave), "needed_usd": wave.needed, "capacity_usd": wave.capacity}
        row |= {f"{p}_overshoot": tallies[wave.number, p].overshoot for p in self.policies}
        said = {r["policy"]: r["overshoot"] for r in _author(wave)}
        return row | {f"{column}_overshoot": said.get(label) for label, column in AUTHOR.items()}

    def _metrics(
        self,
        waves: Sequence[Wave],
        tallies: Mapping[tuple[int, AdlPolicy], Tally],
        ends: Mapping[tuple[int, AdlPolicy], Tally],
    ) -> dict[str, float | None]:
        metrics: dict[str, float | None] = {
            "adl_waves": float(len(waves)),
            "adl_needed_usd": sum(wave.needed for wave in waves),
        }
        for policy in REPORTED:
            every = [t for (_, p), t in tallies.items() if p == policy]
            odd = [tallies[n, policy] for n in self.waves.apart if (n, policy) in tallies]
            usual = [t for t in every if t not in odd]
            ended = [t for (_, p), t in ends.items() if p == policy]
            needed = sum(t.needed for t in ended)
            shoot = _there(t.overshoot for t in every)
            metrics[f"adl_coverage_min_{policy}"] = min(shoot, default=None)
            metrics[f"adl_overshoot_max_{policy}"] = max(shoot, default=None)
            metrics[f"adl_x_over_u_max_{policy}"] = max(
                _there(t.x_over_u for t in usual), default=None
            )
            ginis = _there(t.gini for t in usual)
            metrics[f"adl_gini_{policy}"] = sum(ginis) / len(ginis) if ginis else None
            metrics[f"adl_hedges_broken_{policy}"] = _share(usual)
            metrics[f"adl_overshoot_apart_{policy}"] = max(
                _there(t.overshoot for t in odd), default=None
            )
            metrics[f"adl_x_over_u_apart_{policy}"] = max(
                _there(t.x_over_u for t in odd), default=None
            )
            metrics[f"adl_end_taken_{policy}"] = (
                sum(t.taken for t in ended) / needed if needed else None
            )
            metrics[f"adl_end_hedges_broken_{policy}"] = _share(ended)
        return metrics


def _row(policy: str, t: Tally) -> Row:
    return {
        "policy": policy,
        "bankrupts": t.bankrupts,
        "needed_usd": t.needed,
        "taken_usd": t.taken,
        "overshoot": t.overshoot,
        "x_over_u_max": t.x_over_u,
        "x_over_u_gini": t.gini,
        "beyond_profit_usd": t.beyond,
        "closed_usd": t.closed,
        "closed_profit_usd": t.realised,
        "hedges": t.hedges,
        "hedges_broken_share": t.broken_share,
        "haircut_usd": t.socialised,
    }


def _author(wave: Wave) -> list[Row]:
    """The author's columns as rows of the same table; only what they say is filled in."""
    return [
        {"policy": label, "needed_usd": wave.needed, "taken_usd": x, "overshoot": x / wave.needed}
        for label, x in wave.taken.items()
    ]


def _population_row(wave: Wave, state: Any, coins: int, shorts: int) -> Row:
    """What was built, against what the file says."""
    profit = float(state.profit[coins : coins + shorts].sum()) / 1e6
    return {
        "wave": wave.number,
        "coins": coins,
        "accounts": shorts,
        "in_profit": int((state.profit > 0).any(axis=1).sum()),
        "capacity_usd": wave.capacity,
        "profit_usd": profit,
        "largest_share": float(state.profit.max()) / 1e6 / profit if profit else None,
        "gaps_usd": sum(wave.gaps.values()),
        "needed_usd": wave.needed,
    }


def _frame(rows: list[Row], first: dict[str, Any]) -> pl.DataFrame:
    """Rows with the columns of `_row`; what a row does not have is null."""
    import polars as pl

    whole = dict.fromkeys(("bankrupts", "hedges"), pl.Int64)
    kinds = {name: whole.get(name, pl.Float64) for name in _row("", NOTHING)}
    schema = {**first, **kinds, "policy": pl.String}
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


NOTHING = Tally(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, None, None, 0, 0)


def _there(values: Iterable[float | None]) -> list[float]:
    return [v for v in values if v is not None]


def _share(tallies: Sequence[Tally]) -> float | None:
    hedges = sum(t.hedges for t in tallies)
    return sum(t.broken for t in tallies) / hedges if hedges else None


def _picture(table: pl.DataFrame, column: str, title: str, label: str) -> str:
    """A group of bars a wave, a bar a policy that has this column; shares in per cent."""
    waves = list(dict.fromkeys(table["wave"].to_list()))
    times = 100 if column.endswith("_share") else 1
    found: dict[str, list[float | None]] = {}
    for row in table.iter_rows(named=True):
        if row[column] is not None:
            values = found.setdefault(row["policy"], [None] * len(waves))
            values[waves.index(row["wave"])] = times * row[column]
    return pictures.bars(title, label, [f"wave {n}" for n in waves], found)


DRAWN = {
    "overshoot": ("Profit taken from winners over what was needed", "ratio; 1 covers it exactly"),
    "x_over_u_gini": (
        "How unequally winners pay: Gini of x/u",
        "0: each the same part of its profit",
    ),
    "hedges_broken_share": ("Hedges broken", "% of the hedged legs opposite to a bankrupt"),
}
