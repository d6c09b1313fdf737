"""Messages arrive in the order of SEQ-01, on time, and no window length changes that."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clock import NEVER, SMALL, Clock, Transport, Window
from sim.exchange.messages import M_ACCOUNT, M_KIND, M_SEQ, M_TIME, MSG_COLS, Kind


def block(*kinds: int, account: int = 0, times: list[int] | None = None) -> np.ndarray:
    rows = np.zeros((len(kinds), MSG_COLS), dtype=np.int64)
    rows[:, M_KIND] = kinds
    rows[:, M_ACCOUNT] = account
    if times is not None:
        rows[:, M_TIME] = times
    return rows


def group(kind: int) -> int:
    """SEQ-01 in the test's own words: the exchange's kinds in their order, then users, then data."""
    order = [1, 2, 6, 7, 10]
    return order.index(kind) if kind in order else {30: 98, 31: 99}.get(kind, 50)


def test_the_clock_counts_whole_microseconds() -> None:
    clock = Clock(1_760_129_400_000_000)

    def sleeper():  # type: ignore[no-untyped-def]
        yield clock.sleep(1)
        seen.append(clock.now_us)
        yield clock.sleep(np.int64(10))
        seen.append(clock.now_us)

    seen: list[int] = []
    clock.start(sleeper())
    clock.run(1_760_129_400_000_100)
    assert seen == [1_760_129_400_000_001, 1_760_129_400_000_011]
    assert all(type(t) is int for t in (*seen, clock.now_us))


def test_at_one_time_hooks_come_first_then_windows_then_traders() -> None:
    clock = Clock(0)
    seen: list[str] = []

    def trader():  # type: ignore[no-untyped-def]
        yield clock.sleep(50)
        seen.append("trader")

    clock.start(trader())
    clock.call_at(50, lambda _: seen.append("window"), priority=0)
    clock.call_at(50, lambda _: seen.append("hook"))
    clock.run(51)
    assert seen == ["hook", "window", "trader"]


def test_a_block_arrives_after_its_latency_and_is_not_changed() -> None:
    transport = Transport()
    sent = block(Kind.NEW, Kind.CANCEL, account=7)
    transport.send(30, sent, 100)
    assert sent[:, M_TIME].tolist() == [0, 0]
    assert transport.first_us == 130
    assert len(transport.take(130)) == 0
    got = transport.take(131)
    assert got[:, M_TIME].tolist() == [130, 130]
    assert got[:, M_SEQ].tolist() == [1, 2]
    assert transport.first_us == NEVER


def test_order_ids_are_never_given_twice() -> None:
    transport = Transport()
    ids = np.concatenate([transport.new_ids(n) for n in (3, 0, 2)])
    assert ids.tolist() == [1, 2, 3, 4, 5]
    assert ids.dtype == np.int64


@pytest.mark.spec("SEQ-01")
def test_at_one_timestamp_the_exchange_comes_first_and_market_data_last() -> None:
    transport = Transport()
    transport.send(10, block(Kind.CANCEL, Kind.NEW, Kind.DEPOSIT), 90)
    transport.send(5, block(Kind.NEW), 95)
    kinds = [Kind.BOOK, Kind.LIQUIDATE, Kind.RESOLVE, Kind.MARK, Kind.INDEX, Kind.INDEX]
    transport.schedule(block(*kinds, times=[100] * len(kinds)))
    got = transport.take(101)
    assert got[:, M_KIND].tolist() == [1, 1, 2, 5, 6, 7, 21, 20, 20, 30]
    assert got[6:9, M_SEQ].tolist() == [1, 2, 4]


@given(data=st.data())
@pytest.mark.spec("SEQ-01")
def test_take_gives_everything_due_in_order(data: st.DataObject) -> None:
    transport = Transport()
    everything: list[tuple[int, int, int]] = []
    kinds = st.lists(st.sampled_from([7, 10, 20, 21, 22, 26, 40]), min_size=1, max_size=60)
    for _ in range(data.draw(st.integers(1, 8))):
        if data.draw(st.booleans()):
            sent, latency = data.draw(kinds), data.draw(st.integers(1, 20))
            seq = transport.sent + 1
            transport.send(latency, block(*sent), 0)
            everything += [(latency, k, seq + i) for i, k in enumerate(sent)]
        else:
            due = data.draw(
                st.lists(st.tuples(st.integers(0, 20), st.sampled_from([1, 2, 6, 30, 31])))
            )
            seq = transport.sent + 1
            transport.schedule(block(*[k for _, k in due], times=[t for t, _ in due]))
            everything += [(t, k, seq + i) for i, (t, k) in enumerate(due)]
    got: list[list[int]] = []
    for until in [*sorted(data.draw(st.lists(st.integers(0, 21), max_size=6))), 21]:
        part = transport.take(until)[:, [M_TIME, M_KIND, M_SEQ]].tolist()
        assert all(t < until for t, _, _ in part)
        got += part
    expected = sorted(everything, key=lambda m: (m[0], group(m[1]), m[2]))
    # Chunks by time concatenate to the whole order.
    assert [tuple(m) for m in got] == expected


def test_large_windows_are_sorted_as_small_ones() -> None:
    rng = np.random.default_rng(1)
    kinds = rng.choice([7, 10, 20, 23, 25], size=(40, 20))
    latencies = rng.integers(1, 50, size=40)
    small, large = Transport(), Transport()
    for transport in (small, large):
        for k, latency in zip(kinds, latencies, strict=True):
            transport.send(int(latency), block(*k), 0)
    one = np.concatenate([small.take(t).copy() for t in range(1, 51)])
    assert len(one) > 4 * SMALL
    np.testing.assert_array_equal(large.take(50), one)


@pytest.mark.parametrize("kind", [Kind.INDEX, Kind.MARK, Kind.RESOLVE, Kind.FUND, Kind.BOOK])
def test_a_trader_cannot_speak_for_the_exchange(kind: Kind) -> None:
    transport = Transport()
    with pytest.raises(ValueError, match=f"row 1: {kind.name} is sent by the exchange"):
        transport.send(10, block(Kind.NEW, kind), 0)
    assert transport.sent == 0
    assert len(transport.take(100)) == 0


def test_an_unknown_kind_travels_on_to_be_refused_by_the_exchange() -> None:
    transport = Transport()
    transport.send(10, block(99, -3, 1 << 40), 0)
    assert sorted(transport.take(11)[:, M_KIND].tolist()) == [-3, 99, 1 << 40]


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((2, MSG_COLS - 1), dtype=np.int64),
        np.zeros((2, MSG_COLS)),
        np.zeros(MSG_COLS, dtype=np.int64),
        np.zeros((1, MSG_COLS), dtype=np.int32),
    ],
)
def test_a_wrong_shape_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a block of messages is int64"):
        Transport().send(1, bad, 0)


def test_a_block_may_have_any_layout() -> None:
    wide = np.zeros((4, 2 * MSG_COLS), dtype=np.int64)
    wide[:, 2 * M_KIND] = Kind.NEW
    transport = Transport()
    transport.send(1, wide[:, ::2], 0)
    assert transport.take(2)[:, M_KIND].tolist() == [Kind.NEW] * 4


def test_a_late_message_is_an_error() -> None:
    transport = Transport()
    transport.take(100)
    with pytest.raises(RuntimeError, match="message late: arrives 99"):
        transport.send(9, block(Kind.NEW), 90)
    with pytest.raises(RuntimeError, match="message late: arrives 99"):
        transport.schedule(block(Kind.MARK, times=[99]))


class Seen:
    """An exchange that only remembers."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def __call__(self, messages: np.ndarray) -> None:
        self.blocks.append(messages.copy())

    def all(self) -> list[list[int]]:
        return np.concatenate(self.blocks).tolist() if self.blocks else []


