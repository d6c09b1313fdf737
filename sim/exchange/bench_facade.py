"""Speed of the façade: one order per Python call, snapshots of many accounts, a fresh start."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from sim.exchange.bench import RUNS, calibration, kernel_exchange
from sim.exchange.exchange import Exchange
from sim.exchange.messages import (
    M_ACCOUNT,
    M_ARG,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    M_TIME,
    Flag,
    Kind,
)

Found = dict[str, Any]


# --- one order per call ------------------------------------------------------------------------
def run_calls(
    messages: int = 200_000, accounts: int = 10_000, instruments: int = 20, seed: int = 1,
    mark_every: int = 1000, runs: int = RUNS,
) -> Found:  # fmt: skip
    """The flow of ``bench.run_kernel``, every order through `submit` and every cancel through
    `cancel`, names resolved, results made.  Raises RuntimeError if it ends in another state."""
    exchange, start, block = kernel_exchange(messages, accounts, instruments, seed, mark_every)
    digest = exchange.state_digest()
    pieces = parts(exchange, block)
    sent = sum(len(orders) for _, orders in pieces)
    seconds, loops = [], []
    for _ in range(runs + 1):  # the first run only warms up
        exchange.restore(start)
        gc.collect()
        gc.disable()
        spent = 0.0
        for house, orders in pieces:
            exchange.process(house)
            begun = time.process_time()
            play(exchange, orders)
            spent += time.process_time() - begun
        gc.enable()
        seconds.append(spent)
        loops.append(calibration())
    if exchange.state_digest() != digest:
        raise RuntimeError("call by call the flow ends in another state")
    best = min(seconds[1:])
    return {
        "accounts": accounts,
        "instruments": instruments,
        "calls": sent,
        "calls_per_second": sent / best,
        "calls_per_second_median": sent / statistics.median(seconds[1:]),
        "ns_per_call": best / sent * 1e9,
        "calibration_loops_per_second": statistics.median(loops),
        "calibration_loops_per_call": best / sent * statistics.median(loops),
    }


def parts(exchange: Exchange, block: np.ndarray) -> list[tuple[np.ndarray, list[tuple[Any, ...]]]]:
    """A flow cut before each batch of the house: its messages, and the users' as arguments."""
    user = np.isin(block[:, M_KIND], (Kind.NEW, Kind.CANCEL))
    starts = np.flatnonzero(~user & np.concatenate([[True], user[:-1]]))
    return [_part(part, exchange.names.instruments.names) for part in np.split(block, starts[1:])]


def _part(block: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[tuple[Any, ...]]]:
    house = ~np.isin(block[:, M_KIND], (Kind.NEW, Kind.CANCEL))
    orders = [
        (
            row[M_KIND], row[M_ACCOUNT], names[row[M_INSTRUMENT]], ("buy", "sell")[row[M_SIDE]],
            row[M_SIZE], row[M_PRICE], row[M_ORDER], row[M_ARG],
            {str(f.name).lower(): True for f in Flag(row[M_FLAGS])},
        )
        for row in block[~house].tolist()
    ]  # fmt: skip
    return np.ascontiguousarray(block[house]), orders


def play(exchange: Exchange, orders: list[tuple[Any, ...]]) -> None:
    """One call a message."""
    submit, cancel, new = exchange.submit, exchange.cancel, int(Kind.NEW)
    for kind, account, name, side, size, price, order, outcome, flags in orders:
        if kind != new:
            cancel(account, order)
        elif flags:
            submit(account, name, side, size, price, order=order, outcome=outcome, **flags)
        else:
            submit(account, name, side, size, price, order=order, outcome=outcome)


