"""Invariants that only the event stream can show, checked as it passes.

The audit keeps its own positions, built from events alone, so it also catches an engine whose
state and events part.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.exchange import messages as ms
from sim.exchange.audit_hourly import funding, interest
from sim.exchange.audit_prices import Marks
from sim.exchange.audit_settlement import Settlement
from sim.exchange.audit_tape import Row, Tape
from sim.exchange.audit_waterfall import Waterfall
from sim.exchange.instruments import Listing
from sim.exchange.messages import Event
from sim.exchange.rules import Rules

STREAM_CHECKS = {
    "I3": "funding sums to 0 but for roundings; it is paid on sizes that sum to 0",
    "I5": "what borrowers pay is what lenders and the reserve get",
    "I8": "no trade outside the taker's limit, beyond its size or in a book that does not trade",
    "I9": "nobody trades with himself, by owner if the rules say so",
    "I10": "only who is below maintenance is liquidated, on a usable price, in a trading book, "
    "and no position grows by it",
    "I11": "insurance, then ADL and haircut; nobody else pays while the fund could; it is not negative",
    "I12": "ADL takes at most the opposite position; the positions that events make are the engine's",
    "I13": "a deficit is what insurance, ADL and haircuts paid",
    "I15": "nobody is flagged without a position or a debt",
    "I16": "a mark lies within its inputs or at its clamp",
    "I18": "events and futures end once, and pay out what was there",
    "I19": "bonds come back whole",
}
CHECKED = tuple(STREAM_CHECKS)


class Audit:
    """Feed it every events array in order.

    ``rules``: without them nothing is checked that depends on a parameter (self-trade by owner,
    stale readings in liquidation, the clamp of marks).
    """

    def __init__(self, listing: Listing, accounts: int, rules: Rules | None = None) -> None:
        self.tape = tape = Tape(listing, accounts, rules)
        self.waterfall = w = Waterfall(tape)
        self.settlement = s = Settlement(tape)
        marks = Marks(tape)
        self.handlers: dict[int, Callable[[Row], None]] = {
            Event.SETTINGS: tape.settings, Event.STATE: tape.state, Event.INDEX: tape.reading,
            Event.MINT: tape.changed_sets, Event.MERGE: tape.changed_sets,
            Event.CONVERT: tape.changed_sets,
            Event.MARK: marks.mark, Event.EXTERNAL: marks.external,
            Event.FLAG: w.flag, Event.LEG: w.leg, Event.UNFLAG: w.unflag, Event.STEP: w.step,
            Event.BACKSTOP: w.backstop, Event.INSURANCE: w.insurance, Event.ADL: w.adl,
            Event.HAIRCUT: w.haircut, Event.WRITE_OFF: w.write_off, Event.DEFICIT: w.deficit,
            Event.FUND: w.money, Event.FUND_RETURN: w.money,
            Event.SETTLED: s.settled, Event.SETTLEMENT: s.settlement,
            Event.PAYOUT: s.payout, Event.RESOLVE: s.resolve,
            Event.PROPOSE: s.propose, Event.DISPUTE: s.dispute, Event.BOND: s.bond,
        }  # fmt: skip
        self.watched = np.array([*self.handlers], np.int64)

    @property
    def violations(self) -> dict[str, int]:
        """Count by invariant id."""
        return {name: self.tape.broken[name] for name in CHECKED}

    @property
    def positions(self) -> np.ndarray:
        """Lots by account and derivative that the events so far make."""
        return self.tape.positions

    def add(self, events: np.ndarray) -> None:
        """Take one events array, int64[k, 16], that ends where a message ended."""
        if not len(events):
            return
        kinds = events[:, ms.E_KIND]
        funding(self.tape, events)
        interest(self.tape, events)
        self._limits(events, kinds)
        fills = kinds == Event.FILL
        watched = np.isin(kinds, self.watched)
        # Between two watched rows the fills are booked in one go.
        rows = np.flatnonzero(watched | fills)
        start = 0
        for n in np.flatnonzero(watched[rows]).tolist():
            self._book(events[rows[start:n]])
            start = n + 1
            row = events[rows[n]].tolist()
            self.handlers[row[ms.E_KIND]](row)
        self._book(events[rows[start:]])
        self.settlement.done()

    def finish(self, positions: np.ndarray) -> dict[str, int]:
        """Compare the positions built from events with the engine's, int64[accounts, derivatives]."""
        self.waterfall.done()
        if self.tape.derivatives:
            self.tape.broken["I12"] += int((self.tape.positions != positions).sum())
        return self.violations

    # --- parts ------------------------------------------------------------------------------
    def _book(self, fills: np.ndarray) -> None:
        if len(fills):
            self.tape.fills(fills)

    def _limits(self, events: np.ndarray, kinds: np.ndarray) -> None:
        """I8: what a taker trades lies within its ORDER or STEP row, in price and in sum."""
        fills = np.flatnonzero((kinds == Event.FILL) & (events[:, ms.E_CODE] != 2))
        if not len(fills):
            return
        heads = np.flatnonzero((kinds == Event.ORDER) | (kinds == Event.STEP))
        at = np.searchsorted(heads, fills) - 1
        if at[0] < 0:  # a trade without an order
            self.tape.broken["I8"] += int((at < 0).sum())
            fills, at = fills[at >= 0], at[at >= 0]
        taken, asked = events[fills], events[heads[at]]
        columns = [ms.E_ACCOUNT, ms.E_INSTRUMENT, ms.E_SIDE, ms.E_ORDER]
        other = (taken[:, columns] != asked[:, columns]).any(axis=1)
        bound, price = asked[:, ms.E_PRICE], taken[:, ms.E_PRICE]
        worse = np.where(taken[:, ms.E_SIDE] == ms.BUY, price > bound, price < bound)
        filled = np.zeros(len(heads), np.int64)
        np.add.at(filled, at, taken[:, ms.E_SIZE])
        most = events[heads, ms.E_SIZE]
        forced = events[heads, ms.E_KIND] == Event.STEP
        differs = forced & (filled != events[heads, ms.E_X])
        self.tape.broken["I8"] += int((other | worse).sum() + (filled > most).sum() + differs.sum())
