"""The kernel's source means the same to Python and to the compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A short flow of every kind of order with marks, readings and liquidation ticks between.
PROGRAM = """
import hashlib
import numpy as np
from sim.exchange import bench

bench.LIQUIDATE_EVERY = 4
bench.STEP = 0.03
bench.MEDIAN_USD = 300.0
exchange, start, block = bench.kernel_exchange(
    messages=600, accounts=12, instruments=5, seed=3, mark_every=20
)
exchange.restore(start)
events = exchange.process(block)
kinds = set(events[:, 2].tolist())
assert {1, 2, 3, 4, 5, 6, 20, 23} <= kinds, kinds  # orders, fills, …, flags, steps
assert not any(exchange.verify().values())
print(exchange.state_digest(), hashlib.sha256(np.ascontiguousarray(events)).hexdigest())
"""


def digests(disable: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": disable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_plain_python_and_machine_code_agree_to_the_last_bit() -> None:
    assert digests("1") == digests("0")
