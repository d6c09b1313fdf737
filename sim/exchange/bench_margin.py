"""Speed of margin: all accounts at once, a liquidation tick, scenario margin, the portfolio mode.

The accounts are those of ``bench_venue``.  All times are CPU time of this process, the best of
several runs; nothing is asserted about them.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sim.exchange import bench
from sim.exchange.bench_venue import INDEX, PERPETUALS, STEP, readings, venue
from sim.exchange.exchange import Exchange
from sim.exchange.instruments import BinaryEvent, Listing
from sim.exchange.kernel import loop
from sim.exchange.kernel import state as st
from sim.exchange.kernel.readout import read_scan
from sim.exchange.messages import M_KIND, M_TIME, MSG_COLS, Kind
from sim.exchange.rules import MarginMode, Rules
from sim.risk.scenario_margin import Book, Grid, Strike, full, grid_of

RUNS = 25
SECOND_US = 1_000_000
Found = dict[str, Any]


def best(call: Callable[[], object], runs: int = RUNS) -> float:
    """CPU seconds of the fastest of `runs` calls, after one to warm up."""
    call()
    seconds = []
    for _ in range(runs):
        begun = time.process_time()
        call()
        seconds.append(time.process_time() - begun)
    return min(seconds)


# --- exact scan ------------------------------------------------------------------------------------
def scan_rate(exchange: Exchange, runs: int = RUNS) -> float:
    """Accounts a second whose NE - MM one compiled call computes."""
    out = np.zeros(exchange.accounts)
    return exchange.accounts / best(lambda: read_scan(exchange.arenas, out), runs)


# --- ticks -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Ticks:
    """CPU seconds and exact checks of each LIQUIDATE message."""

    seconds: np.ndarray
    checked: np.ndarray


def liquidate(exchange: Exchange) -> float:
    """CPU seconds of one LIQUIDATE message."""
    row = np.zeros((1, MSG_COLS), np.int64)
    row[0, M_KIND], row[0, M_TIME] = Kind.LIQUIDATE, exchange.now
    begun = time.process_time()
    loop.process(exchange.arenas, row, 0)
    return time.process_time() - begun


def hour(exchange: Exchange, seconds: int, seed: int = 3) -> Ticks:
    """A tick a second while every price walks by ``STEP``; the log is emptied, nobody looks at it."""
    r = np.random.default_rng(seed)
    price = np.full(PERPETUALS, float(INDEX))
    spent, checked = [], []
    for _ in range(seconds):
        price *= [math.exp(STEP * x) for x in r.standard_normal(PERPETUALS).tolist()]
        block = readings(np.rint(price).astype(np.int64), exchange.now + SECOND_US)
        loop.process(exchange.arenas, block, 0)
        before = exchange.state.safe.copy()
        spent.append(liquidate(exchange))
        checked.append(int(np.count_nonzero(before != exchange.state.safe)))
        exchange.state.h[st.LOGGED] = 0
    return Ticks(np.array(spent), np.array(checked))


# --- scenario margin ---------------------------------------------------------------------------------
def scenarios(accounts: int, seed: int = 1) -> tuple[Grid, np.ndarray, np.ndarray]:
    """A grid of 29 points (the exchange's own shape goes to 3 moves; here 10) and three events."""
    r = np.random.default_rng(seed)
    moves = [0.015 * k for k in range(1, 11)]
    grid = grid_of(1_000.0, moves, [Strike(1_000.0 + 50.0 * k, 0.5) for k in (-1, 0, 1)])
    held = r.integers(-100, 101, (accounts, grid.events)).astype(float)
    return grid, 10_000.0 * r.standard_normal(accounts), held


def scenario_rates(accounts: int, runs: int = RUNS) -> Found:
    """Accounts a second in full, and seconds of a change."""
    grid, exposure, shares = scenarios(accounts)
    r = np.random.default_rng(2)
    who = r.integers(0, accounts, accounts)
    what = r.integers(-1, grid.events, accounts)
    amount = r.integers(-5, 6, accounts).astype(float)
    book = Book(grid, exposure, shares)
    return {
        "scenario_points": grid.points,
        "scenario_events": grid.events,
        "scenario_full_accounts_per_second": accounts
        / best(lambda: full(grid, exposure, shares), runs),
        "scenario_incremental_microseconds": 1e6
        * best(lambda: book.incremental(who, what, amount), runs)
        / accounts,
    }


# --- the portfolio mode -------------------------------------------------------------------------------
def linked(listing: Listing) -> Listing:
    """The listing of ``bench`` with every event a strike on one of its feeds."""
    events = tuple(
        BinaryEvent(
            name=event.name,
            underlying=listing.feeds[n].name,
            strike_ticks=bench.INDEX + bench.INDEX // 20,
        )
        for n, event in enumerate(listing.events)
    )
    return listing.model_copy(update={"events": events})


def mode_exchange(mode: MarginMode, listing: Listing, messages: int) -> Exchange:
    """The exchange of ``bench.kernel_exchange`` in a margin mode."""
    exchange = Exchange(
        listing,
        Rules(margin_mode=mode, maker_fee_bps=-0.5, taker_fee_bps=3.0),
        10_000,
        order_slots=1 << 18,
        order_ids=messages + 2,
        event_rows=1 << 20,
    )
    bench.fund(exchange, np.random.default_rng(2))
    return exchange


def mode_ratio(messages: int, rounds: int, with_links: bool) -> tuple[float, dict[str, float]]:
    """(median of portfolio over unified time, messages a second by mode), runs alternating.

    Both replay the flow that ``bench kernel`` draws in unified mode.
    """
    _, _, block = bench.kernel_exchange(messages, 10_000, 20, seed=1, mark_every=1000)
    listing = linked(bench.listing(20)) if with_links else bench.listing(20)
    modes: tuple[MarginMode, ...] = ("unified", "portfolio")
    venues = {mode: mode_exchange(mode, listing, messages) for mode in modes}
    starts = {mode: venues[mode].snapshot() for mode in modes}
    seconds: dict[str, list[float]] = {mode: [] for mode in modes}
    for _ in range(rounds):
        for mode in modes:
            spent, _ = bench.replay(venues[mode], starts[mode], block, 1)
            seconds[mode] += spent
    ratios = [p / u for p, u in zip(seconds["portfolio"], seconds["unified"], strict=True)]
    return statistics.median(ratios), {mode: len(block) / min(x) for mode, x in seconds.items()}


# --- all of it ------------------------------------------------------------------------------------------
def run_margin(
    accounts: int = 100_000, ticks: int = 3_600, messages: int = 300_000, runs: int = RUNS
) -> Found:
    """Everything that is measured about margin; raises RuntimeError if a quiet tick flags anybody."""
    found: Found = {"accounts": accounts, "perpetuals": PERPETUALS}
    for mode in ("unified", "portfolio"):
        exchange = venue(accounts, mode=mode)
        found[f"scan_{mode}_accounts_per_second"] = scan_rate(exchange, runs)
        found[f"tick_{mode}_everybody_milliseconds"] = 1e3 * liquidate(exchange)
        found[f"tick_{mode}_quiet_milliseconds"] = 1e3 * best(partial(liquidate, exchange), runs)
        if exchange.flagged():
            raise RuntimeError(f"{len(exchange.flagged())} accounts flagged though no price moved")
        walked = hour(exchange, ticks)
        found[f"tick_{mode}_median_milliseconds"] = 1e3 * float(np.median(walked.seconds))
        found[f"tick_{mode}_checked_mean"] = float(walked.checked.mean())
        found[f"tick_{mode}_checked_most"] = int(walked.checked.max())
    found |= scenario_rates(accounts, runs)
    for name, with_links in (("", False), ("_linked", True)):
        ratio, rates = mode_ratio(messages, max(3, runs // 5), with_links)
        found[f"portfolio_over_unified{name}"] = ratio
        found |= {f"{mode}{name}_messages_per_second": rate for mode, rate in rates.items()}
    return found | {"calibration_loops_per_second": bench.calibration()}
