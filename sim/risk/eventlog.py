"""The rows of a run's event log that its liquidations can be told from, with lookups."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from sim.exchange import messages as m
from sim.exchange.account import Account, account_of_legs, leg_rows
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.messages import Event, Grade
from sim.exchange.places import Place, places
from sim.risk.oracle_shares import Shares

KINDS = (
    Event.INDEX,
    Event.MERGE,
    Event.REDEEM,
    Event.PROPOSE,
    Event.DISPUTE,
    Event.RESOLVE,
    Event.PAYOUT,
    Event.BOND,
    Event.FLAG,
    Event.LEG,
    Event.UNFLAG,
    Event.STEP,
    Event.BACKSTOP,
    Event.INSURANCE,
    Event.ADL,
    Event.HAIRCUT,
    Event.WRITE_OFF,
    Event.FUND_RETURN,
    Event.DEFICIT,
)  # and forced FILLs, and FILLs and MARKs of event books
UNUSED_GRADE = Grade.TOO_VOLATILE  # from it on a reading does not become the index (PRC-04)


def first_book(listing: Listing) -> int:
    """Instrument id of the first event book; without events, one that no instrument has."""
    return listing.first_book(0) if listing.events else len(listing.instrument_names())


def needed(rows: np.ndarray, listing: Listing) -> np.ndarray:
    """The rows of a chunk that a log keeps, copied."""
    kinds = rows[:, m.E_KIND]
    forced = (kinds == Event.FILL) & (rows[:, m.E_CODE] == 1)
    of_events = (kinds == Event.FILL) | (kinds == Event.MARK)
    of_events &= rows[:, m.E_INSTRUMENT] >= first_book(listing)
    return rows[np.isin(kinds, KINDS) | forced | of_events]


class EventLog:
    """Event rows (int64[n, 16]) of these kinds, in the order of their seq."""

    def __init__(self, listing: Listing, rows: np.ndarray) -> None:
        self.listing, self.rows = listing, rows
        self.places: tuple[Place, ...] = places(listing)
        self.names = listing.instrument_names()
        self.kind, self.seq = rows[:, m.E_KIND], rows[:, m.E_SEQ]

    @cached_property
    def start_us(self) -> int:
        """Time of the first row."""
        return int(self.rows[0, m.E_TIME]) if len(self.rows) else 0

    def of(self, kind: Event) -> np.ndarray:
        return self.rows[self.kind == kind]

    def at(self, seq: int) -> np.ndarray | None:
        """The row with this seq."""
        k = int(np.searchsorted(self.seq, seq))
        return self.rows[k] if k < len(self.rows) and self.seq[k] == seq else None

    @cached_property
    def flags(self) -> np.ndarray:
        return self.of(Event.FLAG)

    @cached_property
    def _readings(self) -> list[np.ndarray]:
        """INDEX rows that became the index, by feed."""
        rows = self.of(Event.INDEX)
        rows = rows[(rows[:, m.E_PRICE] > 0) & (rows[:, m.E_CODE] < UNUSED_GRADE)]
        feeds = range(len(self.listing.feeds))
        return [rows[rows[:, m.E_INSTRUMENT] == f] for f in feeds]

    def flags_of(self, account: int) -> np.ndarray:
        return self.flags[self.flags[:, m.E_ACCOUNT] == account]

    def flag_before(self, account: int, seq: int) -> np.ndarray | None:
        """The account's last FLAG before `seq`."""
        own = self.flags_of(account)
        k = int(np.searchsorted(own[:, m.E_SEQ], seq))
        return own[k - 1] if k else None

    def index_before(self, feed: int, seq: int) -> int:
        """Index of a feed in ticks right before an event."""
        rows = self._readings[feed]
        k = int(np.searchsorted(rows[:, m.E_SEQ], seq))
        return int(rows[k - 1, m.E_PRICE]) if k else self.listing.feeds[feed].index_ticks

    def index_at(self, feed: int, time_us: int) -> int:
        """Index of a feed in ticks at a time, that time's readings included."""
        rows = self._readings[feed]
        k = int(np.searchsorted(rows[:, m.E_TIME], time_us, side="right"))
        return int(rows[k - 1, m.E_PRICE]) if k else self.listing.feeds[feed].index_ticks

    def reading_before(self, feed: int, seq: int) -> np.ndarray | None:
        rows = self._readings[feed]
        k = int(np.searchsorted(rows[:, m.E_SEQ], seq))
        return rows[k - 1] if k else None

    def held(self, flag: np.ndarray) -> Account:
        """What a flagged account held, from the LEG rows behind its FLAG."""
        seq = int(flag[m.E_SEQ])
        k = int(np.searchsorted(self.seq, seq)) + 1
        end = k
        while end < len(self.rows) and self.kind[end] == Event.LEG:
            end += 1
        feeds = range(len(self.listing.feeds))
        proposed = self.of(Event.PROPOSE)
        proposed = proposed[proposed[:, m.E_SEQ] < seq, m.E_INSTRUMENT]
        return account_of_legs(
            self.listing,
            leg_rows(self.rows[k:end]),
            index={f: self.index_before(f, seq) for f in feeds},
            proposed={int(e) for e in proposed},
        )

    # events -----------------------------------------------------------------------------------
    @cached_property
    def _shares(self) -> Shares:
        shares = Shares(
            self.listing, 1 + int(self.rows[:, [m.E_ACCOUNT, m.E_OTHER]].max(initial=0))
        )
        shares.add(self.of(Event.FILL), self.of(Event.BACKSTOP))
        return shares

    def shares_of(self, event: int) -> np.ndarray:
        """int64[accounts, shares]: what all held above complete sets when its books closed.

        Before that: at the end of the log.
        """
        return self._shares.of(event)

    @cached_property
    def _marks(self) -> np.ndarray:
        return self.of(Event.MARK)

    @cached_property
    def _payouts(self) -> np.ndarray:
        return self.of(Event.PAYOUT)

    def payouts_of(self, account: int) -> np.ndarray:
        return self._payouts[self._payouts[:, m.E_ACCOUNT] == account]

    def mark_before(self, i: int, seq: int) -> int:
        """Mark of an event book in ticks right before an event (PRC-03)."""
        rows = self._marks[self._marks[:, m.E_INSTRUMENT] == i]
        k = int(np.searchsorted(rows[:, m.E_SEQ], seq))
        event = self.listing.events[self.places[i].event]
        return int(rows[k - 1, m.E_PRICE]) if k else event.payoff_ticks // len(event.shares)

    def concerning(self, account: int, after: int, until: int) -> Iterator[np.ndarray]:
        """Rows of an account's liquidation between two seqs, both left out."""
        own = (self.rows[:, m.E_ACCOUNT] == account) & (self.kind != Event.INDEX)
        taken = (self.kind == Event.HAIRCUT) & (self.rows[:, m.E_OTHER] == account)
        own &= (self.kind != Event.FILL) | (self.rows[:, m.E_CODE] == 1)
        own &= self.kind != Event.HAIRCUT
        yield from self.rows[(own | taken) & (self.seq > after) & (self.seq < until)]

    # what rows are worth ------------------------------------------------------------------
    def price_usd(self, i: int, ticks: int) -> float:
        """A price of an instrument, USD of one coin (or one share)."""
        p = self.places[i]
        if p.event >= 0:
            return ticks * p.tick_value / MICRO
        return ticks * self.listing.feeds[p.feed].tick_micro / MICRO

    def notional_usd(self, row: np.ndarray, of_no: bool) -> float:
        """|size|·price of a row of the waterfall, NO shares at their own price."""
        p, price, lots = (
            self.places[row[m.E_INSTRUMENT]],
            int(row[m.E_PRICE]),
            abs(int(row[m.E_SIZE])),
        )
        if p.face:
            return lots * p.face / MICRO
        if of_no:
            price = self.listing.events[p.event].payoff_ticks - price
        return lots * price * p.tick_value / MICRO

    def asset_usd(self, asset: int, units: int, seq: int) -> float:
        """So many units of USDC or a coin at the index of that moment."""
        if asset == 0:
            return units / MICRO
        feed = self.listing.feed_id(self.listing.assets[asset - 1].feed)
        return units * self.index_before(feed, seq) * self.listing.asset_tick_value(asset) / MICRO
