"""A voter with a position: buys shares of one outcome, for a vote that will then follow them.

The exchange knows nothing of stakes.  ``[[resolution.voters.whale]]`` with ``votes = "position"``
and this trader's name gives it a share of the stake; its vote goes to the answer that pays most on
the shares it holds.  In March 2025 one holder cast about a quarter of the votes on a Polymarket
question in which it was said to hold shares (5 million UMA over three accounts).  Size and pace
are assumptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from agents import blocks
from agents.base import NonNegative, Positive, Trader, TraderParams
from agents.event_price import Which, pick
from agents.positions import Positions
from sim.exchange.instruments import MICRO
from sim.exchange.messages import Flag

if TYPE_CHECKING:
    from sim.market import MarketView


class VoterParams(TraderParams):
    """Parameters of one voter; one share pays 1 USDC."""

    event: Which = 0
    outcome: str = ""  # whose shares it buys; "": the first, YES or LONG
    shares: NonNegative = 20_000.0
    clip_shares: Positive = 1_000.0  # bought at once
    max_price: Annotated[float, Field(gt=0, le=1)] = 0.5  # USDC per share
    capital_usd: Positive = 20_000.0
    interval_s: Positive = 2.0


class Voter(Trader):
    """The voter; see the module's text."""

    Params = VoterParams
    params: VoterParams

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        terms, listing = pick(self.facts, self.params.event, self.name), self.facts.listing
        item = listing.events[terms.event]
        name = self.params.outcome or item.shares[0]
        if name not in item.shares:
            raise ValueError(f"{self.name}: outcome {name!r}; allowed: {', '.join(item.shares)}")
        k = item.shares.index(name)
        many = len(item.books) > 1  # a book per outcome, else one in terms of the first share
        self.book = listing.first_book(terms.event) + (k if many else 0)
        self.other = bool(k and not many)
        self.payoff, self.due_us = item.payoff_ticks, terms.resolves_us
        self.positions = Positions(self.accounts, self.facts)

    def setup(self) -> list[np.ndarray]:
        return [blocks.deposit(self.account, 0, int(self.params.capital_usd * MICRO))]

    def stakes(self) -> np.ndarray:
        return np.eye(self.facts.instruments)[self.book]

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p = self.params
        self.positions.apply(inbox)
        pause_us = int(p.interval_s * 1e6)
        held = int(self.positions.lots[0, self.book]) * (-1 if self.other else 1)
        lots = int(min(p.clip_shares, p.shares - held))
        touch = int(view.bid[self.book] if self.other else view.ask[self.book])
        price = self.payoff - touch if self.other else touch
        stop = now_us >= self.due_us or bool(self.positions.flagged[0])
        small = lots < int(self.facts.min_lots[self.book])
        if stop or small or not 0 < touch < self.payoff or price > p.max_price * self.payoff:
            return blocks.none(), pause_us
        ids, flags = self.new_ids(1), int(Flag.IOC)
        order = blocks.new(self.account, self.book, 0, price, lots, ids, flags, int(self.other))
        return order, pause_us
