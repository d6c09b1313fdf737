"""The command line without a run: help, lists, and input it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "windtunnel"


def windtunnel(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *arguments], capture_output=True, text=True, cwd=cwd, timeout=300
    )


def test_help_names_every_command() -> None:
    done = windtunnel("--help")
    assert done.returncode == 0
    for command in ("run", "list", "check", "explain", "dashboard", "bench"):
        assert f"  {command} " in done.stdout


@pytest.mark.parametrize("command", ["run", "check", "explain"])
def test_help_teaches_by_example(command: str) -> None:
    done = windtunnel(command, "--help")
    assert "Examples" in done.stdout
    assert f"windtunnel {command}" in done.stdout.split("Examples")[1]


def test_list() -> None:
    assert "oct-2025" in windtunnel("list").stdout
    names = [row["name"] for row in json.loads(windtunnel("list", "--json").stdout)]
    assert names == sorted(names)
    assert {"oct-2025", "smoke"} <= set(names)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "oct-2052"], "unknown scenario 'oct-2052'; did you mean 'oct-2025'? allowed: "),
        (["run", "none.toml"], "none.toml: there is no such file"),
        (["run", "smoke", "--set", "rules.phii=1"], "unknown field 'phii'; did you mean 'phi'?"),
        (["run", "smoke", "--set", "trader.makers.kind=marker"], "did you mean 'maker'?"),
        (
            ["run", "smoke", "--set", "trader.makers.params.capital=1"],
            "did you mean 'capital_usd'?",
        ),
        (["run", "smoke", "--set", "index.path=gone.csv"], "gone.csv"),
        (["run", "smoke", "--scale", "0"], "--scale"),
        (["run", "smoke", "--record", "everything"], "'everything' is not known"),
        (["check", "smok"], "did you mean 'smoke'?"),
        (["explain", "nothing", "--account", "1"], "no run 'nothing' in runs"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = windtunnel(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("compiling")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert said in lines[0]
    assert list(tmp_path.iterdir()) == []
