"""Snapshots, restores and forks: the same exchange to the last word, then its own way."""

from __future__ import annotations

import numpy as np
import pytest
from facade import fresh, funded

from sim.exchange import Exchange, Rules, bench
from sim.exchange.kernel import state as st


@pytest.fixture(scope="module")
def scene() -> tuple:
    kept = bench.LIQUIDATE_EVERY, bench.STEP
    bench.LIQUIDATE_EVERY, bench.STEP = 3, 0.04
    try:
        return bench.kernel_exchange(
            messages=4000, accounts=60, instruments=10, seed=9, mark_every=40
        )
    finally:
        bench.LIQUIDATE_EVERY, bench.STEP = kept


def same(a: Exchange, b: Exchange) -> None:
    """Every table word for word, but for what never outlives a message and slots of no order."""
    s, t = a.state, b.state
    live = s.orders[:, st.ID] > 0
    assert np.array_equal(s.orders[live], t.orders[live])
    assert np.array_equal(live, t.orders[:, st.ID] > 0)
    free = int(s.h[st.FREE])
    assert np.array_equal(s.free[:free], t.free[:free])
    queued = int(s.h[st.FLAGGED_COUNT])
    assert np.array_equal(s.scratch[:queued, st.QUEUE], t.scratch[:queued, st.QUEUE])
    if s.h[st.TIMED]:
        assert np.array_equal(s.timed[live], t.timed[live])
        heap = int(s.h[st.TIMED])
        assert np.array_equal(s.heap[: heap + 1], t.heap[: heap + 1])
    apart = {"orders", "free", "scratch", "fscratch", "log", "h", "timed", "heap"}
    for name in set(s._fields) - apart:
        assert np.array_equal(getattr(s, name), getattr(t, name)), name
    header, there = s.h.copy(), t.h.copy()
    header[st.LOGGED] = there[st.LOGGED] = 0
    assert np.array_equal(header, there)


@pytest.mark.parametrize("cut", [700, 2000, 3300])
def test_a_restored_exchange_goes_on_as_if_nothing_had_been(scene: tuple, cut: int) -> None:
    x, start, block = scene
    x.restore(start)
    x.process(block[:cut])
    kept, twin = x.snapshot(), x.fork()
    same(x, twin)
    rest = x.process(block[cut:])
    end = x.state_digest()
    x.restore(kept)
    same(x, twin)
    assert np.array_equal(x.process(block[cut:]), rest)
    assert np.array_equal(twin.process(block[cut:]), rest)
    assert x.state_digest() == twin.state_digest() == end
    assert not any(x.verify().values())


def test_accounts_in_liquidation_come_back(scene: tuple) -> None:
    x, start, block = scene
    x.restore(start)
    cut = 0
    while not x.flagged():
        x.process(block[cut : cut + 25])
        cut += 25
    kept, flagged = x.snapshot(), x.flagged()
    notes = x.state.flag_size[flagged].copy()
    assert notes.any()
    rest = x.process(block[cut:])
    x.restore(kept)
    assert x.flagged() == flagged
    assert np.array_equal(x.state.flag_size[flagged], notes)
    assert np.array_equal(x.process(block[cut:]), rest)
    x.restore(start)
    assert not x.state.flag_size.any()


def test_buffers_are_used_again_and_hold_nothing_of_before(scene: tuple) -> None:
    x, start, block = scene
    x.restore(start)
    x.process(block)
    late = x.snapshot()
    buffers = late._arenas
    del late
    x.restore(start)
    early = x.snapshot()
    assert any(early._arenas[0] is one for one in buffers[:1])
    digest = x.state_digest()
    x.process(block[:500])
    x.restore(early)
    assert x.state_digest() == digest
    same(x, x.fork())


def test_a_ladder_that_has_moved_comes_back() -> None:
    x = funded()
    x.submit(0, "BTC-PERP", "buy", 1, 999_000)
    kept, digest = x.snapshot(), x.state_digest()
    x.price("BTC", 1_020_000)
    x.advance(1)
    x.submit(0, "BTC-PERP", "buy", 1, 1_019_000)
    moved, far = x.snapshot(), x.state_digest()
    x.restore(kept)
    assert x.state_digest() == digest
    assert [row[1] for row in x.book(0)] == [999_000]
    x.restore(moved)
    assert x.state_digest() == far != digest
    assert not any(x.verify().values())


def test_forks_part() -> None:
    x = funded()
    x.submit(0, "BTC-PERP", "buy", 10, 999_000)
    y = x.fork()
    assert y.state_digest() == x.state_digest()
    assert y.events().equals(x.events())
    a, b = x.submit(1, "BTC-PERP", "sell", 10, 999_000), y.submit(1, "BTC-PERP", "sell", 4, 999_000)
    assert a.order == b.order
    assert (a.filled, b.filled) == (10, 4)
    assert x.state_digest() != y.state_digest()
    y.submit(1, "BTC-PERP", "sell", 6, 999_000)
    assert (x.position(0, 0), x.balance(1, 0)) == (y.position(0, 0), y.balance(1, 0))


def test_events_and_results_across_a_restore() -> None:
    x = funded()
    kept = x.snapshot()
    before = x.events()
    gone = x.submit(0, "BTC-PERP", "buy", 10, 999_000)
    assert len(x.events()) == len(before) + 1
    x.restore(kept)
    assert x.events().equals(before)
    again = x.submit(0, "BTC-PERP", "buy", 10, 998_000)
    assert (again.order, again.first) == (gone.order, gone.first)
    with pytest.raises(LookupError, match="restored"):
        gone.events  # noqa: B018
    assert gone.accepted


def test_only_an_exchange_of_the_same_shape_takes_a_snapshot() -> None:
    kept = fresh().snapshot()
    for other in (fresh(accounts=7), fresh(order_slots=512), fresh(Rules(phi=0.5))):
        with pytest.raises(ValueError, match="another shape"):
            other.restore(kept)
    fresh().restore(kept)


def test_time_moved_by_advance_is_kept() -> None:
    x = funded()
    x.advance(0.25)
    assert x.fork().now == x.now == 250_000
    kept = x.snapshot()
    x.advance(10)
    x.restore(kept)
    assert x.now == 250_000
