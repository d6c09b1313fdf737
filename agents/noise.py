"""Zero-intelligence order flow: a cohort of small accounts trading without a view.

Daniels, Farmer, Gillemot, Iori and Smith (2003); Farmer, Patelli and Zovko (2005): market orders
arrive as a Poisson process, limit orders as another, each limit order is cancelled at a constant
rate.  One departure, switched off by ``value_share`` 0: that share of the market orders buys
below and sells above the index, the more the wider the gap (the fundamentalists of Chiarella and
Iori, 2002), without which nothing but the makers would hold perpetuals near their index.

Figures:

* ``market_per_s`` 52: BTCUSDT had 15.6 market orders a second (2024-08-08, 344 s, trades of one
  millisecond and side taken together), and BTC is 30 % of open interest here.
* sizes: those orders have a log deviation of 2.1 and a tail exponent of 1.1; the deviation is
  ``size_log_deviation`` 1.5 and sizes stop at ``max_size_usd``, because an account here is small.
  With a median of 15 USD the volume at rest is 2,400 USD a second, 1.5 times the open interest a
  day (0.51 on a calm day, all 334 perpetuals of one venue in 2026).
* ``volume_exponent`` 0.8: over the 86 minutes of 10 October 2025, 20:50-22:15, the volume of
  BTCUSDT goes with its volatility (high against low of the minute) to the power 0.80, correlation
  0.82; the quietest minute had 1.3 bp per square root of a second, the wildest 54.  About half of
  it were buyers even in the minute of the low.  Here sizes grow and counts do not.
* ``lifetime_s`` 20: near the touch of BTCUSDT 98 % of the liquidity that leaves is cancelled;
  with 40 limit orders a second about a tenth of these are met by a trade.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from agents import blocks
from agents.base import SECOND_US, NonNegative, Positive, Ratio, Trader, TraderParams
from agents.positions import Positions
from agents.volatility import Volatility
from sim.exchange.instruments import MICRO, Kind
from sim.exchange.messages import (
    E_CODE,
    E_KIND,
    E_ORDER,
    E_OTHER_ORDER,
    E_SIZE,
    Event,
    Flag,
    Reason,
)

if TYPE_CHECKING:
    from sim.market import MarketView


class NoiseParams(TraderParams):
    """Parameters of the cohort: rates per second over all books together."""

    market_per_s: NonNegative = 52.0
    limit_per_s: NonNegative = 40.0
    lifetime_s: Positive = 20.0  # mean, of a limit order
    size_median_usd: Positive = 15.0
    size_log_deviation: NonNegative = 1.5
    max_size_usd: Positive = 3_000.0  # at rest
    volume_exponent: NonNegative = 0.8  # of volatility over its value at rest, market orders
    max_volume_factor: Annotated[float, Field(ge=1)] = 30.0
    sigma_bps: Positive = 1.4  # at rest, before anything was seen, per square root of a second
    limit_depth_bps: Positive = 15.0  # mean distance of a limit order from the mid
    value_share: Ratio = 0.3  # market orders that lean on the index
    value_gap_bps: Positive = 10.0  # gap to the index that doubles the size of these; linear
    weight_exponent: NonNegative = 0.7  # books are drawn by OI share to this power
    spot_weight: NonNegative = 0.5  # of a spot book, to its coin's perpetual
    event_weight: NonNegative = 0.05  # of all event books, to all others together
    deposit_usd: Positive = 100_000.0
    interval_s: Positive = 0.3  # mean pause, exponential


class Noise(Trader):
    """The cohort; see the module's text."""

    Params = NoiseParams
    params: NoiseParams
    cohort: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, f = self.params, self.facts
        event = f.kinds == Kind.EVENT
        weight = np.array([float(w) ** p.weight_exponent if w > 0 else 0.0 for w in f.weight])
        weight[f.kinds == Kind.SPOT] *= p.spot_weight
        known = [book for terms in f.events for book in f.books_of(terms)]
        others = float(weight[~event].sum()) or 1.0
        weight[event] = 0.0
        weight[known] = p.event_weight * others / max(1, len(known))
        self.weight = weight
        self.bounds = np.cumsum(weight) / weight.sum()
        self.event = event
        self.payoff = np.zeros(f.instruments, dtype=np.int64)
        for terms in f.events:
            self.payoff[list(f.books_of(terms))] = f.payoff_ticks(terms)
        self.spot = f.kinds == Kind.SPOT
        self.positions = Positions(self.accounts, f)
        self.last_us = int(self.world.start_us)
        self.live = np.zeros((0, 4), dtype=np.int64)  # id, account row, lots left, cancel at
        self.open = np.ones(f.instruments, dtype=np.bool_)
        self.volatility = Volatility(f.instruments, p.sigma_bps, fast_s=60.0)
        self.rest = np.full(f.instruments, np.inf)  # lowest volatility so far
        self.factor = np.ones(f.instruments)  # of sizes

    def setup(self) -> list[np.ndarray]:
        """USDC for everybody; a hundredth of it in each coin that has a spot book."""
        f, p = self.facts, self.params
        out = [blocks.deposit(self.accounts, 0, int(p.deposit_usd * MICRO))]
        self.coins = np.zeros(f.instruments, dtype=np.int64)
        for i in f.spots:
            item = f.listing.item(int(i))
            lot_usd = f.usd(int(i), float(f.start_ticks[i]), 1)
            self.coins[i] = int(0.01 * p.deposit_usd / lot_usd)
            if self.coins[i] > 0:
                asset = f.listing.asset_id(item.base)  # type: ignore[union-attr]
                out.append(blocks.deposit(self.accounts, asset, int(self.coins[i])))
        return out

    def stakes(self) -> np.ndarray:
        return self.weight

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p = self.params
        self._read(inbox)
        gone_s = (now_us - self.last_us) / 1e6
        self.last_us = now_us
        self._look(now_us, view)
        market = int(self.rng.poisson(p.market_per_s * gone_s))
        limit = int(self.rng.poisson(p.limit_per_s * gone_s))
        pause_us = 1_000 + int(self.rng.exponential(p.interval_s) * 1e6)
        out = [self._cancels(now_us)]
        if market + limit:
            out.append(self._orders(now_us, view, market, limit))
        return blocks.join(out), pause_us

    def _read(self, inbox: np.ndarray) -> None:
        """Positions, and which limit orders are gone."""
        if len(inbox) == 0:
            return
        self.positions.apply(inbox)
        kind = inbox[:, E_KIND]
        resolved = inbox[(kind == Event.REJECT) & (inbox[:, E_CODE] == Reason.BOOK_STATE)]
        self.open[resolved[:, 4]] = False
        if len(self.live) == 0:
            return
        for rows, column, whole in (
            (inbox[kind == Event.FILL], E_OTHER_ORDER, False),
            (inbox[kind == Event.FILL], E_ORDER, False),
            (inbox[(kind == Event.CANCELLED) | (kind == Event.REJECT)], E_ORDER, True),
        ):
            at = np.searchsorted(self.live[:, 0], rows[:, column])
            at = np.minimum(at, len(self.live) - 1)
            own = self.live[at, 0] == rows[:, column]
            if whole:
                self.live[at[own], 2] = 0
            else:
                np.subtract.at(self.live[:, 2], at[own], rows[own, E_SIZE])
        self.live = self.live[self.live[:, 2] > 0]

    def _look(self, now_us: int, view: MarketView) -> None:
        """How much larger orders are now than at rest, by book."""
        p = self.params
        if self.volatility.see(view.time_us, view.index, 5.0):
            fast = self.volatility.fast
            if now_us >= self.world.start_us + 60 * SECOND_US:
                self.rest = np.minimum(self.rest, np.minimum(self.volatility.slow, fast))
            rest = np.where(np.isfinite(self.rest), self.rest, fast)
            ratio = np.where(self.event, 1.0, fast / np.maximum(rest, 1e-3))
            factor = [max(r, 1.0) ** p.volume_exponent for r in ratio.tolist()]
            self.factor = np.minimum(np.array(factor), p.max_volume_factor)

    def _cancels(self, now_us: int) -> np.ndarray:
        """Cancel the limit orders whose time has come."""
        if len(self.live) == 0:
            return blocks.none()
        due = self.live[:, 3] <= now_us
        if not due.any():
            return blocks.none()
        old = self.live[due]
        self.live = self.live[~due]
        return blocks.cancel(self.accounts[old[:, 1]], old[:, 0])

    def _orders(self, now_us: int, view: MarketView, market: int, limit: int) -> np.ndarray:
        """`market` market orders and `limit` limit orders of random accounts in random books."""
        p, rng, n = self.params, self.rng, market + limit
        book = np.searchsorted(self.bounds, rng.random(n), side="right")
        book = np.minimum(book, len(self.bounds) - 1)
        row = rng.integers(0, len(self.accounts), n)
        coin = rng.random(n)
        lean = rng.random(n)
        usd = rng.lognormal(0.0, p.size_log_deviation, n) * p.size_median_usd
        is_market = np.arange(n) < market
        usd = np.minimum(usd, p.max_size_usd) * np.where(is_market, self.factor[book], 1.0)
        away = rng.exponential(p.limit_depth_bps, n)
        life = rng.exponential(p.lifetime_s, n)

        bid, ask = view.bid[book], view.ask[book]
        price = self._fair(view, book)
        held = self.positions.lots[row, book]
        index = view.index[book]
        seen = np.where((bid > 0) & (ask > 0), (bid + ask) * 0.5, np.maximum(bid, ask))
        value = (lean < p.value_share) & is_market & (seen > 0) & (index > 0) & ~self.event[book]
        buy = np.where(value, seen < index, coin < 0.5)
        gap_bps = np.where(value, np.abs(seen - index) * 1e4 / np.maximum(index, 1), 0.0)
        usd = usd * np.minimum(1.0 + gap_bps / p.value_gap_bps, p.max_volume_factor)

        event = self.event[book]
        distance = np.where(event, 10.0 * away, away) * 1e-4  # events: ten times as far
        scale = np.where(event, self.payoff[book], price)
        limit_price = np.where(
            buy, np.floor(price - distance * scale), np.ceil(price + distance * scale)
        )
        top = np.where(event, self.payoff[book] - 1, 1 << 60)
        limit_price = np.minimum(np.maximum(limit_price, 1), top).astype(np.int64)
        # A share is sized by what it pays, so that a long shot is no huge position.
        worth = np.where(event, self.payoff[book], np.maximum(price, 1))
        worth = worth * self.facts.tick_value[book]
        lots = np.maximum(np.floor(usd * MICRO / worth), self.facts.min_lots[book])
        lots = lots.astype(np.int64)
        short = self.spot[book] & ~buy
        lots = np.where(short, np.minimum(lots, (self.coins[book] + held) // 4), lots)

        there = np.where(buy, ask, bid) > 0  # a market order needs somebody to meet
        good = (price > 0) & (lots > 0) & self.open[book] & (there | ~is_market)
        good &= ~self.positions.flagged[row]
        ids = self.new_ids(n)
        flags = np.where(is_market, int(Flag.MARKET), 0)
        side = np.where(buy, 0, 1)
        rests = good & ~is_market
        until = now_us + (life * 1e6).astype(np.int64)
        self.live = np.concatenate((self.live, np.stack((ids, row, lots, until), axis=1)[rests]))
        block = blocks.new(
            self.accounts[row], book, side, np.where(is_market, 0, limit_price), lots, ids, flags
        )
        chosen: np.ndarray = block[good]
        return chosen

    def _fair(self, view: MarketView, book: np.ndarray) -> np.ndarray:
        """The mid, else the last price, else the mark, else the start's: float64, <= 0 unknown."""
        bid, ask = view.bid[book], view.ask[book]
        spare = np.where(view.mark[book] > 0, view.mark[book], self.facts.start_ticks[book])
        spare = np.where(view.index[book] > 0, view.index[book], spare)
        fair: np.ndarray = np.where((bid > 0) & (ask > 0), (bid + ask) * 0.5, spare)
        return fair
