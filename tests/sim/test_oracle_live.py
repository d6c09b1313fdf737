"""Sources that read the exchange's own books: what they see, their faults, and no window matters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from oracle_scene import BTC, ETH, START, S, fault

from sim.exchange.exchange import Exchange
from sim.exchange.instruments import Asset, Listing, Perpetual, Spot
from sim.exchange.messages import (
    BUY,
    E_INSTRUMENT,
    E_PRICE,
    E_TIME,
    E_X,
    M_ACCOUNT,
    M_ARG,
    M_ARG2,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    M_TIME,
    MSG_COLS,
    SELL,
    Event,
    Kind,
)
from sim.market import MarketView
from sim.oracle.fault import OracleError
from sim.oracle.faults import KINDS
from sim.oracle.guards import Guard
from sim.oracle.live import LiveOracle, book_of, book_ticks, mark_ticks
from sim.oracle.price import PriceOracle
from sim.oracle.source import Source
from sim.oracle.truth import flat
from sim.streams import stream
from sim.world import World

END = START + 120 * S
LISTING = Listing(
    feeds=(BTC, ETH),
    assets=(Asset(name="ETH", feed="ETH", units_per_coin=100),),
    perpetuals=(Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1),),
    spots=(Spot(name="ETH/USDC", base="ETH"),),
)
PERP, SPOT = 0, 1
TRUTH = flat({"BTC": 100.0, "ETH": 50.0}, START, END)
BOOK = Source("book", reads="spot", lag_us=300_000, noise_bps=0, coins=("ETH",))
MARK = Source("mark", reads="perpetual", lag_us=300_000, noise_bps=0, coins=("BTC",))
TRUE = Source("true", lag_us=0, noise_bps=0)


def frame(time_us: int, bid: int, ask: int, last: int, mark: int) -> MarketView:
    """Market data with the same numbers for every instrument."""
    return MarketView(time_us, *(np.full(2, x) for x in (bid, ask, last, mark, -1, 0, 0, 0, 0)))


class Wall:
    """A little world of its own: frames by time, messages kept."""

    def __init__(self, view: Callable[[int], MarketView]) -> None:
        self.start_us, self.end_us = START, END
        self.data = self.transport = self
        self.view = view
        self.calls: list[tuple[int, Callable[[int], None]]] = []
        self.sent: list[np.ndarray] = []

    def call_at(self, at_us: int, call: Callable[[int], None]) -> None:
        self.calls.append((at_us, call))

    def schedule(self, rows: np.ndarray) -> None:
        self.sent.append(rows)

    def play(self) -> np.ndarray:
        while self.calls:
            at_us, call = self.calls.pop(0)
            call(at_us)
        return np.concatenate(self.sent)


def published(
    view: Callable[[int], MarketView],
    sources: list[Source],
    faults=(),
    **options,  # type: ignore[no-untyped-def]
) -> tuple[np.ndarray, PriceOracle]:
    """INDEX messages of the live feeds over two minutes."""
    oracle = PriceOracle(
        LISTING.feeds, TRUTH, seed=1, start_us=START, end_us=END, sources=sources, faults=faults,
        **options,
    )  # fmt: skip
    world = Wall(view)
    LiveOracle(oracle, LISTING, S).attach(world)  # type: ignore[arg-type]
    return world.play(), oracle


def climbing(at_us: int) -> MarketView:
    """One tick more each second, a spread of 20 around, nothing in the first ten seconds."""
    mid = 500_000 + (at_us - START) // S
    if at_us < START + 10 * S:
        return frame(at_us, -1, -1, -1, -1)
    return frame(at_us, mid - 10, mid + 10, mid + 3, mid + 7)


# what they see ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("bid", "ask", "last", "expected"),
    [(9, 12, 10, 10), (9, 12, 99, 12), (9, 12, -1, 10.5), (9, -1, 20, 14.5), (9, -1, -1, 9),
     (-1, -1, 10, None), (-1, -1, -1, None)],
)  # fmt: skip
def test_the_price_of_a_book(bid: int, ask: int, last: int, expected: float | None) -> None:
    assert book_ticks(frame(0, bid, ask, last, -1), 0) == expected


def test_a_mark_that_is_not_there_is_none() -> None:
    assert mark_ticks(frame(0, 1, 1, 1, -1), 0) is None
    assert mark_ticks(frame(0, -1, -1, -1, 7), 0) == 7


def test_which_book_a_coin_has() -> None:
    found = [
        book_of(LISTING, coin, reads) for coin in ("BTC", "ETH") for reads in ("spot", "perpetual")
    ]
    assert found == [None, PERP, SPOT, None]


def test_a_book_source_publishes_what_it_saw_a_lag_ago_once_there_is_something() -> None:
    rows, oracle = published(climbing, [BOOK, Source("true", coins=("BTC",))], latency_us=250_000)
    assert oracle.live == (1,)
    assert (rows[:, M_KIND] == Kind.INDEX).all()
    assert (rows[:, M_INSTRUMENT] == 1).all()
    made = rows[:, M_TIME] - 250_000
    assert made.tolist() == list(range(START + 11 * S, END + 1, S))
    seen = (made - START - 300_000) // S
    np.testing.assert_array_equal(rows[:, M_PRICE], 500_000 + seen + 3)
    np.testing.assert_array_equal(rows[:, M_ARG], made)
    assert oracle.messages(made[:5])[:, M_INSTRUMENT].tolist() == [0] * 5
    assert oracle.index("ETH", made)[-1] * 1e4 == rows[-1, M_PRICE]
    assert oracle.reading("ETH", "book", made)[0] * 1e4 == rows[0, M_PRICE]


def test_a_mark_source_reads_the_mark() -> None:
    rows, _ = published(climbing, [MARK, Source("true", coins=("ETH",))])
    assert rows[0, M_PRICE] == 500_000 + 10 + 7


def test_other_sources_of_the_feed_are_as_ever() -> None:
    rows, oracle = published(climbing, [BOOK, TRUE, Source("also", noise_bps=1.0)])
    assert rows[:10, M_ARG2].tolist() == [2] * 10
    assert rows[-1, M_ARG2] == 3
    exact = PriceOracle(LISTING.feeds, TRUTH, seed=1, start_us=START, end_us=END,
                        sources=[TRUE, Source("also", noise_bps=1.0)])  # fmt: skip
    for name in ("true", "also"):
        for one, two in zip(
            oracle.published("ETH", name), exact.published("ETH", name), strict=True
        ):
            np.testing.assert_array_equal(one, two)


def test_an_average_lags_a_step() -> None:
    def step(at_us: int) -> MarketView:
        x = 1000 if at_us < START + 60 * S else 2000
        return frame(at_us, x, x, x, x)

    slow = Source("book", reads="spot", lag_us=0, noise_bps=0, average_us=10 * S, coins=("ETH",))
    rows, _ = published(step, [slow, TRUE])
    _, oracle = published(step, [slow, TRUE])
    times = START + S * np.array([59, 60, 70, 80, 120])
    found = oracle.reading("ETH", "book", times) * 1e4
    assert found[0] == 1000
    # With Δt = 1 s the step's weight after n seconds is 1 − e^(−n/10), nearly: den starts empty.
    for value, seconds in zip(found[1:], (1, 11, 21, 61), strict=True):
        den = 1 - np.exp(-(59 + seconds) / 10)
        assert value == pytest.approx(1000 + 1000 * (1 - np.exp(-seconds / 10)) / den, rel=1e-3)
    assert len(rows)


def test_a_source_made_of_a_book_is_live_as_well() -> None:
    mix = Source("mix", upstream={"book": 0.5, "true": 0.5}, lag_us=0, noise_bps=0, coins=("ETH",))
    _, oracle = published(climbing, [mix, BOOK, TRUE])
    assert oracle.live_sources(1) == [1, 0]
    when = START + S * np.array([60])
    book, true, both = (oracle.reading("ETH", n, when)[0] for n in ("book", "true", "mix"))
    assert both == 0.5 * book + 0.5 * true


def test_it_is_as_old_as_the_oldest_of_its_parts_and_nothing_without_them() -> None:
    mix = Source("mix", upstream={"book": 0.5, "true": 0.5}, lag_us=0, noise_bps=0, coins=("ETH",))
    stop = fault("freeze", start_s=30, duration_s=60, sources=("true",))
    _, oracle = published(climbing, [mix, BOOK, TRUE], [stop])
    when, read, _ = oracle.published("ETH", "mix")
    assert when[0] == START + 11 * S  # the book has nothing before
    age = when - read
    stuck = (when >= START + 31 * S) & (when <= START + 90 * S)
    np.testing.assert_array_equal(np.diff(age[stuck]), S)
    assert (age[~stuck] < 2 * S).all()


def test_by_deviation_a_book_source_publishes_a_move_or_a_heartbeat() -> None:
    def step(at_us: int) -> MarketView:
        x = 500_000 + 10_000 * (at_us >= START + 50 * S) + 10 * (at_us >= START + 80 * S)
        return frame(at_us, x, x, x, x)

    rare = Source(
        "book", reads="spot", lag_us=0, noise_bps=0, coins=("ETH",), deviation_bps=100,
        heartbeat_us=40 * S, look_us=S,
    )  # fmt: skip
    _, oracle = published(step, [rare, Source("true", coins=("BTC",))])
    when, _, price = oracle.published("ETH", "book")
    assert ((when - START) // S).tolist() == [0, 40, 50, 90]
    assert (price * 1e4).round().tolist() == [500_000, 500_000, 510_000, 510_010]


# faults and guards ------------------------------------------------------------------------
def test_faults_hit_reading_by_reading() -> None:
    faults = [
        fault("bias", start_s=20, duration_s=10, bias_pct=10.0),
        fault("freeze", start_s=40, duration_s=10),
        fault("drop", start_s=60, duration_s=10, share=1.0),
        fault("lag", start_s=80, duration_s=10, extra_us=5 * S),
    ]
    plain, _ = published(climbing, [BOOK, Source("true", coins=("BTC",))])
    rows, _ = published(climbing, [BOOK, Source("true", coins=("BTC",))], faults)
    second = (rows[:, M_TIME] - START) // S
    moved = rows[:, M_PRICE] - plain[:, M_PRICE]

    def of(a: int, b: int) -> np.ndarray:
        return np.flatnonzero((second >= a) & (second < b))

    for a, b in ((11, 20), (30, 40), (50, 60), (70, 80), (90, 121)):
        assert not moved[of(a, b)].any()
    np.testing.assert_allclose(
        rows[of(20, 30), M_PRICE], plain[of(20, 30), M_PRICE] * 1.1, atol=0.51
    )
    assert moved[of(40, 50)].tolist() == [-k for k in range(1, 11)]
    assert rows[of(60, 70), M_ARG2].tolist() == [0] * 10
    assert moved[of(80, 90)].tolist() == [-5] * 10


@pytest.mark.parametrize("kind", ["drop", "outage"])
def test_a_slow_book_source_is_gone_from_start_to_end(kind: str) -> None:
    """Between two of its looks; a source that is made before the run fares alike."""
    slow = {"heartbeat_us": 40 * S, "lag_us": 0, "noise_bps": 0.0, "coins": ("ETH",)}
    where = {"upstream": "cloud"} if kind == "outage" else {"sources": ("book", "true")}
    fails = {"upstream": ("cloud",)}
    sources = [Source("book", reads="spot", **slow, **fails), Source("true", **slow, **fails),
               Source("other", coins=("BTC",))]  # type: ignore[arg-type]  # fmt: skip
    one = fault(kind, start_s=80, duration_s=9, share=1.0, **where)
    rows, oracle = published(climbing, sources, [one])
    second = (rows[:, M_TIME] - START) // S
    plain, whole = published(climbing, sources)
    for name in ("book", "true"):
        for kept, all_of in zip(
            oracle.published("ETH", name), whole.published("ETH", name), strict=True
        ):
            np.testing.assert_array_equal(kept, all_of)
    np.testing.assert_array_equal(
        rows[:, M_ARG2], np.where((second >= 80) & (second < 89), 0, plain[:, M_ARG2])
    )
    assert oracle.live == (1,)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_fault_hits_a_book_source_or_is_refused(kind: str) -> None:
    sources = [BOOK, Source("true", coins=("BTC",))]
    stated = {"upstream": "book"} if kind == "outage" else {}
    one = fault(kind, "severe", 20, 60, **stated, sources=None if stated else ("book",))
    if KINDS[kind].causal:
        _, wrong = published(climbing, sources, [one])
        _, right = published(climbing, sources)
        a, b = wrong.readings[1][0], right.readings[1][0]
        assert a is not None
        assert b is not None
        differ = (a.price_usd != b.price_usd) | (a.claimed_usd != b.claimed_usd) | a.absent
        second = (a.beat_us - START) // S
        assert differ.any()
        assert not differ[(second < 20) | (second >= 80)].any()
    else:
        with pytest.raises(OracleError, match="cannot hit source 'book'"):
            published(climbing, sources, [one])


def test_the_guards_watch_live_feeds_as_well() -> None:
    def pumped(at_us: int) -> MarketView:
        x = 500_000 if at_us < START + 60 * S else 6_500_000
        return frame(at_us, x, x, x, x)

    sources = [BOOK, Source("true", coins=("BTC",))]
    rows, _ = published(pumped, sources, guard=Guard(band_ratio=0.2, band_us=30 * S))
    assert rows[-1, M_PRICE] == 500_000 * 1.2 * 1.2
    limited = [
        Source("book", reads="spot", noise_bps=0, coins=("ETH",), max_usd={"ETH": 100.0}), sources[1]
    ]  # fmt: skip
    rows, _ = published(pumped, limited)
    assert rows[-1, M_PRICE] == 1_000_000
    rows, _ = published(pumped, limited, guard=Guard(min_answer=True))
    assert rows[-1, [M_PRICE, M_ARG2]].tolist() == [500_000, 0]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (Source("x", reads="spot"), "the spot book of 'BTC', which has none"),
        (Source("x", reads="perpetual"), "the perpetual book of 'ETH', which has none"),
        (Source("x", reads="spot", coins=("ETH",), lag_us=200 * S), "200 s late; 120 s are kept"),
    ],
)
def test_a_book_that_is_not_there_is_refused(source: Source, reason: str) -> None:
    with pytest.raises(OracleError, match=reason) as error:
        published(climbing, [TRUE, source])
    assert error.value.entry == ("source", 1)


# a real exchange --------------------------------------------------------------------------
class Gambler:
    """Orders around the index; what it does next depends on the market data it sees."""

    def __init__(self, world: World, account: int, latency_us: int) -> None:
        self.world, self.name, self.latency_us = world, f"gambler/{account}", latency_us
        self.accounts, self.draw = np.array([account]), stream(1, f"gambler/{account}")

    def setup(self) -> np.ndarray:
        block = np.zeros((2, MSG_COLS), dtype=np.int64)
        block[:, M_KIND], block[:, M_ACCOUNT] = Kind.DEPOSIT, self.accounts[0]
        block[:, M_INSTRUMENT], block[:, M_SIZE] = [0, 1], [100_000 * S, 100_000]
        return block

    def first_wake_us(self) -> int:
        return START + int(self.draw.integers(S))

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        block = np.zeros((2, MSG_COLS), dtype=np.int64)
        block[:, M_KIND], block[:, M_ACCOUNT] = Kind.NEW, self.accounts[0]
        block[:, M_INSTRUMENT] = [PERP, SPOT]
        block[:, M_SIDE] = self.draw.choice([BUY, SELL], 2)
        index = np.where(view.index < 0, [1_000_000, 500_000], view.index)
        block[:, M_PRICE] = index + self.draw.integers(-300, 301, 2)
        block[:, M_SIZE] = self.draw.integers(1, 5, 2)
        block[:, M_ORDER] = self.world.transport.new_ids(2)
        return block, int(self.draw.integers(S // 10, S))


class Ears:
    hears = frozenset({Event.INDEX})

    def __init__(self) -> None:
        self.rows: list[list[int]] = []

    def attach(self, world: World) -> None: ...

    def hear(self, events: np.ndarray) -> None:
        self.rows += events[:, [E_TIME, E_INSTRUMENT, E_PRICE, E_X]].tolist()


def play(window_us: int) -> tuple[list[list[int]], str]:
    exchange = Exchange(LISTING, accounts=8, order_slots=1 << 12)
    oracle = PriceOracle(
        LISTING.feeds, TRUTH, seed=1, start_us=START, end_us=END, sources=[BOOK, MARK, TRUE],
        faults=[fault("noise", start_s=30, duration_s=30)], latency_us=123_456,
    )  # fmt: skip
    world = World(
        exchange,
        seed=1,
        start_us=START,
        end_us=END,
        window_us=window_us,
        oracle=oracle,
        truth=TRUTH,
    )
    ears = Ears()
    world.serve(LiveOracle(oracle, LISTING, S))
    world.serve(ears)
    for account in range(8):
        gambler = Gambler(world, account, 10_000 + 777 * account)
        world.add(gambler)
        world.setup(gambler.setup())
    world.run()
    return ears.rows, exchange.state_digest()


def test_no_window_changes_what_a_live_oracle_publishes() -> None:
    first, *others = [play(window_us) for window_us in (10_000, 0, 1, 7_777)]
    heard = np.array(first[0])
    assert len(set(heard[:, 2])) > 100
    assert (np.diff(heard[heard[:, 1] == 0, 0]) == S).all()
    for other in others:
        assert other == first
