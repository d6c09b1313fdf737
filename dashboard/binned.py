"""What is summed over time before it is shown: liquidations per interval, depth per column."""

from __future__ import annotations

import polars as pl

from dashboard.data import STAGES, TIME, funds, scan
from dashboard.runs import Run
from sim.exchange.instruments import MICRO
from sim.exchange.messages import DEPTH_EDGES_BPS

INTERVALS = 120  # bars over a run, at most
DEPTH_COLUMNS = 360  # at most


def interval_us(run: Run, intervals: int = INTERVALS) -> int:
    """A round interval that cuts the run into at most that many."""
    span = max(run.end_us - run.start_us, 1)
    nice = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    return next((s * MICRO for s in nice if span <= s * MICRO * intervals), 86_400 * MICRO)


def liquidations(run: Run, intervals: int = INTERVALS) -> pl.DataFrame:
    """Notional liquidated per interval by stage (USD) and accounts flagged at its end.

    Columns `time` (start of the interval), the `STAGES`, `flagged_accounts`; the interval's
    length is `interval_us`.
    """
    step = interval_us(run, intervals)
    # A row at an interval's edge counts to the interval that it ends.
    ends = funds(run).with_columns(((pl.col("time_us") - 1 - run.start_us) // step).alias("n"))
    last = ends.group_by("n").agg(pl.col(*STAGES, "flagged_accounts").last()).sort("n")
    count = int(last["n"].to_list()[-1]) + 1 if last.height else 0
    grid = pl.DataFrame({"n": range(count)}, schema={"n": pl.Int64})
    before = last.filter(pl.col("n") < 0).select(STAGES).tail(1)
    start = before.row(0) if before.height else (0.0,) * len(STAGES)
    filled = grid.join(last, on="n", how="left").sort("n").with_columns(pl.all().forward_fill())
    return filled.select(
        pl.from_epoch(pl.col("n") * step + run.start_us, time_unit="us").alias("time"),
        *(
            (pl.col(s).fill_null(b) - pl.col(s).fill_null(b).shift(1, fill_value=b)).alias(s)
            for s, b in zip(STAGES, start, strict=True)
        ),
        pl.col("flagged_accounts").fill_null(0),
    )


def depth(run: Run, instrument: int, columns: int = DEPTH_COLUMNS) -> pl.DataFrame:
    """Resting lots by distance from the mid: `time, side, bucket, lots, usd, usd_per_bp`.

    USD at the mark of the time.  Above `columns` moments, neighbours are averaged.
    """
    buckets = [f"b{n}" for n in range(len(DEPTH_EDGES_BPS))]
    edges = (0, *DEPTH_EDGES_BPS)
    widths = [edges[n + 1] - edges[n] for n in range(len(buckets))]
    marks = (
        scan(run, "series.parquet")
        .filter((pl.col("instrument") == instrument) & (pl.col("mark") > 0))
        .select("time_us", "mark")
        .sort("time_us")
    )
    rows = (
        scan(run, "book.parquet")
        .filter(pl.col("instrument") == instrument)
        .sort("time_us", "side")
        .join_asof(marks, on="time_us", strategy="nearest")
        .collect()
    )
    moments = rows["time_us"].unique().sort()
    group = -(-len(moments) // columns) if len(moments) else 1
    place = pl.DataFrame({"time_us": moments, "n": [i // group for i in range(len(moments))]})
    return (
        rows.join(place, on="time_us")
        .group_by("n", "side")
        .agg(pl.col("time_us").min(), pl.col(*buckets, "mark").mean())
        .unpivot(buckets, index=["time_us", "side", "mark"], value_name="lots")
        .with_columns(pl.col("variable").str.slice(1).cast(pl.Int64).alias("bucket"), TIME)
        .with_columns(
            (pl.col("lots") * pl.col("mark") * run.units[instrument].usd_per_tick_lot).alias("usd")
        )
        .with_columns(
            (pl.col("usd") / pl.col("bucket").replace_strict(range(len(widths)), widths)).alias(
                "usd_per_bp"
            )
        )
        .select("time", "side", "bucket", "lots", "usd", "usd_per_bp")
        .sort("time", "side", "bucket")
    )
