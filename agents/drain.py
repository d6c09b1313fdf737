"""Taking out of an exchange, on credit, all that margin and pools give: ask, and halve if refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from agents import blocks
from agents.outside import Outside
from sim.exchange.messages import (
    E_ACCOUNT,
    E_CODE,
    E_INSTRUMENT,
    E_KIND,
    E_SIZE,
    E_X,
    Event,
    Kind,
    Reason,
)

if TYPE_CHECKING:
    from agents.base import Trader

WAITING = {int(Reason.STALE_ORACLE), int(Reason.FLAGGED)}  # refusals that say nothing of the amount
EMPTY = int(Reason.INSUFFICIENT_BALANCE)  # nobody lends it
ANSWER_US = 5_000_000  # an answer that takes longer is not waited for


class Drain:
    """The withdrawals of one account.

    A refused amount is halved; below `min_usd` the asset rests for `retry_s`, then the whole
    estimate is tried again.  What comes out is sold outside.

    Args:
        trader, account: who asks for which of its accounts.
        outside: where it sells.
        min_usd: less is not worth a message.
        retry_s: seconds.

    Attributes:
        taken: units by asset that have come out.
        refused: how often it was refused.
    """

    def __init__(
        self, trader: Trader, account: int, outside: Outside, min_usd: float, retry_s: float
    ) -> None:
        self._account, self._outside = account, outside
        self._min_usd, self._retry_us = min_usd, int(retry_s * 1e6)
        self._most: dict[int, int] = {}  # units by asset, learnt from refusals
        self._rests_until: dict[int, int] = {}
        self._asked: tuple[int, int] | None = None  # asset, time
        self._patience_us = 2 * trader.latency_us + ANSWER_US
        self.taken: dict[int, int] = {}
        self.refused = 0

    def hear(self, inbox: np.ndarray, now_us: int) -> float:
        """Take the answers out of an inbox; USD received for what came out."""
        usd = 0.0
        if len(inbox) == 0:
            return usd
        kind = inbox[:, E_KIND]
        out = kind == Event.WITHDRAW
        no = (kind == Event.REJECT) & (inbox[:, E_X] == Kind.WITHDRAW)
        for row in inbox[(out | no) & (inbox[:, E_ACCOUNT] == self._account)]:
            asset, units = int(row[E_INSTRUMENT]), int(row[E_SIZE])
            self._asked = None
            if row[E_KIND] == Event.WITHDRAW:
                self.taken[asset] = self.taken.get(asset, 0) + units
                usd += self._outside.sell(asset, units, now_us)
                continue
            self.refused += 1
            code = int(row[E_CODE])
            if code not in WAITING:
                self._most[asset] = 0 if code == EMPTY else units // 2
        return usd

    def waits(self, now_us: int) -> bool:
        """Whether an answer is still to come."""
        return self._asked is not None and now_us - self._asked[1] < self._patience_us

    def ask(
        self,
        now_us: int,
        assets: list[int],
        room: Callable[[int], int],
        unit_usd: dict[int, float],
        least_usd: float = 0.0,
    ) -> np.ndarray:
        """One WITHDRAW of the first of `assets` that still gives something, or no message.

        Args:
            assets: ids, the best first.
            room: units of an asset that margin should allow.
            unit_usd: what one unit is worth to it, by asset.
            least_usd: less is not taken, besides the drain's own minimum.
        """
        if self.waits(now_us):
            return blocks.none()
        for asset in assets:
            if now_us < self._rests_until.get(asset, 0):
                continue
            allowed = room(asset)
            units = min(allowed, self._most.get(asset, allowed))
            if units > 0 and units * unit_usd[asset] >= max(self._min_usd, least_usd):
                self._asked = (asset, now_us)
                return blocks.withdraw(self._account, asset, units)
            if units < allowed:  # refusals, not a lack of collateral, made it small
                self._rests_until[asset] = now_us + self._retry_us
                del self._most[asset]
        return blocks.none()
