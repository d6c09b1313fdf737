"""Check a kind of trader: ``check_agent(MyTrader)`` runs it in a tiny world and looks at it.

It finds what breaks a run later: messages of a wrong shape, another trader's accounts, sizes or
prices that no exchange takes, a wake-up that does not move on, draws from somebody else's stream.
The world here has no exchange: a random walk of prices, and books that fill a part of the orders.
"""

from __future__ import annotations

import hashlib
from typing import Any

import mesa
import numpy as np

from agents.base import Trader, TraderParams
from agents.facts import EventTerms, Facts
from sim.exchange.instruments import (
    Asset,
    BinaryEvent,
    Feed,
    Listing,
    Perpetual,
    Spot,
)
from sim.exchange.messages import (
    E_ACCOUNT,
    E_INSTRUMENT,
    E_KIND,
    E_ORDER,
    E_OTHER,
    E_OTHER_ORDER,
    E_PRICE,
    E_SIDE,
    E_SIZE,
    E_TIME,
    EV_COLS,
    M_ACCOUNT,
    M_ARG,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    MSG_COLS,
    Event,
    Flag,
    Kind,
)
from sim.market import MarketView
from sim.oracle.answers import Answer
from sim.oracle.lifecycle import State
from sim.oracle.question import Procedure
from sim.oracle.resolution_log import Seen
from sim.streams import stream

START_US = 1_760_129_400_000_000
FIRST_ACCOUNT = 100
USER_KINDS = {int(k) for k in Kind if Kind.NEW <= k <= Kind.WITHDRAW}
SETUP_KINDS = USER_KINDS | {int(Kind.DEPOSIT), int(Kind.COMMIT), int(Kind.INDEX), int(Kind.MARK)}
WAKE_KINDS = USER_KINDS | {int(k) for k in (Kind.DEPOSIT, Kind.COMMIT, Kind.PROPOSE, Kind.DISPUTE)}


def tiny_facts(coins: int = 3, oi_usd: float = 1e6) -> Facts:
    """A listing of a few coins with perpetuals, two spot books and one event on the first coin."""
    names = [f"C{k}" for k in range(coins)]
    feeds = [Feed(name=n, tick_micro=1_000_000, index_ticks=20_000) for n in names]
    listing = Listing(
        feeds=(*feeds, Feed(name="YD", tick_micro=100, index_ticks=10_000)),
        assets=(
            Asset(name="C0", feed="C0", units_per_coin=1000),
            Asset(name="YD", feed="YD", units_per_coin=1),
        ),
        perpetuals=tuple(Perpetual(name=f"{n}-PERP", feed=n, lots_per_coin=1000) for n in names),
        spots=(Spot(name="C0/USDC", base="C0"), Spot(name="YD/USDC", base="YD")),
        events=(BinaryEvent(name="E"),),
    )
    terms = EventTerms(0, 0, 19_800, START_US + 3_600_000_000, below=True, price=0.3)
    return Facts(listing, tuple(oi_usd * (coins - k) for k in range(coins)), (terms,))


