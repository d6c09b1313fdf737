"""The steps of every event's resolution, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.oracle.resolution_log import COLUMNS, Log

if TYPE_CHECKING:
    import polars as pl

FILE = "resolutions.parquet"
TEXTS = ("state", "actor", "text")


def frame(log: Log | None) -> pl.DataFrame:
    """``resolutions.parquet``: one row per step, in the order of time (docs/formats.md).

    int64 columns ``time_us, event, outcome, value, stake_for, stake_against`` (stakes in micro-USD;
    outcome −1 void, −2 none), text columns ``state, actor, text``.  No log: no rows.
    """
    import polars as pl

    schema = {name: pl.String if name in TEXTS else pl.Int64 for name in COLUMNS}
    rows = [] if log is None else [entry.row() for entry in log.entries]
    return pl.DataFrame(rows, schema=schema, orient="row")
