"""Leveraged directional accounts: a cohort that holds the open interest when a run begins.

Most hold on and are liquidated; some close at a stop loss or take their profit, some add to a
position that goes their way (trend followers), some top up collateral when liquidation comes
near.  Sizes, leverage, entry prices and what else they own: `agents.population`.

Source of the behaviour: Thurner, Farmer and Geanakoplos (2012), leverage causes fat tails;
Brunnermeier and Pedersen (2009), margin spirals.  The shares of the four behaviours, thresholds
and reaction times are assumptions, set before any run: half of the accounts never act.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import model_validator

from agents import blocks
from agents.base import Count, Positive, Ratio, Trader, TraderParams
from agents.population import Opening, PopulationParams, open_positions
from agents.positions import Positions
from agents.sizes import initial_margin_usd
from sim.exchange.instruments import MICRO
from sim.exchange.messages import Flag

if TYPE_CHECKING:
    from sim.market import MarketView

HOLD, STOP, TREND, TOP_UP = range(4)


class LeveragedParams(TraderParams):
    """Parameters of the cohort; ratios are of an account's equity at the start."""

    population: PopulationParams = PopulationParams()
    stop_share: Ratio = 0.25  # accounts with a stop and a take profit
    trend_share: Ratio = 0.10
    top_up_share: Ratio = 0.15
    stop_loss_ratio: Positive = 0.4  # mean; each has its own, times 0.5 to 1.5
    take_profit_ratio: Positive = 0.6
    trend_threshold_ratio: Positive = 0.15  # gain at which a trend follower adds
    trend_add_ratio: Positive = 0.25  # of the position, each time
    trend_max_adds: Count = 2
    top_up_at_ratio: Positive = 1.0  # equity to initial margin below which it tops up
    top_up_ratio: Positive = 0.3  # collateral added
    top_up_max: Count = 1
    interval_s: Positive = 1.0
    reaction_s: Positive = 15.0  # how often an account looks at the market

    @model_validator(mode="after")
    def _shares(self) -> LeveragedParams:
        if self.stop_share + self.trend_share + self.top_up_share > 1:
            raise ValueError("stop_share + trend_share + top_up_share exceed 1")
        return self


class Leveraged(Trader):
    """The cohort; see the module's text."""

    Params = LeveragedParams
    params: LeveragedParams
    cohort: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, n = self.params, len(self.accounts)
        self.positions = Positions(self.accounts, self.facts)
        draw = self.rng.random(n)
        bounds = np.cumsum([p.stop_share, p.trend_share, p.top_up_share])
        self.behaviour = np.select([draw < b for b in bounds], [STOP, TREND, TOP_UP], HOLD)
        self.own = self.rng.uniform(0.5, 1.5, n)  # an account's factor on its thresholds
        self.acted = np.zeros(n, dtype=np.int64)
        self.slices = max(1, round(p.reaction_s / p.interval_s))
        self.turn = 0
        self.opening: Opening | None = None
        self.start_pnl: np.ndarray | None = None
        self.added = np.zeros(n)  # collateral added, USD

    def setup(self) -> list[np.ndarray]:
        self.opening = open_positions(
            self.facts,
            self.accounts,
            self.params.population,
            self.rng,
            int(self.world.start_us),
            self.new_ids,
        )
        return self.opening.blocks

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        self.positions.apply(inbox)
        pause_us = int(self.params.interval_s * 1e6)
        coins = self.facts.perpetuals
        marks = view.mark[:coins]
        if self.opening is None or coins == 0 or not (marks > 0).any():
            return blocks.none(), pause_us
        if self.start_pnl is None:
            start = self.facts.start_ticks
            self.start_pnl = self.positions.value(start) / MICRO
        self.turn = (self.turn + 1) % self.slices
        looking = np.arange(self.turn, len(self.accounts), self.slices)
        looking = looking[(self.behaviour[looking] != HOLD) & ~self.positions.flagged[looking]]
        if len(looking) == 0:
            return blocks.none(), pause_us
        return self._act(looking, np.maximum(marks, 0)), pause_us

    def _act(self, rows: np.ndarray, marks: np.ndarray) -> np.ndarray:
        """What the accounts of `rows` do at `marks` (ticks)."""
        assert self.opening is not None
        assert self.start_pnl is not None
        p, coins = self.params, self.facts.perpetuals
        lots = self.positions.lots[rows, :coins]
        worth = marks * self.facts.tick_value[:coins]
        equity = self.opening.equity_usd[rows]
        value = (lots * worth).sum(axis=1) + self.positions.cash[rows]
        gain = value / MICRO - self.start_pnl[rows]
        ratio = gain / np.maximum(equity, 1e-9)
        kind, own = self.behaviour[rows], self.own[rows]
        active = (lots != 0).any(axis=1) & (equity > 0)
        out = []

        over = (ratio < -p.stop_loss_ratio * own) | (ratio > p.take_profit_ratio * own)
        out.append(self._close(rows, lots, active & (kind == STOP) & over))

        times = self.acted[rows]
        going = ratio > p.trend_threshold_ratio * own * (1 + times)
        adding = active & (kind == TREND) & going & (times < p.trend_max_adds)
        out.append(self._add(rows, lots, adding))

        calm = (kind != TOP_UP) | (times >= p.top_up_max) | ~active
        if not calm.all():
            near = np.flatnonzero(~calm)
            need = initial_margin_usd(self.facts, np.abs(lots[near]) * worth / MICRO)
            have = equity[near] + self.added[rows[near]] + gain[near]
            low = near[have < p.top_up_at_ratio * own[near] * need]
            usd = p.top_up_ratio * equity[low]
            self.added[rows[low]] += usd
            self.acted[rows[low]] += 1
            micro = np.maximum(np.floor(usd * MICRO), 1).astype(np.int64)
            out.append(blocks.deposit(self.accounts[rows[low]], 0, micro))
        return blocks.join(out)

    def _close(self, rows: np.ndarray, lots: np.ndarray, who: np.ndarray) -> np.ndarray:
        """Market orders that close every position of the accounts `who`."""
        a, c = np.nonzero(lots * who[:, None])
        return self._market(rows[a], c, -lots[a, c], int(Flag.MARKET | Flag.REDUCE_ONLY))

    def _add(self, rows: np.ndarray, lots: np.ndarray, who: np.ndarray) -> np.ndarray:
        """Market orders that add to every position of the accounts `who`."""
        self.acted[rows[who]] += 1
        a, c = np.nonzero(lots * who[:, None])
        held = lots[a, c]
        more = np.floor(np.abs(held) * self.params.trend_add_ratio).astype(np.int64)
        more = np.maximum(more, self.facts.min_lots[c])
        return self._market(rows[a], c, np.where(held > 0, more, -more), int(Flag.MARKET))

    def _market(self, rows: np.ndarray, c: np.ndarray, lots: np.ndarray, flags: int) -> np.ndarray:
        """Market orders for signed `lots` of instruments `c`."""
        if len(rows) == 0:
            return blocks.none()
        ids = self.new_ids(len(rows))
        side = np.where(lots > 0, 0, 1)
        return blocks.new(self.accounts[rows], c, side, 0, np.abs(lots), ids, flags)
