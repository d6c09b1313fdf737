"""What those lose who are liquidated though they are solvent: against the true price, not the mark.

The mark is made from the index, so that a wrong index hides in it what it does to its victims.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.messages import SELL, Event
from sim.risk.oracle_blame import legs_after
from sim.risk.oracle_episodes import Episodes
from sim.risk.truth import Truth

LOST, DEFICIT = range(2)


class Victims:
    """Adds up per FLAG what closing its account cost: Σ lots·(true price − price), fees, discounts.

    Perpetuals and spot books count, event shares and inverses do not: what nothing says the true
    price of.  Deficits are others' losses and are taken off.
    """

    def __init__(self, listing: Listing, accounts: int, truth: Truth) -> None:
        self.truth = truth
        self.episodes = Episodes(accounts, 2)
        n = len(listing.instrument_names())
        linear = [listing.feed_of(i) >= 0 and not listing.face_micro(i) for i in range(n)]
        self._linear = np.array(linear, bool)
        self._feed = np.array([listing.feed_of(i) for i in range(n)], np.int64)
        self._tick_usd = np.array([feed.tick_micro / MICRO for feed in listing.feeds])
        self._value = np.array([listing.tick_value(i) for i in range(n)], np.float64) / MICRO
        self._sides: dict[tuple[int, int], int] = {}  # (liquidation, perpetual) -> 1 long, -1 short

    def add(self, events: np.ndarray) -> None:
        """Rows int64[k, 16], in order."""
        kinds = events[:, m.E_KIND]
        at = np.flatnonzero(kinds == Event.FLAG)
        flags, numbers = events[at], self.episodes.open(events[at])
        for number, place in zip(numbers, at.tolist(), strict=True):
            for leg in legs_after(events, place):
                if leg.is_position:
                    self._sides[number, leg.thing] = 1 if leg.size > 0 else -1
        fills = events[(kinds == Event.FILL) & (events[:, m.E_CODE] == 1)]
        sold = np.where(fills[:, m.E_SIDE] == SELL, 1, -1) * fills[:, m.E_SIZE]
        self._closed(fills, sold)
        taken = events[kinds == Event.BACKSTOP]
        self._closed(taken, taken[:, m.E_SIZE])
        self.episodes.add(LOST, taken, taken[:, m.E_AMOUNT] / MICRO)
        ended = events[kinds == Event.ADL]
        pairs = zip(self.episodes.of(ended).tolist(), ended[:, m.E_INSTRUMENT].tolist(), strict=True)
        sides = np.array([self._sides.get(pair, 0) for pair in pairs], np.int64)
        self._closed(ended, sides * ended[:, m.E_SIZE])
        steps, gaps = events[kinds == Event.STEP], events[kinds == Event.DEFICIT]
        self.episodes.add(LOST, steps, steps[:, m.E_AMOUNT] / MICRO)
        self.episodes.add(DEFICIT, gaps, gaps[:, m.E_AMOUNT] / MICRO)
        self.episodes.close(flags)

    def _closed(self, rows: np.ndarray, sold: np.ndarray) -> None:
        """Lots that accounts gave up by force, bought ones negative, at the rows' prices."""
        kept = self._linear[rows[:, m.E_INSTRUMENT]]
        rows, sold = rows[kept], sold[kept]
        instrument = rows[:, m.E_INSTRUMENT]
        true = np.zeros(len(rows))
        for feed in np.unique(self._feed[instrument]).tolist():
            own = self._feed[instrument] == feed
            true[own] = self.truth.sample(feed, rows[own, m.E_TIME]) / self._tick_usd[feed]
        off = (true - rows[:, m.E_PRICE]) * self._value[instrument]
        self.episodes.add(LOST, rows, sold * off)

    def lost_usd(self, wrongful: Sequence[bool]) -> float:
        """What wrongly flagged accounts lost of their own; ``wrongful`` by FLAG, in order."""
        own = np.maximum(self.episodes.sums(LOST) - self.episodes.sums(DEFICIT), 0.0)
        return float(own[np.array(wrongful, bool)].sum())