# --- snapshots ---------------------------------------------------------------------------------
def run_snapshot(
    accounts: int = 100_000, instruments: int = 20, messages: int = 300_000, seed: int = 1,
    runs: int = 20,
) -> Found:  # fmt: skip
    """Milliseconds of `snapshot`, `restore` and `fork` with every account in use.

    Wall time, CPU time, and beside them a plain numpy copy of as many bytes into warm memory.
    """
    exchange, start, block = kernel_exchange(messages, accounts, instruments, seed, 1000)
    del start  # its buffers are warm: the first snapshot below must not find them
    exchange._spare = None
    first, kept = _wall(exchange.snapshot)
    digest = exchange.state_digest()
    plain, other = exchange.arenas[0], exchange.arenas[0].copy()
    copied, taken, restored = [], [], []
    for _ in range(runs):
        copied.append(_both(partial(np.copyto, other, plain)))
        kept = None  # its buffers serve the next one
        before = time.perf_counter(), time.process_time()
        kept = exchange.snapshot()
        taken.append((time.perf_counter() - before[0], time.process_time() - before[1]))
        exchange.process(_later(block[-1000:], exchange.now))
        restored.append(_both(partial(exchange.restore, kept)))
    if exchange.state_digest() != digest:
        raise RuntimeError("restoring ends in another state")
    forked, _ = _wall(exchange.fork)
    copy_ms_per_mb = statistics.median(cpu for _, cpu in copied) * 1e3 / (plain.nbytes / 1e6)
    return {
        "accounts": accounts,
        "instruments": instruments,
        "resting_orders": exchange.counters()["live_orders"],
        "state_mb": sum(x.nbytes for x in exchange.arenas) / 1e6,
        "log_mb": exchange.state.log.nbytes / 1e6,
        "snapshot_ms": statistics.median(wall for wall, _ in taken) * 1e3,
        "snapshot_cpu_ms": statistics.median(cpu for _, cpu in taken) * 1e3,
        "restore_ms": statistics.median(wall for wall, _ in restored) * 1e3,
        "restore_cpu_ms": statistics.median(cpu for _, cpu in restored) * 1e3,
        "plain_copy_cpu_ms_per_100_mb": 100 * copy_ms_per_mb,
        "snapshot_ms_first": first * 1e3,
        "fork_ms_first": forked * 1e3,
    }


def _both(call: Callable[[], Any]) -> tuple[float, float]:
    """(wall, CPU) seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def _later(block: np.ndarray, now: int) -> np.ndarray:
    block = block.copy()
    block[:, M_TIME] = now
    return block


def _wall(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


# --- a fresh start -------------------------------------------------------------------------------
FIRST_ORDER = """
from sim.exchange import Exchange, Listing, Rules
from sim.exchange.instruments import Feed, Perpetual
feed = Feed(name="X", tick_micro=1_000_000, index_ticks=10_000)
perpetual = Perpetual(name="X-PERP", feed="X", lots_per_coin=1_000_000)
x = Exchange(Listing(feeds=(feed,), perpetuals=(perpetual,)), Rules(), accounts=1000)
x.deposit(0, "USDC", 10**12)
x.price("X", 10_000)
assert x.submit(0, "X-PERP", "buy", 10, 9_990)
"""
STEPS = {
    "python": "",
    "numpy": "import numpy",
    "numba": "import numba",
    "first order": FIRST_ORDER,
}


def run_start(runs: int = 7) -> Found:
    """Wall and CPU seconds of a fresh interpreter until the first order is accepted, kernel on disk.

    Beside it: bare Python, with numpy, with numba, to see what is the project's own.
    """
    wall: dict[str, list[float]] = {name: [] for name in STEPS}
    cpu: dict[str, list[float]] = {name: [] for name in STEPS}
    for _ in range(runs + 1):  # the first round only warms up
        for name, program in STEPS.items():
            before = _children()
            seconds, _ = _wall(partial(subprocess.run, [sys.executable, "-c", program], check=True))
            wall[name].append(seconds)
            cpu[name].append(_children() - before)
    return {
        "runs": runs,
        **{f"{_key(name)}_seconds": statistics.median(x[1:]) for name, x in wall.items()},
        **{f"{_key(name)}_cpu_seconds": statistics.median(x[1:]) for name, x in cpu.items()},
        "first_order_seconds_worst": max(wall["first order"][1:]),
        "calibration_loops_per_second": calibration(),
    }


def _key(name: str) -> str:
    return name.replace(" ", "_")


def _children() -> float:
    """CPU seconds of all child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system
