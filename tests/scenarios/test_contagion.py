"""A stored run's networks: what is read back is what the exchange held, and it fits on a screen."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from scenarios.contagion import contagion
from scenarios.errors import ScenarioError
from scenarios.tables_contagion import contagion as table
from sim.exchange import Exchange, Listing, Rules
from sim.exchange.instruments import Asset, BinaryEvent, Feed, Margin, Perpetual, Spot
from sim.network.statement import Statement, statement_of
from sim.network.stored import statement_of_run
from sim.record.folder import RunFolder
from sim.record.recorder import Recorder
from sim.record.store import RunStore

USD = 1_000_000
MARGIN = Margin(base=0.02, factor=0, base_m=0.01, factor_m=0)
LISTING = Listing(
    feeds=(
        Feed(name="BTC", tick_micro=10_000_000, index_ticks=10_000),
        Feed(name="ETH", tick_micro=10_000, index_ticks=400_000),
    ),
    assets=(Asset(name="BTC", feed="BTC", units_per_coin=10_000),),
    perpetuals=(
        Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1000, margin=MARGIN),
        Perpetual(name="ETH-PERP", feed="ETH", lots_per_coin=100, margin=MARGIN),
    ),
    spots=(Spot(name="BTC/USDC", base="BTC"),),
    events=(BinaryEvent(name="Rain"),),
)
COHORTS = {"makers": [0, 1], "longs": [2, 3], "shorts": [4], "lenders": [5]}


def fallen() -> Exchange:
    """Two highly leveraged longs: one falls with the index, its sale pulls the mark from under both."""
    rules = Rules(fillable_ba=1e6, step_ratio=0.5, step_min_usd=1000.0)
    x = Exchange(LISTING, rules, 6, order_slots=1 << 10, order_ids=1 << 12, event_rows=1 << 13)
    for account, usd in enumerate((900_000, 900_000, 2_600, 2_900, 200_000, 50_000)):
        x.deposit(account, "USDC", usd * USD)
    x.deposit(5, "BTC", 20_000)
    x.add_insurance(300 * USD)
    x.price("BTC", 10_000)
    x.price("ETH", 400_000)
    x.advance(1, hold=True)
    for long, lots in ((2, 1_000), (3, 900)):
        assert x.submit(4, "BTC-PERP", "sell", lots, 10_000)
        assert x.submit(long, "BTC-PERP", "buy", lots, 10_000, ioc=True)
    assert x.lend(5, "USDC", 30_000 * USD)
    assert x.mint(1, "Rain", 700)
    for k in range(40):
        assert x.submit(0, "BTC-PERP", "buy", 40, 9_825 - 10 * k)
        assert x.submit(1, "BTC-PERP", "sell", 30, 9_835 + 10 * k)
    for second in range(12):
        if second == 11:  # somebody quotes again: there is depth to tell overlap by
            assert x.submit(0, "BTC-PERP", "buy", 500, 9_760)
            assert x.submit(1, "BTC-PERP", "sell", 500, 9_770)
        x.price("BTC", 9_828)
        x.price("ETH", 400_000)
        x.advance(1)
        x.send(30)  # BOOK
    return x


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exchange]:
    x = fallen()
    out = tmp_path_factory.mktemp("runs")
    with Recorder(LISTING, 6, 0, x.now, mode="full", folder=RunFolder(out, "fallen-1")) as recorder:
        recorder.add(x.history.since(1))
        recorder.flush()
        recorder.sample(x.now, x)
        entry = {"value": 0.25, "unit": "share"}
        recorder.finish(
            x,
            cohorts=COHORTS,
            metrics={"unpaid_share": entry},
            manifest={"scenario": "fallen", "report": {"metrics": {"unpaid_share": entry}}},
        )
    return out, x


@pytest.fixture(scope="module")
def found(made: tuple[Path, Exchange]) -> dict[str, Any]:
    return contagion("fallen", runs=made[0])


def test_a_stored_run_is_read_back_as_it_stood(made: tuple[Path, Exchange]) -> None:
    out, x = made
    stored = statement_of_run(RunStore(out).open("fallen-1"))
    live = statement_of(x)
    for name in ("sizes", "costs", "balances", "claims", "index", "marks", "pools"):
        assert np.array_equal(getattr(stored, name), getattr(live, name)), name
    assert isinstance(stored, Statement)
    assert stored.insurance == live.insurance


def test_shocks_grow_with_their_size(found: dict[str, Any]) -> None:
    moves = {row["move"]: row for row in found["shocks"]}
    assert list(moves) == [-0.2, -0.1, -0.05, 0.1]
    assert moves[-0.2]["direct_share"] > moves[-0.1]["direct_share"] > moves[-0.05]["direct_share"]
    assert moves[-0.2]["unpaid_usd"] >= moves[-0.1]["unpaid_usd"] > 0
    for row in found["shocks"]:
        assert row["loss_share"] == pytest.approx(row["direct_share"] + row["contagion_share"])


def test_the_cascade_has_a_child(found: dict[str, Any], made: tuple[Path, Exchange]) -> None:
    """The second long is flagged by a fill of the first one's forced order, or it is no cascade."""
    cascade = found["cascade"]
    _, x = made
    assert cascade["orders"] == int((x.history.since(1)[:, 2] == 23).sum()) > 1
    assert cascade["branching_ratio"] > 0
    assert cascade["instruments"] == ["BTC-PERP"]
    assert cascade["next_generation"] == [[pytest.approx(cascade["branching_ratio"])]]
    assert cascade["radius"] == pytest.approx(cascade["branching_ratio"])
    assert cascade["trees"][0]["accounts"] == 2


