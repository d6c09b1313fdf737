"""A market maker for an event: quotes around its fair price, in logit space.

In logits a price never leaves (0, 1) and a step means the same odds anywhere, as in logarithmic
scoring rules (Hanson, 2003); the inventory skew is Avellaneda and Stoikov's (2008).  The fair
price is a digital on the delayed index, or of an exogenous event the public's belief of a while ago
(`agents.event_price`); the half-spread covers what it moves between two quotes, and a jump to the
end, since a binary's maker loses its whole stake.  It pulls when the index jumps and before the
event is due.  An exogenous event that is due but not resolved is quoted again, at the belief; what
the oracle says changes that only for one that trusts it.

In a categorical event it quotes one book or all.  What it leans against is then the lots of a book
beyond their mean at fair prices: complete sets, one of each, carry no risk.

Capital, depth, spread: assumptions (no order book of a binary is among the data); the spread of
long shots exceeds that of even odds, as it does on prediction markets.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from agents import blocks
from agents.base import NonNegative, Positive, Trader, TraderParams
from agents.event_ear import Ear
from agents.event_price import EventPrice, Which, pick, pricing
from agents.facts import VOID, EventTerms
from agents.positions import Positions
from agents.quoting import expit, logit
from agents.slots import Slots
from sim.exchange.instruments import MICRO

if TYPE_CHECKING:
    from sim.market import MarketView


class EventMakerParams(TraderParams):
    """Parameters of one event maker; one share pays 1 USDC."""

    event: Which = 0
    outcome: str = ""  # of a categorical event: the one book that it quotes
    news_lag_s: NonNegative = 1.0  # of an exogenous event
    quotes_overdue: bool = False  # a price-linked event too, until it is resolved
    trusts_oracle: bool = False  # takes a proposal that stands for the truth
    capital_usd: Positive = 200_000.0
    max_shares: Positive = 150_000.0  # net YES, either way
    levels: Annotated[int, Field(ge=1, le=20)] = 4
    level_shares: Positive = 2_000.0  # at the first level, growing linearly
    half_spread_logit: Positive = 0.15
    level_step_logit: Positive = 0.15
    adverse_sigmas: NonNegative = 1.0
    skew_logit: NonNegative = 1.0  # at a full position
    sigma_bps: Positive = 1.4  # BTCUSDT, 2024-08-08, per square root of a second
    slow_s: Positive = 1800.0
    pull_sigmas: Positive = 8.0
    pulls: bool = True
    pull_s: Positive = 10.0
    warm_s: NonNegative = 60.0
    stop_before_s: NonNegative = 60.0  # no quotes in the last minute
    interval_s: Annotated[float, Field(gt=0, le=10)] = 1.0


class EventMaker(Trader):
    """The maker; see the module's text."""

    Params = EventMakerParams
    params: EventMakerParams

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p = self.params
        terms = pick(self.facts, p.event, self.name)
        self.price = pricing(self.facts, terms, p.sigma_bps, p.slow_s, p.news_lag_s)
        self.ear = Ear(self.world, self.facts, terms, self.latency_us)
        self.outcomes = chosen(terms, p.outcome, self.name)
        self.books = np.array([self.facts.book_of(terms, k) for k in self.outcomes])
        self.positions = Positions(self.accounts, self.facts)
        self.slots = Slots(self, self.books, p.levels)
        self.pulled_until_us = 0
        self.last_fair = np.array([terms.price_of(k) for k in self.outcomes])
        grow = 1.0 + np.arange(p.levels)
        self.lots = np.maximum(np.floor(p.level_shares * grow), 1).astype(np.int64)

    def setup(self) -> list[np.ndarray]:
        return [blocks.deposit(self.account, 0, int(self.params.capital_usd * MICRO))]

    def stakes(self) -> np.ndarray:
        weights: np.ndarray = np.eye(self.facts.instruments)[self.books].sum(axis=0)
        return weights

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p = self.params
        self.positions.apply(inbox)
        self.slots.apply(inbox)
        self.ear.hear(inbox, now_us)
        pause_us = int(p.interval_s * 1e6)
        if self._jumped(view) and p.pulls and now_us >= self.world.start_us + p.warm_s * 1e6:
            self.pulled_until_us = now_us + int(p.pull_s * 1e6)
        left_s = self.price.seconds_left(now_us)
        if self.positions.flagged[0] or self._away(now_us, left_s):
            self.slots.forget()
            return blocks.none(), pause_us
        held = self.positions.lots[0, self.books].astype(np.float64)
        found = [self._fair(now_us, k) for k in self.outcomes]
        fair = np.array([f for f, _ in found])
        risk = held - (fair * held).sum() if len(held) > 1 else held
        ticks = np.stack([self._ticks(*f, float(r)) for f, r in zip(found, risk, strict=True)])
        ending = -p.news_lag_s < left_s <= p.stop_before_s  # until it knows how it ended
        quoting = now_us >= self.pulled_until_us and not ending
        want = np.zeros((len(held), 2, p.levels), dtype=np.bool_)
        want[:, 0] = (quoting & (held < p.max_shares))[:, None]
        want[:, 1] = (quoting & (held > -p.max_shares))[:, None]
        want &= (ticks >= 1) & (ticks <= self.price.payoff - 1)
        rising = fair >= self.last_fair
        self.last_fair = fair
        block = self.slots.block(ticks, self.lots[None, None, :], want, rising, now_us)
        return block, pause_us

    def _jumped(self, view: MarketView) -> bool:
        """Take a view; whether the index jumped."""
        if not isinstance(self.price, EventPrice):
            return False
        usual = float(self.price.volatility.slow[0])
        if not self.price.see(view):
            return False
        return abs(float(self.price.volatility.move[0])) > self.params.pull_sigmas * usual

    def _away(self, now_us: int, left_s: float) -> bool:
        """Whether the event is not open yet, or is over."""
        p, terms = self.params, self.price.terms
        if now_us < terms.opens_us:
            return True
        if left_s > 0:
            return False
        return not (terms.exogenous or p.quotes_overdue) or self.ear.over(now_us)

    def _fair(self, now_us: int, outcome: int) -> tuple[float, float]:
        """(probability, slope) of an outcome, as it believes."""
        said = self.ear.says(now_us, outcome) if self.params.trusts_oracle else None
        return self.price.fair(now_us, outcome) if said is None else (said, 0.0)

    def _ticks(self, fair: float, slope: float, risk: float) -> np.ndarray:
        """Quotes int64[2, levels] of a book; 0 or the payoff where there is no room."""
        p, payoff = self.params, self.price.payoff
        moves = abs(slope) * self.price.sigma() * math.sqrt(p.interval_s)
        half = p.half_spread_logit + p.adverse_sigmas * moves / max(fair * (1.0 - fair), 1e-4)
        middle = logit(fair) - p.skew_logit * risk / p.max_shares
        ticks = np.zeros((2, p.levels), dtype=np.int64)
        for level in range(p.levels):
            away = half + level * p.level_step_logit
            ticks[0, level] = math.floor(payoff * expit(middle - away))
            ticks[1, level] = math.ceil(payoff * expit(middle + away))
        return ticks


def chosen(terms: EventTerms, outcome: str, name: str) -> list[int]:
    """The outcomes whose books a trader trades: the one named, or all.

    Raises:
        ValueError: the event has no book of that outcome.
    """
    if not outcome:
        return list(range(terms.books))
    if terms.books == 1:
        raise ValueError(
            f"{name}: event {terms.name!r} has one book; outcome is for categorical ones"
        )
    k = terms.outcome_named(outcome)
    if k == VOID:
        raise ValueError(
            f"{name}: there is no book of a void; allowed: {', '.join(terms.outcomes)}"
        )
    return [k]
