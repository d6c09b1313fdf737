"""The pytest plug-in: it collects case files and nothing else, and costs nothing before."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
HEAVY = {"mesa", "numba", "numpy", "polars", "pydantic", "scipy", "typer", "dash", "sim"}


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=300,
    )


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest in a repository of somebody else, with the plug-in of this checkout."""
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n", "utf-8")
    plugins = ("-p", "no:windtunnel", "-p", "scenarios.pytest_plugin", "-p", "no:cacheprovider")
    return python("-m", "pytest", "-p", "no:dash", *plugins, *arguments, cwd=folder)


def test_importing_the_plug_in_imports_nothing_heavy(tmp_path: Path) -> None:
    done = python("-X", "importtime", "-c", "import scenarios.pytest_plugin", cwd=tmp_path)
    lines = [row for row in done.stderr.splitlines() if row.startswith("import time:")]
    packages = {row.rpartition("|")[2].strip().split(".")[0] for row in lines}
    assert "scenarios" in packages
    assert packages & HEAVY == set()


def test_the_plug_in_is_registered() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"windtunnel": "scenarios.pytest_plugin"}


def test_without_case_files_it_imports_nothing_heavy(tmp_path: Path) -> None:
    text = f"import sys\ndef test_own():\n    assert not {HEAVY!r} & sys.modules.keys()\n"
    (tmp_path / "test_own.py").write_text(text, "utf-8")
    (tmp_path / "other.toml").write_text("x = 1", "utf-8")
    done = pytest_in(tmp_path, "-q")
    assert "1 passed" in done.stdout, done.stdout


def test_it_runs_a_users_own_rulebook(tmp_path: Path, small: str) -> None:
    rules = tmp_path / "rulebook"
    rules.mkdir()
    (rules / "good.case.toml").write_text(small, "utf-8")
    (rules / "missed.case.toml").write_text(small.replace("bob = 994", "bob = 995"), "utf-8")
    (rules / "wrong.case.toml").write_text(
        small.replace('seller = "bob"', 'seller = "bo"'), "utf-8"
    )
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n", "utf-8")
    done = pytest_in(tmp_path, "-q")
    assert done.returncode == 1, done.stdout
    assert "2 failed, 2 passed" in done.stdout
    assert "missed.case.toml:32: step 2: equity.bob" in done.stdout
    assert "expected 995" in done.stdout
    assert "MARK instrument=T-PERP price=103" in done.stdout
    assert "step 1 (trade): unknown account 'bo'; did you mean 'bob'?" in done.stdout
    assert "Traceback" not in done.stdout
    assert "runner.py" not in done.stdout
    assert "case: A trade" in done.stdout


def test_a_file_that_cannot_be_read_is_an_error_of_collection(tmp_path: Path, small: str) -> None:
    (tmp_path / "bad.case.toml").write_text(small.replace("trade =", "traed ="), "utf-8")
    done = pytest_in(tmp_path, "-q")
    assert done.returncode == 2, done.stdout
    assert "unknown field 'traed'; did you mean 'trade'?" in done.stdout
    assert "Traceback" not in done.stdout


def test_clauses_are_marks(tmp_path: Path, small: str) -> None:
    (tmp_path / "good.case.toml").write_text(small, "utf-8")
    done = pytest_in(tmp_path, "-q", "-m", "case", "--collect-only")
    assert "good.case.toml::good" in done.stdout
    assert "1 deselected" in pytest_in(tmp_path, "-q", "-m", "not case").stdout