def play(window_us: int, seed: int) -> Seen:
    """Three traders with latencies of 20 and more, and the exchange's own messages."""
    rng = np.random.default_rng(seed)
    clock, transport, seen = Clock(1_000), Transport(), Seen()
    window = Window(clock, transport, seen, window_us)
    times = np.sort(rng.integers(1_000, 3_000, 40))
    transport.schedule(block(*rng.choice([1, 2, 6, 30], 40), times=times.tolist()))

    def trader(name: int, latency: int, draw: np.random.Generator):  # type: ignore[no-untyped-def]
        while True:
            transport.send(
                latency,
                block(*draw.choice([7, 20, 21], draw.integers(4)), account=name),
                clock.now_us,
            )
            yield clock.sleep(int(draw.choice([1, 10, 20, 40, 200])))

    for i, latency in enumerate((20, 21, 40)):
        clock.start(trader(i, latency, np.random.default_rng([seed, i])))
    clock.run(3_000)
    window.drain(3_001)
    return seen


@pytest.mark.parametrize("seed", range(5))
def test_every_window_gives_the_same_stream(seed: int) -> None:
    one = play(0, seed)
    assert all(len(b) == 1 for b in one.blocks)
    assert len(one.blocks) > 200
    for window_us in (1, 3, 7, 10, 20):
        assert play(window_us, seed).all() == one.all()


def test_idle_windows_cost_nothing() -> None:
    clock, transport, seen = Clock(0), Transport(), Seen()
    window = Window(clock, transport, seen, 10)
    transport.schedule(block(Kind.MARK, Kind.MARK, Kind.MARK, times=[5, 7, 999_995]))
    clock.run(1_000_001)
    assert window.closed == 2
    assert [len(b) for b in seen.blocks] == [2, 1]


def test_a_nearer_arrival_moves_the_close_forward() -> None:
    clock, transport, seen = Clock(0), Transport(), Seen()
    Window(clock, transport, seen, 10)
    closes: list[int] = []
    transport.send(500, block(Kind.NEW), 0)
    clock.call_at(100, lambda now: transport.send(20, block(Kind.CANCEL), now))
    clock.call_at(130, lambda now: closes.append(len(seen.blocks)))
    clock.call_at(131, lambda now: closes.append(len(seen.blocks)))
    clock.run(600)
    assert closes == [0, 1]  # arrives at 120, its window [120, 130) closes at 130
    assert [b[0, M_TIME] for b in seen.blocks] == [120, 500]


def test_a_negative_window_is_refused() -> None:
    with pytest.raises(ValueError, match="window_us -1 is negative"):
        Window(Clock(0), Transport(), Seen(), -1)
