"""A market maker for a binary event: quotes around the digital's fair price, in logit space.

In logits a price never leaves (0, 1) and a step means the same odds anywhere, as in logarithmic
scoring rules (Hanson, 2003); the inventory skew is Avellaneda and Stoikov's (2008).  The fair
price is a digital on the delayed index (`agents.event_price`); the half-spread covers what the
index moves between two quotes, and a jump to the end, since a binary's maker loses its whole
stake.  It pulls when the index jumps and before the event resolves.

Capital, depth, spread: assumptions (no order book of a binary is among the data); the spread of
long shots exceeds that of even odds, as it does on prediction markets.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from agents import blocks
from agents.base import Count, NonNegative, Positive, Trader, TraderParams
from agents.event_price import EventPrice, pick
from agents.positions import Positions
from agents.quoting import expit, logit
from agents.slots import Slots
from sim.exchange.instruments import MICRO

if TYPE_CHECKING:
    from sim.market import MarketView


class EventMakerParams(TraderParams):
    """Parameters of one event maker; one share pays 1 USDC."""

    event: Count = 0  # number among the events with terms
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
        self.price = EventPrice(self.facts, terms, p.sigma_bps, p.slow_s)
        self.positions = Positions(self.accounts, self.facts)
        self.slots = Slots(self, np.array([self.price.book]), p.levels)
        self.pulled_until_us = 0
        self.last_fair = terms.price
        grow = 1.0 + np.arange(p.levels)
        self.lots = np.maximum(np.floor(p.level_shares * grow), 1).astype(np.int64)

    def setup(self) -> list[np.ndarray]:
        return [blocks.deposit(self.account, 0, int(self.params.capital_usd * MICRO))]

    def stakes(self) -> np.ndarray:
        return np.eye(self.facts.instruments)[self.price.book]

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p = self.params
        self.positions.apply(inbox)
        self.slots.apply(inbox)
        pause_us = int(p.interval_s * 1e6)
        usual = float(self.price.volatility.slow[0])
        if self.price.see(view) and p.pulls and now_us >= self.world.start_us + p.warm_s * 1e6:
            if abs(float(self.price.volatility.move[0])) > p.pull_sigmas * usual:
                self.pulled_until_us = now_us + int(p.pull_s * 1e6)
        left_s = self.price.seconds_left(now_us)
        if left_s <= 0 or self.positions.flagged[0]:
            self.slots.forget()
            return blocks.none(), pause_us
        fair, slope = self.price.fair(now_us)
        held = float(self.positions.lots[0, self.price.book])
        ticks = self._ticks(fair, slope, held)
        quoting = left_s > p.stop_before_s and now_us >= self.pulled_until_us
        want = np.zeros((1, 2, p.levels), dtype=np.bool_)
        inside = (ticks >= 1) & (ticks <= self.price.payoff - 1)
        want[0, 0] = quoting and held < p.max_shares
        want[0, 1] = quoting and held > -p.max_shares
        want &= inside
        rising = np.array([fair >= self.last_fair])
        self.last_fair = fair
        block = self.slots.block(ticks, self.lots[None, None, :], want, rising, now_us)
        return block, pause_us

    def _ticks(self, fair: float, slope: float, held: float) -> np.ndarray:
        """Quotes int64[1, 2, levels]; 0 or the payoff where there is no room."""
        p, payoff = self.params, self.price.payoff
        moves = abs(slope) * self.price.sigma() * math.sqrt(p.interval_s)
        half = p.half_spread_logit + p.adverse_sigmas * moves / max(fair * (1.0 - fair), 1e-4)
        middle = logit(fair) - p.skew_logit * held / p.max_shares
        ticks = np.zeros((1, 2, p.levels), dtype=np.int64)
        for level in range(p.levels):
            away = half + level * p.level_step_logit
            ticks[0, 0, level] = math.floor(payoff * expit(middle - away))
            ticks[0, 1, level] = math.ceil(payoff * expit(middle + away))
        return ticks
