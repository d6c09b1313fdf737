"""Liquidations one by one as they stream by: whose forced trades belong to which FLAG."""

from __future__ import annotations

import numpy as np

from sim.exchange import messages as m

SHIFT = 42  # seqs stay below 2^42, accounts below 2^21


class Episodes:
    """Numbers FLAGs in order and adds amounts up by the FLAG they follow.

    Only flagged accounts are liquidated, so what is done to an account belongs to its last FLAG.
    """

    def __init__(self, accounts: int, columns: int) -> None:
        self.count = 0
        self._current = np.full(accounts, -1, np.int64)
        self._sums = np.zeros((64, columns))
        self._fills: list[np.ndarray] = []
        self._key = self._number = np.zeros(0, np.int64)

    def open(self, flags: np.ndarray) -> range:
        """The numbers of a chunk's FLAG rows, which the chunk's other rows are then found by."""
        first, self.count = self.count, self.count + len(flags)
        if self.count > len(self._sums):
            more = np.zeros((max(self.count, 2 * len(self._sums)), self._sums.shape[1]))
            more[:first] = self._sums[:first]
            self._sums = more
        key = flags[:, m.E_ACCOUNT] << SHIFT | flags[:, m.E_SEQ]
        order = np.argsort(key)
        self._key, self._number = key[order], first + order
        return range(first, self.count)

    def close(self, flags: np.ndarray) -> None:
        """The chunk is done: its last FLAG of each account is the one that later rows follow."""
        self._current[flags[:, m.E_ACCOUNT]] = np.arange(self.count - len(flags), self.count)

    def of(self, rows: np.ndarray) -> np.ndarray:
        """int64[k]: the number of the liquidation that each row belongs to, -1 for none."""
        account, key = rows[:, m.E_ACCOUNT], rows[:, m.E_ACCOUNT] << SHIFT | rows[:, m.E_SEQ]
        found = self._current[account]
        if len(self._key):
            at = np.searchsorted(self._key, key) - 1
            here = (at >= 0) & (self._key[at] >> SHIFT == account)
            found = np.where(here, self._number[at], found)
        return found

    def add(self, column: int, rows: np.ndarray, amounts: np.ndarray) -> None:
        """Amounts of rows, added to their liquidations."""
        number = self.of(rows)
        known = number >= 0
        np.add.at(self._sums[:, column], number[known], amounts[known])

    def sums(self, column: int) -> np.ndarray:
        """float64[count]."""
        return self._sums[: self.count, column]

    def traded(self, fills: np.ndarray) -> None:
        """Note forced FILL rows, which may be the parents of later FLAGs (LIQ-09)."""
        if len(fills):
            self._fills.append(np.column_stack([fills[:, m.E_SEQ], self.of(fills)]))

    def behind(self, seq: int) -> int:
        """The liquidation whose forced fill has this seq, -1 if there is none."""
        for block in reversed(self._fills):
            if seq >= block[0, 0]:
                at = int(np.searchsorted(block[:, 0], seq))
                hit = at < len(block) and block[at, 0] == seq
                return int(block[at, 1]) if hit else -1
        return -1
