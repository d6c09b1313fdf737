"""Other matching engines on a flow of ``flow.py``: one message per Python call.

A script of its own, for an interpreter that has them (they are no dependencies of the project):
``python -P bench_peers.py FLOW.npz RUNS`` prints one JSON object; FLOW.npz holds `opening` and
`flow`, int64[n, 5] each.  An engine that is not installed is reported as such.  Time is CPU time
with the garbage collector off; messages become the engine's own order objects inside the clock.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

Rows = list[tuple[int, int, int, int, int]]  # kind, id, side (+1, -1), price, size
CANCEL = 1


def liquibook_run(opening: Rows, rows: Rows, *, fills: bool) -> tuple[float, dict[str, int]]:
    """C++ behind SWIG; with `fills` each trade calls Python, otherwise nothing is reported."""
    import liquibook

    class Listener(liquibook.OrderListener):
        def __init__(self) -> None:
            liquibook.OrderListener.__init__(self)
            self.trades = self.lots = 0

        def on_fill(self, passive: Any, aggressive: Any, size: int, cost: int) -> None:
            self.trades += 1
            self.lots += size

        def _nothing(self, *_: Any) -> None:
            """Every callback must be there."""

        on_accept = on_reject = on_cancel = on_cancel_reject = _nothing
        on_replace = on_replace_reject = _nothing

    book = liquibook.liquibook_book_OrderBook()
    listener = Listener()
    if fills:
        book.set_order_listener(listener)
    orders: dict[int, Any] = {}
    order, add, cancel = liquibook.SimpleOrder, book.add, book.cancel

    def play(each: Rows) -> None:
        for kind, oid, side, price, size in each:
            if kind == CANCEL:
                cancel(orders[oid])
            else:
                orders[oid] = made = order(side > 0, price, size)
                add(made)

    play(opening)
    listener.trades = listener.lots = 0
    seconds = timed(play, rows)
    found = {"resting": book.bids().size() + book.asks().size()}
    if fills:
        found |= {"trades": listener.trades, "lots": listener.lots}
    return seconds, found


def matching_engine_run(opening: Rows, rows: Rows) -> tuple[float, dict[str, int]]:
    """Pure Python; every call returns its events."""
    from matching_engine.domain import (
        CancelOrder,
        NewOrder,
        SelfTradePrevention,
        SequencedCommand,
        Side,
    )
    from matching_engine.engine import MatchingEngine
    from matching_engine.events import Trade

    engine = MatchingEngine()
    process, buy, sell, off = engine.process, Side.BUY, Side.SELL, SelfTradePrevention.NONE
    events: list[Any] = []
    seq = 0

    def play(each: Rows) -> None:
        nonlocal seq
        keep = events.extend
        for kind, oid, side, price, size in each:
            seq += 1
            if kind == CANCEL:
                command: Any = CancelOrder(oid, 1)
            else:
                command = NewOrder(oid, 1, buy if side > 0 else sell, price, size, stp=off)
            keep(process(SequencedCommand(seq, 0, command)))

    play(opening)
    events.clear()
    seconds = timed(play, rows)
    trades = [e for e in events if isinstance(e, Trade)]
    return seconds, {
        "resting": len(engine.book.orders),
        "trades": len(trades),
        "lots": sum(e.qty for e in trades),
    }


ENGINES: dict[str, tuple[str, Callable[[Rows, Rows], tuple[float, dict[str, int]]]]] = {
    "liquibook, silent": ("liquibook", lambda a, b: liquibook_run(a, b, fills=False)),
    "liquibook, fills": ("liquibook", lambda a, b: liquibook_run(a, b, fills=True)),
    "matching-engine": ("matching-engine", matching_engine_run),
}


def timed(play: Callable[[Rows], None], rows: Rows) -> float:
    """CPU seconds of one play, without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        play(rows)
        return time.process_time() - start
    finally:
        gc.enable()


def measure(opening: Rows, rows: Rows, runs: int) -> dict[str, Any]:
    """Seconds of each run and what was found, by engine; None for one that is not installed."""
    done: dict[str, Any] = {}
    for name, (package, run) in ENGINES.items():
        try:
            number = version(package)
            results = [run(opening, rows) for _ in range(runs)]
        except ImportError:
            done[name] = None
            continue
        done[name] = {"version": number, "seconds": [s for s, _ in results], **results[-1][1]}
    return done


def positive(rows: Iterable[Iterable[int]]) -> Rows:
    """Rows as tuples, ids raised above 0."""
    return [(kind, oid + 1000, side, price, size) for kind, oid, side, price, size in rows]


if __name__ == "__main__":
    import numpy as np

    with np.load(sys.argv[1]) as file:
        start, flow = positive(file["opening"].tolist()), positive(file["flow"].tolist())
    print(json.dumps(measure(start, flow, int(sys.argv[2]))))
