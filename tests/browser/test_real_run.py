"""The dashboard on runs that the engine made: any account, any moment, either run."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sim.exchange.messages import Event
from tests.browser.reading import amount, ask, ask_all, open_run, shown

pytestmark = pytest.mark.browser


@pytest.fixture(params=[0, 1], ids=["seed-1", "seed-2"])
def run(real_runs: Path, request: pytest.FixtureRequest) -> str:
    """The id of one of the runs."""
    return sorted(path.name for path in real_runs.iterdir())[request.param]


def test_the_headline_is_that_of_the_report(
    calm: Page, real_site: str, real_runs: Path, run: str
) -> None:
    open_run(calm, real_site, f"run={run}")
    report = json.loads((real_runs / run / "manifest.json").read_text())["report"]
    expect(calm.locator("#card-seed")).to_have_text(str(report["seed"]))
    assert report["digest"].startswith(calm.locator("#card-digest").inner_text())
    for stage in ("book_usd", "backstop_usd", "insurance_usd", "adl_usd", "socialised_usd"):
        found = shown(calm.locator(f"#card-{stage}"))
        assert found == pytest.approx(report["stages"][stage], abs=0.51), stage
    (debt,) = ask(
        real_runs, run, "metrics.parquet", "select value from t where name = 'bad_debt_usd'"
    )
    assert shown(calm.locator("#card-bad_debt_usd")) == pytest.approx(debt, abs=0.51)
    (liquidated,) = ask(
        real_runs, run, "accounts.parquet", "select count(*) from t where stage <> 'none'"
    )
    assert shown(calm.locator("#card-liquidated_accounts")) == liquidated > 0


def test_any_moment_reads_as_recorded(
    calm: Page, real_site: str, real_runs: Path, run: str
) -> None:
    manifest = json.loads((real_runs / run / "manifest.json").read_text())
    first = manifest["instruments"][0]
    seconds = (manifest["end_us"] - manifest["start_us"]) // 1_000_000
    t = random.Random(run).randrange(1, seconds)
    open_run(calm, real_site, f"run={run}&t={t}")
    mark, index = ask(
        real_runs,
        run,
        "series.parquet",
        f"select mark, index from t where instrument = 0"
        f" and time_us <= {manifest['start_us'] + t * 1_000_000} order by time_us desc limit 1",
    )
    tick = first["tick_usd"]
    assert tick == 1.0
    expect(calm.locator("#readout")).to_contain_text(f"index {index:,} · mark {mark:,}")
    expect(calm.locator("#readout")).to_contain_text(first["name"])


@pytest.mark.spec("MAR-11")
def test_any_flagged_account_is_explained_as_the_engine_had_it(
    calm: Page, real_site: str, real_runs: Path, run: str
) -> None:
    flags = ask_all(
        real_runs,
        run,
        "events/*.parquet",
        f"select account, time_us, amount, x, y from t where kind = {int(Event.FLAG)} order by seq",
    )
    start = json.loads((real_runs / run / "manifest.json").read_text())["start_us"]
    for account, time_us, equity, net, required in random.Random(run).sample(flags, 3):
        open_run(calm, real_site, f"run={run}&t={(time_us - start) / 1e6}&account={account}")
        foot = [amount(t) for t in calm.locator("#legs tfoot td.numeric").all_inner_texts()]
        assert foot[0] == pytest.approx(equity / 1e6, abs=0.0051)
        assert foot[1] == pytest.approx(net / 1e6, abs=0.0051)
        assert foot[3] == pytest.approx(required / 1e6, abs=0.0051)
        assert foot[1] < foot[3]
        for column, total in enumerate(foot, 3):
            cells = calm.locator(f"#legs tbody td:nth-child({column + 1})").all_inner_texts()
            assert sum(map(amount, cells)) == pytest.approx(total, abs=0.01 * len(cells))


def test_any_account_of_the_table_is_that_of_the_parquet(
    calm: Page, real_site: str, real_runs: Path, run: str
) -> None:
    open_run(calm, real_site, f"run={run}")
    columns = ("account", "pnl_usd", "start_equity_usd", "liquidated_notional_usd")
    rows = ask_all(
        real_runs,
        run,
        "accounts.parquet",
        f"select {', '.join(columns)} from t order by pnl_usd, account",
    )
    position = random.Random(run).randrange(8)  # of those in sight
    account, *values = rows[position]
    row = calm.locator(f".ag-center-cols-container .ag-row[row-index='{position}']")
    expect(row).to_have_attribute("row-id", str(account))
    for column, value in zip(columns[1:], values, strict=True):
        found = shown(row.locator(f"[col-id='{column}']"))
        assert found == pytest.approx(value, abs=0.0051), column


def test_the_two_runs_differ(calm: Page, real_site: str, real_runs: Path) -> None:
    seen = set()
    for name in sorted(path.name for path in real_runs.iterdir()):
        open_run(calm, real_site, f"run={name}")
        keys = ("seed", "digest", "book_usd", "backstop_usd")
        seen.add(tuple(calm.locator(f"#card-{key}").inner_text() for key in keys))
    first, second = seen
    assert all(a != b for a, b in zip(first, second, strict=True))
