"""The story of an event of a stored run, and its liquidations explained from the stored rows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from scenarios import tables_explain, tables_story
from scenarios.errors import ScenarioError
from scenarios.resolution_story import story
from scenarios.runs import replacing
from scenarios.why import why_liquidated
from sim.exchange import Exchange, Listing, Rules
from sim.exchange.instruments import Asset, BinaryEvent, Feed, Margin, Perpetual, Spot
from sim.oracle.truth import flat
from sim.record.folder import RunFolder
from sim.record.recorder import Mode, Recorder

USD = 1_000_000
BOND = 100 * USD
PLEDGERS, MAKER, PROPOSER, DISPUTER = range(3), 3, 4, 5
COHORTS = {"pledger": [0, 1, 2], "maker": [3], "reporter": [4], "disputer": [5]}
LISTING = Listing(
    feeds=(Feed(name="C", tick_micro=100_000, index_ticks=1000),),
    assets=(Asset(name="C", feed="C", units_per_coin=10),),
    perpetuals=(
        Perpetual(
            name="C-PERP",
            feed="C",
            lots_per_coin=1,
            margin=Margin(base=0.1, factor=0, base_m=0.05, factor_m=0),
        ),
    ),
    spots=(Spot(name="C/USDC", base="C"),),
    events=(BinaryEvent(name="E", lam=0.2), BinaryEvent(name="other")),
)
MODES: tuple[tuple[str, Mode], ...] = (("told", "fills"), ("bare", "summary"))
STEPS = (
    (1_000_000, 0, "proposed", "reporter", 1, 0, 0, 0, "bond 100 USD"),
    (4_200_000, 0, "decided", "voters", 1, 0, 60 * USD, 40 * USD, "turnout 50.0%"),
    (4_300_000, 1, "decided", "voters", 0, 0, 1, 0, "of another event"),
    (4_500_000, 0, "final", "oracle", 1, 0, 0, 0, "500 sets paid; the truth is YES"),
)


def acted(x: Exchange) -> None:
    """Pledger k holds 100 YES paid 50 USD of 62 + k, is long 4 coins; NO is voted, and wrong."""
    for k in PLEDGERS:
        x.deposit(k, "USDC", (62 + 10 * k) * USD)
    for account in (MAKER, PROPOSER, DISPUTER):
        x.deposit(account, "USDC", 10_000 * USD)
    x.price("C", 1000)
    x.advance(1)
    for k in PLEDGERS:
        x.submit(MAKER, "C-PERP", "sell", 4, 1000)
        x.submit(k, "C-PERP", "buy", 4, 1000)
        x.submit(MAKER, "E", "sell", 100, 500)
        x.submit(k, "E", "buy", 100, 500)
    x.submit(MAKER, "E", "buy", 100, 490)
    x.submit(MAKER, "E", "sell", 100, 510)
    x.submit(MAKER, "C-PERP", "buy", 4, 990)
    x.submit(MAKER, "C-PERP", "buy", 10, 930)
    x.price("C", 1000)
    x.advance(1.2)
    for _ in range(2):
        assert x.propose(PROPOSER, "E", "NO", BOND)
        assert x.dispute(DISPUTER, "E", BOND)
        x.advance(1)
    assert not x.flagged()
    x.advance(0.3)
    assert x.resolve("E", "NO", tag=1)
    x.advance(2.5)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    rules = Rules(proposal_margin=False)
    x = Exchange(LISTING, rules, 6, order_slots=1 << 10, order_ids=1 << 12)
    for name, mode in MODES:
        with replacing(out, name) as folder:
            write(folder, x, name, mode)
    return out


def write(folder: RunFolder, x: Exchange, name: str, mode: Mode) -> None:
    """A run of what happens to the exchange in `acted`, or of nothing."""
    end = 8 * USD
    recorder = Recorder(
        LISTING, 6, 0, end, mode=mode, folder=folder, truth=flat({"C": 100.0}, 0, end)
    )
    if mode == "fills":
        acted(x)
        folder.write_frame("resolutions.parquet", frame())
    recorder.add(x.event_rows())
    recorder.finish(
        x,
        cohorts=COHORTS,
        metrics={},
        manifest={
            "run_id": name,
            "config": {"cadence": {"liquidate_s": 1.0}},
            "report": {"accounts": 6},
            "outcomes": [[0, 0], None],
        },
    )


def frame() -> pl.DataFrame:
    names = [
        "time_us",
        "event",
        "state",
        "actor",
        "outcome",
        "value",
        "stake_for",
        "stake_against",
        "text",
    ]
    return pl.DataFrame(STEPS, schema=names, orient="row")


def shown(found: Any) -> str:
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(found)
    return console.export_text()


@pytest.mark.spec("SET-02", "SET-03", "SET-04", "LIQ-09")
def test_the_story_goes_from_the_proposal_to_the_losses(runs: Path) -> None:
    found = story("told", "E", runs)
    assert json.loads(json.dumps(found)) == found
    assert [s["state"] for s in found["steps"]] == ["proposed", "decided", "final"]
    assert (found["steps"][1]["stake_for_usd"], found["steps"][1]["outcome"]) == (60.0, "NO")
    assert found["resolution"] == found["resolution"] | {
        "outcome": "NO",
        "wrong": True,
        "true_outcome": "YES",
        "paid_usd": 300.0,
        "holders": 4,
    }
    # The disputers of NO lost to the truth of the vote: both bonds went to the proposer.
    assert [b["account"] for b in found["bonds"]] == [PROPOSER] * 2
    # NE 12 < MM 20; pledger 1 keeps 22 and falls by the forced sale of pledger 0; 2 keeps 32.
    fallen = {f["account"]: f for f in found["liquidations"]}
    assert fallen[0]["cause"] == "resolution"
    assert fallen[0]["shares_lost_usd"] == pytest.approx(50)
    assert fallen[0]["cohort"] == "pledger"
    assert (fallen[1]["cause"], fallen[1]["forced_trades"]) == ("trades", 1)
    assert fallen[1]["shares_lost_usd"] == pytest.approx(50)  # its own, which alone it bore
    assert 2 not in fallen
    assert found["totals"]["shares_lost_usd"] == pytest.approx(100)
    assert found["totals"]["closed_usd"] == pytest.approx(
        sum(f["closed_usd"] for f in found["liquidations"])
    )
    assert found["totals"]["closed_usd"] > 0
    text = shown(tables_story.story(found))
    for words in ("wrong: the truth is YES", "60.00", "pledger", "SET-04", "turnout 50.0%"):
        assert words in text


def test_an_event_that_harmed_nobody_has_a_story_too(runs: Path) -> None:
    found = story("told", "other", runs)
    assert found["resolution"] is None
    assert found["liquidations"] == []
    assert [s["text"] for s in found["steps"]] == ["of another event"]
    assert "Not resolved" in shown(tables_story.story(found))


def test_without_the_oracles_log_the_exchanges_events_tell_it(runs: Path) -> None:
    log = runs / "told" / "resolutions.parquet"
    kept = log.read_bytes()
    try:
        log.unlink()
        found = story("told", "E", runs)
    finally:
        log.write_bytes(kept)
    states = ["proposed", "disputed", "proposed", "disputed", "final"]
    assert [s["state"] for s in found["steps"]] == states
    assert {s["outcome"] for s in found["steps"]} == {"NO"}
    assert found["liquidations"]


@pytest.mark.spec("MAR-11", "LIQ-09")
def test_why_shows_the_chain_back_to_the_proposal(runs: Path) -> None:
    found = why_liquidated("told", 0, runs=runs)
    (case,) = found["why"]["liquidations"]
    links = [link["event"] for link in case["chain"]]
    assert links == ["FLAG", "RESOLVE", "VOTE", "DISPUTE", "PROPOSE", "DISPUTE", "PROPOSE"]
    assert case["chain"][1]["data"]["true_usd"] == pytest.approx(100)
    text = " ".join(shown(tables_explain.why(found["why"], found["at"])).split())
    assert "event E resolved NO, wrongly: account 0's shares, 50.00 USD at mark" in text
    assert "under the true outcome YES: 100.00" in text
    assert "with a stake of 60 for and 40 against" in text
    assert "#0" not in text


@pytest.mark.parametrize(
    ("run", "event", "said"),
    [("told", "F", "no event 'F'"), ("bare", "E", "stored no events"), ("none", "E", "none")],
)
def test_what_cannot_be_told_is_refused(runs: Path, run: str, event: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        story(run, event, runs)
