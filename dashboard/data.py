"""What the screens read from a run: Parquet by lazy scans, units put right, downsampled.

Every function takes a `Run` and gives a small frame; times are naive datetimes in UTC, prices
and amounts USD.  A file that is missing raises `RunError`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from dashboard.downsample import POINTS, min_max
from dashboard.runs import Run, RunError
from dashboard.units import moment

ACCOUNT_ROWS = 5000  # at most, in the browser
STAGES = ("book_usd", "backstop_usd", "adl_usd")
PAID = ("insurance_usd_paid", "socialised_usd")
TIME = pl.from_epoch(pl.col("time_us"), time_unit="us").alias("time")
LINE: dict[str, Any] = {"line": pl.String, "time": pl.Datetime("us"), "value": pl.Float64}


def scan(run: Run, name: str) -> pl.LazyFrame:
    """A lazy scan of one file, or of `events/*.parquet`."""
    path = run.path / name
    there = any(path.parent.glob(path.name)) if "*" in name else path.is_file()
    if not there:
        raise RunError(f"Run {run.id} has no {name}: it was recorded without it, or deleted.")
    return pl.scan_parquet(path)


def has(run: Run, name: str) -> bool:
    """Whether the run has that file."""
    return Path(run.path / name).is_file()


def lines(run: Run, instrument: int, names: tuple[str, ...], points: int = POINTS) -> pl.DataFrame:
    """Prices of one instrument in USD, long: `line, time, value`; null where there was none."""
    tick = run.units[instrument].tick_usd
    frame = (
        scan(run, "series.parquet")
        .filter(pl.col("instrument") == instrument)
        .sort("time_us")
        .select(
            TIME,
            *(pl.when(pl.col(n) >= 0).then(pl.col(n) * tick).alias(n) for n in names),
        )
        .collect()
    )
    parts = [
        min_max(frame.select("time", pl.col(n).alias("value")), points=points).select(
            pl.lit(n).alias("line"), "time", pl.col("value").cast(pl.Float64)
        )
        for n in names
        if frame[n].null_count() < frame.height
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=LINE)


def at(run: Run, instrument: int, time_us: int) -> dict[str, float | None]:
    """The last row of one instrument at or before a moment, in USD; depth and size in units."""
    unit = run.units[instrument]
    frame = (
        scan(run, "series.parquet")
        .filter((pl.col("instrument") == instrument) & (pl.col("time_us") <= time_us))
        .sort("time_us")
        .tail(1)
        .collect()
    )
    if frame.is_empty():
        return {}
    row = frame.row(0, named=True)
    scale = dict.fromkeys(("index", "mark", "bid", "ask", "last", "truth"), unit.tick_usd)
    scale["oi"] = unit.lot
    return {n: row[n] * s if row[n] >= 0 else None for n, s in scale.items() if n in row}


def funds(run: Run) -> pl.DataFrame:
    """The whole of `funds.parquet` by time, with `time` instead of `time_us`."""
    return scan(run, "funds.parquet").sort("time_us").with_columns(TIME).collect()


def fund_lines(run: Run, points: int = POINTS) -> pl.DataFrame:
    """Insurance fund and what was paid so far, USD, long: `line, time, value`."""
    frame = funds(run)
    return pl.concat(
        min_max(
            frame.select("time", pl.col(n).cast(pl.Float64).alias("value")), points=points
        ).select(pl.lit(n).alias("line"), "time", "value")
        for n in ("insurance_usd", *PAID)
    )


def accounts(run: Run, rows: int = ACCOUNT_ROWS) -> pl.DataFrame:
    """Accounts by loss, the largest first, at most `rows`; `flagged` as a time or null."""
    return (
        scan(run, "accounts.parquet")
        .sort("pnl_usd", "account")
        .head(rows)
        .with_columns(
            pl.when(pl.col("flagged_us") >= 0)
            .then(pl.from_epoch(pl.col("flagged_us"), time_unit="us"))
            .alias("flagged")
        )
        .collect()
    )


def account_count(run: Run) -> int:
    """How many accounts the run has."""
    return int(scan(run, "accounts.parquet").select(pl.len()).collect().item())


def metrics(run: Run) -> pl.DataFrame:
    """`name, value, unit`; empty when the run has none."""
    if not has(run, "metrics.parquet"):
        return pl.DataFrame(schema={"name": pl.String, "value": pl.Float64, "unit": pl.String})
    return scan(run, "metrics.parquet").collect()


def account_row(run: Run, account: int) -> dict[str, object] | None:
    """The account's row of `accounts.parquet`, None when there is no such account."""
    frame = scan(run, "accounts.parquet").filter(pl.col("account") == account).collect()
    return frame.row(0, named=True) if frame.height else None


def span(run: Run) -> tuple[datetime, datetime]:
    """Start and end of the run, for a time axis."""
    return moment(run.start_us), moment(run.end_us)
