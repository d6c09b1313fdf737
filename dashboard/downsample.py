"""Fewer points for a line, with every extreme kept."""

from __future__ import annotations

import polars as pl

POINTS = 2000  # at most, per line


def min_max(frame: pl.DataFrame, value: str = "value", points: int = POINTS) -> pl.DataFrame:
    """Rows of `frame` (ordered in time) that draw the same line in at most `points` points.

    The rows are cut into equal buckets; of each the lowest and the highest row are kept, in
    order, and one row without a value if there is any, so that gaps stay gaps.  The first and
    the last row are kept.  Running time O(n).
    """
    if frame.height <= points:
        return frame
    buckets = max(1, (points - 2) // 3)
    rows = frame.with_row_index("_row").with_columns(
        (pl.col("_row").cast(pl.Int64) * buckets // frame.height).alias("_bucket")
    )
    filled = pl.col(value).is_not_null()
    kept = rows.group_by("_bucket").agg(
        pl.col("_row").filter(filled).get(pl.col(value).filter(filled).arg_min(), null_on_oob=True),
        pl.col("_row")
        .filter(filled)
        .get(pl.col(value).filter(filled).arg_max(), null_on_oob=True)
        .alias("_high"),
        pl.col("_row").filter(~filled).first().alias("_gap"),
    )
    ends = pl.Series([0, frame.height - 1], dtype=pl.UInt32)
    index = pl.concat([kept["_row"], kept["_high"], kept["_gap"], ends]).drop_nulls()
    return frame[index.unique().sort().to_list()]
