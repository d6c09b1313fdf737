"""Resolutions in scenario files: what is refused, and what a run makes of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import scenarios
from scenarios.assembly import assemble
from scenarios.errors import ScenarioError
from scenarios.runner import RunResult
from scenarios.scale import resolve
from scenarios.schema import Scenario
from sim.oracle.event import EventOracle
from sim.record.store import Run

TEXT = """
name = "small"
title = "A small one"
start = 2025-06-02T12:00:00Z
end = 2025-06-02T12:05:00Z
window_us = 10_000

[cadence]
funding_s = 0
depth_s = 0

[index]
lead = "BTC"
[[index.waypoint]]
at = 2025-06-02T12:00:00Z
price_usd = 100_000
[[index.waypoint]]
at = 2025-06-02T12:00:58Z
price_usd = 100_000
[[index.waypoint]]
at = 2025-06-02T12:00:59Z
price_usd = 100_200
[[index.waypoint]]
at = 2025-06-02T12:01:02Z
price_usd = 100_200
[[index.waypoint]]
at = 2025-06-02T12:01:03Z
price_usd = 100_000

[[coin]]
name = "BTC"
price_usd = 100_000
oi_share = 1.0

[[event]]
name = "above"
coin = "BTC"
strike_usd = 100_100
side = "above"
resolves = 2025-06-02T12:01:00Z

[[event]]
name = "who"
kind = "categorical"
outcomes = ["a", "b", "c"]
outcome = "b"
resolves = 2025-06-02T12:01:00Z

[[event]]
name = "count"
kind = "scalar"
low = 10
high = 20
outcome = 15
resolves = 2025-06-02T12:01:00Z

[[oracle.source]]
name = "one"
noise_bps = 0
lag_ms = 0
[[oracle.source]]
name = "two"
noise_bps = 0
lag_ms = 0
[[oracle.source]]
name = "three"
noise_bps = 0
lag_ms = 0

