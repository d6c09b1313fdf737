"""Scripted order flow: somebody buys, or sells, a given amount of one thing within a given time.

Apart from true prices and faults this is the only shock that a scenario may script: a large seller
whose reasons lie outside the model, as the published sales of 4.3 and 6.2 million USD of a dollar
token in single minutes, or the 5 million that lifted a pre-launch perpetual's asks (Hyperliquid,
XPL, August 2025).  It spreads its orders evenly (TWAP, Almgren and Chriss, 2000, without risk
aversion), crosses the spread, and tries again what was not filled, at most for as long again as it
was to take.  The size of an order supposes that it fills at its worst price, so that a sweep with
a limit far from the touch takes several intervals to spend the whole.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from agents import blocks
from agents.base import NonNegative, Positive, Trader, TraderParams
from agents.positions import Positions
from agents.reach import furthest_ticks
from sim.exchange.instruments import MICRO, Kind
from sim.exchange.messages import (
    E_ACCOUNT,
    E_KIND,
    E_ORDER,
    E_PRICE,
    E_SIZE,
    Event,
    Flag,
)

if TYPE_CHECKING:
    from sim.market import MarketView

ENDS = (int(Event.CANCELLED), int(Event.REJECT))


class FlowParams(TraderParams):
    """Parameters of one flow; ``total_usd`` is what its fills are worth at their prices."""

    instrument: str = ""  # none: the first
    side: Literal["buy", "sell"] = "buy"
    outcome: Literal["YES", "NO"] = "YES"  # in an event book; prices are this outcome's
    total_usd: Positive = 10_000.0
    start_s: NonNegative = 0.0  # from the start of the run
    duration_s: Positive = 60.0
    interval_s: Positive = 1.0
    max_slippage_bps: NonNegative = 100.0  # of the touch, per order
    limit_price: NonNegative = 0.0  # USD; then every level up to here is taken, slippage or not
    band_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.45  # no orders further from the mark
    capital_usd: Positive = 20_000.0  # deposited; for a sale of spot, in that coin


class Flow(Trader):
    """The flow; see the module's text.

    Attributes:
        done_usd: value of its fills so far.
    """

    Params = FlowParams
    params: FlowParams

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, facts = self.params, self.facts
        names = facts.listing.instrument_names()
        if p.instrument and p.instrument not in names:
            raise ValueError(f"{self.name}: no instrument {p.instrument!r}; listed: {names}")
        self.book = names.index(p.instrument) if p.instrument else 0
        self.kind = int(facts.kinds[self.book])
        if p.outcome == "NO" and self.kind != Kind.EVENT:
            raise ValueError(f"{self.name}: {names[self.book]} is no event, it has no NO")
        self.side = 0 if p.side == "buy" else 1
        self.no = p.outcome == "NO"
        self.payoff = MICRO // int(facts.tick_value[self.book])  # events only
        self.positions = Positions(self.accounts, facts)
        self.coins = 0  # brought, lots
        self.under_way: dict[int, tuple[int, int]] = {}  # order -> lots left, price
        self.done_usd = 0.0

    def setup(self) -> list[np.ndarray]:
        listing, usd = self.facts.listing, self.params.capital_usd
        if self.kind == Kind.SPOT and self.side == 1:
            worth = self.facts.usd(self.book, float(self.facts.start_ticks[self.book]), 1)
            self.coins = int(usd / worth)
            if self.coins > 0:
                asset = listing.base_of(self.book)
                return [blocks.deposit(self.account, asset, self.coins)]
        return [blocks.deposit(self.account, 0, int(usd * MICRO))]

    def stakes(self) -> np.ndarray:
        return np.eye(self.facts.instruments)[self.book]

    def first_wake_us(self) -> int:
        """Exactly at its start."""
        return int(self.world.start_us) + int(self.params.start_s * 1e6)

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p = self.params
        self.positions.apply(inbox)
        self._hear(inbox)
        pause_us = int(p.interval_s * 1e6)
        gone_s = (now_us - self.world.start_us) / 1e6 - p.start_s
        if gone_s > 2 * p.duration_s or self.positions.flagged[0]:
            return blocks.none(), pause_us
        due = p.total_usd * min(1.0, (gone_s + p.interval_s) / p.duration_s)
        coming = math.fsum(self._usd(price, lots) for lots, price in self.under_way.values())
        price, touch = self._limit(view)
        if price <= 0:
            return blocks.none(), pause_us
        worst = max(price, touch)  # a sweep may pay more than the touch
        lots = int((due - self.done_usd - coming) / self._usd(worst, 1))
        if self.kind == Kind.SPOT and self.side == 1:
            lots = min(lots, self.coins + int(self.positions.lots[0, self.book]))
        if lots < int(self.facts.min_lots[self.book]):
            return blocks.none(), pause_us
        ids = self.new_ids(1)
        self.under_way[int(ids[0])] = (lots, worst)
        flags, no = int(Flag.IOC), int(self.no)
        return blocks.new(self.account, self.book, self.side, price, lots, ids, flags, no), pause_us

    def _usd(self, price: int, lots: int) -> float:
        return self.facts.usd(self.book, price, lots)

    def _limit(self, view: MarketView) -> tuple[int, int]:
        """Limit price of the next order and the touch it starts from, own outcome's ticks.

        (-1, -1) while nobody is on the other side.
        """
        p, book = self.params, self.book
        buys_yes = (self.side == 0) != self.no  # which side of the book it takes from
        touch = int(view.ask[book]) if buys_yes else int(view.bid[book])
        if touch <= 0:
            return -1, -1
        touch = self.payoff - touch if self.no else touch
        far = furthest_ticks(self.facts, view, book, self.side, p.band_ratio)
        tick_usd = self._tick_usd()
        give = int(touch * p.max_slippage_bps * 1e-4)
        if self.side == 0:
            wanted = int(p.limit_price / tick_usd + 1e-9) if p.limit_price else touch + give
            price = min(wanted, far)
            return (price, touch) if price >= touch else (-1, -1)
        wanted = math.ceil(p.limit_price / tick_usd - 1e-9) if p.limit_price else touch - give
        price = max(wanted, far, 1)
        return (price, touch) if price <= touch else (-1, -1)

    def _tick_usd(self) -> float:
        """USD of one tick: of a coin, or of a share."""
        feed = int(self.facts.feed_of[self.book])
        if feed < 0:
            return 1.0 / self.payoff
        return self.facts.listing.feeds[feed].tick_micro / MICRO

    def _hear(self, inbox: np.ndarray) -> None:
        """Which orders are done, and what they came to."""
        for row in inbox[inbox[:, E_ACCOUNT] == self.account] if len(inbox) else inbox:
            order, kind = int(row[E_ORDER]), int(row[E_KIND])
            if order not in self.under_way:
                continue
            if kind in ENDS:
                del self.under_way[order]
            elif kind == Event.FILL:
                size, price = int(row[E_SIZE]), int(row[E_PRICE])
                price = self.payoff - price if self.no else price
                self.done_usd += self._usd(price, size)
                left, at = self.under_way[order]
                if left > size:
                    self.under_way[order] = (left - size, at)
                else:
                    del self.under_way[order]
