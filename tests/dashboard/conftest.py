"""Synthetic runs for the tests of the screens."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.runs import Run, load_run
from tests.dashboard.synthetic import write_run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two complete runs, one of them with holdings, and a half-written one."""
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder, "synthetic-7", seed=7)
    write_run(folder, "synthetic-8", seed=8, scale=2.5, holdings=True)
    write_run(folder, "half-written", complete=False)
    return folder


@pytest.fixture
def run(runs: Path) -> Run:
    return load_run(runs, "synthetic-7")