[[trader]]
name = "holders"
kind = "event_trader"
count = 4
params = { open_sets = 1000, looks_per_s = 0 }
"""
OPTIMISTIC = """
[event.resolution]
method = "optimistic"
liveness_s = 30
vote_s = 60
[event.resolution.voters]
count = 100
communities = 5
"""
PEOPLE = """
[[trader]]
name = "liar"
kind = "reporter"
latency_ms = 20
params = { event = 0, says = "NO", reaction_s = 1 }
[[trader]]
name = "watcher"
kind = "disputer"
params = { event = 0, reaction_s = 3 }
[[trader]]
name = "whale"
kind = "voter"
params = { event = 0, outcome = "NO", shares = 100, max_price = 0.9 }
[[trader]]
name = "dealer"
kind = "event_maker"
params = { event = 0, capital_usd = 20_000, max_shares = 5_000, stop_before_s = 5 }
"""


def scenario(text: str = TEXT, *overrides: str, path: Path | None = None) -> Scenario:
    import tomllib

    from scenarios.files import build

    made = build(tomllib.loads(text), overrides, file=str(path or "small"), text=text)
    assert isinstance(made, Scenario)
    return made


def resolved(*overrides: str, text: str = TEXT) -> tuple[EventOracle, list[tuple[str, float, str]]]:
    """The oracle after a run, and (event, seconds after the due time, answer) of resolutions."""
    made = assemble(resolve(scenario(text, *overrides)))
    made.world.run()
    out = []
    for case in made.resolutions.cases.values():
        if case.resolved_us >= 0:
            assert case.answer is not None
            item = case.question.item
            name = "void" if case.answer.void else item.shares[case.answer.outcome]
            if item.name == "count" and not case.answer.void:
                name = str(case.answer.value)
            out.append((item.name, (case.resolved_us - case.question.truth.due_us) / 1e6, name))
    return made.resolutions, out


def refusal(*overrides: str, text: str = TEXT) -> str:
    """What is said when the file is loaded."""
    with pytest.raises(ScenarioError) as error:
        scenario(text, *overrides)
    return str(error.value)


def late_refusal(*overrides: str, text: str = TEXT) -> str:
    """What is said when the file is good and the run is put together."""
    made = resolve(scenario(text, *overrides))
    with pytest.raises(ScenarioError) as error:
        assemble(made)
    return str(error.value)


def fault(kind: str, **fields: Any) -> str:
    said = ", ".join(f"{k}={v!r}".replace("'", '"') for k, v in fields.items())
    return f'resolution.fault=[{{kind="{kind}"{", " if said else ""}{said}}}]'


# the default ------------------------------------------------------------------------------
@pytest.mark.spec("SET-02")
def test_without_a_word_the_truth_comes_at_its_time() -> None:
    oracle, found = resolved()
    assert found == [("above", 0.0, "YES"), ("who", 0.0, "b"), ("count", 0.0, "15")]
    assert [str(e.state) for e in oracle.log.entries] == ["final"] * 3
    assert oracle.summary()["p95_time_to_resolution_s"] == 0


@pytest.mark.spec("SET-02")
def test_a_delay_for_all_and_another_for_one() -> None:
    text = TEXT.replace('name = "who"', 'name = "who"\nresolution = { delay_s = 5 }')
    _, found = resolved("resolution.delay_s=40", text=text)
    assert found == [("above", 40.0, "YES"), ("who", 5.0, "b"), ("count", 40.0, "15")]


# observations -----------------------------------------------------------------------------
DROP = (
    'oracle.fault=[{kind="drop", sources=["one"], share=1.0, start="2025-06-02T12:00:57.5Z",'
    " duration_s=6.0}]"
)


def test_a_missing_tick_picks_the_wrong_winner_and_a_quorum_does_not() -> None:
    """True price over the strike for three seconds only, and the source says nothing then."""
    nearest = ('resolution.observes="nearest"', 'resolution.source="one"')
    oracle, found = resolved(*nearest)
    assert found[0][2] == "YES"
    oracle, found = resolved(*nearest, DROP)
    assert found[0][2] == "NO"
    assert oracle.cases[0].wrong
    assert oracle.summary()["wrong"] == 1
    _, found = resolved('resolution.observes="quorum"', "resolution.quorum=2", DROP)
    assert found[0][2] == "YES"


def test_a_mean_is_not_moved_by_its_last_seconds() -> None:
    _, found = resolved('resolution.observes="twap"', "resolution.twap_s=30")
    assert found[0] == ("above", 1.0, "NO")  # 28 of 30 seconds were below the strike


def test_a_quorum_that_never_comes_leaves_the_event_open() -> None:
    gone = DROP.replace('"one"', '"one", "two"').replace("6.0", "600")
    oracle, found = resolved('resolution.observes="quorum"', "resolution.quorum=2", gone)
    assert [name for name, _, _ in found] == ["who", "count"]
    assert oracle.summary()["unresolved"] == 1
    assert oracle.summary()["capital_locked_usd_days"] == pytest.approx(
        1000 * 240 / 86_400, rel=0.01
    )


# faults -----------------------------------------------------------------------------------
@pytest.mark.spec("SET-03")
def test_faults_strike_the_events_they_name() -> None:
    _, found = resolved(fault("wrong", event="who", outcome="c"))
    assert [answer for _, _, answer in found] == ["YES", "c", "15"]
    _, found = resolved(fault("wrong", event="count", outcome=19))
    assert [answer for _, _, answer in found] == ["YES", "b", "19"]
    _, found = resolved(fault("void"))
    assert [answer for _, _, answer in found] == ["void"] * 3
    oracle, found = resolved(fault("double", event="above", retry_s=30))
    assert found[0] == ("above", 30.0, "YES")
    assert oracle.summary()["refused"] == 1


@pytest.mark.spec("SET-03")
def test_a_fault_on_a_series_strikes_each_of_it() -> None:
    series = TEXT.replace('name = "who"', 'name = "who"\nevery_s = 20\nrepeat = 3')
    _, found = resolved(fault("wrong", event="who", outcome="a"), text=series)
    assert [answer for name, _, answer in found if name.startswith("who")] == ["a"] * 3
    one = resolved(fault("wrong", event="who-2", outcome="a"), text=series)[1]
    assert [answer for name, _, answer in one if name.startswith("who")] == ["b", "a", "b"]


# people -----------------------------------------------------------------------------------
def optimistic() -> str:
    text = TEXT.replace("12:01:00Z\n\n[[event]]", f"12:01:00Z\n{OPTIMISTIC}\n[[event]]", 1)
    return text + PEOPLE


@pytest.mark.spec("SET-02")
@pytest.mark.spec("SET-04")
def test_a_bloc_votes_its_shares_and_the_run_keeps_every_step(tmp_path: Path) -> None:
    bloc = (
        'event.above.resolution.voters.whale=[{name="bloc", share=0.6, votes="position",'
        ' trader="whale", bought=true, resale_loss=0.1}]'
    )
    said = scenario(optimistic(), bloc, "resolution.corrupters=['liar']")
    result: RunResult = scenarios.run(said, out=tmp_path, verify=True)
    assert all(n in (0, None) for n in result.report["invariants"].values())
    assert result.path is not None
    steps = Run(result.path).resolutions().collect()
    own = steps.filter(pl.col("event") == 0)
    assert own["state"].to_list() == [
        "proposed", "disputed", "reset", "proposed-again", "disputed-again", "voting", "decided",
        "final", "final",
    ]  # fmt: skip
    assert own["actor"].to_list() == [
        "liar", "watcher", "oracle", "liar", "watcher", "oracle", "voters", "oracle", "corrupter",
    ]  # fmt: skip
    decided = own.row(6, named=True)
    assert decided["outcome"] == 1
    assert decided["stake_for"] >= 30_000_000 * 10**6
    assert decided["stake_against"] > 0
    assert "the truth is YES" in own["text"][7]
    # 60 % of 50 million USD was bought and loses a tenth; 100 NO shares pay 100 USD.
    assert own["text"][8] == "corruption cost 3,000,000.00 USD, brought 100.00 USD"
    assert steps.filter(pl.col("event") > 0)["state"].to_list() == ["final", "final"]
    honest = scenarios.run(scenario(optimistic()), out=tmp_path)
    assert honest.path is not None
    last = Run(honest.path).resolutions().filter(pl.col("event") == 0).collect().row(-1, named=True)
    assert (last["state"], last["outcome"]) == ("final", 0)


@pytest.mark.spec("SEQ-01")
def test_every_window_gives_the_same_run() -> None:
    runs = [
        scenarios.run(scenario(optimistic(), f"window_us={w}"), out=None, record="summary").report
        for w in (1_000, 10_000)
    ]
    assert runs[0]["digest"] == runs[1]["digest"]


def test_a_run_of_before_has_no_steps(tmp_path: Path) -> None:
    result = scenarios.run(scenario(), out=tmp_path)
    assert result.path is not None
    (result.path / "resolutions.parquet").unlink()
    assert Run(result.path).resolutions().collect().height == 0


# what is refused --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("override", "says"),
    [
        (fault("wrong", event="count", outcome=25), "resolution.fault.0 (wrong): 'count': value 25"
         " is outside the whole numbers 10 … 20"),
        (fault("wrong", event="hwo"), "resolution.fault.0 (wrong): unknown event 'hwo'; did you mean"
         " 'who'?"),
        (fault("wrong", event="who", outcome="d"), "has no outcome 'd'"),
        (fault("wrong", outcome="YES"), "'who' has no outcome 'YES'"),
        (fault("unlisted", event="count"), "'count' is a scalar"),
        (fault("out_of_range", event="who"), "'who' is no scalar"),
        (fault("late"), "needs delay_s above 0"),
        (fault("late", delay_s=5, outcome="YES"), "has no outcome of its own"),
        (fault("wrnog"), "'wrnog' is not known; did you mean 'wrong'?"),
        ('resolution.fault=[{kind="wrong"},{kind="void", event="who"}]', "resolution.fault.0 (wrong)"
         " and resolution.fault.1 (void) exclude each other: one answer is sent for 'who'"),
        ('resolution.source="onne"', "unknown source 'onne'; did you mean 'one'?"),
        ('resolution.corrupters=["lier"]', "resolution.corrupters: unknown trader 'lier'"),
        ("resolution.delay_s=700000", "less than or equal to 604800"),
        ('resolution.method="vote"', "'vote' is not known"),
        ("resolution.voters.communities=2000", "2000 communities of 1000 voters"),
        ('resolution.voters.whale=[{name="a",share=0.6},{name="b",share=0.5}]',
         "whales hold 1.1 of the stake"),
        ('resolution.voters.whale=[{name="a",share=0.6,votes="position"}]', "name its trader"),
        ('resolution.voters.whale=[{name="a",share=0.2},{name="a",share=0.1}]',
         "whale.1.name: there is a voter 'a' already"),
        ('event.who.resolution={observes="nearest"}', "no price decides 'who'"),
    ],
)  # fmt: skip
def test_bad_words_are_named_before_the_run(override: str, says: str) -> None:
    assert says in refusal(override)


@pytest.mark.parametrize(
    ("whale", "says"),
    [
        ({"votes": "MAYBE"}, "whale.bloc: 'above' has no outcome 'MAYBE'"),
        ({"votes": "position", "trader": "whael"}, "whale.bloc: unknown trader 'whael'; did you"
         " mean 'whale'?"),
    ],
)  # fmt: skip
def test_whales_must_exist(whale: dict[str, str], says: str) -> None:
    fields = ", ".join(f'{k}="{v}"' for k, v in whale.items())
    override = f'event.above.resolution.voters.whale=[{{name="bloc", share=0.3, {fields}}}]'
    assert says in refusal(override, text=optimistic())
    bribe = 'event.above.resolution.voters.bribe={outcome="a", budget_usd=5}'
    assert "bribe: 'above' has no outcome 'a'" in refusal(bribe, text=optimistic())


def test_what_only_the_parts_know_is_refused_before_the_run_too() -> None:
    usual = TEXT[: TEXT.index("[[oracle.source]]")] + TEXT[TEXT.index("[[trader]]") :]
    said = late_refusal('resolution.observes="nearest"', 'resolution.source="binnance"', text=usual)
    assert "source 'binnance' does not cover 'BTC'; did you mean 'binance'?" in said
    assert "a quorum of 9 of 7" in late_refusal(
        'resolution.observes="quorum"', "resolution.quorum=9", text=usual
    )
    short = late_refusal("event.above.resolution.liveness_s=0.005", text=optimistic())
    assert "the liveness, 5000 us, is shorter than the matching window" in short


@pytest.mark.parametrize("mode", ["segregated", "isolated", "portfolio"])
def test_bonds_come_from_the_wallet_of_the_event(mode: str) -> None:
    """A party's deposit lies where its bonds are paid, whatever the margin mode."""
    result = assemble(resolve(scenario(optimistic(), f'rules.margin_mode="{mode}"')))
    result.world.run()
    log = result.resolutions.log.of(0)
    assert [e.actor for e in log if e.actor in ("liar", "watcher")] == ["liar", "watcher"] * 2
    assert str(log[-1].state) == "final"
    left = dict.fromkeys(("liar", "watcher"), 0)
    for name in left:
        left[name] = sum(result.exchange.balance(a, 0) for a in result.cohorts[name])
    assert left == {"liar": 500_000_000, "watcher": 2_750_000_000}


