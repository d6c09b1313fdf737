"""One event as its oracle sees it: what is true, how it is observed, and how it is resolved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from sim.exchange.instruments import MICRO, AnyEvent
from sim.exchange.messages import (
    M_ARG,
    M_ARG2,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_TIME,
    MSG_COLS,
    Kind,
)
from sim.oracle.answers import Answer, Truth
from sim.oracle.electorate import Voters
from sim.oracle.observation import Observer
from sim.oracle.resolution_faults import ResolutionFault

if TYPE_CHECKING:
    from sim.world import World

DAY_US = 86_400 * MICRO
MOST_DELAY_US = 7 * DAY_US  # SET-02


@dataclass(frozen=True)
class Procedure:
    """How an event is resolved.

    ``direct``: the answer is sent ``delay_us`` after it is known, 0 to 7 days [Backpack].
    ``optimistic``: a proposal with a bond is final after ``liveness_us`` undisputed; a second
    dispute calls a vote of ``vote_us`` [UMA; Polymarket's bond is 750 USDC].
    ``tie``: what a vote without a winner means: "void", or "again": the next round [UMA], at most
    ``rounds`` of them, then void.
    """

    method: Literal["direct", "optimistic"] = "direct"
    delay_us: int = 0
    liveness_us: int = 7200 * MICRO
    vote_us: int = 172_800 * MICRO
    bond_micro: int = 750 * MICRO
    tie: Literal["void", "again"] = "void"
    rounds: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.delay_us <= MOST_DELAY_US:
            raise ValueError(f"a delay of {self.delay_us / DAY_US:g} days; 0 to 7 are allowed")
        if min(self.liveness_us, self.vote_us, self.bond_micro, self.rounds) <= 0:
            raise ValueError("liveness, time to vote, bond and rounds are above 0")


@dataclass(frozen=True)
class Question:
    """One event and everything about its resolution.

    ``observer`` and ``judge``: how a price-linked event's price is read and what answer it gives;
    without them everybody sees the truth from its due time on.
    """

    event: int
    item: AnyEvent
    truth: Truth
    procedure: Procedure = field(default_factory=Procedure)
    voters: Voters = field(default_factory=Voters)
    observer: Observer | None = None
    judge: Callable[[float], Answer] | None = None
    faults: tuple[ResolutionFault, ...] = ()

    def answer_at(self, now_us: int) -> Answer | None:
        """What an honest observer answers at `now_us`; None: it is too early."""
        if self.observer is None or self.judge is None:
            return self.truth.answer if now_us >= self.truth.due_us else None
        found = self.observer.at(now_us)
        return None if found is None else self.judge(found.price_usd)

    @property
    def plain(self) -> bool:
        """Whether the true answer is sent at its due time, whatever happens."""
        p = self.procedure
        return (
            p.method == "direct" and p.delay_us == 0 and self.observer is None and not self.faults
        )


def resolve_row(question: Question, answer: Answer, at_us: int) -> np.ndarray:
    """RESOLVE at a time, int64[1, 12]; tagged 1 if the answer differs from the truth."""
    row = np.zeros((1, MSG_COLS), np.int64)
    row[0, M_TIME], row[0, M_KIND], row[0, M_INSTRUMENT] = at_us, Kind.RESOLVE, question.event
    row[0, M_ARG], row[0, M_ARG2] = answer.outcome, answer.value
    row[0, M_FLAGS] = int(answer != question.truth.answer)
    return row


def void_us(item: AnyEvent, world: World) -> int | None:
    """When a world's exchange voids what nobody resolved: the first SETTLE after its time (SET-05).

    None: not within the run.
    """
    every_us, days = world.cadence.settle_us, world.exchange.rules.void_after_days
    if not item.date_us or not every_us:
        return None
    at_us = -(-(item.date_us + round(days * DAY_US)) // every_us) * every_us
    return at_us if world.start_us <= at_us <= world.end_us else None
