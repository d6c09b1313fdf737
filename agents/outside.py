"""The market outside the exchange: coins bought and sold there at their true price, with a ledger.

Whoever deals with the exchange may also look at the true price, as late as it sees everything
else, and trade there any amount without moving it.  That is a simplification: deep venues against
one whose oracle is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agents import blocks
from sim.exchange.instruments import MICRO, USDC

if TYPE_CHECKING:
    from agents.base import Trader


class Outside:
    """What a trader spends and receives outside, in USD at true prices.

    Args:
        trader: who trades; sees prices of its latency ago.

    Attributes:
        spent_usd: paid for what it brought to the exchange.
        received_usd: got for what it took from the exchange.
    """

    def __init__(self, trader: Trader) -> None:
        self._listing = trader.facts.listing
        self._latency_us = trader.latency_us
        self._truth: Any = getattr(trader.world, "truth", None)
        self._row = [-1] * (1 + len(self._listing.assets))
        for asset, declared in enumerate(self._listing.assets, start=1):
            if self._truth is not None and declared.feed in self._truth.names:
                self._row[asset] = self._truth.names.index(declared.feed)
        self.spent_usd = 0.0
        self.received_usd = 0.0

    def unit_usd(self, asset: int, now_us: int) -> float:
        """USD of one smallest unit of USDC or a coin; 0 where no true price is known."""
        if asset == USDC:
            return 1.0 / MICRO
        row = self._row[asset]
        if row < 0:
            return 0.0
        coin = float(self._truth.sample(row, np.array(now_us - self._latency_us)))
        return coin / self._listing.assets[asset - 1].units_per_coin

    def bring(self, account: int, asset: int, units: int, now_us: int) -> np.ndarray:
        """Buy units outside and deposit them: a block."""
        if units <= 0:
            return blocks.none()
        self.spent_usd += units * self.unit_usd(asset, now_us)
        return blocks.deposit(account, asset, units)

    def sell(self, asset: int, units: int, now_us: int) -> float:
        """Units that came out of the exchange are sold outside: USD received."""
        usd = units * self.unit_usd(asset, now_us)
        self.received_usd += usd
        return usd
