"""The study loop-ladder: the real loops' figures, cascades computed by hand, and bad files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scenarios
from scenarios.errors import ScenarioError
from scenarios.studies.loop_cascade import Liquidation, Market, cascade, sell
from scenarios.studies.loop_ladder import LoopLadder, before
from scenarios.studies.loops import Ladder, Loops, drawn

HEADER = "collateral_steth,debt_eth,liquidation_threshold_bps,ltv_bps,health_factor\n"


def loops(*rows: tuple[float, float, float]) -> Loops:
    """(collateral, debt, threshold) of each."""
    return Loops(*(np.array(column, float) for column in zip(*rows, strict=True)))


def values(report: dict[str, Any]) -> dict[str, float | None]:
    return {name: entry["value"] for name, entry in report["metrics"].items()}


def test_the_real_loops(shared_data: Path) -> None:
    """Debt-weighted, before feedback, at -2, -4, -6 and -8 %."""
    file = shared_data / "steth_loops_2023.csv"
    study = scenarios.load("loop-ladder", [f"ladder.path={file}"])
    report = scenarios.run(study, out=None).report
    found = values(report)
    shares = [found[f"liquidatable_share_{d}pct"] for d in (2, 4, 6, 8)]
    assert [round(share, 1) for share in shares if share is not None] == [0.0, 0.0, 25.6, 26.5]
    assert f"271 loops owing 148,893 ETH: {file.resolve()}" in report["notes"]
    prices = [found[f"loop_price_{p}_pct"] for p in ("partial", "full")]
    assert 92 > prices[0] > prices[1] > 0  # selling deepens the fall, selling more deepens it more


def test_the_shipped_ladder_passes_its_checks_and_repeats_itself() -> None:
    study = scenarios.load("loop-ladder")
    one, two = (scenarios.run(study, out=None).report for _ in range(2))
    assert all(check["passed"] for check in one["checks"])
    assert one["digest"] == two["digest"]
    assert scenarios.run(study, seed=2, out=None).report["digest"] != one["digest"]
    assert len(one["tables"]["shocks"]["rows"]) == 7 * 3


def test_the_example_of_the_documentation() -> None:
    found = cascade(
        loops((100, 95, 1), (100, 88, 1)),
        0.06,
        "full",
        Liquidation(bonus=0.0),
        Market(depth_1pct=10, floor=0.01),
    )
    assert (found.first, found.touched, found.loops, found.rounds) == (95, 183, 2, 2)
    assert found.price == pytest.approx(0.74)
    assert found.bad_debt == pytest.approx(1 + 4)
    assert found.repaid + found.bad_debt == pytest.approx(183)
    assert found.branching == pytest.approx(1 - 95 / 183)
    # sold 100 from 0.94 to 0.84 and 100 from 0.84 to 0.74, paid 94 and 84 for it
    assert found.liquidators == pytest.approx(89 + 79 - 94 - 84)


def test_a_close_factor_repays_half_and_seizes_the_bonus() -> None:
    how = Liquidation(close_factor=0.5, full_below=0.0, dust_eth=0.0, bonus=0.1)
    found = cascade(loops((120, 100, 0.8)), 0.0, "partial", how, Market(depth_1pct=1e12))
    # Health .96: 50 repaid, 55 seized; then 65·.8/50 = 1.04.
    assert (found.rounds, found.complete) == (1, True)
    assert found.repaid == pytest.approx(50)
    assert found.sold == pytest.approx(55)
    whole = cascade(
        loops((120, 100, 0.8)),
        0.0,
        "partial",
        how.model_copy(update={"full_below": 0.97}),
        Market(depth_1pct=1e12),
    )
    assert whole.repaid == pytest.approx(100)


def test_the_target_is_reached_exactly() -> None:
    how = Liquidation(target_health=1.05, bonus=0.05, dust_eth=0.0)
    found = cascade(loops((120, 100, 0.8)), 0.0, "target", how, Market(depth_1pct=1e15))
    left, debt = 120 - found.sold, 100 - found.repaid
    assert left * 0.8 / debt == pytest.approx(1.05)
    assert found.sold == pytest.approx(found.repaid * 1.05)


def test_collateral_that_is_gone_leaves_bad_debt_once() -> None:
    for policy in ("partial", "target", "full"):
        found = cascade(
            loops((100, 100, 0.8)), 0.5, policy, Liquidation(bonus=0.0), Market(depth_1pct=1e12)
        )
        assert found.repaid == pytest.approx(50)
        assert found.bad_debt == pytest.approx(50)
        assert found.sold == pytest.approx(100)


def test_nothing_happens_above_every_threshold() -> None:
    found = cascade(loops((100, 10, 0.8)), 0.1, "full", Liquidation(), Market())
    assert (found.price, found.rounds, found.branching) == (0.9, 0, None)


def test_the_market_is_linear_down_to_its_floor() -> None:
    market = Market(depth_1pct=10, floor=0.5)
    assert sell(100, 0.9, market) == (pytest.approx(100 * 0.85), pytest.approx(0.8))
    proceeds, after = sell(500, 0.9, market)
    assert after == 0.5
    assert proceeds == pytest.approx(400 * 0.7 + 100 * 0.5)


def test_deeper_markets_and_smaller_shocks_do_less_harm() -> None:
    found = drawn(Ladder(), seed=3)
    prices = [
        cascade(found, 0.15, "full", Liquidation(), Market(depth_1pct=d)).price
        for d in (5e3, 2e4, 8e4, 1e12)
    ]
    assert prices == sorted(prices)
    assert prices[-1] == pytest.approx(0.85, abs=1e-6)
    shares = [before(found, d)["liquidatable_share"] for d in range(0, 100, 5)]
    assert shares == sorted(shares)


def test_drawn_loops_have_the_declared_shape() -> None:
    ladder = Ladder(loops=20_000)
    found = drawn(ladder, seed=1)
    health = found.health(1.0)
    assert health.min() >= ladder.health_min
    median = ladder.health_min + ladder.health_scale * math.log(2) ** 0.5
    assert np.median(health) == pytest.approx(median, rel=0.02)
    assert np.median(found.debt) == pytest.approx(ladder.debt_median_eth, rel=0.1)
    assert found.debt.max() <= ladder.debt_max_eth
    few = drawn(Ladder(loops=10), seed=1)
    assert few.debt.tolist() == found.debt[:10].tolist()


def test_scale_grows_ladder_and_market_but_no_file() -> None:
    study = scenarios.load("loop-ladder")
    assert isinstance(study, LoopLadder)
    grown = study.resolved(7, 2.0)
    assert (grown.ladder.loops, grown.market.depth_1pct, grown.seed) == (542, 40_000, 7)
    with pytest.raises(ScenarioError, match="no scale"):
        scenarios.load("loop-ladder", ["ladder.path=x.csv"]).resolved(1, 2.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADER, "the file has a header and no rows"),
        ("", "the file is empty"),
        (
            "collateral_steth,debt,liquidation_threshold_bps\n1,1,8300\n",
            "row 1: column 'debt_eth' is missing; did you mean 'debt'?",
        ),
        (HEADER + "1,0.5,8300,7200,1.66\n1,nan,8300,7200,1\n", "row 3: column 'debt_eth': 'nan'"),
        (HEADER + "1,-0.5,8300,7200,1\n", "row 2: column 'debt_eth': -0.5 is below 0"),
        (HEADER + "1,0.5,83000,7200,1\n", "column 'liquidation_threshold_bps': 83000 is not in 1"),
        (HEADER + "1,0.5,8300,7200,1.5\n", "row 2: column 'health_factor': 1.5, but collateral x"),
        (HEADER + "1,0,8300,7200,\n", "column 'debt_eth': nobody owes anything"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "loops.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(ScenarioError) as error:
        scenarios.run(scenarios.load("loop-ladder", [f"ladder.path={path}"]), out=None)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"--set: ladder.path: gone.csv: No such file"):
        scenarios.run(scenarios.load("loop-ladder", ["ladder.path=gone.csv"]), out=None)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("market.depth_1pct=0", "market.depth_1pct: Input should be greater than 0"),
        ("policies=['fall']", "--set: policies.0: 'fall' is not known; did you mean 'full'?"),
        ("policies=['halves']", "allowed: partial, target, full"),
        ("shock_pct=[2,2]", "2.0 is listed twice"),
        ("liquidation.target_health=0.9", "liquidation.target_health: Input should be greater"),
        ("ladder.debt_max_eth=1", "debt_max_eth 1 is below debt_median_eth 6.7"),
    ],
)
def test_bad_settings_are_refused(override: str, said: str) -> None:
    with pytest.raises(ScenarioError) as error:
        scenarios.load("loop-ladder", [override])
    assert said in str(error.value)
