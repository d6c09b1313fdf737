"""An event-perpetual hedger: holds shares of a price-linked event and hedges with the perpetual.

A digital's delta is its density (Black and Scholes, 1973; `agents.quoting.digital`): shares times
the slope of the price in ln(index), in USD of perpetual.  Near the strike and near the end the
delta grows without bound, so it is capped.  Falling towards the strike of a ``below`` event, a
holder of NO sells perpetuals: the event drags the perpetual along, and the other way round.

Size and rebalancing thresholds are assumptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from agents import blocks
from agents.base import NonNegative, Positive, Trader, TraderParams
from agents.event_price import EventPrice, Which, pick
from agents.positions import Positions
from sim.exchange.instruments import MICRO
from sim.exchange.messages import Flag

if TYPE_CHECKING:
    from sim.market import MarketView


class HedgerParams(TraderParams):
    """Parameters of one hedger; one share pays 1 USDC."""

    event: Which = 0
    outcome: Literal["YES", "NO"] = "NO"
    shares: NonNegative = 50_000.0
    capital_usd: Positive = 150_000.0
    clip_shares: Positive = 2_000.0  # bought at once
    max_price: Annotated[float, Field(gt=0, le=1)] = 0.995  # USDC per share
    max_hedge_usd: NonNegative = 400_000.0
    step_usd: Positive = 2_000.0  # smaller differences are left alone
    max_slippage_bps: Positive = 20.0
    sigma_bps: Positive = 1.4  # BTCUSDT, 2024-08-08, per square root of a second
    slow_s: Positive = 1800.0
    interval_s: Positive = 2.0


class Hedger(Trader):
    """The hedger; see the module's text."""

    Params = HedgerParams
    params: HedgerParams

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p = self.params
        terms = pick(self.facts, p.event, self.name)
        if terms.exogenous:
            raise ValueError(
                f"{self.name}: no price decides event {terms.name!r}, so no perpetual hedges it;"
                f" price-linked: {', '.join(t.name for t in self.facts.events if not t.exogenous)}"
            )
        self.price = EventPrice(self.facts, terms, p.sigma_bps, p.slow_s)
        self.perpetual = self.facts.perpetual_on(terms.feed)
        if self.perpetual < 0:
            raise ValueError(f"{self.name}: no perpetual on feed {terms.feed} to hedge with")
        self.positions = Positions(self.accounts, self.facts)

    def setup(self) -> list[np.ndarray]:
        return [blocks.deposit(self.account, 0, int(self.params.capital_usd * MICRO))]

    def stakes(self) -> np.ndarray:
        """Half for the shares, half for the hedge."""
        return np.eye(self.facts.instruments)[[self.price.book, self.perpetual]].sum(axis=0)

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p = self.params
        self.positions.apply(inbox)
        self.price.see(view)
        pause_us = int(p.interval_s * 1e6)
        if self.positions.flagged[0]:
            return blocks.none(), pause_us
        held = int(self.positions.lots[0, self.price.book])
        open_ = now_us >= self.price.terms.opens_us and self.price.seconds_left(now_us) > 0
        out = [self._buy(view, abs(held))] if open_ else []
        slope = self.price.fair(now_us)[1] if open_ else 0.0
        out.append(self._hedge(view, -held * slope))
        return blocks.join(out), pause_us

    def _buy(self, view: MarketView, held: int) -> np.ndarray:
        """The next clip of shares at the touch."""
        p, book, payoff = self.params, self.price.book, self.price.payoff
        lots = int(min(p.clip_shares, p.shares - held))
        no = p.outcome == "NO"
        touch = int(view.bid[book]) if no else int(view.ask[book])
        if lots < int(self.facts.min_lots[book]) or not 0 < touch < payoff:
            return blocks.none()
        price = payoff - touch if no else touch
        if price > p.max_price * payoff:
            return blocks.none()
        ids = self.new_ids(1)
        return blocks.new(self.account, book, 0, price, lots, ids, int(Flag.IOC), int(no))

    def _hedge(self, view: MarketView, target_usd: float) -> np.ndarray:
        """An IOC order that moves the perpetual towards `target_usd`."""
        p, i = self.params, self.perpetual
        target_usd = min(max(target_usd, -p.max_hedge_usd), p.max_hedge_usd)
        lot_usd = self.facts.usd(i, max(self.price.index, 1.0), 1)
        lots = int(target_usd / lot_usd) - int(self.positions.lots[0, i])
        touch = int(view.ask[i]) if lots > 0 else int(view.bid[i])
        if abs(lots) * lot_usd < p.step_usd or touch <= 0:
            return blocks.none()
        give = int(touch * p.max_slippage_bps * 1e-4)
        price = touch + give if lots > 0 else max(touch - give, 1)
        side = 0 if lots > 0 else 1
        flags = int(Flag.IOC)
        return blocks.new(self.account, i, side, price, abs(lots), self.new_ids(1), flags)
