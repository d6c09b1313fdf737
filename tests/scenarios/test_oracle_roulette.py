"""``oracle-roulette``: what is drawn, what a guard is worth, by hand and on a short small market."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import scenarios
from scenarios.errors import ScenarioError
from scenarios.files import market
from scenarios.studies.roulette import OracleRoulette
from scenarios.studies.roulette_chance import Chance
from scenarios.studies.roulette_draw import Draw, draw_all
from scenarios.studies.roulette_fault import draw_faults, place_of
from scenarios.studies.roulette_picture import picture
from scenarios.studies.roulette_run import Spun, spin
from scenarios.studies.roulette_table import Pair, effect_of, parts, ranked, ranking
from scenarios.studies.runner import run_study
from scenarios.studies.true_losses import TrueLosses
from scenarios.studies.wheel import Wheel
from sim.exchange.instruments import Asset, Feed, Listing, Perpetual, Spot
from sim.exchange.messages import EVENT_COLUMNS, Event
from sim.oracle.faults import KINDS
from sim.oracle.truth import flat

# Three minutes with half of the accounts; a fault or a move takes seconds.
SHORT = {
    "set": {
        "end": "2025-06-02T12:03:00Z",
        "index.waypoint.1.at": "2025-06-02T12:03:00Z",
        "trader.leveraged.count": 30,
        "rules.strict_prices": False,
    },
    "chance.quiet_s": 20,
    "chance.duration_s": [60, 100],
    "chance.fall_s": [10, 40],
    "chance.fall_ratio": [0.4, 0.6],
    "chance.rise_share": 0.0,
    "chance.coins": ["BTC"],
    "chance.crash_share": 0.34,
    "chance.calm_share": 0.33,
    "workers": 1,
    "draws": 3,
}
KEPT = ("dispersion", "mark-limits")


def small(*names: str, **more: Any) -> OracleRoulette:
    study = scenarios.load("oracle-roulette", {**SHORT, **more})
    assert isinstance(study, OracleRoulette)
    kept = tuple(g for g in study.guard if g.name in (names or KEPT))
    made = study.model_copy(update={"guard": kept})
    made._origin = study.origin
    return made


def rows(report: dict[str, Any], table: str) -> list[dict[str, Any]]:
    found = report["tables"][table]
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return run_study(small(), out=None)[2]


# --- the study -------------------------------------------------------------------------------


def test_every_draw_runs_once_and_once_with_each_guard_turned(report: dict[str, Any]) -> None:
    found = {name: entry["value"] for name, entry in report["metrics"].items()}
    assert found["roulette_runs"] == 3 * (1 + len(KEPT))
    kinds = [found[f"roulette_{kind}_draws"] for kind in ("fault", "crash", "calm")]
    assert kinds == [1, 1, 1]
    assert found["roulette_reference_runs"] == found["roulette_crash_draws"]
    runs = rows(report, "runs")
    for draw in range(3):
        own = [r for r in runs if r["draw"] == draw]
        first = set(own[0]["on"].split()) - {"none"}
        assert own[0]["turned"] == "none"
        for run, name in zip(own[1:], KEPT, strict=False):
            assert run["turned"] == name
            assert set(run["on"].split()) - {"none"} == first ^ {name}


def test_runs_of_a_draw_share_prices_and_start_and_violate_nothing(report: dict[str, Any]) -> None:
    runs = rows(report, "runs")
    for draw in range(3):
        own = [r for r in runs if r["draw"] == draw]
        assert len({r["path"] for r in own}) == len({r["start"] for r in own}) == 1
    assert len({r["path"] for r in runs}) == 3
    assert sum(r["violations"] for r in runs) == 0
    passed = {check["id"]: check["passed"] for check in report["checks"]}
    assert not passed.pop("all-runs")  # these are not 200
    assert passed == dict.fromkeys(passed, True)


def test_a_crash_hurts_and_never_to_liquidate_hurts_more(report: dict[str, Any]) -> None:
    (draw,) = {r["draw"] for r in rows(report, "runs") if r["kind"] == "crash"}
    by_name = {r["turned"]: r["loss_usd"] for r in rows(report, "runs") if r["draw"] == draw}
    assert by_name["never-liquidate"] > max(0.0, by_name["none"])


def test_calm_draws_lose_nothing(report: dict[str, Any]) -> None:
    calm = [r for r in rows(report, "runs") if r["kind"] == "calm"]
    assert {r["loss_usd"] for r in calm} == {0.0}


def test_the_same_seed_gives_the_same_tables_with_any_workers(report: dict[str, Any]) -> None:
    again = run_study(small(workers=2), out=None)[2]
    assert again["digest"] == report["digest"]


def test_effects_are_differences_within_a_draw(report: dict[str, Any]) -> None:
    runs = rows(report, "runs")
    for row in rows(report, "numbers"):
        if row["guard"] not in KEPT or row["draws"] != "all":
            continue
        gaps = []
        for draw in range(3):
            own = {r["turned"]: r for r in runs if r["draw"] == draw}
            first, other = own["none"], own[row["guard"]]
            on = row["guard"] in first["on"].split()
            without, having = (other, first) if on else (first, other)
            gap = without[row["measure"]] - having[row["measure"]]
            gaps.append(gap if row["measure"].endswith("_usd") else -gap)
        assert row["difference"] == pytest.approx(sum(gaps) / 3)
        assert (row["lower"], row["higher"]) == (sum(g < 0 for g in gaps), sum(g > 0 for g in gaps))


def test_the_library_study_is_200_runs() -> None:
    study = scenarios.load("oracle-roulette")
    assert isinstance(study, OracleRoulette)
    turns = study.turns()
    guards = [t for t in turns if t.turned != study.reference.name]
    assert len(guards) == 200
    assert len(turns) - 200 == sum(t.draw.kind == "crash" for t in turns if not t.turned)
    assert {t.plan.seed for t in turns} == set(range(1, 21))


# --- what is drawn ---------------------------------------------------------------------------


def test_faults_of_a_draw_can_be_together() -> None:
    """Hundreds of draws, every kind of fault: the oracle takes all of them."""
    desk = market("oracle-desk")
    chance = Chance(faults=(1, 6), breadth=(1, 3, 5, 0), coins_share=0.5)
    place = place_of(desk, chance)
    seen = set()
    for k in range(200):
        hits = draw_faults(chance, place, Wheel(k, "test", "faults"))
        assert 1 <= len(hits) <= 6
        for n, a in enumerate(hits):
            seen.add(a.table["kind"])
            assert chance.quiet_s <= a.begins_s < a.ends_s <= place.seconds
            for b in hits[:n]:
                together = a.begins_s < b.ends_s and b.begins_s < a.ends_s
                both = KINDS[a.table["kind"]].exclusive and KINDS[b.table["kind"]].exclusive
                assert not (both and together and set(a.table["feeds"]) & set(b.table["feeds"]))
    assert seen == set(KINDS)


def test_a_fault_that_is_turned_has_the_opposite_magnitude() -> None:
    desk = market("oracle-desk")
    signs = set()
    chance = Chance(kinds=("bias", "factor"), severities=("severe",))
    for k in range(30):
        for hit in draw_faults(chance, place_of(desk, chance), Wheel(k, "test", "turned")):
            if " down " in hit.words:
                signs.add((hit.table["kind"], hit.table.get("bias_pct", hit.table.get("factor"))))
            else:
                assert "bias_pct" not in hit.table
                assert "factor" not in hit.table
    assert signs == {("bias", -20.0), ("factor", 0.001)}


def test_a_further_guard_or_draw_shifts_no_other() -> None:
    desk, chance = market("oracle-desk"), Chance()
    two = draw_all(chance, desk, ["a", "b"], 8, 5)
    three = draw_all(chance, desk, ["a", "new", "b"], 8, 5)
    assert [d.change for d in two] == [d.change for d in three]
    assert [d.on for d in two] == [d.on - {"new"} for d in three]
    assert {"new" in d.on for d in three} == {True, False}


def test_a_crash_is_a_true_path_and_no_fault() -> None:
    desk = market("oracle-desk")
    chance = Chance(crash_share=1.0, calm_share=0.0, fall_ratio=(0.3, 0.3), rise_share=0.0)
    paths = set()
    for draw in draw_all(chance, desk, [], 20, 2):
        assert draw.kind == "crash"
        ((path, points),) = draw.change.items()
        paths.add(path)
        times = [p["at"] for p in points]
        assert times == sorted(set(times))
        assert times[0] == desk.start
        assert times[-1] == desk.end
        assert times[1] - times[0] >= timedelta(seconds=chance.quiet_s)
        prices = [p["price_usd"] for p in points]
        assert min(prices) == pytest.approx(0.7 * prices[0])
        back = (prices[-1] - prices[2]) / (prices[0] - prices[2])
        assert chance.back_ratio[0] <= back <= chance.back_ratio[1]
    coins = {f"coin.{c.name}.waypoint" for c in desk.coin} - {"coin.BTC.waypoint"}
    assert paths == coins | {"index.waypoint"}


# --- the parts, by hand ----------------------------------------------------------------------

NOTHING = Spun(0, 0, 0, 0, 0, 0, 0, 0, 0, None, 0, "", "")


def draw_of(place: int, kind: Any) -> Draw:
    return Draw(place, place, kind, frozenset())


def test_losses_by_hand() -> None:
    """70 carried off leave a hole of 70; 30 more are unpaid for other reasons; victims lose 5."""
    assert replace(NOTHING, unpaid_usd=100, extracted_usd=70, victims_usd=5).loss_usd == 105
    # Winnings that nobody lent are a loss too.
    assert replace(NOTHING, unpaid_usd=10, extracted_usd=70).loss_usd == 70


def test_ranking_by_hand() -> None:
    """8 USD for 2 alarms beat 3 for 1; what helps without alarms comes first, harm last."""
    first = draw_of(0, "fault"), draw_of(1, "calm")

    def guard(name: str, avoided: float, alarms: int) -> Any:
        lost = replace(NOTHING, unpaid_usd=10.0 + avoided)
        kept = replace(NOTHING, unpaid_usd=10.0, alarms=alarms)
        pairs = [Pair(first[0], lost, kept), Pair(first[1], NOTHING, NOTHING)]
        return effect_of(name, pairs, seed=1)

    made = [guard("harm", -2, 0), guard("few", 3, 1), guard("none", 0, 0), guard("free", 1, 0)]
    made += [guard("many", 8, 2), guard("noisy", -2, 4)]
    assert [e.guard for e in ranked(made)] == ["free", "many", "few", "none", "harm", "noisy"]
    by_name = {row["guard"]: row for row in ranking(made).to_dicts()}
    assert by_name["many"]["per_alarm_usd"] == "4.00"
    assert by_name["free"]["per_alarm_usd"] == "no alarm"
    assert by_name["many"]["fault_usd"] == "8.00 (8.00, 8.00)"
    assert by_name["many"]["calm_usd"] == "0"
    assert by_name["many"]["crash_usd"] == "—"
    assert (by_name["many"]["better"], by_name["noisy"]["worse"]) == (1, 1)
    assert parts(made)["guard"].to_list() == [e.guard for e in ranked(made)]
    ElementTree.fromstring(picture(made))  # well-formed


COIN = Listing(
    feeds=(Feed(name="C", tick_micro=100_000, index_ticks=1000),),
    assets=(Asset(name="C", feed="C", units_per_coin=10),),
    perpetuals=(Perpetual(name="C-PERP", feed="C", lots_per_coin=1),),
    spots=(Spot(name="C/USDC", base="C"),),
)  # 1000 ticks are 100 USD; a lot is a coin


def event(kind: Event, **values: int) -> list[int]:
    values["kind"] = int(kind)
    return [values.get(name, 0) for name in EVENT_COLUMNS]


def test_losses_at_true_prices_by_hand() -> None:
    """The true price is 100 USD throughout, the index goes to 150: shorts fail."""
    seen = TrueLosses(COIN, 10, flat({"C": 100.0}, 0, 100_000_000))
    seen.add(
        np.array(
            [
                event(Event.FLAG, account=3, seq=1),
                event(Event.LEG, account=3, seq=2, code=1, instrument=0, size=-10),
                # It buys 4 at 140 and pays a fee of 1: 161 lost, whatever the mark.
                event(Event.FILL, account=3, seq=3, code=1, side=0, price=1400, size=4),
                event(Event.STEP, account=3, seq=4, amount=1_000_000),
                # The backstop takes 2 at 150 with a discount of 5: 105 lost.
                event(Event.BACKSTOP, account=3, seq=5, size=-2, price=1500, amount=5_000_000),
                # 4 are closed at 150; the winner gives up 120 of the 200 that only the mark made.
                event(Event.ADL, account=3, other=8, seq=6, size=4, price=1500, amount=120_000_000),
                event(Event.DEFICIT, account=3, seq=7, amount=126_000_000, x=6_000_000),
            ],
            np.int64,
        )
    )
    # Account 4 was long at a fair mark: its winner gives up 30 that were true.
    seen.add(
        np.array(
            [
                event(Event.FLAG, account=4, seq=11),
                event(Event.LEG, account=4, seq=12, code=1, instrument=0, size=5),
                event(Event.ADL, account=4, other=8, seq=13, size=5, price=1000, amount=30_000_000),
                event(Event.DEFICIT, account=4, seq=14, amount=37_000_000, other_order=7_000_000),
            ],
            np.int64,
        )
    )
    assert seen.victims_usd([True, False]) == pytest.approx(161 + 105 + 200 - 126)
    assert seen.victims_usd([False, True]) == 0.0
    assert seen.paid_usd == 6 + 7
    assert seen.forgone_usd == pytest.approx(30)
    assert seen.deficits_usd == 126 + 37


def test_a_run_agrees_with_the_run_of_the_market() -> None:
    """The study's own watch sees what ``windtunnel run`` reports, and a loss is made of it."""
    turns = small(**{"draws": 6, "chance.on_share": 0.0}).turns()
    turn = next(t for t in turns if not t.turned and t.draw.kind == "fault")
    found = spin(turn.plan)
    report = scenarios.run(turn.plan, out=None, record="summary").report
    value = {name: entry["value"] for name, entry in report["metrics"].items()}
    assert found.bad_debt_usd == pytest.approx(value["bad_debt_true_usd"])
    assert found.extracted_usd == pytest.approx(value["extracted_usd"])
    assert found.oracle_usd == pytest.approx(value["loss_oracle_usd"])
    assert found.alarms == value["oracle_false_alarms"]
    assert asdict(spin(turn.plan)) == asdict(found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"guard.band.on": {"index.scale": 2.0}}, "'index.scale' is no guard's"),
        ({"guard.band.on": {"oracle.fault": []}}, "'oracle.fault' is no guard's"),
        ({"guard.band.off": {"oracle.min_sources": 2}}, "on does not"),
        ({"guard.band.name": "quorum"}, "declared twice"),
        ({"guard.band.on": {"oracle.min_sources": 3}, "guard.band.off": {}}, "both set"),
        ({"guard.band.on": {"oracle.guard.band": 0.2}, "guard.band.off": {}}, "band_ratio"),
        ({"guard.band.off": {"oracle.guard.band_ratio": 0.2}}, "on and off are the same"),
        ({"chance.kinds": ["freese"]}, "did you mean 'freeze'"),
        ({"chance.fall_s": [100, 50]}, "no range"),
        ({"chance.crash_share": 0.6, "chance.calm_share": 0.6}, "exceed 1"),
        ({"chance.duration_s": [60, 900]}, "takes 961 s"),
        ({"chance.coins": ["DOGE"]}, "unknown coin 'DOGE'"),
        ({"scenario": "loop-ladder", "set": {}}, "is a study and no market"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        scenarios.load("oracle-roulette", change).resolved(None, 1.0)