class TinyExchange:
    """The part of an exchange that a trader may know: its listing."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.accounts = 1 << 16


class TinyTransport:
    """Hands out order ids."""

    def __init__(self) -> None:
        self.next = 1

    def new_ids(self, n: int) -> np.ndarray:
        first, self.next = self.next, self.next + n
        return np.arange(first, self.next)


class TinyOracle:
    """An event oracle whose event is YES, open for half a minute, then wrongly proposed as NO."""

    def seen(self, event: int, at_us: int) -> Seen:
        proposed_us = START_US + 30_000_000
        if at_us < proposed_us:
            return Seen(State.OPEN, START_US)
        return Seen(State.PROPOSED, proposed_us, Answer(1), 750_000_000, 1)

    def answer_at(self, event: int, at_us: int) -> Answer | None:
        return Answer(0)

    def procedure(self, event: int) -> Procedure:
        return Procedure("optimistic")


class TinyWorld(mesa.Model):
    """A world for one trader."""

    def __init__(self, facts: Facts, seed: int = 1, seconds: int = 60) -> None:
        super().__init__(rng=seed)
        self.exchange = TinyExchange(facts.listing)
        self.transport = TinyTransport()
        self.services = [TinyOracle()]
        self.seed = seed
        self.start_us = START_US
        self.end_us = START_US + seconds * 1_000_000


def build(
    cls: type[Trader], facts: Facts, seed: int, params: TraderParams | None = None, count: int = 40
) -> Trader:
    """A trader of `cls` in a tiny world; a cohort gets `count` accounts."""
    n = count if cls.cohort else cls.own_accounts
    accounts = np.arange(FIRST_ACCOUNT, FIRST_ACCOUNT + n)
    return cls(TinyWorld(facts, seed), "checked", accounts, 20_000, params, facts)


def view_at(facts: Facts, price: np.ndarray, time_us: int) -> MarketView:
    """A market view around `price` (float64[instruments], ticks)."""
    near = price.astype(np.int64)
    event = facts.kinds == 2
    size = np.full(len(price), 1000, dtype=np.int64)
    index = np.where(event, -1, near)
    bid, ask = np.maximum(near - 1, 1), near + 1
    return MarketView(time_us, bid, ask, near, near, index, size, size, size, size)


def check_agent(
    cls: type[Trader],
    params: TraderParams | None = None,
    facts: Facts | None = None,
    seconds: int = 60,
    count: int = 40,
) -> list[np.ndarray]:
    """Run `cls` and raise AssertionError at the first thing that is wrong.

    Args:
        cls: the class to check.
        params: its parameters, default ``cls.Params()``.
        facts: what is listed, default `tiny_facts()`.
        seconds: simulated.
        count: accounts of a cohort.

    Returns:
        The blocks it sent, set-up first.
    """
    facts = tiny_facts() if facts is None else facts
    first = _run(build(cls, facts, 1, params, count), facts, seconds)
    digest = _digest(first)
    assert digest == _digest(_run(build(cls, facts, 1, params, count), facts, seconds)), (
        "two runs with the same seed differ"
    )
    np.random.seed(99)  # noqa: NPY002 - draws from the global stream would show up
    shaken = build(cls, facts, 1, params, count)
    shaken.model.rng.random(17)
    shaken.model.random.random()
    assert digest == _digest(_run(shaken, facts, seconds)), "it draws from another stream"
    return first


def _digest(sent: list[np.ndarray]) -> str:
    return hashlib.sha256(b"".join(block.tobytes() + b"|" for block in sent)).hexdigest()


def _run(trader: Trader, facts: Facts, seconds: int) -> list[np.ndarray]:
    """Set a trader up and wake it until `seconds` are over; every block is checked."""
    sent = []
    for block in trader.setup():
        check_block(block, trader.accounts, facts, SETUP_KINDS)
        sent.append(block)
    rng = stream(7, "prices")
    price = np.where(facts.start_ticks > 0, facts.start_ticks, 500).astype(np.float64)
    end_us = START_US + seconds * 1_000_000
    now = trader.first_wake_us()
    assert now >= START_US, "it wakes before the start"
    inbox = np.zeros((0, EV_COLS), dtype=np.int64)
    while now < end_us:
        step = np.where(facts.kinds == 2, 2.0, price * 2e-4)
        price = np.maximum(price + step * rng.normal(size=len(price)), 10.0)
        price = np.where(facts.kinds == 2, np.minimum(price, 900.0), price)
        block, pause = trader.wake(now, view_at(facts, price, now - trader.latency_us), inbox)
        check_block(block, trader.accounts, facts, WAKE_KINDS)
        assert isinstance(pause, int), f"the pause must be an int, not {type(pause).__name__}"
        assert pause > 0, "it wants to sleep no time"
        sent.append(block.copy())
        inbox = _fills(rng, block, price, facts, now + trader.latency_us)
        now += pause
    return sent


def check_block(block: Any, accounts: np.ndarray, facts: Facts, kinds: set[int]) -> None:
    """Raise AssertionError unless `block` is a block of messages that `accounts` may send."""
    assert isinstance(block, np.ndarray), f"a block is an array, not {type(block).__name__}"
    assert block.dtype == np.int64, f"a block is int64, not {block.dtype}"
    assert block.ndim == 2, "a block has two dimensions"
    assert block.shape[1] == MSG_COLS, f"a message has {MSG_COLS} columns, not {block.shape[1]}"
    if len(block) == 0:
        return
    kind = block[:, M_KIND]
    strange = set(kind.tolist()) - kinds
    assert not strange, f"kinds of message that a trader may not send now: {sorted(strange)}"
    ours = np.isin(block[:, M_ACCOUNT], accounts) | (kind == Kind.INDEX) | (kind == Kind.MARK)
    assert ours.all(), f"somebody else's account: {block[~ours][0].tolist()}"
    new = block[kind == Kind.NEW]
    assert (new[:, M_ORDER] > 0).all(), "an order needs an id > 0"
    assert len(np.unique(new[:, M_ORDER])) == len(new), "an order id twice in one block"
    assert ((new[:, M_INSTRUMENT] >= 0) & (new[:, M_INSTRUMENT] < facts.instruments)).all()
    assert np.isin(new[:, M_SIDE], (0, 1)).all(), "a side is 0 or 1"
    assert np.isin(new[:, M_ARG], (0, 1)).all(), "an outcome is 0 or 1"
    priced = (new[:, M_FLAGS] & int(Flag.MARKET)) == 0
    assert (new[priced, M_PRICE] >= 1).all(), "a limit price below one tick"
    sized = np.isin(kind, [Kind.NEW, Kind.REPLACE, Kind.DEPOSIT])
    assert (block[sized, M_SIZE] > 0).all(), "a size that is not positive"


def _fills(
    rng: np.random.Generator, block: np.ndarray, price: np.ndarray, facts: Facts, at_us: int
) -> np.ndarray:
    """Some of the NEW orders of `block` are filled whole at once, as maker or as taker."""
    new = block[(block[:, M_KIND] == Kind.NEW) & (block[:, M_ARG] == 0)]
    new = new[rng.random(len(new)) < 0.2]
    out = np.zeros((len(new), EV_COLS), dtype=np.int64)
    taker = rng.random(len(new)) < 0.5
    out[:, E_KIND], out[:, E_TIME] = int(Event.FILL), at_us
    out[:, E_INSTRUMENT], out[:, E_SIZE] = new[:, M_INSTRUMENT], new[:, M_SIZE]
    out[:, E_PRICE] = price[new[:, M_INSTRUMENT]].astype(np.int64)
    out[:, E_SIDE] = np.where(taker, new[:, M_SIDE], 1 - new[:, M_SIDE])
    out[:, E_ACCOUNT] = np.where(taker, new[:, M_ACCOUNT], 1)
    out[:, E_OTHER] = np.where(taker, 1, new[:, M_ACCOUNT])
    out[:, E_ORDER] = np.where(taker, new[:, M_ORDER], 0)
    out[:, E_OTHER_ORDER] = np.where(taker, 0, new[:, M_ORDER])
    return out
