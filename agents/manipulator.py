"""A manipulator: lifts the thin book that an index reads, and withdraws against what it then owns.

Mango Markets, 11 October 2022: two accounts with 5 million USD each took the two sides of 483
million MNGO perpetuals at 0.038; some 4 million USD of buying on the thin spot markets that the
oracle read then took the price to 0.91 within half an hour; the long account withdrew 116 million
USD against its gain, all that the pools held, and the short one was left to be liquidated.

Here, too, two accounts.  The first buys the coin outside before the start and brings it, the two
take both sides of the coin's perpetual, then the first buys the spot book step by step.  A band
around the index bounds each step (ORD-04), and the index follows, so that the next may be higher.
What does not fill stays as the best bid and holds the price.  At the target, or when its money or
its time is used up, it withdraws on credit whatever the pools give and sells its long position to
whoever bids.  An unrealised gain may not be withdrawn here (MAR-09), unlike on Mango, and a short
that is under water is deleveraged against its own long (LIQ-05), so that most of what it can take
is against the coins.  It never comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from agents import blocks
from agents.base import NonNegative, Positive, Ratio, Trader, TraderParams
from agents.credit import room_units
from agents.drain import Drain
from agents.outside import Outside
from agents.positions import Positions
from agents.reach import furthest_ticks
from sim.exchange.instruments import MICRO, USDC
from sim.exchange.messages import (
    E_ACCOUNT,
    E_INSTRUMENT,
    E_KIND,
    E_ORDER,
    E_OTHER,
    E_OTHER_ORDER,
    E_PRICE,
    E_SIZE,
    Event,
    Flag,
)
from sim.exchange.valuation import imf

if TYPE_CHECKING:
    from sim.market import MarketView

SPARE = 0.9  # of the margin account that the perpetuals may use


class ManipulatorParams(TraderParams):
    """Parameters of one manipulator; shares are of its capital."""

    coin: str = ""  # none: the first that has a spot book
    capital_usd: Positive = 10_000_000.0  # Mango's
    coin_share: Ratio = 0.6  # in the coin, bought outside before it starts; Mango: nothing
    perpetual_share: Ratio = 0.2  # margin of the two sides, half each; Mango: all
    leverage: Positive = 3.7  # 18.4 million USD of MNGO on 5 million
    target_multiple: Annotated[float, Field(gt=1, le=60)] = 13.0  # of the price at its start
    start_s: NonNegative = 60.0  # from the start of the run
    pump_s: Positive = 1800.0  # then it withdraws, wherever the price is
    clip_ratio: Annotated[float, Field(gt=0, le=1)] = 0.05  # of the money for the pump, per step
    band_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.45  # of the index, one step
    gain_ratio: Ratio = 0.0  # part of an unrealised gain it hopes to withdraw
    min_usd: Positive = 1_000.0  # less is not worth a message
    retry_s: Positive = 10.0
    interval_s: Positive = 1.0

    @model_validator(mode="after")
    def _shares(self) -> ManipulatorParams:
        if self.coin_share + self.perpetual_share >= 1:
            raise ValueError("coin_share + perpetual_share leave nothing to buy with")
        return self


class Manipulator(Trader):
    """One manipulator with two accounts; see the module's text.

    Attributes:
        outside: its ledger: USD spent and received at true prices.
        pump_usd: money for the spot book that is left.
    """

    Params = ManipulatorParams
    params: ManipulatorParams
    own_accounts: ClassVar[int] = 2

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, facts = self.params, self.facts
        listing = facts.listing
        names = [spot.base for spot in listing.spots]
        if not names or (p.coin and p.coin not in names):
            raise ValueError(f"{self.name}: no spot book of {p.coin!r}; there are {names}")
        self.spot = int(facts.spots[names.index(p.coin) if p.coin else 0])
        self.coin = listing.base_of(self.spot)
        self.perpetual = facts.perpetual_on(int(facts.feed_of[self.spot]))
        self.owed = [USDC]
        for k, asset in enumerate(listing.assets, start=1):
            if asset.borrowable and k != self.coin and asset.name in names:
                self.owed.append(k)
        self.books = {listing.base_of(int(i)): int(i) for i in reversed(facts.spots)}
        self.outside = Outside(self)
        self.drain = Drain(self, self.account, self.outside, p.min_usd, p.retry_s)
        self.positions = Positions(self.accounts, facts)
        part = p.perpetual_share if self.perpetual >= 0 else 0.0
        self.margin_usd = 0.5 * part * p.capital_usd
        self.pump_usd = (1.0 - p.coin_share - part) * p.capital_usd
        self.clip_usd = p.clip_ratio * self.pump_usd
        self.coins = 0  # brought, units
        self.usdc = 0.0  # brought to the first account, USD
        self.entry_ticks = 0  # of the perpetual
        self.target_ticks = 0
        self.bid: tuple[int, int, int] | None = None  # order, price, lots left
        self.withdraws = False

    def setup(self) -> list[np.ndarray]:
        p, start_us = self.params, int(self.world.start_us)
        seen = self.facts.usd(self.spot, float(self.facts.start_ticks[self.spot]), 1)
        unit = self.outside.unit_usd(self.coin, start_us) or seen
        self.coins = int(p.coin_share * p.capital_usd / unit)
        self.usdc = self.margin_usd + self.pump_usd
        long, short = (int(account) for account in self.accounts)
        bring = self.outside.bring
        return [
            bring(long, self.coin, self.coins, start_us),
            bring(long, USDC, int(self.usdc * MICRO), start_us),
            bring(short, USDC, int(self.margin_usd * MICRO), start_us),
        ]

    def stakes(self) -> np.ndarray:
        out = np.eye(self.facts.instruments)[self.spot]
        if self.perpetual >= 0:
            out[self.perpetual] = 1.0
        return out

    def first_wake_us(self) -> int:
        return super().first_wake_us() + int(self.params.start_s * 1e6)

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p = self.params
        self.positions.apply(inbox)
        self._hear(inbox)
        self.drain.hear(inbox, now_us)
        pause_us = int(p.interval_s * 1e6)
        index = int(view.index[self.spot])
        if self.positions.hit[0] or index <= 0:
            return blocks.none(), pause_us
        if not self.target_ticks:
            self.target_ticks = int(index * p.target_multiple)
            self.until_us = now_us + int(p.pump_s * 1e6)
            return self._both_sides(view), pause_us
        reached = index >= 0.95 * self.target_ticks
        if reached or self.pump_usd < p.min_usd or now_us >= self.until_us:
            self.withdraws = True
        if not self.withdraws:
            return self._pump(view), pause_us
        return blocks.join([self._sell_long(view), self._take(view, now_us)]), pause_us

    def _both_sides(self, view: MarketView) -> np.ndarray:
        """A sale of the second account that the first one buys."""
        i = self.perpetual
        if i < 0 or self.margin_usd <= 0:
            return blocks.none()
        price = int(view.mark[i])
        margin = self.facts.listing.perpetuals[i].margin
        notional = self.margin_usd * self.params.leverage
        while notional > 1.0 and notional * imf(margin, notional) > SPARE * self.margin_usd:
            notional *= 0.9
        lots = int(notional / self.facts.usd(i, price, 1)) if price > 0 else 0
        lots = min(lots, self.facts.listing.max_size_lots(i))
        if lots < int(self.facts.min_lots[i]):
            return blocks.none()
        self.entry_ticks = price
        ids = self.new_ids(2)
        long, short = self.accounts
        return blocks.join(
            [
                blocks.new(short, i, 1, price, lots, ids[:1]),
                blocks.new(long, i, 0, price, lots, ids[1:], int(Flag.IOC)),
                blocks.cancel(short, ids[:1]),
            ]
        )

    def _pump(self, view: MarketView) -> np.ndarray:
        """Move the bid up as far as the rules allow; what is offered below is bought."""
        far = furthest_ticks(self.facts, view, self.spot, 0, self.params.band_ratio)
        price = min(far, self.target_ticks)
        out = []
        if self.bid is not None:
            if self.bid[1] >= price:
                return blocks.none()
            out.append(blocks.cancel(self.account, self.bid[0]))
        usd = min(self.clip_usd, self.pump_usd)
        lots = int(usd / self.facts.usd(self.spot, price, 1))
        if lots >= int(self.facts.min_lots[self.spot]):
            ids = self.new_ids(1)
            self.bid = (int(ids[0]), price, lots)
            out.append(blocks.new(self.account, self.spot, 0, price, lots, ids))
        return blocks.join(out)

    def _sell_long(self, view: MarketView) -> np.ndarray:
        """Sell the long position to whoever bids near the mark."""
        i = self.perpetual
        lots = int(self.positions.lots[0, i]) if i >= 0 else 0
        if lots <= 0 or int(view.bid[i]) < 0.9 * int(view.mark[i]):
            return blocks.none()
        flags = int(Flag.IOC | Flag.REDUCE_ONLY)
        return blocks.new(self.account, i, 1, int(view.bid[i]), lots, self.new_ids(1), flags)

    def _take(self, view: MarketView, now_us: int) -> np.ndarray:
        """One withdrawal of what the first account seems to allow."""
        facts, taken = self.facts, self.drain.taken
        prices = {USDC: 1.0 / MICRO}
        for asset in (self.coin, *self.owed[1:]):
            i = self.books[asset]
            prices[asset] = facts.usd(i, float(max(int(view.index[i]), 0)), 1)
        i, margin = self.perpetual, 0.0
        lots = int(self.positions.lots[0, i]) if i >= 0 else 0
        usdc = self.usdc * MICRO + float(self.positions.cash[0])
        if lots:
            entry = facts.usd(i, self.entry_ticks, lots)
            mark = facts.usd(i, int(view.mark[i]), lots)
            usdc += entry * MICRO  # cash has the whole price of an open position taken off
            gain = mark - entry
            fraction = imf(facts.listing.perpetuals[i].margin, abs(mark))
            margin = abs(mark) * max(fraction, 0.1) - gain * (
                1.0 if gain < 0 else self.params.gain_ratio
            )
        units = {USDC: usdc, self.coin: float(self.coins + self.positions.lots[0, self.spot])}
        for asset, n in taken.items():
            units[asset] = units.get(asset, 0.0) - n
        if self.bid is not None:
            units[USDC] -= facts.usd(self.spot, self.bid[1], self.bid[2]) * MICRO

        def room(asset: int) -> int:
            known = {a: prices[a] for a in (*units, asset)}
            return room_units(facts.listing, units, known, asset, margin)

        return self.drain.ask(now_us, self.owed, room, prices)

    def _hear(self, inbox: np.ndarray) -> None:
        """What the spot book gave, and whether the bid still stands."""
        if len(inbox) == 0:
            return
        for row in inbox[inbox[:, E_INSTRUMENT] == self.spot]:
            kind = int(row[E_KIND])
            own = int(row[E_ACCOUNT]) == self.account
            if kind == Event.FILL:
                order = int(row[E_ORDER] if own else row[E_OTHER_ORDER])
                if not own and int(row[E_OTHER]) != self.account:
                    continue
                size = int(row[E_SIZE])
                self.pump_usd -= self.facts.usd(self.spot, int(row[E_PRICE]), size)
                if self.bid is not None and order == self.bid[0]:
                    left = self.bid[2] - size
                    self.bid = (order, self.bid[1], left) if left > 0 else None
            elif kind in (Event.CANCELLED, Event.REJECT) and own:
                if self.bid is not None and int(row[E_ORDER]) == self.bid[0]:
                    self.bid = None
