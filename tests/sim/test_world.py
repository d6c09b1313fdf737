"""The loop: who sees what and when, and that no window length and no bystander changes a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import mesa
import numpy as np
import pytest

from sim.exchange.instruments import BinaryEvent, Feed, Listing, Perpetual
from sim.exchange.messages import (
    E_ACCOUNT,
    E_INSTRUMENT,
    E_KIND,
    E_ORDER,
    E_OTHER,
    E_SEQ,
    E_TIME,
    E_Y,
    EV_COLS,
    M_ACCOUNT,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_SEQ,
    M_TIME,
    MSG_COLS,
    Event,
    Kind,
)
from sim.market import MarketView
from sim.oracle.price import PriceOracle
from sim.oracle.truth import flat
from sim.streams import stream
from sim.world import Cadence, World

S = 1_000_000
START = 1_760_129_400 * S
LISTING = Listing(
    feeds=(Feed(name="BTC", tick_micro=1_000_000, index_ticks=100_000),),
    perpetuals=(Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1000),),
    events=(BinaryEvent(name="E"),),
)
QUIET = Cadence(0, 0, 0, 0, 0, 0, 0, 0, 0)


class Echo:
    """An exchange that fills every order against account 0, and shows the count in BOOK's last."""

    listing = LISTING
    accounts = 20

    def __init__(self) -> None:
        self.messages: list[list[int]] = []
        self.orders = 0
        self.seq = 0
        self.calls = 0

    def process(self, block: np.ndarray) -> np.ndarray:
        self.calls += 1
        rows = []
        for m in block:
            self.messages.append(m.tolist())
            if m[M_KIND] == Kind.NEW:
                self.orders += 1
                rows.append(self.event(m, Event.FILL, account=m[M_ACCOUNT], order=m[M_ORDER]))
            elif m[M_KIND] == Kind.BOOK:
                for i in range(2):
                    rows.append(self.event(m, Event.BOOK, instrument=i, y=self.orders))
        return np.array(rows, dtype=np.int64).reshape(-1, EV_COLS)

    def event(
        self,
        m: np.ndarray,
        kind: Event,
        account: int = 0,
        instrument: int = 0,
        order: int = 0,
        y: int = 0,
    ) -> np.ndarray:
        self.seq += 1
        row = np.zeros(EV_COLS, dtype=np.int64)
        row[[E_SEQ, E_TIME, E_KIND, E_OTHER]] = self.seq, m[M_TIME], kind, 0
        row[[E_ACCOUNT, E_INSTRUMENT, E_ORDER, E_Y]] = account, instrument, order, y
        return row

    def columns(self, *columns: int) -> list[list[int]]:
        return np.array(self.messages)[:, columns].tolist()


class Notes:
    """A recorder that keeps everything."""

    def __init__(self) -> None:
        self.events: list[np.ndarray] = []
        self.samples: list[tuple[int, int]] = []
        self.began = 0

    def begin(self, exchange: Any) -> None:
        self.began += 1

    def add(self, events: np.ndarray) -> None:
        assert self.began or events[0, E_TIME] == START
        self.events.append(events.copy())

    def sample(self, now_us: int, exchange: Echo) -> None:
        self.samples.append((now_us, exchange.orders))

    def digest(self) -> str:
        return hashlib.sha256(np.concatenate(self.events).tobytes()).hexdigest()


class Dealer(mesa.Agent):
    """Sends a few orders at random times, and reacts to what it sees."""

    def __init__(
        self,
        world: World,
        name: str,
        accounts: list[int],
        latency_us: int = 10_000,
        every: int = 50_000,
    ) -> None:
        super().__init__(world)
        self.world, self.name, self.latency_us, self.every = world, name, latency_us, every
        self.accounts = np.array(accounts)
        self.draw = stream(world.seed, name)
        self.log: list[tuple[int, MarketView, np.ndarray]] = []
        self.draws: list[int] = []

    def first_wake_us(self) -> int:
        return START + int(self.draw.integers(self.every))

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        self.log.append((now_us, view, inbox))
        self.draws.append(int(self.draw.integers(1 << 40)))
        n = (self.draws[-1] + len(inbox) + max(int(view.oi[0]), 0)) % 4
        block = np.zeros((n, MSG_COLS), dtype=np.int64)
        block[:, M_KIND], block[:, M_ACCOUNT] = Kind.NEW, self.accounts[0]
        block[:, M_ORDER] = self.world.transport.new_ids(n)
        return block, 1 + self.draws[-1] % self.every


