"""What parties took out of the exchange beyond what they brought, at true prices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import MICRO, USDC, Listing
from sim.exchange.messages import Event
from sim.risk.truth import Truth

LEAST_DEPOSIT_USD = 1.0


class Flows:
    """Accumulates DEPOSIT and WITHDRAW rows, and SETTINGS rows for who is one owner.

    A party is an owner: at first account % parties, then whom its SETTINGS name, or whom it was
    joined with.  Money inside the exchange (TRANSFER, LEND, trades) is no flow.
    """

    def __init__(self, listing: Listing, accounts: int, parties: int) -> None:
        self._owner = np.arange(accounts, dtype=np.int64) % max(parties, 1)
        coins = range(1, 1 + len(listing.assets))
        self._feed = [-1, *(listing.feed_id(a.feed) for a in listing.assets)]
        self._unit = [1.0, *(listing.asset_tick_value(k) for k in coins)]
        self._tick = [0, *(listing.feeds[f].tick_micro for f in self._feed[1:])]
        self._rows: list[np.ndarray] = []

    def add(self, flows: np.ndarray, settings: np.ndarray) -> None:
        """DEPOSIT and WITHDRAW rows, and SETTINGS rows (int64[k, 16]) of a chunk."""
        if len(flows):
            columns = [m.E_KIND, m.E_TIME, m.E_ACCOUNT, m.E_INSTRUMENT, m.E_SIZE]
            self._rows.append(flows[:, columns])
        if len(settings):
            self._owner[settings[:, m.E_ACCOUNT]] = settings[:, m.E_X]

    def join(self, accounts: Sequence[int]) -> None:
        """From now on these accounts are one party, whatever the exchange knows."""
        if len(accounts):
            self._owner[np.asarray(accounts)] = self._owner[accounts[0]]

    def metrics(self, truth: Truth | None) -> dict[str, float | None]:
        """extracted_usd and extraction_ratio; None without a truth, or nobody to speak of."""
        found: dict[str, float | None] = {"extracted_usd": None, "extraction_ratio": None}
        if truth is None:
            return found
        rows = np.concatenate(self._rows) if self._rows else np.zeros((0, 5), np.int64)
        usd = self._usd(rows, truth)
        out = rows[:, 0] == Event.WITHDRAW
        owner, n = self._owner[rows[:, 2]], len(self._owner)
        withdrawn = np.bincount(owner[out], usd[out], n)
        deposited = np.bincount(owner[~out], usd[~out], n)
        found["extracted_usd"] = float(np.maximum(withdrawn - deposited, 0).sum())
        some = (withdrawn > 0) & (deposited >= LEAST_DEPOSIT_USD)
        if some.any():
            found["extraction_ratio"] = float((withdrawn[some] / deposited[some]).max())
        return found

    def _usd(self, rows: np.ndarray, truth: Truth) -> np.ndarray:
        """float64[k]: each flow at the true price of its time."""
        usd = rows[:, 4] / MICRO
        for k in np.unique(rows[:, 3]).tolist():
            if k != USDC:
                own = rows[:, 3] == k
                ticks = truth.sample(self._feed[k], rows[own, 1]) * (MICRO / self._tick[k])
                usd[own] *= ticks * self._unit[k]
        return usd
