"""A reporter: proposes an event's outcome with a bond, and again after a reset (SET-02).

It is UMA's proposer: honest it says what can be observed, right with probability ``accuracy``;
with ``says`` it proposes that, whatever is true.  The bond comes from its account and goes to
whoever disputes it rightly (SET-04).  Reaction times are assumptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agents import blocks
from agents.base import NonNegative, Ratio
from agents.bonder import IDLE_US, Bonder, BonderParams
from agents.public import public_oracle
from sim.oracle.answers import Answer
from sim.oracle.lifecycle import State
from sim.oracle.resolution_faults import other

if TYPE_CHECKING:
    from sim.market import MarketView


class ReporterParams(BonderParams):
    """Parameters of one reporter."""

    says: str | int | float = ""  # outcome, scalar's value or "void"; "": what it observes
    accuracy: Ratio = 1.0  # P(an observation is right)
    reaction_s: NonNegative = 30.0  # mean time from what it knows to its proposal
    again: bool = True  # proposes after a reset, too


class Reporter(Bonder):
    """The reporter; see the module's text."""

    Params = ReporterParams
    params: ReporterParams

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wish = self.wished(self.params.says)
        self.tried = -1  # proposals there were when it last proposed
        self._ready_us: dict[int, int] = {}  # by number of proposals: when it will act

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        oracle, pause_us = public_oracle(self.world), int(self.params.interval_s * 1e6)
        known_us = now_us - self.latency_us
        if oracle is None:
            return blocks.none(), IDLE_US
        if known_us < self.terms.resolves_us:
            return blocks.none(), max(self.terms.resolves_us - known_us, 1)
        seen = oracle.seen(self.terms.event, known_us)
        if seen.state not in (State.OPEN, State.RESET):
            return blocks.none(), pause_us
        asked = seen.state is State.OPEN or self.params.again
        truth = oracle.answer_at(self.terms.event, known_us)
        if not asked or self.tried == seen.proposals or (truth is None and self.wish is None):
            return blocks.none(), pause_us
        if now_us < self._ready(seen.proposals, now_us):
            return blocks.none(), min(pause_us, self._ready_us[seen.proposals] - now_us)
        self.tried = seen.proposals
        said = self.wish or self._observed(truth)
        bond = oracle.procedure(self.terms.event).bond_micro
        return blocks.propose(self.account, self.terms.event, said.outcome, said.value, bond), (
            pause_us
        )

    def _ready(self, proposals: int, now_us: int) -> int:
        """When it acts, drawn once per chance to propose."""
        if proposals not in self._ready_us:
            wait = float(self.rng.standard_exponential()) * self.params.reaction_s
            self._ready_us[proposals] = now_us + round(wait * 1e6)
        return self._ready_us[proposals]

    def _observed(self, truth: Answer | None) -> Answer:
        """What it takes for true."""
        assert truth is not None
        right = float(self.rng.random()) < self.params.accuracy
        return truth if right else other(self.item, truth)
