"""Scenario files of events whose oracle fails, run short: their stories in numbers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import scenarios
from scenarios.files import find
from scenarios.runner import run
from scenarios.runs import open_run
from scenarios.why import why_liquidated
from sim.exchange.messages import Event
from sim.record.store import Run

Sets = dict[str, Any]
NO_TRADERS: Sets = {"trader.leveraged.count": 0, "open_interest_usd": 0}


def made(folder: Path, name: str, sets: Sets) -> Run:
    """A run of a library file with overrides."""
    return open_run(run(scenarios.load(name, sets), out=folder).run_id, folder)


def metrics(of: Run) -> dict[str, float]:
    return {name: x["value"] for name, x in of.manifest["report"]["metrics"].items()}


def rows(of: Run, kind: Event) -> pl.DataFrame:
    return of.events().filter(pl.col("kind") == int(kind)).collect()


# ------------------------------------------------------------------------- missing-tick


def missing_tick(folder: Path, sets: Sets) -> dict[str, float]:
    """The first two bets, without traders."""
    with open(find("missing-tick"), "rb") as file:
        faults = tomllib.load(file)["oracle"]["fault"][:2]
    short = {"end": "2026-01-12T14:13:00Z", "event.up.repeat": 2, "trader": []}
    return metrics(made(folder, "missing-tick", {**short, "oracle.fault": faults, **sets}))


@pytest.mark.spec("SET-02")
@pytest.mark.parametrize(
    ("sets", "wrong"),
    [
        ({"variant": "unguarded"}, 1.0),
        ({"variant": "guarded"}, 0.0),
        ({"variant": "quorum"}, 0.0),
        ({"variant": "unguarded", "oracle.fault": []}, 0.0),
    ],
)
def test_the_nearest_tick_to_a_missing_one_picks_wrong_winners(
    tmp_path: Path, sets: Sets, wrong: float
) -> None:
    found = missing_tick(tmp_path, sets)
    assert found["resolutions"] == 2
    assert found["wrong_resolution_share"] == wrong


# --------------------------------------------------------------------- wrong-resolution

VOTE: Sets = {
    "end": "2025-03-24T12:25:00Z",
    "resolution.vote_s": 120,
    "trader.noise.count": 0,
    "trader.makers.count": 0,
    **NO_TRADERS,
}


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("unguarded")
    return made(folder, "wrong-resolution", {**VOTE, "variant": "unguarded"})


@pytest.mark.spec("MAR-05", "SET-02")
def test_bad_debt_is_what_loans_exceed_all_else_by(unguarded: Run, tmp_path: Path) -> None:
    """Σ(loan − other equity)⁺ from the holdings of the same market without liquidations."""
    never = {**VOTE, "variant": "unguarded", "cadence.liquidate_s": 0}
    of = made(tmp_path, "wrong-resolution", never)
    held = pl.read_parquet(of.path / "holdings.parquet")
    assert set(held["code"].unique()) == {0}  # balances alone: shares are paid, nothing is open
    debts = held.filter(pl.col("size") < 0)
    assert set(debts["instrument"].unique()) == {0}  # USDC
    owed = float(debts["size"].sum()) / -1e6
    found = metrics(unguarded)
    assert owed > 100_000
    assert found["bad_debt_true_usd"] == pytest.approx(owed, abs=1)
    assert found["loss_resolution_usd"] == pytest.approx(owed, abs=1)
    assert found["insurance_used_usd"] + found["socialised_usd"] == pytest.approx(owed, abs=1)


@pytest.mark.spec("MAR-05", "SET-02")
def test_guarded_the_vote_is_as_wrong_and_nobody_owes(tmp_path: Path) -> None:
    found = metrics(made(tmp_path, "wrong-resolution", {**VOTE, "variant": "guarded"}))
    assert found["wrong_resolution_share"] == 1
    assert found["bad_debt_true_usd"] == found["socialised_usd"] == 0
    assert found["corruption_profit_usd"] > found["corruption_cost_usd"]


@pytest.mark.spec("SET-02", "LIQ-09")
def test_a_liquidation_is_followed_back_to_the_first_proposal(unguarded: Run) -> None:
    flags = rows(unguarded, Event.FLAG).sort("y", descending=True)
    account = int(flags["account"][0])
    chain = why_liquidated(unguarded.run_id, account, runs=unguarded.path.parent)["why"]
    links = [link["event"] for link in chain["liquidations"][0]["chain"]]
    assert links == ["FLAG", "RESOLVE", "VOTE", "DISPUTE", "PROPOSE", "DISPUTE", "PROPOSE"]


# ------------------------------------------------------- late-and-void and double-winner

DAY_S = 86_400


@pytest.mark.spec("SET-05", "MAR-05")
def test_late_money_is_locked_for_three_days_or_for_one(tmp_path: Path) -> None:
    found = {
        v: metrics(made(tmp_path, "late-and-void", {**NO_TRADERS, "variant": v}))
        for v in ("guarded", "unguarded")
    }
    assert found["unguarded"]["resolution_p95_s"] == 3 * DAY_S + 3600
    assert found["guarded"]["resolution_p95_s"] == DAY_S
    ratio = found["unguarded"]["capital_locked_usd_days"]
    ratio /= found["guarded"]["capital_locked_usd_days"]
    assert 2.8 < ratio < 3.1
    assert found["guarded"]["bad_debt_true_usd"] == 0
    assert found["unguarded"]["bad_debt_true_usd"] > 1_000


@pytest.mark.spec("SET-03", "SET-05")
@pytest.mark.parametrize(("variant", "waits_s"), [("unguarded", DAY_S), ("guarded", 3600)])
def test_two_winners_or_none_are_refused_and_nobody_is_paid_twice(
    tmp_path: Path, variant: str, waits_s: int
) -> None:
    of = made(tmp_path, "double-winner", {**NO_TRADERS, "variant": variant})
    told = pl.read_parquet(of.path / "resolutions.parquet")
    refused = told.filter(pl.col("text").str.starts_with("resolution refused"))["text"].to_list()
    assert [text.split(": ")[1] for text in refused] == [
        "TWO_WINNERS",
        "UNKNOWN_OUTCOME",
        "ALREADY_RESOLVED",
    ]
    found = metrics(of)
    assert found["resolutions"] == 3
    assert found["resolution_p95_s"] == waits_s
    assert found["wrong_resolution_share"] == 0
    paid = rows(of, Event.PAYOUT)
    assert not paid.select("account", "instrument").is_duplicated().any()
    sets = told.filter(pl.col("text").str.ends_with("sets paid"))
    assert len(sets) == 3
    promised = sum(int(text.split()[0]) for text in sets["text"]) * 1_000_000
    assert 0 <= promised - int(paid["amount"].sum()) <= 3 * 100  # floors, micro-USDC


# ---------------------------------------------------------------- self-referential-mark

SQUEEZE: Sets = {"end": "2025-08-26T21:52:00Z"}


@pytest.mark.spec("PRC-02", "LIQ-05")
def test_a_squeeze_closes_shorts_against_winners_and_nobody_else_pays(tmp_path: Path) -> None:
    of = made(tmp_path, "self-referential-mark", {**SQUEEZE, "variant": "unguarded"})
    found = metrics(of)
    assert found["liquidated_notional_usd"] > 4_000_000
    assert found["adl_notional_usd"] > 0
    assert found["insurance_used_usd"] == found["socialised_usd"] == 0
    assert found["bad_debt_usd"] == pytest.approx(found["adl_pnl_usd"], abs=1)  # winners cover it
    assert len(rows(of, Event.HAIRCUT)) == 0
    # No spill: whoever is flagged or deleveraged holds the token, and nothing else moves hands.
    assert set(rows(of, Event.ADL)["instrument"].unique()) == {1}
    flagged = rows(of, Event.FLAG)["account"].unique()
    legs = rows(of, Event.LEG).filter(pl.col("account").is_in(flagged.implode()))
    assert set(legs.filter(pl.col("code") == 1)["instrument"].unique()) == {1}


@pytest.mark.spec("PRC-02")
def test_a_bounded_mark_and_a_price_from_elsewhere_leave_shorts_alone(tmp_path: Path) -> None:
    of = made(tmp_path, "self-referential-mark", {**SQUEEZE, "variant": "guarded"})
    assert metrics(of)["liquidated_notional_usd"] <= 800_000
    marks = rows(of, Event.MARK).filter(pl.col("instrument") == 1)["price"]
    assert 1.1 * 6000 < int(marks.max() or 0) <= 1.2 * 6000  # 1.15 times an average near 0.6
