"""What liquidations cost at true prices: those who were solvent, and those who pay for the others.

The mark is made from the index, so that a wrong index hides in it what it does.  Somebody who is
sold out far from the true price loses that distance, whatever the mark says; a winner who gives up
a profit in auto-deleveraging loses nothing if only a wrong mark had made it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.messages import SELL, Event
from sim.risk.oracle_blame import legs_behind, legs_of
from sim.risk.oracle_episodes import Episodes
from sim.risk.truth import Truth

LOST, DEFICIT = range(2)  # by FLAG, USD


class TrueLosses:
    """Adds up liquidations, each by the FLAG it follows.

    Perpetuals and spot books count; event shares and inverses are left out, since no true price is
    known of them or their lots have another worth.

    Attributes:
        paid_usd: of deficits, what insurance, lenders and balances paid (LIQ-04, LIQ-06).
        forgone_usd: what the counterparties of auto-deleveraging lost against true prices (LIQ-05).
        deficits_usd: all deficits, profits forgone at mark included (LIQ-08).
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
        self.paid_usd = self.forgone_usd = self.deficits_usd = 0.0
        self._sides: dict[tuple[int, int], int] = {}  # (liquidation, perpetual) -> 1 long, -1 short

    def add(self, events: np.ndarray) -> None:
        """Rows int64[k, 16], in order."""
        kinds = events[:, m.E_KIND]
        at = np.flatnonzero(kinds == Event.FLAG)
        flags, numbers = events[at], self.episodes.open(events[at])
        for number, place in zip(numbers, at.tolist(), strict=True):
            for leg in legs_of(legs_behind(events, place)):
                if leg.is_position:
                    self._sides[number, leg.thing] = 1 if leg.size > 0 else -1
        fills = events[(kinds == Event.FILL) & (events[:, m.E_CODE] == 1)]
        sold = np.where(fills[:, m.E_SIDE] == SELL, 1, -1) * fills[:, m.E_SIZE]
        self._lose(fills, sold)
        taken = events[kinds == Event.BACKSTOP]
        self._lose(taken, taken[:, m.E_SIZE])
        self.episodes.add(LOST, taken, taken[:, m.E_AMOUNT] / MICRO)
        self._delever(events[kinds == Event.ADL])
        steps, gaps = events[kinds == Event.STEP], events[kinds == Event.DEFICIT]
        self.episodes.add(LOST, steps, steps[:, m.E_AMOUNT] / MICRO)
        self.episodes.add(DEFICIT, gaps, gaps[:, m.E_AMOUNT] / MICRO)
        self.deficits_usd += int(gaps[:, m.E_AMOUNT].sum()) / MICRO
        self.paid_usd += int(gaps[:, m.E_X].sum() + gaps[:, m.E_OTHER_ORDER].sum()) / MICRO
        self.episodes.close(flags)

    def _delever(self, rows: np.ndarray) -> None:
        """ADL rows: the bankrupt gives up its lots at mark, the counterparty for less than that."""
        numbers, things = self.episodes.of(rows), rows[:, m.E_INSTRUMENT]
        sides = [
            self._sides.get(pair, 0) for pair in zip(numbers.tolist(), things.tolist(), strict=True)
        ]
        sold = np.array(sides, np.int64) * rows[:, m.E_SIZE]
        self._lose(rows, sold)
        kept = self._linear[things]
        gained = self._off_usd(rows[kept], sold[kept])  # on top of it the counterparty gives up x
        given = rows[kept, m.E_AMOUNT] / MICRO
        self.forgone_usd += float(np.maximum(given - gained, 0.0).sum())

    def _lose(self, rows: np.ndarray, sold: np.ndarray) -> None:
        """Lots that flagged accounts gave up, bought ones negative, at the prices of the rows."""
        kept = self._linear[rows[:, m.E_INSTRUMENT]]
        self.episodes.add(LOST, rows[kept], self._off_usd(rows[kept], sold[kept]))

    def _off_usd(self, rows: np.ndarray, sold: np.ndarray) -> np.ndarray:
        """float64[k]: what who sold so many lots lost, and who bought them gained, at true prices."""
        instrument = rows[:, m.E_INSTRUMENT]
        true = np.zeros(len(rows))
        for feed in np.unique(self._feed[instrument]).tolist():
            own = self._feed[instrument] == feed
            true[own] = self.truth.sample(feed, rows[own, m.E_TIME]) / self._tick_usd[feed]
        return sold * ((true - rows[:, m.E_PRICE]) * self._value[instrument])

    def victims_usd(self, wrongful: Sequence[bool]) -> float:
        """What wrongly flagged accounts lost of their own; ``wrongful`` by FLAG, in order."""
        own = np.maximum(self.episodes.sums(LOST) - self.episodes.sums(DEFICIT), 0.0)
        return float(own[np.array(wrongful, bool)].sum())