class Passive(Dealer):
    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        self.log.append((now_us, view, inbox))
        return np.empty((0, MSG_COLS), dtype=np.int64), 1 + int(self.draw.integers(self.every))


def make(seconds: float = 3, **options: Any) -> World:
    options = {"seed": 5, "window_us": 10_000, "recorder": Notes()} | options
    return World(Echo(), start_us=START, end_us=START + int(seconds * S), **options)


def oracle(seconds: float) -> PriceOracle:
    truth = flat({"BTC": 100_000.0}, START, START + int(seconds * S))
    return PriceOracle(
        LISTING.feeds, truth, seed=5, start_us=START, end_us=START + int(seconds * S)
    )


def play(window_us: int, seed: int = 5, more: Callable[[World], Any] | None = None) -> World:
    world = make(4, window_us=window_us, seed=seed, oracle=oracle(4))
    for i, latency in enumerate((10_000, 12_345, 80_000)):
        world.add(Dealer(world, f"d{i}", [3 * i + 1, 3 * i + 2], latency))
    if more is not None:
        world.add(more(world))
    block = np.zeros((3, MSG_COLS), dtype=np.int64)
    block[:, M_KIND], block[:, M_ACCOUNT] = Kind.NEW, [1, 4, 7]
    block[:, M_ORDER] = world.transport.new_ids(3)
    world.setup(block)
    world.run()
    return world


