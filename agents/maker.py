"""A market-making firm: one account quoting many perpetuals and spot books at every wake-up.

Quotes follow Guéant, Lehalle and Fernandez-Tapia (2013), the stationary form of Avellaneda and
Stoikov (2008): a half-spread c1 per book, plus sigma·C per unit of inventory (`agents.quoting`).
The fair price is mostly the index.  A firm pulls from a book when the index moves more than k
sigma in about a second, as makers did in October 2025, and leaves distant stubs behind.

Figures, for an exchange of 138 million USD open interest, a hundredth of a large venue's:

* depth: BTC depth within 0.5 % of the mid averaged 15.5 million USD (7.75 a side) on major venues
  in early October 2025 (CoinDesk Research).  A hundredth is 77,500 USD a side against 41.4 million
  USD of BTC open interest: 0.19 %, shared by three firms: ``depth50_ratio`` 6.2e-4.  Other coins
  in proportion to open interest.
* shape: of the bids within 50 bp of BTCUSDT (2024-08-08, 344 s, median of 69 looks) 2 % lie
  within 2 bp, 7.5 % within 5, 18 % within 10, 40 % within 20: ``level_share``.  XRPUSDT of
  2024-12-01 has 1, 5, 17, 55 %.
* half-spread: in 179 perpetuals of one venue the impact spread falls with open interest as
  OI^-0.41 and is 0.89 bp at BTC: ``half_spread_bps`` 0.44, ``spread_exponent`` 0.41.
* volatility at rest: 1.4 bp per square root of a second (BTCUSDT, 2024-08-08).
* stubs at 4 % and beyond: "only wider bands such as 4 % and 10 % from the mid showed meaningful
  bids" on 10 October 2025 (Kaiko, 13 October 2025).
* capital, leverage, pull at 5 sigma for 20 s: assumptions; three firms together have 3 % of the
  open interest.
* risk aversion: at rest a full position moves the quotes of BTC by 9 bp, of the smallest coin by
  30 bp, 6 to 20 half-spreads; an assumption.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from agents import blocks
from agents.base import NonNegative, Positive, Ratio, Trader, TraderParams
from agents.positions import Positions
from agents.quoting import glft
from agents.slots import Slots
from agents.volatility import Volatility
from sim.exchange.instruments import MICRO, Kind
from sim.exchange.messages import Flag

if TYPE_CHECKING:
    from sim.market import MarketView


class MakerParams(TraderParams):
    """Parameters of one firm; lengths are bp of the price, times seconds, money USD."""

    instruments: tuple[str, ...] = ()  # none named: every perpetual and spot book
    capital_usd: Positive = 1_400_000.0
    max_leverage: Positive = 4.0  # gross notional per capital, shared out as OI
    spot_capital_ratio: Ratio = 0.2  # of the capital, in coins of its spot books at the start
    depth50_ratio: Positive = 6.2e-4  # one side within 50 bp, of the coin's OI
    level_offset_bps: tuple[float, ...] = (0.0, 3.0, 8.0, 18.0, 42.0)
    level_share: tuple[float, ...] = (0.02, 0.055, 0.105, 0.22, 0.60)
    half_spread_bps: Positive = 0.44  # at an OI share of 0.3
    spread_exponent: NonNegative = 0.41
    adverse_sigmas: NonNegative = 1.0  # half-spread at least so many 1-s deviations
    index_weight: Ratio = 0.8  # of the index in the fair price, rest the mid
    risk_aversion_per_bp: Positive = 0.001
    turnover_per_day: Positive = 0.51  # volume per OI, the 334 perpetuals' aggregate
    inventory_units: Positive = 10.0  # units of inventory in a full position
    max_skew_bps: NonNegative = 300.0
    sigma_bps: Positive = 1.4  # per square root of a second, before it has looked
    pull_sigmas: Positive = 5.0  # of each firm: times 0.8 to 1.25
    pulls: bool = True
    pull_s: Positive = 20.0
    warm_s: NonNegative = 60.0  # no pulling before
    stub_bps: Positive = 400.0
    stub_ratio: NonNegative = 0.25  # size of stubs to normal size
    mark_band_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.35  # no quotes further from the mark
    stop_drawdown_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5  # then it only reduces
    interval_s: Annotated[float, Field(gt=0, le=1)] = 0.9
    post_only: bool = False

    @model_validator(mode="after")
    def _levels(self) -> MakerParams:
        if len(self.level_offset_bps) != len(self.level_share) or not self.level_share:
            raise ValueError("level_offset_bps and level_share need one entry per level")
        return self


class Maker(Trader):
    """One firm with one account; see the module's text."""

    Params = MakerParams
    params: MakerParams
    cohort: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, f = self.params, self.facts
        names = f.listing.instrument_names()
        chosen = [names.index(name) for name in p.instruments]
        ids = np.array(chosen or np.flatnonzero(f.kinds != Kind.EVENT), dtype=np.int64)
        self.books = ids
        n, levels = len(ids), len(p.level_share)
        self.tick_value = f.tick_value[ids].astype(np.float64)
        self.spot = f.kinds[ids] == Kind.SPOT
        oi_usd = f.weight[ids] * float(f.oi.sum())
        self.limit_usd = p.capital_usd * p.max_leverage * f.weight[ids]
        if self.spot.any():  # what it has in coins it can sell, as much again it can buy
            part = f.weight[ids][self.spot]
            self.limit_usd[self.spot] = p.capital_usd * p.spot_capital_ratio * part / part.sum()
            self.limit_usd = np.maximum(self.limit_usd, 1.0)
        share = np.array(p.level_share)
        self.level_usd = (p.depth50_ratio * oi_usd)[:, None] * share[None, :]
        self.min_lots = f.min_lots[ids].astype(np.float64)[:, None]
        self.offset_bps = np.array(p.level_offset_bps)
        self.stub_bps = p.stub_bps * (1.0 + 0.5 * np.arange(levels))
        self.c1 = np.empty(n)
        self.c2_per_sigma = np.empty(n)  # bp per unit of inventory and bp of volatility
        self.unit_usd = self.limit_usd / p.inventory_units
        for j in range(n):
            weight = max(float(f.weight[ids[j]]), 1e-6)
            half = p.half_spread_bps * (weight / 0.3) ** -p.spread_exponent
            fills = p.turnover_per_day * float(oi_usd[j]) / 86_400.0 / float(self.unit_usd[j])
            _, c2 = glft(1.0, fills, 1.0 / half, p.risk_aversion_per_bp)
            self.c1[j], self.c2_per_sigma[j] = half, c2
        self.start = f.start_ticks[ids]
        self.spot_lots = np.zeros(n)
        self.volatility = Volatility(n, p.sigma_bps)
        self.pull_sigmas = p.pull_sigmas * float(self.rng.uniform(0.8, 1.25))
        self.pulled_until_us = np.zeros(n, dtype=np.int64)
        self.positions = Positions(self.accounts, f)
        self.fair = self.start.astype(np.float64)
        flags = int(Flag.POST_ONLY) if p.post_only else 0
        self.slots = Slots(self, ids, levels, flags)

    def setup(self) -> list[np.ndarray]:
        """Capital in USDC, of which part in the coins of its spot books."""
        f = self.facts
        usd = self.params.capital_usd
        out = []
        for j in np.flatnonzero(self.spot):
            worth = float(self.limit_usd[j]) if self.params.spot_capital_ratio > 0 else 0.0
            lots = int(worth * MICRO / (float(self.start[j]) * self.tick_value[j]))
            if lots > 0:
                item = f.listing.item(int(self.books[j]))
                asset = f.listing.asset_id(item.base)  # type: ignore[union-attr]
                out.append(blocks.deposit(self.account, asset, lots))
                self.spot_lots[j] = lots
                usd -= worth
        return [blocks.deposit(self.account, 0, max(int(usd * MICRO), 1)), *out]

    def stakes(self) -> np.ndarray:
        """As its limits: open interest in the perpetuals, a part of the capital in coins."""
        out = np.zeros(self.facts.instruments)
        out[self.books] = self.limit_usd
        return out

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p = self.params
        self.positions.apply(inbox)
        self.slots.apply(inbox)
        pause_us = int(p.interval_s * 1e6)
        index = view.index[self.books]
        self._look(now_us, view, index)
        if self.positions.flagged[0]:
            self.slots.forget()
            return blocks.none(), pause_us
        price, lots = self._quotes(now_us, view)
        want = self._wanted(view, lots)
        self._keep_in_band(view, price, want)
        rising = self.fair >= self.last_fair
        return self.slots.block(price, lots, want, rising, now_us), pause_us

    def _look(self, now_us: int, view: MarketView, index: np.ndarray) -> None:
        """Take the delayed view: fair prices, volatility, and from where to pull."""
        p = self.params
        bid, ask = view.bid[self.books], view.ask[self.books]
        base = np.where(index > 0, index, self.start).astype(np.float64)
        mid = np.where((bid > 0) & (ask > 0), (bid + ask) * 0.5, base)
        self.last_fair = self.fair
        self.fair = p.index_weight * base + (1.0 - p.index_weight) * mid
        usual = self.volatility.slow
        if self.volatility.see(view.time_us, index) and p.pulls:
            if now_us >= self.world.start_us + p.warm_s * 1e6:
                jump = np.abs(self.volatility.move) > self.pull_sigmas * usual
                self.pulled_until_us[jump] = now_us + int(p.pull_s * 1e6)

    def _quotes(self, now_us: int, view: MarketView) -> tuple[np.ndarray, np.ndarray]:
        """Prices int64[n, 2, levels] and sizes int64[n, 1, levels]."""
        p = self.params
        value = self.fair * self.tick_value  # micro-USDC per lot
        lots = self.positions.lots[0, self.books]
        self.inventory_usd = lots * value / MICRO
        sigma = self.volatility.fast
        slope = self.c2_per_sigma * sigma
        half = np.maximum(self.c1, p.adverse_sigmas * sigma) + 0.5 * slope
        skew = slope * (self.inventory_usd / self.unit_usd)
        skew = np.minimum(np.maximum(skew, -p.max_skew_bps), p.max_skew_bps)
        pulled = (self.pulled_until_us > now_us)[:, None]
        away = np.where(pulled, self.stub_bps[None, :], half[:, None] + self.offset_bps[None, :])
        price = np.empty((len(self.books), 2, away.shape[1]))
        scaled = self.fair[:, None] * 1e-4
        price[:, 0] = np.floor(self.fair[:, None] - scaled * (away + skew[:, None]))
        price[:, 1] = np.ceil(self.fair[:, None] + scaled * (away - skew[:, None]))
        price[:, 0] = np.maximum(price[:, 0], 1.0)
        price[:, 1] = np.maximum(price[:, 1], price[:, :1, 0] + 1.0)
        size = self.level_usd * np.where(pulled, p.stub_ratio, 1.0) * MICRO / value[:, None]
        size = np.maximum(np.floor(size), self.min_lots)
        return price.astype(np.int64), size.astype(np.int64)[:, None, :]

    def _keep_in_band(self, view: MarketView, price: np.ndarray, want: np.ndarray) -> None:
        """Quotes that the exchange would refuse (ORD-04) are made worse, or left out."""
        mark = view.mark[self.books]
        mark = np.where(mark > 0, mark, self.start).astype(np.float64)
        low = np.ceil(mark * (1.0 - self.params.mark_band_ratio)).astype(np.int64)[:, None]
        high = np.floor(mark * (1.0 + self.params.mark_band_ratio)).astype(np.int64)[:, None]
        want[:, 0] &= price[:, 0] >= low
        want[:, 1] &= price[:, 1] <= high
        price[:, 0] = np.minimum(price[:, 0], high)
        price[:, 1] = np.maximum(price[:, 1], low)

    def _wanted(self, view: MarketView, lots: np.ndarray) -> np.ndarray:
        """Which quotes position, gross and capital limits allow: bool[n, 2, levels]."""
        p = self.params
        n, _, levels = lots.shape
        marks = np.where(view.mark > 0, view.mark, self.facts.start_ticks)
        equity = p.capital_usd + float(self.positions.value(marks)[0]) / MICRO
        held = float(np.abs(self.inventory_usd).sum())
        grow = held < p.max_leverage * equity
        grow = grow and equity > (1.0 - p.stop_drawdown_ratio) * p.capital_usd
        want = np.empty((n, 2, levels), dtype=np.bool_)
        room = np.minimum(self.limit_usd, np.inf if grow else 0.0)
        want[:, 0] = (self.inventory_usd < room)[:, None]
        want[:, 1] = (self.inventory_usd > -room)[:, None]
        if self.spot.any():
            have = self.spot_lots + self.positions.lots[0, self.books]
            enough = np.cumsum(lots[:, 0], axis=1) <= have[:, None]
            want[self.spot, 1] &= enough[self.spot]
        return want