def test_spreaders_owe_and_overlap_is_by_cohort(found: dict[str, Any]) -> None:
    worst = found["spreaders"][0]
    assert worst["others_lose_usd"] == max(row["others_lose_usd"] for row in found["spreaders"])
    assert worst["dues_usd"] > 0
    assert worst["others_lose_usd"] <= worst["dues_usd"] * (1 + 1e-9)
    overlap = found["overlap"]
    assert overlap["without_depth"] == ["BTC/USDC"]  # the lenders hold coins, nobody quotes them
    assert overlap["cohorts"] == ["lenders", "longs", "makers", "shorts"]
    loss = np.array(overlap["loss_usd"])
    assert np.allclose(loss, loss.T)
    # Makers bought what the longs had to sell: they are long, and the shorts' closing helps them.
    assert loss[2, 3] < 0 < loss[2, 2]


def test_it_is_plain_json(found: dict[str, Any]) -> None:
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["peaks"] == {"unpaid_share": {"value": 0.25, "unit": "share"}}


def test_the_tables_name_what_matters(found: dict[str, Any]) -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table(found))
    text = console.export_text()
    for word in ("fallen-1", "-20 %", "BTC-PERP", "longs", "USDC loans", "forced orders, R ="):
        assert word in text, word


def test_without_events_there_is_no_cascade(made: tuple[Path, Exchange], tmp_path: Path) -> None:
    _, x = made
    with Recorder(
        LISTING, 6, 0, x.now, mode="summary", folder=RunFolder(tmp_path, "r")
    ) as recorder:
        recorder.add(x.history.since(1))
        recorder.flush()
        recorder.sample(x.now, x)
        recorder.finish(x, cohorts=COHORTS, metrics={}, manifest={"scenario": "fallen"})
    found = contagion("r", runs=tmp_path)
    assert found["cascade"] is None
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table(found))
    assert "kept no events" in console.export_text()


def test_an_unknown_run_names_the_nearest(made: tuple[Path, Exchange]) -> None:
    with pytest.raises(ScenarioError, match="fallen-1"):
        contagion("failen", runs=made[0])


def test_a_run_without_its_holdings_is_refused(made: tuple[Path, Exchange], tmp_path: Path) -> None:
    shutil.copytree(made[0], tmp_path / "runs")
    (tmp_path / "runs" / "fallen-1" / "holdings.parquet").unlink()
    with pytest.raises(ScenarioError, match=r"holdings\.parquet: missing"):
        contagion("fallen", runs=tmp_path / "runs")
