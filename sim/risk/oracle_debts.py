"""What all accounts owe, second by second, to measure liquidated debt against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.instruments import MICRO, Listing
from sim.risk.truth import Truth

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange


class Debts:
    """Borrowed units of every asset (USDC, coins), noted whenever the exchange is looked at."""

    def __init__(self, listing: Listing) -> None:
        coins = range(1, 1 + len(listing.assets))
        self._feed = [listing.feed_id(a.feed) for a in listing.assets]
        self._unit = [listing.asset_tick_value(k) for k in coins]
        self._tick = [listing.feeds[f].tick_micro for f in self._feed]
        self._times: list[int] = []
        self._units: list[np.ndarray] = []

    def look(self, now_us: int, exchange: Exchange) -> None:
        from sim.exchange.kernel import state as st

        self.note(now_us, exchange.state.assets[: 1 + len(self._feed), st.A_BORROWED])

    def note(self, now_us: int, units: np.ndarray) -> None:
        """``units``: int64[1 + coins], what is owed of each asset now; copied."""
        if not self._units or (units != self._units[-1]).any():
            self._times.append(now_us)
            self._units.append(units.copy())

    def usd(self, time_us: int, truth: Truth) -> float | None:
        """All debts at the last look before a time, at the true prices then; None if never."""
        at = int(np.searchsorted(np.array(self._times), time_us)) - 1
        if at < 0:
            return None
        units = self._units[at]
        total = float(units[0]) / MICRO
        for k, feed in enumerate(self._feed):
            true = float(truth.sample(feed, np.array([time_us]))[0]) / self._tick[k]
            total += float(units[k + 1]) * true * self._unit[k]
        return total
