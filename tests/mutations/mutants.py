"""Does the suite notice?  Each mutant of ``mutants.toml`` is put into a copy of the tree and must fail it.

    python tests/mutations/mutants.py [--only TEXT]

Every mutant gets a compile cache of its own, or the kernel of the last one would run.  First the cases
of ``scenarios/cases``, then (if they all pass) random programs through kernel and reference.
Exit 1 when a mutant survives.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TREES = ("sim", "agents", "scenarios", "tests", "docs")
FILES = ("windtunnel.py", "pyproject.toml")
SUITES = {
    "cases": ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "scenarios/cases"],
    "reference": ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/reference"],
    "agreement": ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/compare"],
}


def copy(into: Path) -> None:
    """The tree without what is made of it."""
    for name in TREES:
        shutil.copytree(
            ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    for name in FILES:
        shutil.copy(ROOT / name, into / name)


def mutate(tree: Path, mutant: dict[str, str]) -> None:
    """Apply one mutant; ValueError if its text does not stand exactly once in the file."""
    path = tree / mutant["file"]
    text = path.read_text("utf-8")
    if text.count(mutant["old"]) != 1:
        raise ValueError(f"{mutant['what']}: {mutant['file']} has its text not exactly once")
    path.write_text(text.replace(mutant["old"], mutant["new"]), "utf-8")


def caught_by(tree: Path, cache: Path) -> tuple[str, str] | None:
    """The first suite that fails in this tree, with the last line it printed; None if all pass."""
    env = {**os.environ, "PYTHONPATH": str(tree), "WINDTUNNEL_CACHE": str(cache)}
    for name, command in SUITES.items():
        run = subprocess.run(
            [sys.executable, *command], cwd=tree, env=env, capture_output=True, text=True
        )
        if run.returncode == 1:
            lines = [x for x in run.stdout.splitlines() if x.startswith(("FAILED", "ERROR"))]
            return name, (lines or run.stdout.splitlines() or ["?"])[0]
        if run.returncode != 0:
            raise RuntimeError(f"{name} did not run:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose description contains this")
    only = parser.parse_args().only
    mutants = tomllib.loads((HERE / "mutants.toml").read_text("utf-8"))["mutant"]
    chosen = [m for m in mutants if only in m["what"]]
    survivors = 0
    for mutant in chosen:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder) / "tree"
            copy(tree)
            mutate(tree, mutant)
            found = caught_by(tree, Path(folder) / "cache")
        took = time.perf_counter() - started
        survivors += found is None
        verdict = "SURVIVED" if found is None else f"caught by {found[0]}: {found[1]}"
        print(f"{mutant['file']}: {mutant['what']}: {verdict}  ({took:.0f} s)", flush=True)
    print(f"{len(chosen)} mutants, {survivors} survived")
    return 1 if survivors or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
