"""Numbers that nothing can hold, cases that show nothing, outputs that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.casefile import read
from scenarios.casefile.files import load
from scenarios.errors import ScenarioError

ROOT = Path(__file__).resolve().parents[2]
BASE = """title = "x — y"
[[feeds]]
name = "T"
tick = 1
index = 100
[accounts]
alice = { USDC = 1 }
"""
STEP = """[[step]]
deposit = { account = "alice", asset = "USDC", amount = 1 }
"""
EXPECTED = STEP + "expect = { balances.alice = { USDC = 2 } }\n"


@pytest.mark.parametrize(
    "amount", ['"1e999999999"', "1e999999999", "-1e40", '"0.' + "0" * 40 + '1"']
)
def test_a_number_that_nothing_holds_is_refused_at_once(amount: str) -> None:
    with pytest.raises(ScenarioError, match=r"step 1 \(deposit.amount\)"):
        read(BASE + STEP.replace("amount = 1", f"amount = {amount}"))


def test_an_integer_field_does_not_write_it_out() -> None:
    with pytest.raises(ScenarioError, match="stale_after_s"):
        read(BASE.replace("index = 100", "index = 100\nstale_after_s = 1e999999999") + EXPECTED)


@pytest.mark.parametrize(
    ("steps", "reason"), [("", "at least one"), (STEP, "no step expects anything")]
)
def test_a_case_that_cannot_miss_is_refused(tmp_path: Path, steps: str, reason: str) -> None:
    path = tmp_path / "x.case.toml"
    path.write_text(BASE + steps, "utf-8")
    with pytest.raises(ScenarioError, match=reason):
        load(path)


def case(tmp_path: Path, stdout: int, **env: str) -> subprocess.CompletedProcess[bytes]:
    path = tmp_path / "x.case.toml"
    path.write_text(BASE + EXPECTED, "utf-8")
    return subprocess.run(
        [sys.executable, str(ROOT / "windtunnel.py"), "case", str(path)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **env},
        check=False,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = case(tmp_path, full.fileno())
    assert done.returncode == 2
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_what_an_encoding_lacks_is_replaced(tmp_path: Path) -> None:
    done = case(tmp_path, subprocess.PIPE, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert b"x ? y" in done.stdout
