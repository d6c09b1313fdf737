"""Paired differences between variants: within a seed, then the mean and its interval over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenarios.studies.policy_run import Measured
from scenarios.studies.silos_intervals import Bootstrap, Interval

if TYPE_CHECKING:
    import polars as pl

MONEY = ("bad_debt_usd", "insurance_usd", "adl_haircut_usd", "socialised_usd")
REST = ("lenders_usd", "open_usd", "liquidated_accounts")
CLOSED = ("adl_notional_usd", "adl_accounts")
MARKET = ("slippage_bps", "amplification", "cascade_r", "flagged_s")
FURTHER = ("liquidated_usd",)
GROUPS = {"money": MONEY, "rest": REST, "closed": CLOSED, "market": MARKET}
SHOWN = (*MONEY, *REST, *CLOSED, *MARKET)
MEASURES = (*SHOWN, *FURTHER)


@dataclass(frozen=True)
class Difference:
    """A variant less what it is compared with.

    ``pairs``: seeds in which both have a value; ``interval``: of the mean over these, None without
    any; ``lower``, ``higher``: in how many seeds the variant has less, and more.
    """

    pairs: int
    lower: int
    higher: int
    interval: Interval | None

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        found = self.interval
        return found is not None and (found.low > 0 or found.high < 0)


@dataclass(frozen=True)
class Comparison:
    """Differences of one variant by measure."""

    variant: str
    against: str
    measures: Mapping[str, Difference]


def compare(
    variant: str, against: str, ours: Sequence[Measured], theirs: Sequence[Measured], seed: int
) -> Comparison:
    """Runs of two variants in the same order of seeds; ``seed`` draws the resamples."""
    found = {}
    for name in MEASURES:
        both = [(getattr(a, name), getattr(b, name)) for a, b in zip(ours, theirs, strict=True)]
        found[name] = difference([(a, b) for a, b in both if None not in (a, b)], seed)
    return Comparison(variant, against, found)


def difference(
    pairs: Sequence[tuple[float, float]], seed: int, study: str = "policy-contest"
) -> Difference:
    """Of (ours, theirs) by seed; the same resamples for the same number of pairs."""
    gaps = [float(a - b) for a, b in pairs]
    interval = Bootstrap(len(gaps), seed, study).of(gaps) if gaps else None
    return Difference(len(gaps), sum(g < 0 for g in gaps), sum(g > 0 for g in gaps), interval)


def contest(runs: Mapping[str, Sequence[Measured]]) -> pl.DataFrame:
    """Mean of each measure by variant, over the seeds in which it exists."""
    import polars as pl

    rows = []
    for variant, found in runs.items():
        row: dict[str, Any] = {"variant": variant}
        for name in SHOWN:
            values = [v for one in found if (v := getattr(one, name)) is not None]
            row[name] = math.fsum(values) / len(values) if values else None
        rows.append(row)
    numbers = dict.fromkeys(SHOWN, pl.Float64)
    return pl.DataFrame(rows, schema={"variant": pl.String, **numbers})


def paired(compared: Sequence[Comparison]) -> pl.DataFrame:
    """A row a comparison and measure; its unit is the ending of the measure's name."""
    rows = [
        {
            "measure": name,
            "variant": c.variant,
            "against": c.against,
            "pairs": d.pairs,
            "lower": d.lower,
            "higher": d.higher,
            "difference": d.interval.mean if d.interval else None,
            "low": d.interval.low if d.interval else None,
            "high": d.interval.high if d.interval else None,
            "clear": d.clear,
        }
        for name in MEASURES
        for c in compared
        for d in (c.measures[name],)
    ]
    return frame(rows)


def frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a table; a column in which no row has a value is still a number's."""
    import polars as pl

    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col(pl.Null).cast(float))


def words(
    runs: Mapping[str, Sequence[Measured]], compared: Sequence[Comparison], group: str
) -> pl.DataFrame:
    """A group of measures as people read them: means of the first variant, then differences."""
    import polars as pl

    first = next(iter(runs))
    means = contest(runs).row(0, named=True)
    rows = [{"variant": first} | {name: _mean(means[name]) for name in GROUPS[group]}]
    for c in compared:
        label = c.variant if c.against == first else f"{c.variant} / {c.against}"
        rows.append({"variant": label} | {name: said(c.measures[name]) for name in GROUPS[group]})
    return pl.DataFrame(rows)


def _mean(value: float | None) -> str:
    return "—" if value is None else f"= {short(value)}"


def said(d: Difference) -> str:
    """Mean and interval; 0 where no seed differs, a dash where there is no pair."""
    if d.interval is None:
        return "—"
    if not d.lower and not d.higher:
        return "0"
    mean, low, high = (short(x) for x in (d.interval.mean, d.interval.low, d.interval.high))
    return f"{mean} ({low}, {high})"


def short(value: float) -> str:
    """Three digits, below 1 two and at most three places: ``-1.23k``, ``45.6``, ``0.012``."""
    size = abs(value)
    if size >= 1e3:
        return f"{value / 1e3:.{0 if size >= 1e5 else 1 if size >= 1e4 else 2}f}k"
    if size >= 1:
        return f"{value:.{0 if size >= 100 else 1 if size >= 10 else 2}f}"
    kept = round(value, 3)
    return f"{kept:.2g}" if kept else "0"
