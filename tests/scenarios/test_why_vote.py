"""A wrong vote in a whole run: from the bloc of voters to the liquidations, metrics and chains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scenarios
from scenarios.resolution_story import story
from scenarios.runner import run
from scenarios.runs import open_run
from scenarios.why import declared, judge_of, stored_rows, why_liquidated
from sim.exchange import messages as m
from sim.exchange.messages import EVENT_COLUMNS, Event
from sim.record.store import Run
from sim.risk.aftermath import aftermath
from sim.risk.eventlog import EventLog
from sim.risk.metrics import Metrics
from sim.risk.oracle_blame import RESOLUTION

SCENARIO = """
name = "wrong-vote"
title = "A vote resolves an event wrongly"
description = "NO shares are pledged for loans; a bloc of voters has the event end YES."
start = 2025-06-02T12:00:00Z
end = 2025-06-02T12:04:00Z
seed = 3
open_interest_usd = 1_000_000
insurance_usd = 1_000
pool_usd = 400_000

[index]
lead = "BTC"

[resolution]
method = "optimistic"
liveness_s = 40
vote_s = 30
bond_usd = 750
[resolution.voters]
count = 200
[[resolution.voters.whale]]
name = "bloc"
share = 0.7
votes = "YES"

[[event]]
name = "deal"
kind = "binary"
outcome = "NO"
price = 0.09
lam = 0.1
resolves = 2025-06-02T12:00:30Z

[[coin]]
name = "BTC"
price_usd = 100_000
tick_usd = 1.0
lots_per_coin = 10_000
oi_share = 1.0
margin = { base = 0.02, factor = 6.0e-5, base_m = 0.0125, factor_m = 3.24e-5 }

[[trader]]
name = "pledgers"
kind = "pledger"
count = 20
latency_ms = 50
params = { outcome = "NO", open_sets = 100_000 }

[[trader]]
name = "leveraged"
kind = "leveraged"
count = 40
latency_ms = 80

[[trader]]
name = "liar"
kind = "reporter"
count = 1
latency_ms = 50
params = { says = "YES", reaction_s = 3 }

[[trader]]
name = "watchers"
kind = "disputer"
count = 1
latency_ms = 50
params = { reaction_s = 3 }

[[trader]]
name = "makers"
kind = "maker"
count = 1
latency_ms = 10
params = { capital_usd = 150_000, warm_s = 20 }

[[trader]]
name = "event-makers"
kind = "event_maker"
count = 1
latency_ms = 15
params = { capital_usd = 50_000, max_shares = 40_000, stop_before_s = 15 }
"""
LEFT = "rules.proposal_margin=false"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("votes")
    (made / "vote.scenario.toml").write_text(SCENARIO, "utf-8")
    return made


def played(folder: Path, name: str, settings: list[str]) -> Run:
    scenario = scenarios.load(str(folder / "vote.scenario.toml"), settings)
    out = folder / name
    return open_run(run(scenario, out=out, record="full").run_id, out)


@pytest.fixture(scope="module", params=["lambda-1", "lambda-left"])
def voted(request: pytest.FixtureRequest, folder: Path) -> Run:
    """The run with λ 1 from the proposal on, and with the declared λ."""
    return played(folder, request.param, [LEFT] if request.param == "lambda-left" else [])


@pytest.fixture(scope="module")
def portfolio(folder: Path) -> Run:
    """With portfolio margin; the event is linked to no coin: linked shares cannot be pledged."""
    return played(folder, "portfolio", ['rules.margin_mode="portfolio"'])


def metric(voted: Run, name: str) -> Any:
    return voted.manifest["report"]["metrics"][name]["value"]


@pytest.mark.spec("SET-02", "SET-03", "LIQ-09")
def test_every_loss_goes_back_to_the_vote_or_the_proposal(voted: Run) -> None:
    found = story(voted.run_id, "deal", voted.path.parent)
    left = voted.manifest["rules"]["proposal_margin"] is False
    assert {f["cause"] for f in found["liquidations"]} == {"resolution" if left else "proposal"}
    assert {f["cohort"] for f in found["liquidations"]} == {"pledgers"}
    assert found["resolution"]["wrong"]
    assert (found["resolution"]["outcome"], found["resolution"]["true_outcome"]) == ("YES", "NO")
    assert metric(voted, "wrong_resolution_share") == 1
    losses = sum(f["costs_usd"] + f["deficit_usd"] for f in found["liquidations"])
    bps = metric(voted, "liquidation_slippage_bps")
    assert bps is None or bps == 0
    assert losses > 1000
    assert metric(voted, "loss_resolution_usd") == pytest.approx(losses)
    assert metric(voted, "loss_market_usd") == metric(voted, "loss_oracle_usd") == 0
    votes = [s for s in found["steps"] if s["actor"] == "voters"]
    assert votes[-1]["stake_for_usd"] > 3 * votes[-1]["stake_against_usd"] > 0


@pytest.mark.spec("MAR-11", "LIQ-09")
def test_the_chain_of_a_liquidation_names_vote_disputes_and_proposals(voted: Run) -> None:
    runs = voted.path.parent
    account = story(voted.run_id, "deal", runs)["liquidations"][0]["account"]
    (case,) = why_liquidated(voted.run_id, account, runs=runs)["why"]["liquidations"]
    assert case["exact"]
    links = [link["event"] for link in case["chain"]]
    if voted.manifest["rules"]["proposal_margin"]:
        assert links == ["FLAG", "PROPOSE"]
        told = [line for line in case["lines"] if line["event"] == "PAYOUT"]
        assert ["resolved YES, wrongly" in line["text"] for line in told] == [True]
        return
    assert links == ["FLAG", "RESOLVE", "VOTE", "DISPUTE", "PROPOSE", "DISPUTE", "PROPOSE"]
    paid = case["chain"][1]["data"]
    assert paid["paid_usd"] == 0
    assert paid["true_usd"] > paid["marked_usd"] > 0


def test_metrics_and_chains_blame_the_same_flags(voted: Run) -> None:
    assert len(blamed_flags(voted)) > 3


def test_they_do_with_portfolio_margin(portfolio: Run) -> None:
    assert len(blamed_flags(portfolio)) > 3


def blamed_flags(voted: Run) -> list[int]:
    """The stream judges as it goes, the chain looks back: both must agree on every flag."""
    listing, rules = declared(voted)
    rows = np.ascontiguousarray(voted.events().select(EVENT_COLUMNS).collect().to_numpy())
    accounts = voted.manifest["report"]["accounts"]
    span = voted.manifest["start_us"], voted.manifest["end_us"]

    class Flat:
        def sample(self, feed: int, times_us: np.ndarray) -> np.ndarray:
            return np.full(np.shape(times_us), 100_000.0)

    tool = Metrics(listing, accounts, *span, Flat(), rules)
    tool.add(rows)
    tool.flush()
    flags = rows[rows[:, m.E_KIND] == Event.FLAG][:, m.E_SEQ]
    blamed = flags[[cause == RESOLUTION for cause in tool.blame.causes]]
    kept = stored_rows(voted)
    assert kept is not None
    log = EventLog(listing, kept)
    falls = aftermath(log, judge_of(voted, log, rules), 0)
    assert [int(fall.flag[m.E_SEQ]) for fall in falls] == blamed.tolist()
    return [int(seq) for seq in blamed]
