"""What a trader hears of an event's resolution: what the oracle shows, and its own refused orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.facts import VOID, EventTerms, Facts
from agents.public import public_oracle
from sim.exchange.messages import E_CODE, E_INSTRUMENT, E_KIND, Event, Reason
from sim.oracle.lifecycle import State
from sim.oracle.resolution_log import Seen

OVER = (State.FINAL, State.VOID)
SAID = (State.PROPOSED, State.PROPOSED_AGAIN)  # a proposal stands
DECIDED = (State.DECIDED, State.REFUSED, *OVER)  # what proposals still come change nothing
AGAIN_US = 10_000_000  # after a refusal: a book may be paused


class Ear:
    """One event, heard with a latency.

    Args:
        world: whose event oracle may be asked; without one only refusals tell.
        facts, terms: of the event.
        latency_us: of the trader.
    """

    def __init__(self, world: Any, facts: Facts, terms: EventTerms, latency_us: int) -> None:
        self._world, self._terms, self._latency_us = world, terms, latency_us
        self._books = facts.books_of(terms)
        self._deaf_until_us = 0

    def hear(self, inbox: np.ndarray, now_us: int) -> None:
        """Take an inbox: after a refusal of the books (ORD-03) it is quiet for a while."""
        if len(inbox) == 0:
            return
        book, kind, code = inbox[:, E_INSTRUMENT], inbox[:, E_KIND], inbox[:, E_CODE]
        closed = (kind == Event.REJECT) & (code == Reason.BOOK_STATE)
        closed |= (kind == Event.CANCELLED) & (code == Reason.RESOLVED)
        if (closed & (book >= self._books.start) & (book < self._books.stop)).any():
            self._deaf_until_us = now_us + AGAIN_US

    def over(self, now_us: int) -> bool:
        """Whether it is resolved, or its books took nothing lately."""
        seen = self._seen(now_us)
        return now_us < self._deaf_until_us or (seen is not None and seen.state in OVER)

    def says(self, now_us: int, outcome: int) -> float | None:
        """What a share pays by the answer that stands, None if none does."""
        seen = self._seen(now_us)
        if seen is None or seen.state not in (*SAID, *DECIDED):
            return None
        terms, answer = self._terms, seen.decided if seen.state in DECIDED else seen.proposal
        if answer is None:
            return None
        if answer.outcome == VOID:
            return 1.0 / len(terms.outcomes)
        if terms.kind == "scalar":
            share = (answer.value - terms.low) / (terms.high - terms.low)
            return share if outcome == 0 else 1.0 - share
        return 1.0 if answer.outcome == outcome else 0.0

    def _seen(self, now_us: int) -> Seen | None:
        oracle = public_oracle(self._world)
        if oracle is None:
            return None
        return oracle.seen(self._terms.event, now_us - self._latency_us)
