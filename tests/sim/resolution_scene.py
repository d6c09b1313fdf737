"""The event oracle on the real exchange, with four accounts and three events, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.exchange.exchange import Exchange
from sim.exchange.instruments import (
    MICRO,
    BinaryEvent,
    CategoricalEvent,
    Feed,
    Listing,
    Perpetual,
    ScalarEvent,
)
from sim.exchange.messages import (
    E_CODE,
    E_INSTRUMENT,
    E_KIND,
    E_TIME,
    E_X,
    EV_COLS,
    M_ACCOUNT,
    M_ARG,
    M_ARG2,
    M_INSTRUMENT,
    M_KIND,
    M_SIZE,
    M_TIME,
    MSG_COLS,
    Event,
    Kind,
    Reason,
)
from sim.exchange.rules import Rules
from sim.oracle.answers import Answer, Truth
from sim.oracle.electorate import Voters
from sim.oracle.event import EventOracle
from sim.oracle.question import Procedure, Question
from sim.world import Cadence, World

S = MICRO
START = 1_760_129_400 * S
BINARY, LIST, RANGE = 0, 1, 2
LISTING = Listing(
    feeds=(Feed(name="BTC", tick_micro=S, index_ticks=100_000),),
    perpetuals=(Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1000),),
    events=(
        BinaryEvent(name="E", date_us=START + 10 * S),
        CategoricalEvent(name="C", outcomes=("a", "b", "c"), date_us=START + 10 * S),
        ScalarEvent(name="X", low=10, high=20, date_us=START + 10 * S),
    ),
)
YES, NO = Answer(0), Answer(1)
QUIET = Cadence(0, 0, 0, 0, 0, 0, 0, 0, settle_us=S)
OPTIMISTIC = Procedure("optimistic", liveness_us=20 * S, vote_us=50 * S, bond_micro=750 * S)
HONEST = Voters(count=9, stake_micro=9_000 * S, tail_exponent=0.0, communities=1, accuracy=1.0)
ALICE, BOB, CAROL, HOLDER = range(4)


class Keeper:
    """A recorder that keeps everything."""

    def __init__(self) -> None:
        self.kept: list[np.ndarray] = []

    def begin(self, exchange: object) -> None: ...
    def sample(self, now_us: int, exchange: object) -> None: ...

    def add(self, events: np.ndarray) -> None:
        self.kept.append(events.copy())

    def of(self, kind: Event) -> np.ndarray:
        events = np.concatenate([np.zeros((0, EV_COLS), np.int64), *self.kept])
        return events[events[:, E_KIND] == kind]


def message(at_s: float, kind: Kind, account: int, event: int = BINARY, **more: int) -> list[int]:
    row = [0] * MSG_COLS
    row[M_TIME], row[M_KIND] = START + round(at_s * S), int(kind)
    row[M_ACCOUNT], row[M_INSTRUMENT] = account, event
    row[M_SIZE] = more.get("size", 750 * S)
    row[M_ARG], row[M_ARG2] = more.get("arg", 0), more.get("arg2", 0)
    return row


def propose(at_s: float, who: int, answer: Answer, event: int = BINARY) -> list[int]:
    return message(at_s, Kind.PROPOSE, who, event, arg=answer.outcome, arg2=answer.value)


def dispute(at_s: float, who: int, event: int = BINARY) -> list[int]:
    return message(at_s, Kind.DISPUTE, who, event)


class Scene:
    """A world with an oracle; Alice, Bob and Carol have 10,000 USDC, the holder 100 sets of E."""

    def __init__(
        self,
        *rows: list[int],
        procedure: Procedure = OPTIMISTIC,
        truth: Answer = YES,
        event: int = BINARY,
        seconds: int = 200,
        window_us: int = 10_000,
        rules: Rules | None = None,
        corrupters: tuple[str, ...] = (),
        **question: Any,
    ) -> None:
        item = LISTING.events[event]
        asked = Question(
            event, item, Truth(truth.outcome, START + 10 * S, truth.value), procedure,
            question.pop("voters", HONEST), **question,
        )  # fmt: skip
        self.oracle = EventOracle([asked], 1, corrupters)
        self.oracle.cohorts = {"alice": [ALICE], "bob": [BOB], "carol": [CAROL], "h": [HOLDER]}
        self.exchange = Exchange(LISTING, rules or Rules(), accounts=5)
        self.keeper = Keeper()
        self.world = World(
            self.exchange, seed=1, start_us=START, end_us=START + seconds * S,
            window_us=window_us, recorder=self.keeper, cadence=QUIET,
        )  # fmt: skip
        self.world.serve(self.oracle)
        deposits = [message(0, Kind.DEPOSIT, a, 0, size=10_000 * S) for a in range(4)]
        sets = [message(0, Kind.MINT, HOLDER, e, size=100) for e in range(3)]
        self.world.setup(np.array([*deposits, *sets], np.int64))
        if rows:
            self.world.transport.schedule(np.array(rows, np.int64))
        self.event = event
        self.world.run()

    @property
    def states(self) -> list[tuple[float, str]]:
        return [((e.time_us - START) / S, str(e.state)) for e in self.oracle.log.entries]

    def resolved(self) -> list[tuple[float, int, int]]:
        """(second, outcome, tag) of every resolution that came."""
        rows = self.keeper.of(Event.RESOLVE)
        rows = rows[rows[:, E_INSTRUMENT] == self.event]
        return [((int(r[E_TIME]) - START) / S, int(r[E_CODE]), int(r[E_X])) for r in rows]

    def refusals(self) -> list[str]:
        rows = self.keeper.of(Event.REJECT)
        return [Reason(int(r[E_CODE])).name for r in rows if r[E_X] == Kind.RESOLVE]

    def cash(self, account: int) -> float:
        return self.exchange.balance(account, 0) / MICRO
