"""Event-jump exposure: what the worst end of an event, now, would leave unpaid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.instruments import MICRO, Listing, ScalarEvent
from sim.risk.truth import payouts, share_marks

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

EVERY_US = 60 * MICRO


class JumpExposure:
    """Keeps the largest exposure over looks at the exchange, one a minute of simulated time.

    The exposure to one outcome is Σ max(0, -E) over accounts if the event paid by it now, prices
    and everything else as they are, less the same sum as it is.  A void pays the mean of all
    outcomes, so that it is never the worst.
    """

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.worst_usd: float | None = None
        self._due: int | None = None

    def look(self, now_us: int, exchange: Exchange) -> None:
        """Look if it is time for it; the exchange is only read."""
        if not self.listing.events or (self._due is not None and now_us < self._due):
            return
        from sim.exchange.kernel import state as st

        self._due = now_us + EVERY_US
        s = exchange.state
        n, names = exchange.accounts, len(self.listing.instrument_names())
        resolved = np.flatnonzero(s.events[:, st.V_RESOLVED]).tolist()
        assets = len(self.listing.asset_names())
        marks = s.ins[:names, st.I_MARK]
        self.take(exchange.equities(), s.bal[:n, :assets], marks, frozenset(resolved))

    def take(
        self,
        equities: np.ndarray,
        balances: np.ndarray,
        marks: np.ndarray,
        resolved: frozenset[int] = frozenset(),
    ) -> None:
        """Equities (micro-USDC) and balances (units) of every account, marks in ticks."""
        equity = equities / MICRO
        now = float(np.maximum(-equity, 0).sum())
        for e, event in enumerate(self.listing.events):
            if e in resolved:
                continue
            first, book = self.listing.first_share(e), self.listing.first_book(e)
            shares = balances[:, first : first + len(event.shares)]
            above = shares - shares.min(axis=1, keepdims=True)
            marked = share_marks(event, marks[book : book + len(event.books)])
            ends = [(k, 0) for k in range(len(event.shares))]
            if isinstance(event, ScalarEvent):
                ends = [(0, event.high), (0, event.low)]
            for outcome, value in ends:
                after = equity.copy()
                for k, pays in enumerate(payouts(event, outcome, value).tolist()):
                    after += above[:, k] * (pays - marked[k])
                exposed = float(np.maximum(-after, 0).sum()) - now
                if self.worst_usd is None or exposed > self.worst_usd:
                    self.worst_usd = exposed
