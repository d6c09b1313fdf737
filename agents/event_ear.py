"""What a trader hears of an event's resolution: what the oracle shows, and its own refused orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.facts import VOID, EventTerms, Facts
from sim.exchange.messages import E_CODE, E_INSTRUMENT, E_KIND, Event, Reason

OVER = ("final", "void")
SAID = ("proposed", "proposed-again", "decided")  # an answer stands
AGAIN_US = 10_000_000  # after a refusal: a book may be paused


class Ear:
    """One event, heard with a latency.

    Args:
        world: whose services may be asked: the first that has ``seen(event, at_us)``, with a state
            and the latest proposal, is the event oracle.  Without one only refusals tell.
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
        return now_us < self._deaf_until_us or (seen is not None and str(seen.state) in OVER)

    def says(self, now_us: int, outcome: int) -> float | None:
        """What a share pays by the answer that stands, None if none does."""
        seen = self._seen(now_us)
        if seen is None or str(seen.state) not in SAID or seen.proposal is None:
            return None
        terms, answer = self._terms, seen.proposal
        if answer.outcome == VOID:
            return 1.0 / len(terms.outcomes)
        if terms.kind == "scalar":
            share = (answer.value - terms.low) / (terms.high - terms.low)
            return share if outcome == 0 else 1.0 - share
        return 1.0 if answer.outcome == outcome else 0.0

    def _seen(self, now_us: int) -> Any:
        for service in getattr(self._world, "services", ()):
            if hasattr(service, "seen"):
                return service.seen(self._terms.event, now_us - self._latency_us)
        return None
