"""No module grows past what one can read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "module_sizes.py"


def run(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), str(root)], capture_output=True, text=True)


def test_no_module_is_too_long(repo: Path) -> None:
    done = run(repo)
    assert done.returncode == 0, done.stdout


def test_a_long_module_is_listed_and_a_too_long_one_fails(tmp_path: Path) -> None:
    (tmp_path / "sim" / "deep").mkdir(parents=True)
    (tmp_path / "windtunnel.py").write_text("x = 1\n" * 400)
    (tmp_path / "sim" / "deep" / "long.py").write_text("x = 1\n" * 600)
    done = run(tmp_path)
    assert done.returncode == 0
    assert "600  sim/deep/long.py\n" in done.stdout
    assert "windtunnel.py" not in done.stdout

    (tmp_path / "sim" / "deep" / "long.py").write_text("x = 1\n" * 601)
    done = run(tmp_path)
    assert done.returncode == 1
    assert "sim/deep/long.py  <- split it" in done.stdout
