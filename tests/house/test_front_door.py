"""The command line answers at once: what is heavy is imported by the command that needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = {"mesa", "dash", "numba", "polars"}
COMMAND = Path(sys.executable).parent / "windtunnel"


def imported_by(*arguments: str) -> tuple[set[str], str]:
    """Top-level packages that a Python process imported, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().split(".")[0] for line in lines}, done.stdout


def test_importing_the_front_door_imports_nothing_heavy() -> None:
    packages, _ = imported_by("-c", "import windtunnel")
    assert "windtunnel" in packages
    assert packages & HEAVY == set()


def test_help_imports_nothing_heavy() -> None:
    packages, printed = imported_by(str(COMMAND), "--help")
    assert "windtunnel" in packages
    assert packages & HEAVY == set()
    assert "run" in printed


def test_a_heavy_import_would_be_seen() -> None:
    packages, _ = imported_by("-c", "def f():\n    import polars\nf()")
    assert packages & HEAVY == {"polars"}
