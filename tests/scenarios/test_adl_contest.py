"""The study adl-contest: waves read, winners drawn, the exchange's own deleveraging measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scenarios
from scenarios.errors import ScenarioError
from scenarios.studies.adl_arena import Arena
from scenarios.studies.adl_contest import AdlContest
from scenarios.studies.adl_endstates import EndStates, end_state, shocked
from scenarios.studies.adl_measure import Before, before, gini, tally
from scenarios.studies.adl_waves import WHOLE, Wave, Waves, read, sibling
from scenarios.studies.adl_winners import LAST, Coin, Population, Short, coins_of, population
from sim.exchange import Exchange
from sim.exchange import messages as m
from sim.exchange.amend import fork_under
from sim.exchange.messages import EV_COLS, EVENT_COLUMNS, Event
from sim.exchange.rules import Rules

NO_ENDS = "end_states.seeds=[]"
HEAD, GAPS = "wave,budget_needed,total_cap\n", "wave,coin,gap_usd_x_qty\n"
WAVE = Wave(1, 100.0, 1_000.0, {"A": 60.0, "B": 40.0}, {})
FEW = Population(winners=6, bystanders=2, lots=500)


def rules(adl: str) -> Rules:
    return Rules(adl=adl, backstop=False)  # type: ignore[arg-type]


def rows(report: dict[str, Any], table: str) -> list[dict[str, Any]]:
    found = report["tables"][table]
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """The shipped waves, without the ends of a market."""
    return scenarios.run(scenarios.load("adl-contest", [NO_ENDS]), out=None).report


def test_the_shipped_waves_pass_their_checks(report: dict[str, Any]) -> None:
    assert all(check["passed"] for check in report["checks"])
    assert {check["id"] for check in report["checks"]} >= {
        "pro-rata-covers", "integer-pro-rata-covers",
    }  # fmt: skip
    assert [row["wave"] for row in rows(report, "waves")] == [1] * 6 + [2] * 6 + [3] * 6 + [7] * 6
    assert [row["apart"] for row in rows(report, "beside")] == [False, False, False, True]


def test_pro_rata_takes_the_same_part_of_every_profit(report: dict[str, Any]) -> None:
    """max x/u = needed / capacity, coin by coin and so for the wave; a Gini of 0."""
    for row in rows(report, "waves"):
        if row["policy"] == "pro_rata":
            wave = next(w for w in rows(report, "population") if w["wave"] == row["wave"])
            assert row["x_over_u_max"] == pytest.approx(
                wave["needed_usd"] / wave["capacity_usd"], rel=0.01
            )
            assert row["x_over_u_gini"] < 1e-4
        if row["policy"] == "hyperliquid":
            assert row["x_over_u_gini"] > 0.5


def test_policies_differ_and_each_moves_exactly_the_deficit(report: dict[str, Any]) -> None:
    first = [row for row in rows(report, "waves") if row["wave"] == 1]
    assert len({row["x_over_u_gini"] for row in first}) == 6
    for row in rows(report, "waves"):
        assert row["taken_usd"] + row["haircut_usd"] == pytest.approx(row["needed_usd"], abs=1e-6)


def test_the_population_has_the_capacity_that_the_file_says(report: dict[str, Any]) -> None:
    for row in rows(report, "population"):
        assert row["profit_usd"] == pytest.approx(row["capacity_usd"], rel=1e-3)
        assert row["gaps_usd"] == pytest.approx(row["needed_usd"])


def test_the_real_waves(shared_data: Path) -> None:
    file = shared_data / "adl_waves_2025_10_10.csv"
    overrides = [
        NO_ENDS,
        f"waves.path={file}",
        "waves.only=[5,7,9]",
        'policies=["pro_rata","integer_pro_rata"]',
    ]
    study = scenarios.load("adl-contest", overrides)
    report = scenarios.run(study, out=None).report
    assert all(check["passed"] for check in report["checks"])
    gaps = (shared_data / "adl_wave_coin_gap_2025_10_10.csv").resolve()
    assert f"gaps by coin: {gaps}" in report["notes"]
    assert any(note.startswith("no gaps by coin for waves 9:") for note in report["notes"])
    beside = {row["wave"]: row for row in rows(report, "beside")}
    assert list(beside) == [5, 9, 7]  # the one apart comes last
    assert beside[7]["apart"]
    assert beside[7]["budget_fixed_point_ilp_integer_overshoot"] == pytest.approx(0.13, abs=0.001)
    assert beside[7]["integer_pro_rata_overshoot"] == 1.0
    # The largest part of a profit agrees with what the author found for pro-rata.
    ours = {r["wave"]: r for r in rows(report, "waves") if r["policy"] == "pro_rata"}
    assert ours[5]["x_over_u_max"] == pytest.approx(0.00046101, rel=0.01)
    assert ours[7]["x_over_u_max"] == pytest.approx(0.16519979, rel=0.01)


def test_what_an_author_found_is_no_input(tmp_path: Path) -> None:
    head = "wave,budget_needed,total_cap"
    (tmp_path / "adl_wave_coin_gap.csv").write_text(
        "wave,coin,gap_usd_x_qty\n1,A,60\n1,B,40\n", "utf-8"
    )
    digests = []
    for name, text in (
        ("adl_waves", f"{head}\n1,100,1000\n"),
        ("adl_waves", f"{head},budget_prod,budget_pr\n1,100,1000,700,90\n"),
    ):
        (tmp_path / f"{name}.csv").write_text(text, "utf-8")
        overrides = [NO_ENDS, f"waves.path={tmp_path / name}.csv", "population.winners=6"]
        found = scenarios.run(scenarios.load("adl-contest", overrides), out=None).report
        digests.append([r for r in rows(found, "waves") if not r["policy"].startswith("author")])
        said = [r["overshoot"] for r in rows(found, "waves") if r["policy"].startswith("author")]
    assert digests[0] == digests[1]
    assert said == [7.0, 0.9]


def test_the_same_seed_gives_the_same_table_and_another_another() -> None:
    study = scenarios.load("adl-contest", [NO_ENDS, "waves.only=[7]", 'policies=["pro_rata"]'])
    one, two, other = (
        scenarios.run(study, seed=seed, out=None).report["digest"] for seed in (1, 1, 2)
    )
    assert one == two != other


def test_winners_who_cannot_bear_it_leave_a_shortfall(tmp_path: Path) -> None:
    """Half of what is needed: pro-rata takes all there is, the rest is socialised, the check misses."""
    (tmp_path / "adl_waves.csv").write_text(HEAD + "1,1000,500\n", "utf-8")
    (tmp_path / "adl_wave_coin_gap.csv").write_text(GAPS + "1,A,1000\n", "utf-8")
    overrides = [NO_ENDS, f"waves.path={tmp_path / 'adl_waves.csv'}", 'policies=["pro_rata"]']
    report = scenarios.run(scenarios.load("adl-contest", overrides), out=None).report
    (row,) = rows(report, "waves")
    assert row["taken_usd"] == pytest.approx(500, rel=1e-3)
    assert row["taken_usd"] + row["haircut_usd"] == pytest.approx(1000)
    assert row["beyond_profit_usd"] == 0
    assert row["x_over_u_max"] >= 1  # LIQ-06 comes back to the gains of the same coin
    missed = [check["id"] for check in report["checks"] if not check["passed"]]
    assert "pro-rata-covers" in missed


# --- the parts -------------------------------------------------------------------------------


def test_winners_are_heavy_tailed_hedged_and_add_to_the_capacity() -> None:
    how = Population(winners=400, hedged=0.5)
    wave = Wave(1, 1e6, 3e8, {"A": 7e5, "B": 3e5}, {})
    coins = coins_of(wave, how)
    shorts = population(wave, coins, how, seed=5)
    assert [coin.gap for coin in coins] == [700_000_000_000, 300_000_000_000]
    prices = how.prices()
    profits = [
        [
            s.lots * (prices[s.level] - LAST) * coins[c].tick
            for s in shorts
            if s.coin == c and s.level >= 0
        ]
        for c in (0, 1)
    ]
    assert sum(profits[0]) / 1e6 == pytest.approx(2.1e8, rel=1e-3)
    assert sum(profits[1]) / 1e6 == pytest.approx(0.9e8, rel=1e-3)
    assert max(profits[0]) > 20 * float(np.median(profits[0]))
    winners = [s for s in shorts if s.level >= 0]
    assert 0.4 < sum(bool(s.hedge) for s in winners) / len(winners) < 0.6
    assert {s.hedge for s in winners} == {"", "coin", "spot", "loan"}
    for c, coin in enumerate(coins):
        short = sum(s.lots for s in shorts if s.coin == c)
        long = coin.lots + sum(s.pair_lots for s in shorts if s.pair == c)
        assert short >= max(long, how.cover * coin.lots)


def test_an_arena_is_the_wave_and_holds_its_invariants() -> None:
    coins = coins_of(WAVE, FEW)
    arena = Arena(WAVE, coins, population(WAVE, coins, FEW, seed=1), FEW, rules("hyperliquid"))
    x = arena.exchange
    assert [int(e) for e in x.equities()[:2]] == [-60_000_000, -40_000_000]
    assert not any(x.verify().values())
    assert x.flagged() == []
    events = arena.tick()
    assert not any(x.verify().values())
    assert int(events[events[:, m.E_KIND] == Event.ADL, m.E_AMOUNT].sum()) == 100_000_000
    assert [int(e) for e in x.equities()[:2]] == [0, 0]


@pytest.mark.spec("LIQ-05")
def test_two_winners_by_hand() -> None:
    """10 lots, a deficit of 90 USD; 8 lots with 8,000 USD of profit at a leverage of 20, 4 with 1,000 at 2.

    The queue closes 8 lots of the first and 2 of the second: 72 and 18 USD.  Pro-rata takes 8 : 1.
    """
    coin = Coin("A", tick=1_000_000, gap=90_000_000, lots=10)
    how = Population(levels=(0.1, 0.025))
    shorts = [Short(0, 8, 0, 20.0), Short(0, 4, 1, 2.0)]
    wave = Wave(1, 90.0, 0.0, {"A": 90.0}, {})
    found = {}
    for policy in ("hyperliquid", "pro_rata"):
        arena = Arena(wave, [coin], shorts, how, rules(policy))
        state = before(arena.exchange)
        assert state.profit[:, 0].tolist() == [0, 8_000_000_000, 1_000_000_000, 0]
        events = arena.tick()
        adl = events[events[:, m.E_KIND] == Event.ADL]
        found[policy] = dict(
            zip(adl[:, m.E_OTHER].tolist(), adl[:, m.E_AMOUNT].tolist(), strict=True)
        )
        measured = tally(state, events)
        assert (measured.needed, measured.taken, measured.bankrupts) == (90.0, 90.0, 1)
        if policy == "pro_rata":
            assert measured.x_over_u == pytest.approx(0.01)
            assert measured.gini == pytest.approx(0.0)
    assert found["hyperliquid"] == {1: 72_000_000, 2: 18_000_000}
    assert found["pro_rata"] == {1: 80_000_000, 2: 10_000_000}


def event(kind: Event, **columns: int) -> list[int]:
    values = {"kind": int(kind), **columns}
    return [values.get(name, 0) for name in EVENT_COLUMNS]


def test_a_tally_by_hand() -> None:
    """Account 0 is bankrupt and long; 1 is short with a coin beside it, 2 short alone, 3 in loss."""
    dollar = 1_000_000
    size = np.array([[10], [-6], [-4], [-1]])
    worth = np.array([100 * dollar])
    state = Before(
        size=size,
        notional=size * worth,
        profit=np.array([[0], [50], [20], [0]]) * dollar,
        exposure=np.array([1000, 0, -400, -100]) * dollar,
        equity=np.array([-9, 100, 100, 100]) * dollar,
        worth=worth,
    )
    events = np.array(
        [
            event(Event.ADL, account=0, other=1, size=6, amount=5 * dollar, x=40 * dollar),
            event(Event.ADL, account=0, other=3, size=1, amount=1 * dollar),
            event(Event.HAIRCUT, account=2, other=0, amount=2 * dollar),
            event(Event.HAIRCUT, account=-1, other=0, amount=1 * dollar, code=1),
            event(Event.DEFICIT, account=0, amount=12 * dollar, x=3 * dollar),
        ],
        np.int64,
    ).reshape(-1, EV_COLS)
    found = tally(state, events)
    assert (found.bankrupts, found.needed, found.taken, found.socialised) == (1, 9.0, 6.0, 3.0)
    assert (found.closed, found.realised, found.beyond) == (700.0, 40.0, 1.0)
    assert found.x_over_u == pytest.approx(0.1)  # 5/50 and 2/20
    assert found.gini == pytest.approx(0.0)
    assert (found.hedges, found.broken, found.broken_share) == (1, 1, 1.0)
    assert found.overshoot == pytest.approx(6 / 9)
    quiet = tally(state, events[:0])
    assert (quiet.needed, quiet.overshoot, quiet.gini, quiet.hedges) == (0.0, None, None, 0)


def test_gini() -> None:
    assert gini([1, 2, 3]) == pytest.approx(2 / 9)
    assert gini([5, 5, 5]) == pytest.approx(0.0)
    assert gini([0, 0, 0, 1]) == pytest.approx(0.75)
    assert gini([0, 0]) is None


# --- the ends of a market ----------------------------------------------------------------------


def test_the_end_of_a_market_is_the_same_under_every_policy() -> None:
    how = EndStates(scenario="smoke", seeds=(1,), scale=0.5, before_end_s=60, shock_pct=15)
    x = end_state(how, seed=1)
    assert x.counters()["live_orders"] == 0
    assert x.bucket("insurance") == 0
    was = x.state_digest()
    found = {p: shocked(x, how, p) for p in ("hyperliquid", "pro_rata", "random")}  # type: ignore[arg-type]
    assert x.state_digest() == was
    assert len({t.bankrupts for t in found.values()}) == 1
    assert found["hyperliquid"].bankrupts > 0
    assert found["hyperliquid"] == shocked(x, how, "hyperliquid")
    assert found["pro_rata"] != found["hyperliquid"]
    for t in found.values():
        assert t.taken <= t.needed + 1e-6
        assert t.taken + t.socialised >= t.needed - 1e-6


def test_a_fork_under_other_rules_goes_on_from_the_same_state() -> None:
    coins = coins_of(WAVE, FEW)
    arena = Arena(WAVE, coins, population(WAVE, coins, FEW, seed=1), FEW, rules("hyperliquid"))
    twin = fork_under(arena.exchange, rules("pro_rata"))
    fresh = Arena(WAVE, coins, population(WAVE, coins, FEW, seed=1), FEW, rules("pro_rata"))
    assert twin.state_digest() == fresh.exchange.state_digest()
    assert isinstance(twin, Exchange)
    assert (twin.rules.adl, arena.exchange.rules.adl) == ("pro_rata", "hyperliquid")
    with pytest.raises(ValueError, match="margin_mode cannot change"):
        fork_under(twin, twin.rules.model_copy(update={"margin_mode": "isolated"}))


# --- what is refused -----------------------------------------------------------------------------


def refused(*overrides: str) -> str:
    with pytest.raises(ScenarioError) as error:
        scenarios.run(scenarios.load("adl-contest", [NO_ENDS, *overrides]), out=None)
    return str(error.value)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("waves.path=gone.csv", "--set: waves.path: gone.csv: No such file"),
        ("waves.only=[4]", "waves.only: no wave 4; the file has 1, 2, 3, 7"),
        ('policies=["fifo"]', "'fifo' is not known"),
        ("population.levels=[0.1,0.2]", "do not fall"),
        ("population.levels=[0.5]", "the price may fall by a fifth"),
        ("population.leverage=[2,50]", "leverage 2 to 50"),
        ("population.gap=0.5", "population.gap: Input should be less than or equal to 0.15"),
        ("population.lotss=1", "unknown field 'lotss'; did you mean 'lots'?"),
        ("end_states.shock_pct=0", "end_states.shock_pct: Input should be greater than 0"),
    ],
)
def test_bad_settings_are_refused(override: str, said: str) -> None:
    assert said in refused(override)


@pytest.mark.parametrize(
    ("waves", "gaps", "said"),
    [
        ("wave,budget_needed\n1,5\n", GAPS + "1,A,5\n", "column 'total_cap' is missing"),
        (HEAD + "1,x,5\n", GAPS, "row 2: column 'budget_needed': 'x' is not a number"),
        (HEAD + "1,0,5\n", GAPS + "1,A,5\n", "column 'budget_needed': 0 is not above 0"),
        (HEAD + "1,5,5\n", "", "adl_wave_coin_gap.csv: the file is empty"),
        (HEAD + "1,5,5\n", GAPS + "1,A,-5\n", "row 2: column 'gap_usd_x_qty': -5 is below 0"),
        (HEAD + "1,5,5\n", GAPS + "2,A,5\n", "waves.gaps_path: gaps of waves [2], of which "),
        (HEAD + "1,5,5\n1,5,5\n", GAPS + "1,A,5\n", "row 3: column 'wave': wave 1 is there twice"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, waves: str, gaps: str, said: str) -> None:
    (tmp_path / "adl_waves.csv").write_text(waves, "utf-8")
    (tmp_path / "adl_wave_coin_gap.csv").write_text(gaps, "utf-8")
    assert said in refused(f"waves.path={tmp_path / 'adl_waves.csv'}")


def test_the_sibling_with_the_gaps_is_named_where_it_is_missing(tmp_path: Path) -> None:
    (tmp_path / "adl_waves.csv").write_text("wave,budget_needed,total_cap\n1,5,5\n", "utf-8")
    said = refused(f"waves.path={tmp_path / 'adl_waves.csv'}")
    assert "adl_wave_coin_gap.csv: No such file" in said
    with pytest.raises(ScenarioError, match=r"waves.gaps_path: other.csv does not have adl_waves"):
        sibling(tmp_path / "other.csv")


def test_gaps_may_lie_elsewhere_and_small_ones_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("wave,budget_needed,total_cap\n1,5,50\n2,9,50\n", "utf-8")
    (tmp_path / "g.csv").write_text(
        "wave,coin,gap_usd_x_qty\n1,A,3\n1,A,2\n1,B,0.001\n3,A,5\n", "utf-8"
    )
    waves = Waves(path=str(tmp_path / "w.csv"), gaps_path=str(tmp_path / "g.csv"))
    found = read(waves)
    assert [w.gaps for w in found] == [{"A": 5.0}, {WHOLE: 9.0}]
    assert [w.whole for w in found] == [False, True]


def test_scale_grows_the_population_and_the_market() -> None:
    study = scenarios.load("adl-contest")
    assert isinstance(study, AdlContest)
    grown = study.resolved(None, 2.0)
    assert grown.population.winners == 2 * study.population.winners
    assert grown.end_states.scale == 2 * study.end_states.scale
