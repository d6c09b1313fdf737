"""What a price-linked binary event is worth, seen from a delayed index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agents.facts import EventTerms, Facts
from agents.quoting import digital
from agents.volatility import Volatility

if TYPE_CHECKING:
    from sim.market import MarketView


class EventPrice:
    """Fair price of YES as a mixture of two digitals: usual volatility, and rare wild hours.

    Merton (1976) in its simplest form: with probability ``wild_share`` volatility is
    ``wild_factor`` times the estimate until resolution.  Without the second term an event far out
    of the money would be worth exactly nothing.

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
        self.volatility = Volatility(1, sigma_bps, slow_s=slow_s)
        self._wild_share, self._wild_factor = wild_share, wild_factor

    def see(self, view: MarketView) -> bool:
        """Take a view; whether there is a new return (``volatility.move``)."""
        index = view.index[self.source : self.source + 1]
        if index[0] > 0:
            self.index = float(index[0])
        return self.volatility.see(view.time_us, index)

    def seconds_left(self, now_us: int) -> float:
        """Until resolution."""
        return (self.terms.resolves_us - now_us) / 1e6

    def sigma(self) -> float:
        """Volatility as a fraction per square root of a second: the larger of slow and fast/2."""
        return 1e-4 * max(float(self.volatility.slow[0]), 0.5 * float(self.volatility.fast[0]))

    def fair(self, now_us: int) -> tuple[float, float]:
        """(probability of YES, its change for a relative index change of 1)."""
        strike, below = self.terms.strike_ticks, self.terms.below
        seconds, sigma, w = self.seconds_left(now_us), self.sigma(), self._wild_share
        p, slope = digital(self.index, strike, sigma, seconds, below)
        q, wild = digital(self.index, strike, sigma * self._wild_factor, seconds, below)
        return (1.0 - w) * p + w * q, (1.0 - w) * slope + w * wild


def pick(facts: Facts, number: int, name: str) -> EventTerms:
    """The event of that number among those with terms.

    Raises:
        ValueError: there is none.
    """
    if not 0 <= number < len(facts.events):
        raise ValueError(f"{name}: event {number} of {len(facts.events)} events with terms")
    return facts.events[number]