# the exchange's own messages ----------------------------------------------------------------
@pytest.mark.spec("SEQ-01")
def test_the_exchange_ticks_in_order_and_on_time() -> None:
    world = make(10, oracle=oracle(10))
    world.run()
    at = {t: [] for t in range(0, 11 * S, S // 2)}
    for time, kind in world.exchange.columns(M_TIME, M_KIND):
        at[time - START].append(Kind(kind).name)
    assert at[0] == at[10 * S] == [
        "INDEX", "MARK", "PREMIUM", "SETTLE", "LIQUIDATE", "BOOK", "DEPTH",
    ]  # fmt: skip
    assert at[S] == ["INDEX", "MARK", "SETTLE", "LIQUIDATE", "BOOK"]
    assert at[5 * S] == ["INDEX", "MARK", "PREMIUM", "SETTLE", "LIQUIDATE", "BOOK"]
    assert at[S // 2] == ["BOOK"]


def test_funding_falls_on_the_hour_and_zero_switches_off() -> None:
    every = Cadence(0, 0, 0, 3600 * S, 0, 0, 0, 0, 0)
    world = make(3 * 3600, cadence=every)
    world.run()
    first = -(-START // (3600 * S)) * 3600 * S
    assert first == 1_760_130_000 * S  # 21:00 UTC
    assert world.exchange.columns(M_TIME, M_KIND) == [
        [first + k * 3600 * S, Kind.FUNDING] for k in range(3)
    ]
    silent = make(5, cadence=QUIET)
    silent.run()
    assert silent.exchange.messages == []


def test_ticks_do_not_stop_where_they_are_made_in_parts() -> None:
    world = make(1000, cadence=Cadence(0, S, 0, 0, 0, 0, 0, 0, 0))
    world.run()
    times = [t for (t,) in world.exchange.columns(M_TIME)]
    assert times == [START + k * S for k in range(1001)]
    assert world.exchange.calls == 1001


def test_a_negative_cadence_is_refused() -> None:
    with pytest.raises(ValueError, match="mark_us -1 is negative"):
        Cadence(mark_us=-1)


# traders ------------------------------------------------------------------------------------
def test_a_trader_sees_the_market_and_its_fills_with_its_latency() -> None:
    world = play(10_000)
    fills = np.concatenate(world.recorder.events)
    fills = fills[fills[:, E_KIND] == Event.FILL]
    for trader in world.traders.values():
        mine = fills[np.isin(fills[:, E_ACCOUNT], trader.accounts)]
        read = []
        for now, view, inbox in trader.log:
            seen = now - trader.latency_us
            assert view.time_us == max(START, seen // 500_000 * 500_000)
            if view.time_us == seen // 500_000 * 500_000:
                read.append(inbox)
                np.testing.assert_array_equal(np.concatenate(read), mine[mine[:, E_TIME] <= seen])
        assert len(mine) > 20


def test_an_order_arrives_after_the_latency() -> None:
    world = make(1, cadence=QUIET)
    trader = Dealer(world, "d", [1], latency_us=33_000)
    world.add(trader)
    world.run()
    sent = {now + 33_000 for now, _, _ in trader.log}
    assert {t for (t,) in world.exchange.columns(M_TIME)} <= sent


def test_who_does_not_listen_gets_no_events() -> None:
    world = make(1)
    deaf = Dealer(world, "deaf", [1])
    deaf.listens = False
    world.add(deaf)
    world.run()
    assert world.exchange.orders > 5
    assert all(len(inbox) == 0 for _, _, inbox in deaf.log)


def test_traders_that_cannot_be_added_are_refused() -> None:
    world = make()
    world.add(Dealer(world, "a", [1]))
    for trader, reason in (
        (Dealer(world, "a", [2]), "two traders are named 'a'"),
        (Dealer(world, "b", [1]), "account 1 has an inbox already"),
        (Dealer(world, "b", [20]), "out of range"),
        (Dealer(world, "b", [2], latency_us=9_999), "latency 9999 us is below the window, 10000"),
    ):
        with pytest.raises(ValueError, match=reason):
            world.add(trader)
    other = make(window_us=0)
    with pytest.raises(ValueError, match="latency 0 us"):
        other.add(Dealer(other, "b", [2], latency_us=0))


@pytest.mark.parametrize("pause", [0, -5])
def test_a_trader_that_never_sleeps_is_an_error(pause: int) -> None:
    world = make()
    trader = Dealer(world, "restless", [1])
    trader.wake = lambda *_: (np.empty((0, MSG_COLS), dtype=np.int64), pause)  # type: ignore[method-assign]
    world.add(trader)
    with pytest.raises(ValueError, match=f"restless wants to sleep {pause} us"):
        world.run()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_errors_and_ctrl_c_get_out(error: type[BaseException]) -> None:
    def fail(*_: Any) -> Any:
        raise error

    world = make()
    trader = Dealer(world, "bad", [1])
    trader.wake = fail  # type: ignore[method-assign]
    world.add(trader)
    with pytest.raises(error):
        world.run()


# one run, however it is cut -----------------------------------------------------------------
@pytest.mark.parametrize("seed", [5, 6])
def test_no_window_length_changes_a_run(seed: int) -> None:
    one = play(0, seed)
    assert one.exchange.orders > 200
    for window_us in (1, 999, 3_333, 10_000):
        other = play(window_us, seed)
        assert other.exchange.messages == one.exchange.messages
        assert other.recorder.digest() == one.recorder.digest()
        assert other.recorder.samples == one.recorder.samples


@pytest.mark.spec("I17")
def test_same_seed_same_run_other_seed_other_run() -> None:
    assert play(10_000, 5).recorder.digest() == play(10_000, 5).recorder.digest()
    assert play(10_000, 5).recorder.digest() != play(10_000, 6).recorder.digest()


def test_a_passive_trader_more_changes_nothing() -> None:
    alone = play(10_000)
    watched = play(10_000, more=lambda world: Passive(world, "p", [15]))
    assert watched.traders["p"].log
    assert watched.recorder.digest() == alone.recorder.digest()


def test_a_trader_more_shifts_nobodys_draws() -> None:
    alone = play(10_000)
    joined = play(10_000, more=lambda world: Dealer(world, "new", [15], every=20_000))
    assert joined.recorder.digest() != alone.recorder.digest()
    for name, trader in alone.traders.items():
        assert joined.traders[name].draws == trader.draws


# set-up, hooks, the run ----------------------------------------------------------------------
def test_setup_applies_messages_before_anybody_wakes() -> None:
    world = make(1)
    trader = Dealer(world, "d", [1])
    world.add(trader)
    blocks = []
    for kind in (Kind.FUND, Kind.DEPOSIT, Kind.NEW):
        block = np.zeros((10_000, MSG_COLS), dtype=np.int64)
        block[:, M_KIND], block[:, M_ACCOUNT] = kind, 1
        blocks.append(block)
    events = world.setup(blocks)
    assert len(events) == 10_000
    assert (events[:, E_TIME] == START).all()
    done = world.exchange.columns(M_TIME, M_KIND, M_SEQ)
    kinds = [kind for kind in (9, 7, 20) for _ in range(10_000)]
    assert done == [[START, kind, seq] for seq, kind in enumerate(kinds, 1)]
    assert (blocks[0][:, M_TIME] == 0).all()
    world.run()
    assert sum(len(inbox) for _, _, inbox in trader.log) >= 10_000
    assert make(1).setup([]).shape == (0, EV_COLS)


@pytest.mark.parametrize("window_us", [0, 10_000])
def test_a_hook_sees_all_that_came_before_and_may_speak_for_the_exchange(window_us: int) -> None:
    world = make(1, cadence=Cadence(0, S // 10, 0, 0, 0, 0, 0, 0, 0), window_us=window_us)
    at = START + 505_000
    tick = np.zeros((1, MSG_COLS), dtype=np.int64)
    tick[:, M_TIME], tick[:, M_KIND] = at - 1, Kind.MARK
    world.transport.schedule(tick)
    seen = []

    def resolve(now_us: int) -> None:
        seen.append((now_us, len(world.exchange.messages)))
        block = np.zeros((1, MSG_COLS), dtype=np.int64)
        block[:, M_TIME], block[:, M_KIND], block[:, M_INSTRUMENT] = now_us, Kind.RESOLVE, 0
        world.transport.schedule(block)

    world.call_at(at, resolve)
    world.run()
    assert seen == [(at, 7)]  # marks at 0, 100, …, 500 ms and the one just before
    assert world.exchange.columns(M_TIME, M_KIND)[6:8] == [
        [at - 1, Kind.MARK],
        [at, Kind.RESOLVE],
    ]


def test_the_recorder_is_asked_once_per_second_and_at_the_end() -> None:
    world = make(2.5)
    world.run()
    assert world.recorder.began == 1
    assert [t - START for t, _ in world.recorder.samples] == [0, S, 2 * S, 5 * S // 2]


def test_progress_goes_from_nothing_to_one() -> None:
    seen: list[float] = []
    world = make(2.5)
    world.run(on_progress=seen.append)
    assert seen == [0.4, 0.8, 1.0]
    assert not world.running
    world.run(on_progress=seen.append)
    assert len(seen) == 3


def test_after_every_batch_one_may_look() -> None:
    calls = []
    world = make(1)
    world.on_batch = lambda: calls.append(world.exchange.calls)
    world.run()
    assert calls == list(range(1, world.exchange.calls + 1))


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="is not after start"):
        World(Echo(), seed=1, start_us=5, end_us=5)


# Mesa -----------------------------------------------------------------------------------------
def test_it_is_a_mesa_model() -> None:
    world = make(3)
    for name in "ab":
        world.add(Dealer(world, name, [ord(name) - 96]))
    assert sorted(a.name for a in world.agents) == ["a", "b"]
    assert len(world.agents.select(lambda a: a.name == "a")) == 1
    while world.running:
        world.step()
    assert world.steps == 3
    other = make(3)
    for name in "ab":
        other.add(Dealer(other, name, [ord(name) - 96]))
    other.run()
    assert other.recorder.digest() == world.recorder.digest()


def test_it_takes_no_name_that_mesa_uses() -> None:
    theirs = [
        "scenario",
        "time",
        "batch",
        "observe",
        "notify",
        "run_for",
        "run_until",
        "schedule_event",
    ]
    world = make()
    for name in [*theirs, "schedule_recurring"]:
        assert name not in World.__dict__
        assert name not in {k for k in world.__dict__ if not hasattr(mesa.Model, k)}


class Answer:
    """A service that answers every fill with a MARK a window later."""

    hears = frozenset({Event.FILL})

    def __init__(self) -> None:
        self.world: World | None = None
        self.heard: list[int] = []

    def attach(self, world: World) -> None:
        self.world = world

    def hear(self, events: np.ndarray) -> None:
        assert self.world is not None
        assert set(events[:, E_KIND].tolist()) == {Event.FILL}
        for row in events:
            self.heard.append(int(row[E_TIME]))
            message = np.zeros((1, MSG_COLS), np.int64)
            message[0, M_TIME] = row[E_TIME] + 10_000
            message[0, M_KIND] = Kind.MARK
            self.world.transport.schedule(message)


@pytest.mark.parametrize("window_us", [0, 1_000, 10_000])
def test_a_service_hears_its_kinds_and_answers_in_time(window_us: int) -> None:
    exchange, answer = Echo(), Answer()
    world = World(exchange, seed=1, start_us=START, end_us=START + 3 * S, window_us=window_us,
                  cadence=QUIET)  # fmt: skip
    world.serve(answer)
    order = np.zeros((1, MSG_COLS), np.int64)
    order[0, M_KIND] = Kind.NEW
    for at in (S, S + 4_000, 2 * S):
        row = order.copy()
        row[0, M_TIME] = START + at
        world.transport.schedule(row)
    world.run()
    assert answer.heard == [START + S, START + S + 4_000, START + 2 * S]
    marks = [t for t, kind in exchange.columns(M_TIME, M_KIND) if kind == Kind.MARK]
    assert marks == [t + 10_000 for t in answer.heard]
    with pytest.raises(ValueError, match="too late"):
        world.serve(Answer())
