"""The digest of the smoke scenario: it may change only with a sentence in CHANGELOG.md saying why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = "77dd66bf71cc4ed335afc76f0285c39ae1439310d53e38e11c98e58d9b4f11b4"
COMMAND = [sys.executable, "windtunnel.py", "run", "smoke", "--json", "--record", "summary"]


def digest(repo: Path, out: Path, **environment: str) -> str:
    done = subprocess.run(
        [*COMMAND, "--out", str(out)],
        cwd=repo,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return str(json.loads(done.stdout)["digest"])


@pytest.mark.spec("I17")
def test_the_digest_is_the_golden_one(repo: Path, tmp_path: Path) -> None:
    assert digest(repo, tmp_path) == GOLDEN


@pytest.mark.spec("I17")
def test_it_does_not_depend_on_the_processors_vector_units(repo: Path, tmp_path: Path) -> None:
    off = "X86_V3 X86_V4 AVX512_ICL"
    assert digest(repo, tmp_path, NPY_DISABLE_CPU_FEATURES=off) == GOLDEN
