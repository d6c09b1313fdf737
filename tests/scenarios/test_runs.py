"""Runs on disk: ids, times, and a folder that replaces an earlier one."""

from __future__ import annotations

from pathlib import Path

import pytest

import scenarios
from scenarios.errors import ScenarioError
from scenarios.runs import clock_text, moment_us, open_run, replacing, run_id

START = 1_760_129_400_000_000  # 2025-10-10 20:50:00 UTC
END = START + 86 * 60_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90.5", 90.5),
        ("21:00", 600),
        ("21:19:30", 1770),
        ("20:50:00.5", 0.5),
        (None, 5160),
    ],
)
def test_moment(text: str | None, seconds: float) -> None:
    assert moment_us(text, START, END) == START + seconds * 1_000_000


def test_moment_past_midnight() -> None:
    end = START + 4 * 3600 * 1_000_000
    assert clock_text(moment_us("00:10", START, end)) == "00:10:00"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-1", "outside the run, 20:50:00 to 22:16:00 UTC, 0 to 5160 s"),
        ("23:00", "outside the run"),
        ("25:00", "no time of day"),
        ("noon", "neither seconds from the start nor HH:MM"),
        ("nan", "neither seconds"),
    ],
)
def test_bad_moment(text: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        moment_us(text, START, END)


def test_run_id_depends_on_the_configuration_not_on_the_place() -> None:
    a, b = scenarios.load("smoke"), scenarios.load("smoke", ["seed=7"])
    assert run_id(a).startswith("smoke-1-")
    assert run_id(b) == run_id(a).replace("smoke-1-", "smoke-7-")
    assert run_id(scenarios.load("smoke", ["rules.phi=0.9"])) != run_id(a)


def test_a_run_replaces_the_earlier_one(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    for content in ("one", "two"):
        with replacing(out, "x") as folder:
            folder.complete({"schema": 1, "run_id": "x", "content": content})
    assert [p.name for p in out.iterdir()] == ["x"]
    assert open_run("x", out).manifest["content"] == "two"
    assert open_run(str(out / "x"), tmp_path).manifest["content"] == "two"


def test_an_interrupted_run_leaves_the_earlier_one(tmp_path: Path) -> None:
    with replacing(tmp_path, "x") as folder:
        folder.complete({"schema": 1, "run_id": "x", "content": "one"})
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path, "x"):
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert open_run("x", tmp_path).manifest["content"] == "one"


def test_an_interrupted_first_run_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "runs", "x"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_unknown_run_names_the_nearest(tmp_path: Path) -> None:
    with replacing(tmp_path, "smoke-1-0a") as folder:
        folder.complete({"schema": 1, "run_id": "smoke-1-0a"})
    with pytest.raises(ScenarioError, match="nearest: smoke-1-0a"):
        open_run("smoke-1-0b", tmp_path)
