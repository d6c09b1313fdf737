"""Margin of 100,000 accounts: the exact scan, a quiet tick, scenario margin in full and by change."""

from __future__ import annotations

import numpy as np
import pytest

from sim.exchange.bench_margin import liquidate, scenarios
from sim.exchange.bench_venue import venue
from sim.exchange.kernel.readout import read_scan
from sim.risk.scenario_margin import Book, full

ACCOUNTS = 100_000


@pytest.mark.parametrize("mode", ["unified", "portfolio"])
def test_scan(benchmark, mode):
    exchange = venue(ACCOUNTS, mode=mode)
    out = np.zeros(ACCOUNTS)
    benchmark.extra_info["accounts"] = ACCOUNTS
    benchmark.pedantic(read_scan, args=(exchange.arenas, out), rounds=20, warmup_rounds=2)
    assert (out > 0).all()


def test_quiet_tick(benchmark):
    exchange = venue(ACCOUNTS)
    liquidate(exchange)
    benchmark.extra_info["accounts"] = ACCOUNTS
    benchmark.pedantic(liquidate, args=(exchange,), rounds=50, warmup_rounds=2)
    assert not exchange.flagged()


def test_scenarios_in_full(benchmark):
    grid, exposure, shares = scenarios(ACCOUNTS)
    benchmark.extra_info["points"] = grid.points
    found = benchmark.pedantic(full, args=(grid, exposure, shares), rounds=20, warmup_rounds=2)
    assert (found > 0).all()


def test_scenarios_by_change(benchmark):
    grid, exposure, shares = scenarios(ACCOUNTS)
    book = Book(grid, exposure, shares)
    r = np.random.default_rng(2)
    change = (
        r.integers(0, ACCOUNTS, ACCOUNTS),
        r.integers(-1, grid.events, ACCOUNTS),
        r.integers(-5, 6, ACCOUNTS).astype(float),
    )
    benchmark.extra_info["changes"] = ACCOUNTS
    benchmark.pedantic(book.incremental, args=change, rounds=20, warmup_rounds=2)
