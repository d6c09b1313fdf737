"""Event traders: a cohort of small accounts, each with its own noisy belief about an event.

Kyle (1985) and Glosten and Milgrom (1985) with many weak signals: an account looks now and then,
forms a belief from the delayed index (of an exogenous event: from the news of a while ago) with its
own error in logits, and buys YES or NO when the book is wrong by more than its edge.  Accounts hold
the event's open interest from the start, in pairs that minted it; of a categorical event, pairs take
its outcomes in turn.  A due exogenous event is traded until it is resolved.

Figures: a stake has a median of 20 USD and a log deviation of 1.5, as `agents.noise`; open
interest at the start of 300,000 sets, 0.2 % of the perpetuals' 138 million USD, is an assumption.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from agents import blocks
from agents.base import Count, NonNegative, Positive, Trader, TraderParams
from agents.event_ear import Ear
from agents.event_maker import chosen
from agents.event_price import Which, pick, pricing
from agents.positions import Positions
from agents.quoting import expit, logit
from sim.exchange.instruments import MICRO
from sim.exchange.messages import Flag

if TYPE_CHECKING:
    from sim.market import MarketView


class EventTraderParams(TraderParams):
    """Parameters of the cohort; one share pays 1 USDC."""

    event: Which = 0
    outcome: str = ""  # of a categorical event: the one book that they trade
    news_lag_s: NonNegative = 5.0  # of an exogenous event
    trades_overdue: bool = False  # a price-linked event too, until it is resolved
    trusts_oracle: bool = False  # take a proposal that stands for the truth
    looks_per_s: NonNegative = 2.0  # of all accounts together
    belief_error_logit: NonNegative = 0.6  # standing error of an account
    look_error_logit: NonNegative = 0.3  # new error at each look
    edge_ticks: Count = 3
    stake_median_usd: Positive = 20.0
    stake_log_deviation: NonNegative = 1.5
    max_stake_ratio: Annotated[float, Field(gt=0, le=1)] = 0.1  # of the deposit
    deposit_usd: Positive = 2_000.0  # median account, on top of its opening shares
    open_sets: NonNegative = 300_000.0
    sigma_bps: Positive = 1.4  # BTCUSDT, 2024-08-08, per square root of a second
    slow_s: Positive = 1800.0
    interval_s: Positive = 1.0


class EventTrader(Trader):
    """The cohort; see the module's text."""

    Params = EventTraderParams
    params: EventTraderParams
    cohort: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, n = self.params, len(self.accounts)
        terms = pick(self.facts, p.event, self.name)
        self.price = pricing(self.facts, terms, p.sigma_bps, p.slow_s, p.news_lag_s)
        self.ear = Ear(self.world, self.facts, terms, self.latency_us)
        self.outcomes = chosen(terms, p.outcome, self.name)
        self.books = [self.facts.book_of(terms, k) for k in self.outcomes]
        self.error = self.rng.normal(0.0, p.belief_error_logit, n)
        self.positions = Positions(self.accounts, self.facts)

    def setup(self) -> list[np.ndarray]:
        """Deposits; then neighbours mint the open interest: one buys YES, the other NO."""
        p, n, payoff = self.params, len(self.accounts), self.price.payoff
        usd = np.full(n, p.deposit_usd)
        pairs = n // 2
        book = np.array(self.books)[np.arange(pairs) % len(self.books)]
        yes = self.facts.start_ticks[book]
        weight = self.rng.lognormal(0.0, 1.0, pairs)
        sets = np.floor(p.open_sets * weight / weight.sum()) if pairs else np.zeros(0)
        tick_usd = float(self.facts.tick_value[self.books[0]]) / MICRO
        usd[0 : 2 * pairs : 2] += sets * yes * tick_usd * 1.02  # 2 % for fees
        usd[1 : 2 * pairs : 2] += sets * (payoff - yes) * tick_usd * 1.02
        out = [blocks.deposit(self.accounts, 0, np.floor(usd * MICRO).astype(np.int64))]
        for j in np.flatnonzero(sets >= self.facts.min_lots[book]):
            two = self.accounts[2 * j : 2 * j + 2]
            price = np.array([yes[j], payoff - yes[j]])
            ids = self.new_ids(2)
            lots, outcome = int(sets[j]), np.array([0, 1])
            out.append(blocks.new(two, int(book[j]), 0, price, lots, ids, 0, outcome))
        return out

    def stakes(self) -> np.ndarray:
        weights: np.ndarray = np.eye(self.facts.instruments)[self.books].sum(axis=0)
        return weights

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p, rng = self.params, self.rng
        self.positions.apply(inbox)
        self.ear.hear(inbox, now_us)
        self.price.see(view)
        pause_us = 1_000 + int(rng.exponential(p.interval_s) * 1e6)
        looks = int(rng.poisson(p.looks_per_s * p.interval_s))
        if looks == 0 or self._away(now_us):
            return blocks.none(), pause_us
        fair = [logit(self._fair(now_us, k)) for k in self.outcomes]
        payoff = self.price.payoff
        row = rng.integers(0, len(self.accounts), looks)
        error = rng.normal(0.0, p.look_error_logit, looks)
        stake = rng.lognormal(0.0, p.stake_log_deviation, looks) * p.stake_median_usd
        which = rng.integers(0, len(self.books), looks) if len(self.books) > 1 else row * 0
        out = []
        for a, k, e, usd in zip(
            row.tolist(), which.tolist(), error.tolist(), stake.tolist(), strict=True
        ):
            if self.positions.flagged[a]:
                continue
            book = self.books[k]
            bid, ask = int(view.bid[book]), int(view.ask[book])
            belief = payoff * expit(fair[k] + float(self.error[a]) + e)
            if 0 < ask < payoff and belief > ask + p.edge_ticks:
                outcome, price = 0, ask
            elif bid > 0 and belief < bid - p.edge_ticks:
                outcome, price = 1, payoff - bid
            else:
                continue
            usd = min(usd, p.max_stake_ratio * p.deposit_usd)
            cost = max(price, payoff // 50) * float(self.facts.tick_value[book]) / MICRO
            lots = max(int(usd / cost), int(self.facts.min_lots[book]))
            ids = self.new_ids(1)
            account = self.accounts[a]
            out.append(blocks.new(account, book, 0, price, lots, ids, int(Flag.IOC), outcome))
        return blocks.join(out), pause_us

    def _away(self, now_us: int) -> bool:
        """Whether the event is not open yet, or is over."""
        p, terms = self.params, self.price.terms
        if now_us < terms.opens_us:
            return True
        if self.price.seconds_left(now_us) > 0:
            return False
        return not (terms.exogenous or p.trades_overdue) or self.ear.over(now_us)

    def _fair(self, now_us: int, outcome: int) -> float:
        """Probability of an outcome, before an account's own error."""
        said = self.ear.says(now_us, outcome) if self.params.trusts_oracle else None
        return self.price.fair(now_us, outcome)[0] if said is None else said
