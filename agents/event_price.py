"""What an event is worth: a price-linked one seen from a delayed index, another from the news."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from agents.facts import EventTerms, Facts
from agents.quoting import digital, normal_cdf
from agents.volatility import Volatility
from sim.exchange.instruments import MICRO

if TYPE_CHECKING:
    from sim.market import MarketView

Which = Annotated[int, Field(ge=0)] | str  # an event's number among those with terms, or its name


class EventPrice:
    """Fair price of a share as a mixture of two digitals: usual volatility, and rare wild hours.

    Merton (1976) in its simplest form: with probability ``wild_share`` volatility is
    ``wild_factor`` times the estimate until resolution.  Without the second term an event far out
    of the money would be worth exactly nothing.  A range is worth the difference of two digitals, a
    scalar a spread of two calls.

    Args:
        facts, terms: of the event; its feed needs a perpetual or spot book.
        sigma_bps: volatility before anything was seen, bps per square root of a second.
        slow_s: memory of the volatility estimate, seconds.
    """

    def __init__(
        self,
        facts: Facts,
        terms: EventTerms,
        sigma_bps: float,
        slow_s: float,
        wild_share: float = 0.1,
        wild_factor: float = 6.0,
    ) -> None:
        on_feed = np.flatnonzero(facts.feed_of == terms.feed)
        if len(on_feed) == 0:
            raise ValueError(f"event {terms.event}: no book on feed {terms.feed}")
        self.terms = terms
        self.source = int(on_feed[0])  # instrument whose index is read
        self.book = facts.book_of(terms)
        self.payoff = facts.payoff_ticks(terms)
        self.index = float(facts.start_ticks[self.source])
        self.last = self.index  # while it was not due
        self.volatility = Volatility(1, sigma_bps, slow_s=slow_s)
        self._wild_share, self._wild_factor = wild_share, wild_factor
        tick_usd = facts.listing.feeds[terms.feed].tick_micro / MICRO
        self._edges = [0.0, *(usd / tick_usd for usd in terms.strikes_usd), math.inf]
        self._range = (terms.low / tick_usd, terms.high / tick_usd)

    def see(self, view: MarketView) -> bool:
        """Take a view; whether there is a new return (``volatility.move``)."""
        index = view.index[self.source : self.source + 1]
        if index[0] > 0:
            self.index = float(index[0])
            if view.time_us <= self.terms.due_us:
                self.last = self.index
        return self.volatility.see(view.time_us, index)

    def seconds_left(self, now_us: int) -> float:
        """Until resolution."""
        return (self.terms.resolves_us - now_us) / 1e6

    def sigma(self) -> float:
        """Volatility as a fraction per square root of a second: the larger of slow and fast/2."""
        return 1e-4 * max(float(self.volatility.slow[0]), 0.5 * float(self.volatility.fast[0]))

    def fair(self, now_us: int, outcome: int = 0) -> tuple[float, float]:
        """(probability of an outcome, its change for a relative index change of 1).

        Once it is due, what the last index before that says; it moves no more.
        """
        seconds, sigma, w = self.seconds_left(now_us), self.sigma(), self._wild_share
        p, slope = self._value(outcome, sigma, seconds)
        q, wild = self._value(outcome, sigma * self._wild_factor, seconds)
        return (1.0 - w) * p + w * q, (1.0 - w) * slope + w * wild

    def _value(self, outcome: int, sigma: float, seconds: float) -> tuple[float, float]:
        terms, price = self.terms, self.last
        if terms.kind == "categorical":
            under = [
                digital(price, edge, sigma, seconds, True) if 0 < edge < math.inf else (end, 0.0)
                for edge, end in zip(self._edges[outcome : outcome + 2], (0.0, 1.0), strict=True)
            ]
            return under[1][0] - under[0][0], under[1][1] - under[0][1]
        if terms.kind == "scalar":
            low, high = self._range
            spread = sigma * math.sqrt(max(seconds, 0.0))
            (a, da), (b, db) = call(price, low, spread), call(price, high, spread)
            return (a - b) / (high - low), (da - db) / (high - low)
        return digital(price, terms.strike_ticks, sigma, seconds, terms.below)


def call(price: float, strike: float, spread: float) -> tuple[float, float]:
    """(E[max(S_T - K, 0)], its change for a relative change of the price of 1).

    Black (1976) without interest; ``spread``: sigma times the square root of the time left.
    """
    if strike <= 0 or spread <= 1e-9:
        return (price - strike, price) if price > strike else (0.0, 0.0)
    d = math.log(price / strike) / spread + 0.5 * spread
    worth = price * normal_cdf(d)
    return worth - strike * normal_cdf(d - spread), worth


class BeliefPrice:
    """Fair prices of an exogenous event: the public's belief of ``lag_s`` ago.

    It has the interface of `EventPrice`; sigma is that of the log odds, and a price moves by its
    p(1 - p) times as much.
    """

    def __init__(self, facts: Facts, terms: EventTerms, lag_s: float) -> None:
        self.terms = terms
        self.book = facts.book_of(terms)
        self.payoff = facts.payoff_ticks(terms)
        self._lag_us = round(lag_s * 1e6)

    def see(self, view: MarketView) -> bool:
        """No view of a market tells anything of it."""
        return False

    def seconds_left(self, now_us: int) -> float:
        """Until it is due."""
        return (self.terms.resolves_us - now_us) / 1e6

    def sigma(self) -> float:
        """Volatility of the log odds per square root of a second."""
        return self.terms.sigma_per_sqrt_h / 60.0

    def fair(self, now_us: int, outcome: int = 0) -> tuple[float, float]:
        """(probability of an outcome, its change for a change of its log odds of 1)."""
        belief = self.terms.belief
        if belief is None:
            p = self.terms.price_of(outcome)
        else:
            p = float(belief.at(now_us - self._lag_us)[outcome])
        return p, p * (1.0 - p)


def pricing(
    facts: Facts, terms: EventTerms, sigma_bps: float, slow_s: float, news_lag_s: float
) -> EventPrice | BeliefPrice:
    """How a trader values an event: by the index, or by the news."""
    if terms.exogenous:
        return BeliefPrice(facts, terms, news_lag_s)
    return EventPrice(facts, terms, sigma_bps, slow_s)


def pick(facts: Facts, which: int | str, name: str) -> EventTerms:
    """The event of that name, or of that number among those with terms.

    Raises:
        ValueError: there is none.
    """
    if isinstance(which, str):
        for terms in facts.events:
            if terms.name == which:
                return terms
        known = ", ".join(t.name for t in facts.events) or "none"
        raise ValueError(f"{name}: unknown event {which!r}; there are: {known}")
    if not 0 <= which < len(facts.events):
        raise ValueError(f"{name}: event {which} of {len(facts.events)} events with terms")
    return facts.events[which]
