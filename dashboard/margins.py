"""The holdings from which an account's margin is explained: at a flag, or at the end."""

from __future__ import annotations

import polars as pl

from dashboard.data import at, has, scan
from dashboard.explanation import Explanation, Holding, explain
from dashboard.runs import Run
from sim.exchange.instruments import MICRO, Kind
from sim.exchange.messages import Event
from sim.risk.eventlog import UNUSED_GRADE


def flags(run: Run, account: int) -> pl.DataFrame:
    """The account's FLAG events in order, empty when it was never flagged."""
    if not any((run.path / "events").glob("*.parquet")):
        return pl.DataFrame(schema={"seq": pl.Int64, "time_us": pl.Int64})
    return (
        scan(run, "events/*.parquet")
        .filter((pl.col("kind") == Event.FLAG) & (pl.col("account") == account))
        .sort("seq")
        .collect()
    )


def margin_explanation(run: Run, account: int, until_us: int | None = None) -> Explanation | None:
    """NE, IM and MM of an account as legs (MAR-11): at a flag, else at the end of the run.

    The flag is the last at or before `until_us`, the first when there is none before it.  An
    account never flagged is explained from `holdings.parquet`; None when the run has none.
    """
    flagged = flags(run, account)
    if flagged.is_empty():
        return _final(run, account)
    before = flagged.filter(pl.col("time_us") <= (until_us if until_us is not None else -1))
    flag = (before.tail(1) if before.height else flagged.head(1)).row(0, named=True)
    later = flagged.filter(pl.col("seq") > flag["seq"])["seq"]
    rows = (
        scan(run, "events/*.parquet")
        .filter(
            (pl.col("kind") == Event.LEG)
            & (pl.col("account") == account)
            & (pl.col("seq") > flag["seq"])
            & (pl.col("seq") < (later[0] if len(later) else 2**63 - 1))
        )
        .sort("seq")
        .select("code", "instrument", "size", pl.col("amount").alias("cost"), "price")
        .collect()
    )
    return explain(
        run.listing,
        run.rules,
        [Holding(*row) for row in rows.iter_rows()],
        at_us=flag["time_us"],
        index=_index(run, flag["seq"]),
        open_lots=_open_lots(run, flag["time_us"]),
        proposed=_proposed(run, flag["seq"]),
        recorded=(flag["amount"] / MICRO, flag["x"] / MICRO, flag["y"] / MICRO),
    )


def _final(run: Run, account: int) -> Explanation | None:
    if not has(run, "holdings.parquet"):
        return None
    rows = (
        scan(run, "holdings.parquet")
        .filter(pl.col("account") == account)
        .select("code", "instrument", "size", "cost", "price")
        .collect()
    )
    holdings = [Holding(*row) for row in rows.iter_rows()]
    open_lots = _open_lots(run, run.end_us)
    return explain(
        run.listing,
        run.rules,
        holdings,
        at_us=run.end_us,
        index=_index(run, None),
        open_lots=open_lots,
        proposed=_proposed(run, None),
    )


def _proposed(run: Run, before_seq: int | None) -> set[int]:
    """Events with a proposal, right before an event or at the end."""
    if not any((run.path / "events").glob("*.parquet")):
        return set()
    rows = scan(run, "events/*.parquet").filter(pl.col("kind") == Event.PROPOSE)
    if before_seq is not None:
        rows = rows.filter(pl.col("seq") < before_seq)
    return set(rows.collect()["instrument"].to_list())


def _index(run: Run, before_seq: int | None) -> dict[int, int]:
    """Index prices in ticks by feed id, right before an event or at the end; those that are known."""
    if not any((run.path / "events").glob("*.parquet")):
        return {}
    # A reading that is too volatile does not become the index (PRC-04).
    used = (pl.col("kind") == Event.INDEX) & (pl.col("price") > 0) & (pl.col("code") < UNUSED_GRADE)
    if before_seq is not None:
        used &= pl.col("seq") < before_seq
    rows = (
        scan(run, "events/*.parquet")
        .filter(used)
        .group_by("instrument")
        .agg(pl.col("price").sort_by("seq").last())
    )
    return dict(rows.collect().rows())


def _open_lots(run: Run, time_us: int) -> dict[int, int]:
    """Open interest in lots of the perpetuals whose initial margin asks for it (MAR-03)."""
    asked = [
        i
        for i in run.instruments(Kind.PERPETUAL)
        if run.listing.perpetuals[i].margin.oi_up_usd and has(run, "series.parquet")
    ]
    found = {i: at(run, i, time_us).get("oi") for i in asked}
    return {i: round(oi / run.units[i].lot) for i, oi in found.items() if oi is not None}
