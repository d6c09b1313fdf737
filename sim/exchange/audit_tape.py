"""What the stream of events has shown so far: positions, books, readings, owners; and what it broke."""

from __future__ import annotations

from collections import Counter

import numpy as np

from sim.exchange import messages as ms
from sim.exchange.instruments import MICRO, Kind, Listing
from sim.exchange.messages import BookState, Event, Grade
from sim.exchange.places import Place, places
from sim.exchange.rules import Rules

Row = list[int]  # one event as Python integers
TRADES_IN = BookState.LIMIT_ONLY  # books trade up to this state
CERTAIN = Grade.TOO_VOLATILE  # readings graded below this become the index


class Tape:
    """Built from events alone, so it shows when an engine's state and its events part.

    ``rules`` None: what depends on a parameter is not checked.
    """

    def __init__(self, listing: Listing, accounts: int, rules: Rules | None) -> None:
        self.listing, self.rules = listing, rules
        self.places: tuple[Place, ...] = places(listing)
        self.derivatives = len(listing.derivatives())
        self.positions = np.zeros((accounts, max(1, self.derivatives)), np.int64)
        self.owners = np.arange(accounts)
        self.states = np.zeros(max(1, len(self.places)), np.int64)
        self.ended = np.zeros(max(1, len(self.places)), np.bool_)  # settled or resolved
        self.sets = np.zeros(max(1, len(listing.events)), np.int64)
        self.event_of = np.array([p.event for p in self.places] or [-1])
        self.index = [feed.index_ticks for feed in listing.feeds]
        self.readings: list[tuple[int, int] | None] = [None] * len(listing.feeds)  # grade, time
        self.broken: Counter[str] = Counter()

    def blame(self, invariant: str, broken: object) -> None:
        """Count a violation if `broken`."""
        if broken:
            self.broken[invariant] += 1

    def is_derivative(self, i: int) -> bool:
        return 0 <= i < self.derivatives

    def price_of(self, asset: int) -> int:
        """Micro-USDC of one unit of USDC or of a coin at its index."""
        if asset == 0:
            return 1
        feed = self.listing.feed_id(self.listing.assets[asset - 1].feed)
        return self.index[feed] * self.listing.asset_tick_value(asset)

    def grade(self, feed: int, now: int) -> int:
        """Grade of a feed's latest reading (PRC-04); needs the rules."""
        if feed < 0:
            return Grade.VALID
        reading = self.readings[feed]
        if reading is None:
            return Grade.STALE
        grade, read = reading
        limit = self.listing.feeds[feed].stale_after_s * MICRO
        old = self.rules is not None and self.rules.stale_guard and now - read > limit
        return max(grade, Grade.STALE) if old else grade

    def barred(self, i: int, now: int) -> bool:
        """Whether instrument i may not be liquidated now: by its book's state or its reading."""
        if self.ended[i] or self.states[i] > TRADES_IN:
            return True
        if self.rules is None:
            return False
        return self.grade(self.places[i].feed, now) >= self.rules.guard_liquidate

    def move(self, account: int, i: int, lots: int) -> None:
        self.positions[account, i] += lots

    def fills(self, rows: np.ndarray) -> None:
        """Take FILL rows between which nothing else of interest happened (I8, I9, I18)."""
        account, other, i = (rows[:, c] for c in (ms.E_ACCOUNT, ms.E_OTHER, ms.E_INSTRUMENT))
        by_owner = self.rules is not None and self.rules.self_trade_by_owner
        same = account == other
        if by_owner:
            same = same | (self.owners[account] == self.owners[other])
        self.broken["I9"] += int(same.sum())
        self.broken["I18"] += int(self.ended[i].sum())
        shut = self.states[i] > TRADES_IN
        forced = rows[:, ms.E_CODE] == 1
        self.broken["I10"] += int((shut & forced).sum())
        self.broken["I8"] += int((shut & ~forced).sum())
        lots = np.where(rows[:, ms.E_SIDE] == ms.BUY, 1, -1) * rows[:, ms.E_SIZE]
        held = i < self.derivatives
        np.add.at(self.positions, (account[held], i[held]), lots[held])
        np.add.at(self.positions, (other[held], i[held]), -lots[held])
        shares = self.event_of[i] >= 0
        np.add.at(self.sets, self.event_of[i[shares]], rows[shares, ms.E_Y])

    # --- rows that only move what is known ------------------------------------------------------
    def settings(self, row: Row) -> None:
        self.owners[row[ms.E_ACCOUNT]] = row[ms.E_X]

    def state(self, row: Row) -> None:
        i = row[ms.E_INSTRUMENT]
        self.blame("I18", self.ended[i])
        self.states[i] = row[ms.E_CODE]

    def reading(self, row: Row) -> None:
        feed, grade = row[ms.E_INSTRUMENT], row[ms.E_CODE]
        read = row[ms.E_X]
        self.readings[feed] = (grade, read)
        if grade < CERTAIN:
            self.index[feed] = row[ms.E_PRICE]

    def changed_sets(self, row: Row) -> None:
        kind, event, lots = row[ms.E_KIND], row[ms.E_INSTRUMENT], row[ms.E_SIZE]
        if kind == Event.CONVERT:
            lots *= row[ms.E_ORDER].bit_count() - 1
        self.sets[event] += lots if kind == Event.MINT else -lots

    def is_event(self, i: int) -> bool:
        return self.places[i].kind == Kind.EVENT
