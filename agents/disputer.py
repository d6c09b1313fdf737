"""A disputer: watches proposals and stakes a bond against those it takes for wrong (SET-02).

It is UMA's disputer: half of the loser's bond is its pay (SET-04).  It judges each proposal once,
rightly with probability ``accuracy``; with ``wants`` it disputes everything else, whatever is
true.  Reaction times are assumptions; the liveness is the deadline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agents import blocks
from agents.base import Count, NonNegative, Ratio
from agents.bonder import IDLE_US, Bonder, BonderParams
from agents.public import PublicOracle, public_oracle
from sim.oracle.lifecycle import State
from sim.oracle.resolution_log import Seen

if TYPE_CHECKING:
    from sim.market import MarketView

PROPOSED = (State.PROPOSED, State.PROPOSED_AGAIN)


class DisputerParams(BonderParams):
    """Parameters of one disputer."""

    wants: str | int | float = ""  # disputes what differs from it; "": what differs from the truth
    accuracy: Ratio = 1.0  # P(it judges a proposal rightly)
    reaction_s: NonNegative = 60.0  # mean time from a proposal it sees to its dispute
    disputes: Count = 2  # at most


class Disputer(Bonder):
    """The disputer; see the module's text."""

    Params = DisputerParams
    params: DisputerParams

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wish = self.wished(self.params.wants)
        self.disputed = 0
        self._act_us: dict[int, int] = {}  # by number of the proposal: when; -1: not at all

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        oracle, pause_us = public_oracle(self.world), int(self.params.interval_s * 1e6)
        if oracle is None:
            return blocks.none(), IDLE_US
        seen = oracle.seen(self.terms.event, now_us - self.latency_us)
        if seen.state not in PROPOSED or self.disputed == self.params.disputes:
            return blocks.none(), pause_us
        act_us = self._judge(oracle, seen, now_us)
        if act_us < 0:
            return blocks.none(), pause_us
        if now_us < act_us:
            return blocks.none(), min(pause_us, act_us - now_us)
        self._act_us[seen.proposals] = -1
        self.disputed += 1
        return blocks.dispute(self.account, self.terms.event, seen.bond), pause_us

    def _judge(self, oracle: PublicOracle, seen: Seen, now_us: int) -> int:
        """When to dispute the proposal, -1 never; decided as soon as it knows what is true."""
        number = seen.proposals
        if number not in self._act_us:
            truth = oracle.answer_at(self.terms.event, now_us - self.latency_us)
            if truth is None and self.wish is None:
                return -1
            differs = seen.proposal != (truth if self.wish is None else self.wish)
            right = self.wish is not None or float(self.rng.random()) < self.params.accuracy
            wait = float(self.rng.standard_exponential()) * self.params.reaction_s
            self._act_us[number] = now_us + round(wait * 1e6) if differs == right else -1
        return self._act_us[number]