def test_every_event_that_a_price_decides_is_observed() -> None:
    """Ranges and a scalar of the price: at the due time 100,200, in the mean about 100,000."""
    text = TEXT.replace(
        'kind = "categorical"\noutcomes = ["a", "b", "c"]\noutcome = "b"',
        'kind = "categorical"\noutcomes = ["a", "b", "c"]\ncoin = "BTC"\n'
        "strikes_usd = [99_000, 100_100]",
    ).replace("low = 10\nhigh = 20\noutcome = 15", 'coin = "BTC"\nlow = 99_000\nhigh = 101_000')
    oracle, found = resolved(text=text)
    assert [case.answer.value for case in oracle.cases.values() if case.answer][2] == 100_200
    assert [name for _, _, name in found][:2] == ["YES", "c"]
    oracle, found = resolved('resolution.observes="twap"', text=text)
    assert [name for _, _, name in found][:2] == ["NO", "b"]
    assert oracle.cases[2].answer is not None
    assert 100_000 <= oracle.cases[2].answer.value < 100_050
    assert all(case.wrong for case in oracle.cases.values())


def test_a_source_on_the_exchanges_own_book_is_observed_alike_for_every_window() -> None:
    """Its readings are made during the run."""

    def run(window_us: int) -> tuple[object, int, str]:
        sources = '[{name="book", reads="spot", coins=["BTC"]}, {name="a", weight=3.0}]'
        said = scenarios.market(
            "smoke",
            [
                f"window_us={window_us}",
                "oracle.fault=[]",
                f"oracle.source={sources}",
                'resolution.observes="nearest"',
                'resolution.source="book"',
            ],
        )
        made = assemble(resolve(said))
        made.world.run()
        case = made.resolutions.cases[0]
        assert case.question.observer is not None
        seen = case.question.observer.at(case.resolved_us)
        return seen, case.resolved_us - case.question.truth.due_us, made.exchange.state_digest()

    one = run(1_000)
    assert one[0] is not None
    assert 0 < one[1] <= 2_000_000
    assert run(10_000) == one
