"""A small real exchange for one trader, with true prices and an index made by hand.

One thin coin T at 1 USD with perpetual and spot book, one dollar token D that can be borrowed, one
binary event E.  Account ids from `FIRST` on are the trader's, those below are the test's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import agents
from agents import blocks
from agents.base import Trader
from agents.facts import EventTerms, Facts
from sim.exchange.exchange import Exchange
from sim.exchange.instruments import (
    MICRO,
    Asset,
    BinaryEvent,
    Feed,
    Listing,
    Margin,
    Perpetual,
    Spot,
)
from sim.exchange.messages import E_CODE, E_KIND, E_X, EV_COLS, M_ARG, M_KIND, M_TIME, Event, Kind
from sim.exchange.rules import Rules
from sim.oracle.truth import TruthPath
from sim.world import World

START_US = 1_760_129_400_000_000
FIRST = 10  # account
PERP, T_BOOK, D_BOOK, E_BOOK = range(4)
USDC, T, D, YES, NO = range(5)
TICKS = 10_000  # of 1 USD
UNGUARDED = Rules(
    strict_prices=False, volatile_ratio=1e6, guard_increase=6, guard_withdraw=6, guard_borrow=6
)


@dataclass
class HandMade:
    """An oracle whose index is a given path: readings that are never late and never doubtful.

    ``usd``: float64[2 feeds, seconds + 1].  Between the two times of ``frozen_us`` no reading is
    younger than the first.
    """

    usd: np.ndarray
    frozen_us: tuple[int, int] = (1 << 62, 1 << 62)

    def messages(self, times_us: np.ndarray) -> np.ndarray:
        out = []
        for t in times_us.tolist():
            second = min((t - START_US) // MICRO, self.usd.shape[1] - 1)
            price = np.rint(self.usd[:, second] * TICKS).astype(np.int64)
            first, last = self.frozen_us
            block = blocks.index(np.arange(2), price, first if first <= t < last else t)
            block[:, M_TIME] = t
            out.append(block)
        return np.concatenate(out) if out else blocks.none()


class Keeper:
    """A recorder that keeps everything."""

    def __init__(self) -> None:
        self.kept: list[np.ndarray] = [np.zeros((0, EV_COLS), dtype=np.int64)]

    def begin(self, exchange: object) -> None: ...
    def sample(self, now_us: int, exchange: object) -> None: ...

    def add(self, events: np.ndarray) -> None:
        self.kept.append(events.copy())

    def all(self) -> np.ndarray:
        return np.concatenate(self.kept)


@dataclass
class Stage:
    """What `stage` built."""

    world: World
    exchange: Exchange
    trader: Any
    keeper: Keeper = field(default_factory=Keeper)

    def run(self) -> Stage:
        self.world.run()
        assert not any(self.exchange.verify().values())
        return self

    def events(self, kind: Event) -> np.ndarray:
        every = self.keeper.all()
        return every[every[:, E_KIND] == kind]

    def refusals(self, kind: Kind) -> list[int]:
        """Reasons of the refusals of one kind of message."""
        rows = self.events(Event.REJECT)
        return [int(r[E_CODE]) for r in rows if r[E_X] == kind]


def listing(
    lam: float = 1.0, perpetual: Margin | None = None, own_book: bool = False, **coin: Any
) -> Listing:
    """T and D; ``coin``: fields of the asset T."""
    return Listing(
        feeds=(
            Feed(
                name="T",
                tick_micro=100,
                index_ticks=TICKS,
                own_book="T/USDC" if own_book else "",
            ),
            Feed(name="D", tick_micro=100, index_ticks=TICKS),
        ),
        assets=(
            Asset(name="T", feed="T", units_per_coin=1, haircut_w=0.9, haircut_kappa=0.0, **coin),
            Asset(name="D", feed="D", units_per_coin=1, haircut_w=0.9, borrowable=True),
        ),
        perpetuals=(
            Perpetual(name="T-PERP", feed="T", lots_per_coin=1, margin=perpetual or Margin()),
        ),
        spots=(Spot(name="T/USDC", base="T"), Spot(name="D/USDC", base="D")),
        events=(BinaryEvent(name="E", lam=lam),),
    )


def stage(
    kind: str,
    params: dict[str, Any],
    *,
    listed: Listing | None = None,
    rules: Rules | None = None,
    true: tuple[Any, Any] = (1.0, 1.0),
    index: tuple[Any, Any] | None = None,
    frozen_s: tuple[float, float] | None = None,
    seconds: int = 60,
    count: int = 1,
    pool_usd: float = 1_000_000.0,
    pool_dollars: float = 0.0,
    event_price: float = 0.5,
    before: list[np.ndarray] | None = None,
    window_us: int = 10_000,
) -> Stage:
    """A world whose set-up has been applied.

    Args:
        kind, params, count: the trader, and accounts of a cohort.
        true, index: prices of T and D in USD, each a number or one per second; the index is
            the truth if absent.
        frozen_s: from when to when no reading is made.
        pool_usd, pool_dollars: USDC and D that lenders brought.
        before: blocks of other accounts, before the trader's set-up.
    """
    made = listed or listing()
    truth = _path(true, seconds)
    shown = truth if index is None else _path(index, seconds)
    end_us = START_US + seconds * MICRO
    exchange = Exchange(made, rules or Rules(), accounts=FIRST + max(count, 4))
    oracle = HandMade(shown)
    if frozen_s is not None:
        oracle.frozen_us = _at(frozen_s[0]), _at(frozen_s[1])
    world = World(
        exchange,
        seed=1,
        start_us=START_US,
        end_us=end_us,
        window_us=window_us,
        truth=TruthPath(("T", "D"), START_US, truth),
        oracle=oracle,  # type: ignore[arg-type]
    )
    keeper = Keeper()
    world.recorder = keeper
    cls = agents.kind(kind)
    terms = (EventTerms(0, 0, 2 * TICKS, end_us + MICRO, price=event_price),)
    facts = Facts(made, (1e6,), terms)
    trader: Trader = cls(
        world,
        kind,
        np.arange(FIRST, FIRST + (count if cls.cohort else cls.own_accounts)),
        20_000,
        cls.Params.model_validate(params),
        facts,
    )
    world.add(trader)
    world.setup([blocks.index(np.arange(2), np.rint(shown[:, 0] * TICKS), START_US), blocks.mark()])
    world.setup([_pool(USDC, int(pool_usd * MICRO)), _pool(D, int(pool_dollars))])
    world.setup(before or [])
    world.setup(trader.setup())
    return Stage(world, exchange, trader, keeper)


def quotes(
    book: int, side: int, prices: list[float], lots: int, account: int = 1, outcome: int = 0
) -> list[np.ndarray]:
    """A rich account's resting orders, with what they need: prices in USD, sizes each the same."""
    n = len(prices)
    tick = 1_000 if book == E_BOOK else TICKS
    ticks = np.rint(np.array(prices) * tick).astype(np.int64)
    ids = 1_000_000 + 10_000 * book + 5_000 * side + np.arange(n)
    out = [blocks.deposit(account, USDC, 10**13)]
    if side == 1 and book in (T_BOOK, D_BOOK):
        out.append(blocks.deposit(account, T if book == T_BOOK else D, n * lots))
    return [*out, blocks.new(account, book, side, ticks, lots, ids, 0, outcome)]


def _pool(asset: int, units: int) -> np.ndarray:
    row = blocks.deposit(0, asset, units)
    row[:, M_KIND], row[:, M_ARG] = Kind.POOL, 0
    return row if units > 0 else blocks.none()


def _path(prices: tuple[Any, Any], seconds: int) -> np.ndarray:
    return np.array([np.broadcast_to(np.asarray(p, float), (seconds + 1,)) for p in prices])


def _at(second: float) -> int:
    return START_US + int(second * MICRO)
