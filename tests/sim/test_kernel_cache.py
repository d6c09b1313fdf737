"""The compile cache never runs old machine code, and the kernel can be compiled ahead."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# An entry of its own, so that little is compiled; the number it gives an event comes from events.py.
PROBE = """
from sim.exchange.kernel.events import say
from sim.exchange.kernel.jit import entry
from sim.exchange.kernel.state import views


@entry
def probe(arenas):
    say(views(arenas), 1, 0, 0, 0, 0, 0)
"""
SHOW = """
import numpy as np
import sim
from sim.exchange.exchange import Exchange
from sim.exchange.instruments import Listing
from sim.exchange.kernel.jit import source_hash
from sim.exchange.kernel.probe import probe

exchange = Exchange(Listing(), accounts=1, order_slots=16, order_ids=16, event_rows=1024)
probe(exchange.arenas)
print(sim.__file__, source_hash(), exchange.state.log[0, 0])
"""


def run(script: str, root: Path, cache: Path, **env: str) -> list[str]:
    """Words printed by a script run with the `sim` package below `root`."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "WINDTUNNEL_CACHE": str(cache), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_editing_a_helper_in_another_file_changes_what_runs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sim", tmp_path / "sim", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "sim/exchange/kernel/probe.py").write_text(PROBE, "utf-8")
    cache = tmp_path / "cache"
    helper = tmp_path / "sim/exchange/kernel/events.py"
    text = helper.read_text("utf-8")
    place, old, number = run(SHOW, tmp_path, cache)
    assert Path(place).is_relative_to(tmp_path)
    assert number == "1"
    assert run(SHOW, tmp_path, cache) == [place, old, "1"]

    assert text.count("seq = h[SEQ] + 1\n") == 1
    helper.write_text(text.replace("seq = h[SEQ] + 1\n", "seq = h[SEQ] + 7\n"), "utf-8")
    _, new, number = run(SHOW, tmp_path, cache)
    assert new != old
    assert number == "7"

    helper.write_text(text, "utf-8")
    assert run(SHOW, tmp_path, cache) == [place, old, "1"]
    assert {path.name.split("-")[0] for path in cache.iterdir()} == {old, new}


BOUNDS = """
import numpy as np
from sim.exchange.exchange import Exchange
from sim.exchange.instruments import Listing
from sim.exchange.kernel.readout import read_margin

exchange = Exchange(Listing(), accounts=3, order_slots=16, order_ids=16, event_rows=1024)
read_margin(exchange.arenas, 2, False)
try:
    read_margin(exchange.arenas, 3, False)
except IndexError:
    print("caught")
"""


def test_bounds_are_checked_when_asked_for(tmp_path: Path) -> None:
    assert run(BOUNDS, ROOT, tmp_path, NUMBA_BOUNDSCHECK="1") == ["caught"]


WARM = """
from sim.exchange.kernel.jit import entry_names, is_compiled
from sim.exchange.kernel.warm import ENTRIES, warm

names = []
before = is_compiled()
seconds = warm(lambda share, name: names.append(name))
assert seconds > 0 and sorted(names) == sorted(ENTRIES) == sorted(x.split(".")[1] for x in entry_names())
print(before, is_compiled(), warm())
"""


@pytest.mark.slow
def test_warming_compiles_every_entry(tmp_path: Path) -> None:
    assert run(WARM, ROOT, tmp_path) == ["False", "True", "0.0"]
