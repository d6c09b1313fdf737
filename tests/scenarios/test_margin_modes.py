"""MAR-08: any market scenario runs under any margin mode with the same population."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scenarios
from scenarios.runner import prepare
from scenarios.scale import resolve
from sim.exchange.messages import E_KIND, Event

pytestmark = pytest.mark.spec("MAR-08")

MODES = ("unified", "portfolio", "segregated", "isolated")
SHORT = ["end=2025-06-02T12:11:30Z"]  # into the fall


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    reports = {}
    for mode in MODES:
        scenario = scenarios.load("smoke", [*SHORT, f"rules.margin_mode={mode}"])
        reports[mode] = scenarios.run(scenario, out=None, scale=0.5, verify=True).report
    return reports


@pytest.mark.parametrize("mode", MODES)
def test_smoke_runs_under_each_mode_and_nothing_is_broken(
    found: dict[str, dict[str, Any]], mode: str
) -> None:
    report = found[mode]
    assert not any(report["invariants"].values())
    parties, wallets = report["parties"]["count"], report["parties"]["wallets"]
    assert report["accounts"] == parties * len(wallets)
    assert report["parties"]["margin_mode"] == mode
    assert 0 < report["parties"]["liquidated"] <= report["stages"]["liquidated_accounts"]


def test_the_modes_differ_and_the_parties_do_not(found: dict[str, dict[str, Any]]) -> None:
    assert len({found[mode]["digest"] for mode in ("unified", "segregated", "isolated")}) == 3
    assert len({found[mode]["parties"]["count"] for mode in MODES}) == 1
    assert [len(found[mode]["parties"]["wallets"]) for mode in MODES] == [1, 1, 3, 7]


def test_every_mode_begins_with_the_same_positions_and_wealth() -> None:
    seen = {}
    for mode in ("unified", "segregated", "isolated"):
        scenario = scenarios.load("smoke", [*SHORT, f"rules.margin_mode={mode}"])
        assembly, watch = prepare(resolve(scenario, scale=0.5))
        kinds: list[np.ndarray] = []  # of the set-up, which still waits in the recorder
        watch.recorder.observe(lambda events, into=kinds: into.append(events[:, E_KIND].copy()))
        watch.recorder.flush()
        kind = np.concatenate(kinds)
        exchange, wallets = assembly.exchange, assembly.wallets
        seen[mode] = wallets.by_party(exchange.positions()), int(exchange.equities().sum())
        assert (kind == Event.FILL).sum() > 100
        assert not (kind == Event.REJECT).any()
    for mode in ("segregated", "isolated"):
        assert np.array_equal(seen[mode][0], seen["unified"][0])
        assert seen[mode][1] == pytest.approx(seen["unified"][1], rel=1e-9)


def test_accounts_say_whose_wallet_they_are(tmp_path: Any) -> None:
    import polars as pl

    scenario = scenarios.load("smoke", [*SHORT, "rules.margin_mode=segregated"])
    done = scenarios.run(scenario, out=tmp_path, scale=0.2)
    assert done.path is not None
    table = pl.read_parquet(done.path / "accounts.parquet")
    parties = done.report["parties"]["count"]
    assert set(table["wallet"]) == {"spot", "derivatives", "events"}
    assert (table["party"] == table["account"] % parties).all()
    assert (table["cohort"] != "").all()
    assert table.group_by("party").agg(pl.col("cohort").n_unique())["cohort"].max() == 1
