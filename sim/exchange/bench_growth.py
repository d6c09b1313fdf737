"""Cost of a message as the book and the flow grow, beside other engines on the same flow.

Every engine gets the same rows in the same run.  The flow's trades do not depend on the size of the
book (``flow.growth_flow``), so a rise is the price of size alone; engines that disagree on the
trades or the orders left raise RuntimeError.
"""

from __future__ import annotations

import gc
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sim.exchange.bench import calibration, replay
from sim.exchange.exchange import Exchange
from sim.exchange.flow import F_ID, deep_book, growth_flow, opening_book, to_messages
from sim.exchange.instruments import MICRO, Feed, Listing, Margin, Perpetual
from sim.exchange.kernel import state as st
from sim.exchange.messages import (
    E_KIND,
    E_SIZE,
    M_ACCOUNT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    Event,
    Kind,
)
from sim.exchange.rules import Rules

SIZES = (1_000, 10_000, 100_000, 1_000_000)
LENGTHS = (100_000, 200_000, 400_000, 800_000)
ACCOUNTS = 1_000  # with margin on: buyers have even ids, sellers odd ones
PEERS = Path(__file__).with_name("bench_peers.py")
Found = dict[str, Any]


def run_growth(
    sizes: Sequence[int] = SIZES,
    messages: int = 400_000,
    runs: int = 3,
    peers: str | None = None,
    seed: int = 12345,
) -> list[Found]:
    """A row per engine and book size; `peers`: an interpreter with other engines."""
    return [row for size in sizes for row in measure(size, messages, runs, peers, seed)]


def run_length(
    lengths: Sequence[int] = LENGTHS,
    resting: int = 10_000,
    runs: int = 3,
    peers: str | None = None,
    seed: int = 12345,
) -> list[Found]:
    """A row per engine and length of the flow, at one size of the book."""
    return [row for n in lengths for row in measure(resting, n, runs, peers, seed)]


def measure(
    resting: int, messages: int, runs: int, peers: str | None, seed: int
) -> Iterator[Found]:
    """One row per engine; raises RuntimeError when they disagree."""
    opening = np.concatenate([opening_book(), deep_book(resting)])
    rows = growth_flow(messages, resting, seed)
    expected: dict[str, int] = {}
    for engine, seconds, loops, found in _results(opening, rows, runs, peers):
        expected = expected or found
        if any(expected[name] != value for name, value in found.items()):
            raise RuntimeError(f"{engine} ends with {found}, the others with {expected}")
        best = min(seconds)
        yield {
            "engine": engine,
            "book": resting,
            "messages": len(rows),
            "messages_per_second": len(rows) / best,
            "ns_per_message": best / len(rows) * 1e9,
            "calibration_loops_per_message": best / len(rows) * loops,
            **found,
        }


def _results(
    opening: np.ndarray, rows: np.ndarray, runs: int, peers: str | None
) -> Iterator[tuple[str, list[float], float, dict[str, int]]]:
    """(engine, CPU seconds of each run, calibration loops per second around them, what it found)."""
    for way, run in (("batch", batch), ("one call a message", calls)):
        for margin, what in ((False, "matching alone"), (True, "margin on")):
            before = calibration()
            seconds, found = run(opening, rows, runs, margin)
            yield f"windtunnel, {way}, {what}", seconds, (before + calibration()) / 2, found
    if peers is not None:
        before = calibration()
        results = list(_peers(peers, opening, rows, max(1, runs - 1)))
        loops = (before + calibration()) / 2
        for engine, seconds, found in results:
            yield engine, seconds, loops, found


