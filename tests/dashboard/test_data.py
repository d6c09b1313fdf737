"""What is read from Parquet is what is there: checked against the files read another way."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import binned, data
from dashboard.downsample import min_max
from dashboard.runs import Run, RunError, load_run
from sim.exchange.messages import DEPTH_EDGES_BPS
from tests.dashboard.synthetic import SECONDS, START_US, write_run


def sql(run: Run, query: str, file: str) -> list[tuple]:
    """Ask DuckDB about one file of the run, called `t`."""
    with duckdb.connect() as connection:
        path = str(run.path / file)
        return connection.execute(query.replace(" t", " read_parquet(?)", 1), [path]).fetchall()


def test_lines_are_in_dollars_and_whole(run: Run) -> None:
    frame = data.lines(run, 1, ("mark", "bid"))
    mark = frame.filter(pl.col("line") == "mark")
    seen = sql(
        run, "select mark * 0.1 from t where instrument = 1 order by time_us", "series.parquet"
    )
    assert mark["value"].to_list() == pytest.approx([float(x) for (x,) in seen])
    assert str(mark["time"][0]) == "2025-10-10 20:50:00"


def test_where_nobody_quoted_the_line_breaks(run: Run) -> None:
    bid = data.lines(run, 1, ("bid",))
    missing = bid.filter(pl.col("value").is_null())
    assert missing.height == 20
    assert data.lines(run, 1, ("bid",), points=60)["value"].null_count() >= 1


def test_a_line_that_was_never_there_is_left_out(run: Run) -> None:
    assert data.lines(run, 3, ("index", "mark"))["line"].unique().to_list() == ["mark"]


def test_at_reads_the_last_row_before(run: Run) -> None:
    seen = data.at(run, 0, START_US + 100_500_000)
    (expected,) = sql(
        run,
        f"select index, mark from t where instrument = 0 and time_us = {START_US + 100_000_000}",
        "series.parquet",
    )
    assert (seen["index"], seen["mark"]) == expected
    assert data.at(run, 1, START_US + 390_000_000)["bid"] is None
    assert data.at(run, 0, START_US - 1) == {}


def test_liquidations_add_up_to_the_end(run: Run) -> None:
    frame = binned.liquidations(run)
    ((book, backstop, adl),) = sql(
        run, "select last(book_usd), last(backstop_usd), last(adl_usd) from t", "funds.parquet"
    )
    assert frame.select(data.STAGES).sum().row(0) == pytest.approx((book, backstop, adl))
    assert frame.height <= binned.INTERVALS
    step = binned.interval_us(run)
    assert (step, SECONDS * 1e6 / step) == (5_000_000, 120)
    # 18,000 USD at 330 s: a row at an interval's edge belongs to the interval that it ends.
    taken = frame.filter(pl.col("backstop_usd") > 0)
    assert [str(t) for t in taken["time"]] == ["2025-10-10 20:55:25"]


def test_depth_is_priced_at_the_mark(run: Run) -> None:
    frame = binned.depth(run, 0)
    assert frame.height == 61 * 2 * 10
    cell = frame.filter((pl.col("side") == 1) & (pl.col("bucket") == 3)).row(0, named=True)
    ((lots,),) = sql(
        run,
        "select b3 from t where instrument=0 and side=1 order by time_us limit 1",
        "book.parquet",
    )
    mark = data.at(run, 0, START_US)["mark"]
    assert mark is not None
    assert cell["lots"] == lots
    assert cell["usd"] == pytest.approx(lots * 0.001 * mark)
    width = DEPTH_EDGES_BPS[3] - DEPTH_EDGES_BPS[2]
    assert cell["usd_per_bp"] == pytest.approx(cell["usd"] / width)


def test_depth_of_many_moments_is_averaged(run: Run) -> None:
    whole, few = binned.depth(run, 0), binned.depth(run, 0, columns=20)
    assert few["time"].n_unique() == 16
    assert few["lots"].min() == whole["lots"].min()


def test_accounts_come_by_loss(run: Run) -> None:
    frame = data.accounts(run)
    seen = sql(run, "select account from t order by pnl_usd, account", "accounts.parquet")
    assert frame["account"].to_list() == [a for (a,) in seen]
    assert frame["flagged"].null_count() == 9
    assert data.accounts(run, rows=3).height == 3
    assert data.account_count(run) == 12


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    (path / "book.parquet").unlink()
    with pytest.raises(RunError, match=r"has no book\.parquet"):
        binned.depth(load_run(tmp_path, path.name), 0)


@given(
    st.lists(st.one_of(st.none(), st.integers(-100, 100)), min_size=1, max_size=400),
    st.integers(8, 60),
)
def test_fewer_points_keep_extremes_ends_and_order(values: list[int | None], points: int) -> None:
    frame = pl.DataFrame(
        {"time": range(len(values)), "value": values}, schema={"time": pl.Int64, "value": pl.Int64}
    )
    few = min_max(frame, points=points)
    assert few.height <= points or few.height == frame.height
    assert few["value"].min() == frame["value"].min()
    assert few["value"].max() == frame["value"].max()
    assert few["time"].is_sorted()
    assert (few["time"][0], few["time"][-1]) == (0, len(values) - 1)
    assert (few["value"].null_count() > 0) == (frame["value"].null_count() > 0)
