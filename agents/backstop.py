"""A backstop provider: commits capital to take over positions of accounts being liquidated.

LIQ-03 hands it positions at a discount; it sells them off slowly at the touch, and withdraws its
commitment once its loss reaches a cap: in October 2025 such a vault took what it could bear before
counterparties were deleveraged.

Figures: capital of 3.5 million USD (2.5 % of open interest at desk scale), the cap of 20 % and the
pace are assumptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from agents import blocks
from agents.base import NonNegative, Positive, Trader, TraderParams
from agents.positions import Positions
from sim.exchange.instruments import MICRO
from sim.exchange.messages import Flag

if TYPE_CHECKING:
    from sim.market import MarketView


class BackstopParams(TraderParams):
    """Parameters of one provider."""

    capital_usd: Positive = 3_500_000.0
    commit_ratio: Annotated[float, Field(gt=0, le=1)] = 1.0  # of the capital
    drawdown_cap_ratio: Annotated[float, Field(gt=0, le=1)] = 0.2  # loss at which it withdraws
    unwind_ratio: Annotated[float, Field(gt=0, le=1)] = 0.002  # of each position, at each look
    unwind_min_usd: Positive = 500.0
    crosses: bool = False  # sells into the bid instead of joining the ask
    max_discount_bps: NonNegative = 200.0  # against the index, at which it still sells
    interval_s: Positive = 5.0


class Backstop(Trader):
    """The provider; see the module's text."""

    Params = BackstopParams
    params: BackstopParams

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.positions = Positions(self.accounts, self.facts)
        self.withdrawn = False
        self.quoting = False

    def setup(self) -> list[np.ndarray]:
        micro = int(self.params.capital_usd * MICRO)
        commitment = int(self.params.commit_ratio * micro)
        return [blocks.deposit(self.account, 0, micro), blocks.commit(self.account, commitment)]

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p = self.params
        self.positions.apply(inbox)
        pause_us = int(p.interval_s * 1e6)
        out = []
        marks = np.where(view.mark > 0, view.mark, self.facts.start_ticks)
        loss = -float(self.positions.value(marks)[0]) / MICRO
        if not self.withdrawn and loss > p.drawdown_cap_ratio * p.capital_usd:
            self.withdrawn = True
            out.append(blocks.commit(self.account, 0))
        if self.quoting:
            out.append(blocks.cancel_all(self.account))
        unwind = self._unwind(view)
        self.quoting = len(unwind) > 0 and not p.crosses
        return blocks.join([*out, unwind]), pause_us

    def _unwind(self, view: MarketView) -> np.ndarray:
        """Reduce-only orders for a slice of every perpetual position."""
        p, coins = self.params, self.facts.perpetuals
        if self.positions.flagged[0]:
            return blocks.none()
        lots = self.positions.lots[0, :coins]
        own, other = (view.bid, view.ask) if p.crosses else (view.ask, view.bid)
        touch = np.where(lots > 0, own[:coins], other[:coins])
        index = view.index[:coins]
        give = np.floor(np.maximum(index, 0) * (p.max_discount_bps * 1e-4)).astype(np.int64)
        # Alone at the touch it would follow its own quote down: the index is a limit.
        touch = np.where(lots > 0, np.maximum(touch, index - give), touch)
        touch = np.where(lots < 0, np.minimum(touch, index + give), touch)
        i = np.flatnonzero((lots != 0) & (touch > 0) & (index > 0))
        if len(i) == 0:
            return blocks.none()
        lot_usd = touch[i] * self.facts.tick_value[i] / MICRO
        size = np.maximum(np.abs(lots[i]) * p.unwind_ratio, p.unwind_min_usd / lot_usd)
        size = np.minimum(np.maximum(np.floor(size).astype(np.int64), 1), np.abs(lots[i]))
        flags = int(Flag.REDUCE_ONLY | (Flag.IOC if p.crosses else Flag.NONE))
        side = np.where(lots[i] > 0, 1, 0)
        return blocks.new(self.account, i, side, touch[i], size, self.new_ids(len(i)), flags)
