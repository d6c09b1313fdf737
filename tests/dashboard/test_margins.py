"""Margins explained: legs that add up to numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.explanation import Holding, explain
from dashboard.margins import flags, margin_explanation
from dashboard.runs import Run, load_run
from sim.exchange.rules import Rules
from tests.dashboard.synthetic import FLAGGED, LISTING, START_US, Flagged, write_run


@pytest.mark.spec("MAR-11")
@pytest.mark.parametrize("flag", FLAGGED, ids=lambda f: f"account-{f.account}-at-{f.second}")
def test_legs_add_up_to_the_hand_made_totals(run: Run, flag: Flagged) -> None:
    found = margin_explanation(run, flag.account, START_US + flag.second * 1_000_000)
    assert found is not None
    assert found.total("equity") == pytest.approx(flag.equity, abs=1e-6)
    assert found.total("net_equity") == pytest.approx(flag.net_equity, abs=1e-6)
    assert found.total("initial") == pytest.approx(flag.initial, abs=1e-6)
    assert found.total("maintenance") == pytest.approx(flag.maintenance, abs=1e-6)
    assert found.agrees
    assert all(leg.clause.startswith("MAR-") for leg in found.legs)


def test_the_last_flag_before_the_cursor_is_explained(run: Run) -> None:
    def at(second: int | None) -> int:
        until = None if second is None else START_US + second * 1_000_000
        found = margin_explanation(run, 3, until)
        assert found is not None
        return (found.at_us - START_US) // 1_000_000

    assert [at(s) for s in (None, 0, 200, 319, 320, 600)] == [200, 200, 200, 200, 320, 320]
    assert flags(run, 3).height == 2


def test_a_difference_from_the_record_is_told() -> None:
    held = [Holding(0, 0, 5_000_000, 0, 1)]
    found = explain(LISTING, Rules(), held, at_us=0, recorded=(5.0, 5.0, 0.01))
    assert found.agrees is False
    assert explain(LISTING, Rules(), held, at_us=0).agrees is None


def test_never_flagged_is_explained_at_the_end(runs: Path) -> None:
    found = margin_explanation(load_run(runs, "synthetic-8"), 0)
    assert found is not None
    assert (found.total("net_equity"), found.total("maintenance")) == (910.0, 0.0)
    assert margin_explanation(load_run(runs, "synthetic-7"), 0) is None


def test_a_run_without_events_explains_nobody(tmp_path: Path) -> None:
    write_run(tmp_path, events=False)
    assert margin_explanation(load_run(tmp_path, "synthetic-7"), 3) is None


@pytest.mark.spec("MAR-05")
def test_a_complete_set_requires_nothing() -> None:
    held = [Holding(0, 2, 7, 0, 300), Holding(0, 3, 5, 0, 700)]
    (leg,) = explain(LISTING, Rules(), held, at_us=0).legs
    assert leg.net_equity == pytest.approx(5 + 2 * 0.3)
    assert leg.maintenance == pytest.approx(2 * 0.3)


@pytest.mark.spec("MAR-02")
def test_phi_weighs_gains_only() -> None:
    gain = [Holding(1, 0, 1000, 100_000_000_000, 110_000)]
    loss = [Holding(1, 0, -1000, -100_000_000_000, 110_000)]
    half = Rules(phi=0.5)
    assert explain(LISTING, half, gain, at_us=0).total("net_equity") == 5000
    assert explain(LISTING, half, gain, at_us=0).total("equity") == 10_000
    assert explain(LISTING, half, loss, at_us=0).total("net_equity") == -10_000
