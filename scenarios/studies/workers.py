"""Runs of a study side by side, in processes that leave Ctrl-C to their parent."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from signal import SIG_IGN, SIGINT, signal
from typing import TypeVar

Plan = TypeVar("Plan")
Found = TypeVar("Found")


def in_order(
    measure: Callable[[Plan], Found], plans: Sequence[Plan], workers: int
) -> Iterator[Found]:
    """``measure`` of every plan, in their order; in this process if one worker is enough."""
    workers = min(workers, len(plans), os.cpu_count() or 1)
    return map(measure, plans) if workers < 2 else side_by_side(measure, plans, workers)


def side_by_side(
    measure: Callable[[Plan], Found], plans: Iterable[Plan], workers: int
) -> Iterator[Found]:
    """``measure`` of every plan, in their order, `workers` at a time.

    A process inherits that Ctrl-C is ignored from the moment it starts; when the parent gets one,
    what has not begun is given up.
    """
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    main = threading.current_thread() is threading.main_thread()
    before = signal(SIGINT, SIG_IGN) if main else None
    try:
        futures = [pool.submit(measure, plan) for plan in plans]
    finally:
        if main:
            signal(SIGINT, before)
    try:
        for future in futures:
            yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
