"""The real server in a process of its own, on synthetic runs, for the tests in a real browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.dashboard.synthetic import write_run

PATIENCE_MS = 20_000  # other tests may keep the machine busy
expect.set_options(timeout=PATIENCE_MS)
START = "import sys, dashboard; dashboard.serve(sys.argv[1], 0)"


@contextmanager
def served(runs: Path) -> Iterator[str]:
    """Serve a folder of runs on a free port; gives the address."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(runs)],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://127.0.0.1:" in line, f"the server said {line!r}"
        yield line.split()[-1].rstrip("/")
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two complete runs with different numbers and a half-written one."""
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder, "synthetic-7", seed=7)
    write_run(folder, "synthetic-8", seed=8, scale=2.5, holdings=True)
    write_run(folder, "half-written", complete=False)
    return folder


@pytest.fixture(scope="session")
def site(runs: Path) -> Iterator[str]:
    """The address of the dashboard on the synthetic runs."""
    with served(runs) as address:
        yield address


@pytest.fixture
def calm(page: Page) -> Iterator[Page]:
    """A page that fails its test if the console shows an error or a request fails or leaves."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on(
        "requestfailed",
        lambda request: (
            None
            if request.failure == "net::ERR_ABORTED"  # the page was left before the answer
            else complaints.append(f"{request.failure}: {request.url}")
        ),
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1:", "data:", "blob:"))
            else complaints.append(f"left the machine: {request.url}")
        ),
    )
    page.set_default_timeout(PATIENCE_MS)
    yield page
    assert complaints == []


@pytest.fixture(scope="session")
def real_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the smoke scenario run twice, with two seeds."""
    folder = tmp_path_factory.mktemp("real")
    command = Path(sys.executable).with_name("windtunnel")
    for seed in ("1", "2"):
        done = subprocess.run(
            [command, "run", "smoke", "--seed", seed, "--out", folder],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def real_site(real_runs: Path) -> Iterator[str]:
    """The address of the dashboard on the runs of the smoke scenario."""
    with served(real_runs) as address:
        yield address