# --- this engine -----------------------------------------------------------------------------------
def exchange_for(
    opening: np.ndarray, rows: np.ndarray, margin: bool
) -> tuple[Exchange, np.ndarray]:
    """An exchange with the opening book in place, and the flow as its messages."""
    listing = Listing(
        feeds=(Feed(name="X", tick_micro=1_000_000, index_ticks=10_000, stale_after_s=86_400),),
        perpetuals=(Perpetual(name="X-PERP", feed="X", lots_per_coin=1_000_000, margin=Margin()),),
    )
    both = to_messages(np.concatenate([opening, rows]))
    # Ids are dense, so that a table of a few million holds them.
    names, dense = np.unique(np.concatenate([opening, rows])[:, F_ID], return_inverse=True)
    both[:, M_ORDER] = dense + 1
    if margin:
        both[:, M_ACCOUNT] = 2 * (both[:, M_ORDER] % (ACCOUNTS // 2)) + both[:, M_SIDE]
    exchange = Exchange(
        listing,
        Rules(max_open_orders=len(names) + 1, band_ratio=100.0),
        accounts=ACCOUNTS if margin else 1,
        order_slots=len(names) + 2,
        order_ids=len(names) + 2,
        event_rows=4 * len(rows) + 2 * len(opening) + 4096,
    )
    exchange.state.h[st.BARE] = not margin
    if margin:
        for account in range(ACCOUNTS):
            exchange.deposit(account, "USDC", 10**9 * MICRO)
        exchange.price("X", 10_000)
    exchange.process(both[: len(opening)])
    return exchange, np.ascontiguousarray(both[len(opening) :])


def batch(
    opening: np.ndarray, rows: np.ndarray, runs: int, margin: bool
) -> tuple[list[float], dict[str, int]]:
    """The whole flow in one call of the kernel, events written."""
    exchange, block = exchange_for(opening, rows, margin)
    seconds, parts = replay(exchange, exchange.snapshot(), block, runs)
    return seconds, _found(exchange, np.concatenate(parts))


def calls(
    opening: np.ndarray, rows: np.ndarray, runs: int, margin: bool
) -> tuple[list[float], dict[str, int]]:
    """One call of `submit` or `cancel` a message."""
    exchange, block = exchange_for(opening, rows, margin)
    exchange.history.keep = 4 * len(rows)
    listed = arguments(block)
    start = exchange.snapshot()
    seconds = []
    for _ in range(runs + 1):  # the first run only warms up
        exchange.restore(start)
        first = exchange.seq + 1
        seconds.append(timed(lambda: play(exchange, listed)))
    return seconds[1:], _found(exchange, exchange.events_between(first, exchange.seq))


def arguments(block: np.ndarray) -> list[tuple[int, ...]]:
    """What `play` sends for each message."""
    columns = [M_KIND, M_ACCOUNT, M_SIDE, M_PRICE, M_SIZE, M_ORDER]
    return [tuple(row) for row in block[:, columns].tolist()]


def play(exchange: Exchange, rows: list[tuple[int, ...]]) -> None:
    """One call a message."""
    submit, cancel, new = exchange.submit, exchange.cancel, int(Kind.NEW)
    for kind, account, side, price, size, order in rows:
        if kind == new:
            submit(account, "X-PERP", side, size, price, order=order)
        else:
            cancel(account, order)


def timed(call: Callable[[], None]) -> float:
    """CPU seconds of one call, without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        call()
        return time.process_time() - start
    finally:
        gc.enable()


def _found(exchange: Exchange, events: np.ndarray) -> dict[str, int]:
    fills = events[events[:, E_KIND] == Event.FILL]
    return {
        "resting": exchange.counters()["live_orders"],
        "trades": len(fills),
        "lots": int(fills[:, E_SIZE].sum()),
    }


# --- others ----------------------------------------------------------------------------------------
def _peers(
    python: str, opening: np.ndarray, rows: np.ndarray, runs: int
) -> Iterator[tuple[str, list[float], dict[str, int]]]:
    """The engines that `python` has; raises RuntimeError when it cannot run them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flow.npz"
        np.savez(path, opening=opening, flow=rows)
        done = subprocess.run(
            [python, "-P", str(PEERS), str(path), str(runs)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise RuntimeError(f"{python} could not run the other engines:\n{done.stderr[-2000:]}")
    for name, found in json.loads(done.stdout).items():
        if found is not None:
            seconds = found.pop("seconds")
            yield f"{name} {found.pop('version')}", seconds, found


# --- tables and curves -----------------------------------------------------------------------------
def table(found: Sequence[Found], by: str) -> str:
    """Nanoseconds a message, a line per engine and a column per `by` ("book" or "messages")."""
    columns = sorted({row[by] for row in found})
    lines = [
        f"{'ns a message (calibration loops a message)':<48}"
        + "".join(f"{f'{n:,}':>18}" for n in columns)
    ]
    for engine in dict.fromkeys(row["engine"] for row in found):
        cells = {row[by]: row for row in found if row["engine"] == engine}
        lines.append(
            f"{engine:<48}"
            + "".join(
                f"{cells[n]['ns_per_message']:>10,.0f} ({cells[n]['calibration_loops_per_message']:.2f})"
                .rjust(18)
                for n in columns
            )
        )  # fmt: skip
    return "\n".join(lines)
