"""``[oracle]`` and ``[pause]`` in a scenario file: what is read, what is refused and how."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import TypeAdapter

import scenarios
from scenarios.assembly import Assembly, assemble
from scenarios.errors import ScenarioError
from scenarios.files import build, with_overrides
from scenarios.runner import run
from scenarios.schema import Scenario
from scenarios.schema_faults import AnyFault
from scenarios.schema_oracle import Oracle, Pause
from sim.oracle.faults import KINDS, MAGNITUDES, SEVERITIES
from sim.oracle.live import LiveOracle
from sim.oracle.pause import Pauser

START, DURATION = "2025-01-01T00:00:30Z", 60
MARKET: dict[str, Any] = {
    "name": "small",
    "title": "A small one",
    "start": "2025-01-01T00:00:00Z",
    "end": "2025-01-01T00:04:00Z",
    "coin": [
        {"name": "BTC", "price_usd": 100.0, "oi_share": 1.0},
        {"name": "YUSD", "price_usd": 1.0, "perpetual": False, "spot": {}},
    ],
}


def scenario(**oracle: Any) -> Scenario:
    found = build({**MARKET, "oracle": oracle})
    assert isinstance(found, Scenario)
    return found


def fault(kind: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "start": START, "duration_s": DURATION} | fields


def refusal(**oracle: Any) -> str:
    with pytest.raises(ScenarioError) as error:
        assemble(scenario(**oracle))
    return str(error.value)


def assembled(**oracle: Any) -> Assembly:
    return assemble(scenario(**oracle))


# what is read -----------------------------------------------------------------------------
def kinds() -> dict[str, Any]:
    """The table of each kind."""
    union = get_args(get_args(AnyFault)[0])
    return {get_args(model.model_fields["kind"].annotation)[0]: model for model in union}


def test_every_fault_has_a_table_with_its_magnitudes() -> None:
    assert set(kinds()) == set(KINDS)
    for kind, model in kinds().items():
        fields = {re.sub("_s$", "_us", f) for f in model.model_fields}
        assert set(MAGNITUDES[kind]) <= fields


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_fault_of_a_file_has_its_severitys_magnitudes(kind: str, severity: str) -> None:
    needs = {"upstream": "okx"} if kind == "outage" else {"sources": ["okx"]}
    oracle = assembled(fault=[fault(kind, severity=severity, feeds=["BTC"], **needs)]).world.oracle
    assert oracle is not None
    (made,) = oracle.faults
    assert made.kind == kind
    assert made.duration_us == 60_000_000
    for field, values in MAGNITUDES[kind].items():
        assert getattr(made, field) == values[SEVERITIES.index(severity)]


def test_what_the_file_states_counts() -> None:
    oracle = assembled(
        fault=[fault("freeze", refresh=True, severity="mild"), fault("lag", extra_s=0.25)],
        latency_ms=1.5,
        guard={"dispersion_ratio": 0.05, "min_answer": True, "band_ratio": 0.2, "band_s": 60},
    ).world.oracle
    assert oracle is not None
    freeze, lag = oracle.faults
    assert (freeze.refresh, freeze.through_us, lag.extra_us) == (True, 10_000_000, 250_000)  # type: ignore[attr-defined]
    assert oracle.latency_us == 1500
    assert (oracle.guard.dispersion_ratio, oracle.guard.band_us) == (0.05, 60_000_000)


def test_services_come_only_when_they_are_needed() -> None:
    assert not [s for s in assembled().world.services if isinstance(s, LiveOracle | Pauser)]
    source = [{"name": "book", "reads": "spot", "coins": ["YUSD"]}, {"name": "a"}]
    made = assemble(with_overrides(scenario(source=source), {"pause": {"after_s": 3}}))
    live, pauser = (s for s in made.world.services if isinstance(s, LiveOracle | Pauser))
    assert isinstance(live, LiveOracle)
    assert isinstance(pauser, Pauser)
    assert pauser.rule.after_us == 3_000_000


def test_a_run_with_books_faults_guards_and_a_pause_is_the_same_for_every_window() -> None:
    base = scenarios.load("smoke")
    assert isinstance(base, Scenario)
    changed = {
        "oracle.source": [
            {"name": "book", "reads": "spot", "lag_ms": 500, "coins": ["YUSD"], "average_s": 5},
            {"name": "mark", "reads": "perpetual", "coins": ["BTC", "ETH"], "weight": 5},
            {"name": "a"},
            {"name": "mix", "upstream": {"mark": 0.5, "a": 0.5}, "coins": ["BTC"]},
        ],
        "oracle.guard": {"band_ratio": 0.2, "dispersion_ratio": 0.05},
        "oracle.latency_ms": 40,
        "oracle.fault": [
            {"kind": "lag", "sources": ["mark"], "start": "2025-06-02T12:11:00Z", "duration_s": 60},
            {"kind": "drop", "share": 1, "feeds": ["ETH"], "start": "2025-06-02T12:11:30Z",
             "duration_s": 30},
        ],
        "pause": {"grade": "insufficient_sources", "after_s": 3, "clear_s": 5, "auction_s": 10},
    }  # fmt: skip
    digests = {
        window_us: run(
            with_overrides(base, {**changed, "window_us": window_us}), out=None, scale=0.25,
            record="summary",
        ).report["digest"]
        for window_us in (10_000, 1_000)
    }  # fmt: skip
    assert len(set(digests.values())) == 1


# the page ---------------------------------------------------------------------------------
def page(repo: Path) -> str:
    return (repo / "docs" / "oracle.md").read_text("utf-8")


def test_the_pages_examples_build_and_show_every_kind(repo: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", page(repo), re.DOTALL)
    raw = tomllib.loads("\n".join(blocks))
    assert {f["kind"] for f in raw["oracle"]["fault"]} == set(KINDS)
    # The last table stands alone; the market has no spot book of BTC, so it gets one.
    market = {**MARKET, **raw}
    market["coin"] = [{**MARKET["coin"][0], "spot": {}}, MARKET["coin"][1]]
    found = build(market)
    assert isinstance(found, Scenario)
    oracle = assemble(found).world.oracle
    assert oracle is not None
    assert oracle.live == (0,)


def test_the_pages_magnitudes_are_the_programs(repo: Path) -> None:
    rows = re.findall(
        r"^\| ([a-z]+)\*? \| .* \| `([^`|]+)` \| `([^`|]+)` \| `([^`|]+)` \|$", page(repo), re.M
    )
    assert {row[0] for row in rows} == set(MAGNITUDES)
    for kind, *cells in rows:
        for place, cell in enumerate(cells):
            told = tomllib.loads("\n".join(cell.split(", ")))
            told = {
                (k[:-2] + "_us" if k.endswith("_s") else k): v * 1_000_000
                if k.endswith("_s")
                else v
                for k, v in told.items()
            }
            assert told == {f: values[place] for f, values in MAGNITUDES[kind].items()}


def test_the_schema_knows_every_kind_of_fault() -> None:
    told = TypeAdapter(Scenario).json_schema()["$defs"]
    assert (
        told["Oracle"]["properties"]["fault"]["items"]["discriminator"]["mapping"].keys()
        == KINDS.keys()
    )
    assert Pause().state == "cancel_only"
    assert Oracle().guard.band_ratio == 0


# what is refused --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("oracle", "place", "reason"),
    [
        ({"fault": [fault("biass")]}, "oracle.fault.0.kind", "did you mean 'bias'?"),
        ({"fault": [{"start": START, "duration_s": 1}]}, "oracle.fault.0", "say which"),
        ({"fault": [fault("bias", bias_pc=1)]}, "oracle.fault.0.bias_pc",
         "did you mean 'bias_pct'? allowed: name, sources"),
        ({"fault": [fault("factor", factor=-1)]}, "oracle.fault.0.factor", "greater than 0"),
        ({"fault": [fault("lag", severity="bad")]}, "oracle.fault.0.severity",
         "allowed: mild, adverse, severe"),
        ({"fault": [fault("bias", sources=["okxx"])]}, "oracle.fault.0",
         "unknown source 'okxx'; there is ['binance', 'okx', 'bybit', 'kraken', 'kucoin', 'gate', "
         "'mexc']; did you mean 'okx'?"),
        ({"fault": [fault("bias"), fault("bias", feeds=["BTCC"])]}, "oracle.fault.1",
         "unknown feed 'BTCC'; there is ['BTC', 'YUSD']; did you mean 'BTC'?"),
        ({"fault": [fault("outage", upstream="okk")]}, "oracle.fault.0", "did you mean 'okx'?"),
        ({"fault": [fault("outage", upstream="okx", sources=["okx"])]}, "oracle.fault.0",
         "it names no sources"),
        ({"fault": [fault("bias"), fault("freeze"), fault("drop")]}, "oracle.fault.2",
         "fault.2 (drop) overlaps fault.1 (freeze) on source"),
        ({"fault": [fault("bias", start="2025-01-01T00:04:01Z")]}, "oracle.fault.0",
         "wholly outside the run from 2025-01-01"),
        ({"fault": [fault("bias", start="2024-12-31T23:59:00Z")]}, "oracle.fault.0",
         "wholly outside the run"),
        ({"fault": [fault("bias", duration_s=1, sources=["a"])],
          "source": [{"name": "a", "heartbeat_s": 3600}, {"name": "b"}]}, "oracle.fault.0",
         "this bias changes nothing: from 2025-01-01 00:00:30+00:00 for 1 s none of its sources"),
        ({"fault": [fault("clamp", floor_usd=3, ceiling_usd=2)]}, "oracle.fault.0",
         "floor_usd 3 is above ceiling_usd 2"),
        ({"fault": [fault("captured", take=8)]}, "oracle.fault.0", "captures 8 of 7"),
        ({"fault": [fault("shuffle")], "source": [{"name": "a", "reads": "spot", "coins": ["YUSD"]},
                                                  {"name": "b"}]},
         "oracle.fault.0", "cannot hit source 'a': it reads a book"),
        ({"source": [{"name": "a", "upstream": ["b"]}, {"name": "b", "upstream": {"c": 1}},
                     {"name": "c", "upstream": ["a"]}]}, "oracle.source.0", "a → b → c → a"),
        ({"source": [{"name": "a", "upstream": {"b": 0.5}}, {"name": "b"}]}, "oracle.source.0",
         "the weights of its upstreams add to 0.5, not to 1"),
        ({"source": [{"name": "a", "upstream": {"bb": 1}}, {"name": "b"}]}, "oracle.source.0",
         "made of 'bb', which is no source; did you mean 'b'?"),
        ({"source": [{"name": "a"}, {"name": "b", "coins": ["BTCC"]}]}, "oracle.source.1",
         "unknown feed 'BTCC'"),
        ({"source": [{"name": "a"}, {"name": "b", "reads": "spot"}]}, "oracle.source.1",
         "the spot book of 'BTC', which has none"),
        ({"source": [{"name": "a", "reads": "books"}]}, "oracle.source.0.reads",
         "allowed: truth, spot, perpetual"),
        ({"source": [{"name": "a", "average_s": 3}]}, "oracle.source.0", "only what reads a book"),
        ({"guard": {"band_ratio": 1.5}}, "oracle.guard.band_ratio", "less than 1"),
        ({"guard": {"dispersion_ratio": -1}}, "oracle.guard.dispersion_ratio", "greater than"),
        ({"guard": {"band": 1}}, "oracle.guard.band", "did you mean 'band_s'?"),
        ({"min_sources": 8}, "oracle.min_sources", "is more than the 7 that there are"),
        ({"policy": "single", "single": "okx", "min_sources": 2}, "oracle.min_sources",
         "more than the 1"),
        ({"policy": "single", "single": "okk"}, "oracle.single",
         "unknown source 'okk'; there is ['binance', 'okx', 'bybit', 'kraken', 'kucoin', 'gate', "
         "'mexc']; did you mean 'okx'?"),
        ({"policy": "redemption", "redemption_usd": {"YUSDT": 1}}, "oracle.redemption_usd",
         "unknown feed 'YUSDT'; listed: ['BTC', 'YUSD']; did you mean 'YUSD'?"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_entry_and_what_is_allowed(
    oracle: dict[str, Any], place: str, reason: str
) -> None:
    said = refusal(**oracle)
    assert said.startswith(f"{place}: ")
    assert reason in said


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("fault.0.age_s", {"fault": [fault("replay", age_s=4e-7)]}),
        ("fault.0.window_s", {"fault": [fault("shuffle", window_s=4e-7)]}),
        ("fault.0.extra_s", {"fault": [fault("lag", extra_s=4e-7)]}),
        ("fault.0.duration_s", {"fault": [fault("bias", duration_s=4e-7)]}),
        ("fault.0.through_s", {"fault": [fault("freeze", through_s=4e-7)]}),
        ("fault.0.ramp_s", {"fault": [fault("fork", ramp_s=4e-7)]}),
        ("source.0.heartbeat_s", {"source": [{"name": "a", "heartbeat_s": 4e-7}]}),
        ("source.0.look_s", {"source": [{"name": "a", "look_s": 4e-7}]}),
        ("source.0.average_s", {"source": [{"name": "a", "average_s": 4e-7}]}),
        ("guard.band_s", {"guard": {"band_s": 4e-7}}),
    ],
)
def test_what_is_shorter_than_a_microsecond_is_refused(place: str, told: dict[str, Any]) -> None:
    said = refusal(**told)
    assert said.startswith(f"oracle.{place}: ")
    assert "to 0.000001" in said or "less than a microsecond" in said


def test_a_microsecond_is_a_duration_and_none_is_none() -> None:
    oracle = assembled(
        fault=[
            fault("replay", age_s=1e-6, feeds=["BTC"]),
            fault("shuffle", window_s=1e-6, feeds=["YUSD"]),
            fault("freeze", through_s=0, start="2025-01-01T00:02:00Z"),
        ]
    ).world.oracle
    assert oracle is not None
    assert len(oracle.messages(np.array([oracle.span.end_us]))) == 2
    assert [getattr(f, "through_us", None) for f in oracle.faults] == [None, None, 0]


def test_a_run_made_shorter_may_leave_a_fault_nothing_to_change() -> None:
    source = [{"name": "a", "heartbeat_s": 3600}, {"name": "b"}]
    hit = [fault("bias", start="2025-01-01T00:02:00Z", duration_s=1, sources=["a"])]
    assert "changes nothing" in refusal(source=source, fault=hit)
    short = with_overrides(scenario(source=source, fault=hit), {"end": "2025-01-01T00:02:30Z"})
    oracle = assemble(short).world.oracle
    assert oracle is not None
    assert oracle.idle_faults() == [0]


def test_a_pause_of_what_is_not_listed_is_refused() -> None:
    with pytest.raises(
        ScenarioError, match=r"^--set: pause.instruments: 'BTC-PER' .*mean 'BTC-PERP'"
    ):
        assemble(with_overrides(scenario(), {"pause": {"instruments": ["BTC-PER"]}}))
    with pytest.raises(ScenarioError, match=r"^--set: pause.state: .*allowed: post_only"):
        with_overrides(scenario(), {"pause": {"state": "halted"}})
