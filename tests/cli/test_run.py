"""The command line with a run: what it prints, what it leaves, and that it repeats itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sim.exchange.instruments import Listing
from sim.exchange.messages import Event
from sim.risk.metrics import UNITS
from sim.risk.solvency import Leg, Solvency

COMMAND = Path(sys.executable).parent / "windtunnel"
KEYS = [
    "run_id",
    "scenario",
    "seed",
    "digest",
    "sim_seconds",
    "wall_seconds",
    "messages",
    "fills",
    "accounts",
    "parties",
    "instruments",
    "metrics",
    "stages",
    "invariants",
    "checks",
    "grade",
    "variant",
]


def windtunnel(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=600,
        env={**os.environ, **env},
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def found(place: Path) -> dict[str, Any]:
    """The object of a run of the smoke scenario with every event kept."""
    done = windtunnel("run", "smoke", "--json", "--record", "full", cwd=place)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    return json.loads(done.stdout)


def test_json_has_the_promised_keys(found: dict[str, Any]) -> None:
    assert list(found) == KEYS
    assert found["scenario"] == "smoke"
    assert found["sim_seconds"] == 180
    assert list(found["metrics"]) == list(UNITS)
    assert all(set(entry) == {"value", "unit"} for entry in found["metrics"].values())
    assert set(found["stages"]) == {
        "book_usd",
        "backstop_usd",
        "insurance_usd",
        "adl_usd",
        "socialised_usd",
        "first_adl_delay_s",
        "liquidated_accounts",
        "adl_accounts",
    }
    assert all(set(c) == {"id", "passed", "value", "expect"} for c in found["checks"])


def test_conservation_is_always_checked_and_nothing_is_broken(found: dict[str, Any]) -> None:
    assert set(found["invariants"]) >= {f"I{n}" for n in range(1, 20)}
    assert found["invariants"]["I1"] == 0
    assert not any(found["invariants"].values())
    assert None in found["invariants"].values()


def test_the_crash_does_what_a_crash_does(found: dict[str, Any]) -> None:
    assert found["fills"] > 1000
    assert all(value > 0 for value in found["stages"].values())  # every stage is reached
    paid = [found["stages"]["insurance_usd"], found["stages"]["socialised_usd"]]
    paid.append(found["metrics"]["adl_pnl_usd"]["value"])
    bad_debt = found["metrics"]["bad_debt_usd"]["value"]
    assert sum(paid) == pytest.approx(bad_debt, rel=1e-12)  # LIQ-08
    assert all(check["passed"] for check in found["checks"])


def test_the_run_directory_is_as_documented(place: Path, found: dict[str, Any]) -> None:
    folder = place / "runs" / found["run_id"]
    names = {p.name for p in folder.iterdir()}
    assert names == {
        "manifest.json",
        "events",
        "accounts.parquet",
        "holdings.parquet",
        "book.parquet",
        "resolutions.parquet",
        "series.parquet",
        "funds.parquet",
        "metrics.parquet",
    }
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["report"] == found
    assert manifest["digest"] == found["digest"] == manifest["digests"][-1]
    assert [p.name for p in (place / "runs").iterdir()] == [found["run_id"]]


def test_metrics_agree_with_the_accounts_on_disk(place: Path, found: dict[str, Any]) -> None:
    import polars as pl

    folder = place / "runs" / found["run_id"]
    accounts = pl.read_parquet(folder / "accounts.parquet")
    assert accounts.height == found["accounts"]
    liquidated = accounts.filter(pl.col("stage") != "none").height
    assert liquidated == found["stages"]["liquidated_accounts"]
    total = accounts["liquidated_notional_usd"].sum()
    assert total == pytest.approx(found["metrics"]["liquidated_notional_usd"]["value"], rel=1e-9)


def test_legs_of_a_flag_are_revalued_as_the_exchange_does(
    place: Path, found: dict[str, Any]
) -> None:
    """At the prices in its LEG rows every flagged account has the NE and MM of its FLAG."""
    import polars as pl

    folder = place / "runs" / found["run_id"]
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    solvency = Solvency(Listing.model_validate(manifest["listing"]))
    kinds = [int(Event.FLAG), int(Event.LEG)]
    events = pl.read_parquet(folder / "events/*.parquet").filter(pl.col("kind").is_in(kinds))
    flags: list[tuple[dict[str, int], list[Leg]]] = []
    for row in events.sort("seq").iter_rows(named=True):
        if row["kind"] == Event.FLAG:
            flags.append((row, []))
        else:
            columns = (row[c] for c in ("instrument", "size", "amount", "price"))
            flags[-1][1].append(Leg(bool(row["code"]), *columns))
    assert len(flags) >= 5
    for flag, legs in flags:
        shares = [leg for leg in legs if not leg.is_position and leg.thing > solvency.coins]
        parts = [shares, *([leg] for leg in legs if leg not in shares)]
        margins = [solvency.margins(p, lambda feed, p=p: p[0].price) for p in parts]
        assert sum(ne for ne, _ in margins) * 1e6 == pytest.approx(flag["x"], abs=2)
        assert sum(mm for _, mm in margins) * 1e6 == pytest.approx(flag["y"], abs=2)


def test_the_same_again_replaces_it_with_the_same(place: Path, found: dict[str, Any]) -> None:
    done = windtunnel("run", "smoke", "--record", "full", cwd=place, NO_COLOR="1")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "Bad debt" in done.stdout
    assert f"windtunnel explain {found['run_id']}" in done.stdout
    assert [p.name for p in (place / "runs").iterdir()] == [found["run_id"]]
    manifest = json.loads((place / "runs" / found["run_id"] / "manifest.json").read_text("utf-8"))
    assert manifest["digest"] == found["digest"]


def test_another_seed_is_another_run(place: Path, found: dict[str, Any]) -> None:
    done = windtunnel("run", "smoke", "--json", "--seed", "2", "--out", "other", cwd=place)
    other = json.loads(done.stdout)
    assert other["seed"] == 2
    assert other["digest"] != found["digest"]
    assert (place / "other" / other["run_id"] / "manifest.json").is_file()


def test_verify_checks_every_batch(place: Path, found: dict[str, Any]) -> None:
    options = ("--set", "end=2025-06-02T12:10:20Z", "--out", "verified")
    done = windtunnel("run", "smoke", "--json", "--verify", *options, cwd=place)
    assert done.returncode == 0, done.stderr
    invariants = json.loads(done.stdout)["invariants"]
    assert not any(invariants.values())
    assert None not in [invariants[name] for name in ("I1", "I3", "I7", "I9", "I12", "I13")]


@pytest.mark.parametrize("at", [("--at", "110"), ("--at", "12:11:50"), ()])
def test_explain_adds_up(place: Path, found: dict[str, Any], at: tuple[str, ...]) -> None:
    arguments = ("explain", found["run_id"], "--account", "0", *at)
    done = windtunnel(*arguments, "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["verified_minutes"] == (1 if at else 4)
    told = windtunnel(*arguments, cwd=place)
    assert told.returncode == 0
    assert "MAR-" in told.stdout


def test_explain_tells_why_from_the_stored_events(place: Path, found: dict[str, Any]) -> None:
    """Every account that the report counts as liquidated is, and the chain ends outside."""
    whole = ("explain", found["run_id"], "--account")
    told = json.loads(windtunnel(*whole, "11", "--why", "--json", cwd=place).stdout)
    assert not told["repeated"]
    (case,) = told["why"]["liquidations"]
    assert case["exact"]
    assert case["chain"][-1]["event"] == "INDEX"
    spoken = windtunnel(*whole, "11", "--why", cwd=place)
    assert spoken.returncode == 0, spoken.stderr
    assert "Why" in spoken.stdout
    assert "from outside: index of" in spoken.stdout
    full = json.loads(windtunnel(*whole, "11", "--json", cwd=place).stdout)
    assert full["why"] == told["why"]
    assert set(full["liquidation"]) >= {"safe", "feeds", "together", "resolutions"}


def test_explain_shows_the_network(place: Path, found: dict[str, Any]) -> None:
    told = windtunnel("explain", found["run_id"], "--network", "--json", cwd=place)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["accounts"] == found["accounts"]
    spoken = windtunnel("explain", found["run_id"], "--network", cwd=place)
    assert "DebtRank" in spoken.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Say --account N, --event NAME, or --network"),
        (("--network", "--account", "1"), "--network is about the whole run"),
    ],
)
def test_explain_needs_to_know_of_what(
    place: Path, found: dict[str, Any], options: tuple[str, ...], said: str
) -> None:
    done = windtunnel("explain", found["run_id"], *options, cwd=place)
    assert done.returncode == 2
    assert said in done.stderr


def test_explain_refuses_an_unknown_account(place: Path, found: dict[str, Any]) -> None:
    done = windtunnel("explain", found["run_id"], "--account", "99999", cwd=place)
    assert done.returncode == 2
    assert "99999 is not between 0 and" in done.stderr


def test_a_bad_price_file_is_refused_with_its_row(place: Path) -> None:
    header = "open_time_ms,open,high,low,close"
    rows = [f"{1748866200000 + 60000 * m},1,1,1,1" for m in (0, 1, 3)]
    (place / "gap.csv").write_text("\n".join([header, *rows]), "utf-8")
    done = windtunnel("run", "smoke", "--set", "index.path=gap.csv", cwd=place)
    assert done.returncode == 2
    assert "gap.csv, row 4: gap: 1 minute missing" in done.stderr


def test_ctrl_c_leaves_nothing(place: Path) -> None:
    with subprocess.Popen(
        [str(COMMAND), "run", "oct-2025", "--out", "stopped"],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # what a shell starts in the background ignores Ctrl-C, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        until = time.monotonic() + 120
        while not list((place / "stopped").glob(".tmp-*/.tmp-*")) and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not (place / "stopped").exists()
