"""The command line with a study; `loop-ladder` needs no compiled kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).parent / "windtunnel"


def windtunnel(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *arguments], capture_output=True, text=True, cwd=cwd, timeout=300
    )


def test_a_study_runs_is_kept_and_repeats_itself(tmp_path: Path) -> None:
    one = windtunnel("run", "loop-ladder", "--json", "--seed", "3", cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    assert one.stderr == ""  # nothing was compiled
    found = json.loads(one.stdout)
    assert (found["study"], found["seed"]) == ("loop-ladder", 3)
    assert (tmp_path / "runs" / found["run_id"] / "manifest.json").is_file()
    again = windtunnel("run", "loop-ladder", "--json", "--seed", "3", cwd=tmp_path)
    assert json.loads(again.stdout)["digest"] == found["digest"]
    shown = windtunnel("run", "loop-ladder", "--seed", "3", "--scale", "0.5", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    for words in ("liquidatable_share_8pct", "bad debt,", "selling-deepens-the-fall", "tables/"):
        assert words in shown.stdout
    explained = windtunnel("explain", found["run_id"], "--account", "0", cwd=tmp_path)
    assert explained.returncode == 2
    assert "is a study" in explained.stderr


def test_checks_lists_and_refusals(tmp_path: Path) -> None:
    assert windtunnel("check", "loop-ladder", cwd=tmp_path).returncode == 0
    override = ("--set", "check.a-small-fall-breaks-little.value=-1")
    assert windtunnel("check", "loop-ladder", *override, cwd=tmp_path).returncode == 1
    listed = json.loads(windtunnel("list", "--json", cwd=tmp_path).stdout)
    kinds = {row["name"]: row["study"] for row in listed}
    assert (kinds["loop-ladder"], kinds["oct-2025"]) == ("loop-ladder", None)
    refused = windtunnel("run", "loop-ladder", "--record", "full", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: --record, --verify: ")
    assert list(tmp_path.iterdir()) == []
