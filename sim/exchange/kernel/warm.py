"""Compile the whole kernel into the disk cache, on two cores.

``python -m sim.exchange.kernel.warm`` does it from the shell; with names it compiles these entries.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numba
from numba.core import types

from sim.exchange.kernel import loop, readout
from sim.exchange.kernel.jit import is_compiled

_I64, _F64, _U64 = (types.Array(t, 1, "C") for t in (types.int64, types.float64, types.uint64))
_ARENAS = types.Tuple((_I64, _F64, _U64))
# Entry: argument types.  Two halves that take about as long as each other.
HERE = {
    "orders": (_ARENAS, types.Array(types.int64, 2, "C"), types.int64),
    "read_margin": (_ARENAS, types.int64, types.boolean),
    "read_equity": (_ARENAS, _I64),
    "read_scan": (_ARENAS, _F64),
}
THERE = {"other": (_ARENAS, _I64)}
ENTRIES = {**HERE, **THERE}
ROOT = Path(__file__).parents[3]


def compile_entries(names: Iterable[str], done: Callable[[str], None] = lambda name: None) -> None:
    """Compile these entries, or load them from disk if they are there."""
    for name in names:
        entry = getattr(loop if hasattr(loop, name) else readout, name)
        entry.compile(ENTRIES[name])
        done(name)


def warm(progress: Callable[[float, str], None] | None = None) -> float:
    """Compile all entries, half of them in a child process; returns the seconds it took.

    `progress` is called with the share done and the name of the entry just compiled.  Does nothing
    when the compiled kernel for these sources is on disk, or with NUMBA_DISABLE_JIT=1.
    """
    started = time.perf_counter()
    if numba.config.DISABLE_JIT or is_compiled():
        return 0.0
    count = 0

    def done(name: str) -> None:
        nonlocal count
        count += 1
        if progress is not None:
            progress(count / len(ENTRIES), name)

    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    child = subprocess.Popen(
        [sys.executable, "-m", "sim.exchange.kernel.warm", *THERE],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        compile_entries(HERE, done)
        child.wait()
    finally:
        child.kill()
        child.wait()
    compile_entries(THERE, done)  # from disk, or here if the child failed
    return time.perf_counter() - started


if __name__ == "__main__":
    compile_entries(sys.argv[1:] or ENTRIES)
