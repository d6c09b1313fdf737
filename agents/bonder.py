"""Who stakes bonds on the outcome of one event: the base of reporters and disputers (SET-02)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from agents import blocks
from agents.base import Positive, Trader, TraderParams
from agents.event_price import Which, pick
from sim.exchange.instruments import MICRO
from sim.oracle.answers import Answer, answer_named

IDLE_US = 60_000_000  # between looks where there is no oracle to look at


class BonderParams(TraderParams):
    """Parameters that reporters and disputers share."""

    event: Which = 0
    deposit_usd: Positive = 2_000.0
    interval_s: Positive = 5.0


class Bonder(Trader):
    """Knows its event and pays bonds from its account; it hears the oracle, not the exchange."""

    Params = BonderParams
    params: BonderParams
    listens: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.terms = pick(self.facts, self.params.event, self.name)
        self.item = self.facts.listing.events[self.terms.event]

    def wished(self, word: str | int | float) -> Answer | None:
        """The answer that a word names; None for "", no wish.

        Raises ValueError for a word that is no outcome of the event.
        """
        return None if word == "" else answer_named(self.item, word)

    def setup(self) -> list[np.ndarray]:
        return [blocks.deposit(self.account, 0, round(self.params.deposit_usd * MICRO))]

    def stakes(self) -> np.ndarray:
        """Bonds are paid from the wallet of the event."""
        return np.eye(self.facts.instruments)[self.facts.book_of(self.terms)]
