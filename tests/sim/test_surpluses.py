"""All surpluses at once are what each account's own reading says, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from sim.exchange.bench_venue import EVENTS, INDEX, PERPETUALS, readings, venue
from sim.exchange.messages import E_ACCOUNT, E_KIND, M_KIND, M_TIME, MSG_COLS, Event, Kind
from sim.exchange.rules import MarginMode

ACCOUNTS = 400


@pytest.mark.spec("MAR-09")
@pytest.mark.parametrize("mode", ["unified", "portfolio"])
def test_surpluses_are_the_single_readings(mode: MarginMode) -> None:
    x = venue(ACCOUNTS, seed=5, mode=mode)
    x.process(readings(INDEX + 500 * np.arange(-10, PERPETUALS - 10), x.now + 1_000_000))
    single = [x.maintenance(a) for a in range(ACCOUNTS)]
    assert x.surpluses().tolist() == [ne - mm for ne, mm in single]
    assert len({mm for _, mm in single}) > ACCOUNTS / 2


@pytest.mark.spec("LIQ-00")
@pytest.mark.parametrize("mode", ["unified", "portfolio"])
def test_a_tick_flags_exactly_those_whose_surplus_is_negative(mode: MarginMode) -> None:
    """Nobody is skipped who should not be, while prices and the events' marks walk."""
    x = venue(ACCOUNTS + 2, seed=5, mode=mode)
    makers = (ACCOUNTS, ACCOUNTS + 1)
    for a in makers:
        x.deposit(a, "USDC", 10**12)
    tick = np.zeros((1, MSG_COLS), np.int64)
    tick[0, M_KIND] = Kind.LIQUIDATE
    r = np.random.default_rng(2)
    price, below = np.full(PERPETUALS, float(INDEX)), 0
    event_marks: set[int] = set()
    for _ in range(60):
        price *= 1 + 0.03 * r.standard_normal(PERPETUALS)
        for e in range(EVENTS):
            at = int(r.integers(50, 951))
            x.submit(makers[0], f"C{e}-UP", "buy", 5, at)
            x.submit(makers[1], f"C{e}-UP", "sell", 5, at)
        x.process(readings(np.rint(price).astype(np.int64), x.now + 1_000_000))
        event_marks.add(x.mark("C0-UP"))
        before = set(x.flagged())
        short = {int(a) for a in np.flatnonzero(x.surpluses() < 0)} - before
        tick[0, M_TIME] = x.now
        found = x.process(tick)
        flagged = {int(row[E_ACCOUNT]) for row in found if row[E_KIND] == Event.FLAG}
        assert flagged == short
        below += len(short)
    assert below > 10
    assert len(event_marks) > 10
