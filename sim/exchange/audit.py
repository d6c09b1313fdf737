"""Invariants that only the event stream can show, checked as it passes (I3, I9 … I13, I15).

The audit keeps its own positions, built from trades alone, so it also catches an engine whose
state and events part.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from sim.exchange import messages as ms
from sim.exchange.instruments import Listing
from sim.exchange.messages import Event

TRADES = (Event.FILL, Event.BACKSTOP, Event.ADL)
WATERFALL = (
    Event.FLAG, Event.UNFLAG, Event.LEG, Event.STEP, Event.BACKSTOP, Event.INSURANCE, Event.ADL,
    Event.HAIRCUT, Event.WRITE_OFF, Event.FUND_RETURN, Event.DEFICIT,
)  # fmt: skip
CHECKED = ("I3", "I9", "I10", "I11", "I12", "I13", "I15")


class Audit:
    """Feed it every events array in order; ``violations`` counts by invariant id."""

    def __init__(self, listing: Listing, accounts: int) -> None:
        self.perpetuals = len(listing.perpetuals)
        self.positions = np.zeros((accounts, max(1, self.perpetuals)), np.int64)
        self.violations = dict.fromkeys(CHECKED, 0)
        self.flagged: set[int] = set()
        self.legs: dict[int, list[tuple[int, int, int]]] = {}
        self.paid: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.ranks: dict[int, int] = {}
        self.sides: dict[tuple[int, int], int] = {}
        self.funding: list[int] | None = None

    def add(self, events: np.ndarray) -> None:
        """Take one events array, int64[k, 16]."""
        if not len(events):
            return
        kinds = events[:, ms.E_KIND]
        self._funding(events, kinds)
        fills = kinds == Event.FILL
        own = events[:, ms.E_ACCOUNT] == events[:, ms.E_OTHER]
        self.violations["I9"] += int((fills & own).sum())
        watched = np.isin(kinds, WATERFALL)
        trades = np.isin(kinds, TRADES) & (events[:, ms.E_INSTRUMENT] < self.perpetuals)
        if not watched.any():
            self._book(events[trades])
            return
        # Between two rows of the waterfall the fills are booked in one go.
        rows = np.flatnonzero(watched | trades)
        start = 0
        for n, k in enumerate(rows):
            if watched[k]:
                self._book(events[rows[start:n]])
                start = n + 1
                self._row(events[k])
        self._book(events[rows[start:]])

    def finish(self, positions: np.ndarray) -> dict[str, int]:
        """Compare the positions built from events with the engine's, int64[accounts, perpetuals]."""
        if self.perpetuals:
            self.violations["I12"] += int((self.positions != positions).sum())
        return {name: int(count) for name, count in self.violations.items()}

    # --- parts ------------------------------------------------------------------------------
    def _funding(self, events: np.ndarray, kinds: np.ndarray) -> None:
        """I3: an hour's payments of an instrument sum to 0 but for less than one micro each."""
        rows = events[(kinds == Event.FUNDING_RATE) | (kinds == Event.FUNDING)]
        for row in rows:
            if row[ms.E_KIND] == Event.FUNDING_RATE:
                self._close_funding()
                self.funding = [0, 0]
            elif self.funding is not None:
                self.funding[0] += int(row[ms.E_AMOUNT])
                self.funding[1] += 1
        if len(rows) and kinds[-1] != Event.FUNDING:
            self._close_funding()

    def _close_funding(self) -> None:
        if self.funding is not None:
            total, payments = self.funding
            self.violations["I3"] += not -2 * payments <= total <= 0
            self.funding = None

    def _book(self, trades: np.ndarray) -> None:
        if not len(trades):
            return
        trades = trades[trades[:, ms.E_KIND] == Event.FILL]
        lots = np.where(trades[:, ms.E_SIDE] == ms.BUY, 1, -1) * trades[:, ms.E_SIZE]
        at = (trades[:, ms.E_ACCOUNT], trades[:, ms.E_INSTRUMENT])
        np.add.at(self.positions, at, lots)
        np.add.at(self.positions, (trades[:, ms.E_OTHER], trades[:, ms.E_INSTRUMENT]), -lots)

    def _row(self, row: np.ndarray) -> None:
        kind, a = Event(int(row[ms.E_KIND])), int(row[ms.E_ACCOUNT])
        if kind == Event.FLAG:
            self._check_legs()
            self.violations["I10"] += row[ms.E_X] > row[ms.E_Y] or a in self.flagged
            self.flagged.add(a)
            self.legs[a] = []
        elif kind == Event.LEG:
            self.legs.setdefault(a, []).append(
                (int(row[ms.E_CODE]), int(row[ms.E_INSTRUMENT]), int(row[ms.E_SIZE]))
            )
        else:
            self._check_legs()
        if kind == Event.UNFLAG:
            self.flagged.discard(a)
        elif kind == Event.STEP:
            self.violations["I10"] += (
                a not in self.flagged or not 0 <= row[ms.E_X] <= row[ms.E_SIZE]
            )
            if row[ms.E_CODE] == 0:
                held = int(self.positions[a, row[ms.E_INSTRUMENT]])
                against = held < 0 if row[ms.E_SIDE] == ms.BUY else held > 0
                self.violations["I10"] += not against or row[ms.E_SIZE] > abs(held)
        elif kind == Event.BACKSTOP and row[ms.E_CODE] == 0:
            i, lots = int(row[ms.E_INSTRUMENT]), int(row[ms.E_SIZE])
            self.violations["I10"] += a not in self.flagged
            self.positions[int(row[ms.E_OTHER]), i] += lots
            self.positions[a, i] -= lots
        elif kind in (Event.INSURANCE, Event.ADL, Event.HAIRCUT, Event.DEFICIT):
            self._bankruptcy(kind, row)

    def _check_legs(self) -> None:
        """I15: whoever is flagged has a position or a debt (with lambda = 1 shares alone never do)."""
        for legs in self.legs.values():
            owes = any(code == 0 and size < 0 for code, _, size in legs)
            self.violations["I15"] += not owes and not any(code == 1 for code, _, _ in legs)
        self.legs.clear()

    def _bankruptcy(self, kind: Event, row: np.ndarray) -> None:
        broke = int(row[ms.E_OTHER] if kind == Event.HAIRCUT else row[ms.E_ACCOUNT])
        amount = int(row[ms.E_AMOUNT])
        rank = {Event.INSURANCE: 0, Event.ADL: 1, Event.HAIRCUT: 1, Event.DEFICIT: 2}[kind]
        self.violations["I11"] += rank < self.ranks.get(broke, 0) or broke not in self.flagged
        self.ranks[broke] = rank
        if kind == Event.INSURANCE:
            self.paid[broke]["insurance"] += amount
        elif kind == Event.HAIRCUT:
            self.paid[broke]["socialised"] += amount
        elif kind == Event.ADL:
            self.paid[broke]["forgone"] += amount
            i, lots, other = int(row[ms.E_INSTRUMENT]), int(row[ms.E_SIZE]), int(row[ms.E_OTHER])
            held, theirs = int(self.positions[broke, i]), int(self.positions[other, i])
            opposite = held * theirs < 0 and 0 < lots <= min(abs(held), abs(theirs))
            self.violations["I12"] += not opposite
            sign = 1 if held > 0 else -1
            self.positions[broke, i] -= sign * lots
            self.positions[other, i] += sign * lots
        else:
            paid = self.paid.pop(broke, {})
            seen = (paid.get("insurance", 0), paid.get("forgone", 0), paid.get("socialised", 0))
            said = (int(row[ms.E_X]), int(row[ms.E_Y]), int(row[ms.E_OTHER_ORDER]))
            self.violations["I13"] += seen != said or sum(said) != amount
            self.ranks.pop(broke, None)
