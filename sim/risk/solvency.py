"""Was an account solvent at other prices?  NE and MM of what a FLAG's LEG rows say it held.

The formulas are MAR-01 to MAR-05 of `docs/rulebook.md` with plain (not strict) prices; the
exchange-wide collateral cap is left out, because LEG rows describe one account only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

from sim.exchange.instruments import MICRO, USDC, BinaryEvent, Listing, Margin, Perpetual


@dataclass(frozen=True)
class Leg:
    """One holding.  ``is_position``: ``thing`` is an instrument, else an asset.

    ``size`` lots or units (signed), ``cost`` micro-USDC, ``price`` ticks as the exchange saw it.
    """

    is_position: bool
    thing: int
    size: int
    cost: int
    price: int


def requirement(margin: Margin, notional_usd: float) -> float:
    """MMF(N)·N in USD: the maintenance requirement of a position or a debt (MAR-03, MAR-04)."""
    return notional_usd * min(1.0, max(margin.base_m, margin.factor_m * sqrt(notional_usd)))


class Solvency:
    """Re-values legs at true prices.

    ``truth(feed)`` gives the true price of a feed in ticks.  Event shares keep the mark of their
    LEG row: nobody knows the true price of an open event.
    """

    def __init__(self, listing: Listing, phi: float = 1.0) -> None:
        self.listing, self.phi = listing, phi
        perpetuals = range(len(listing.perpetuals))
        self._feed = [listing.feed_of(i) for i in perpetuals]
        self._value = [listing.tick_value(i) for i in perpetuals]
        self.coins = len(listing.assets)
        self._coin_feed = [listing.feed_id(a.feed) for a in listing.assets]
        self._coin_value = [listing.asset_tick_value(1 + k) for k in range(self.coins)]

    def margins(self, legs: Sequence[Leg], truth: Callable[[int], float]) -> tuple[float, float]:
        """(NE, MM) in USD of the account that holds ``legs``, at true prices."""
        equity = maintenance = 0.0
        shares: dict[int, dict[int, tuple[int, int]]] = {}
        for leg in legs:
            if leg.is_position:
                value, margin = self._position(leg, truth)
            elif leg.thing <= self.coins:
                value, margin = self._balance(leg, truth)
            else:
                event, side = divmod(leg.thing - 1 - self.coins, 2)
                shares.setdefault(event, {})[side] = (leg.size, leg.price)
                continue
            equity += value
            maintenance += margin
        for event, sides in shares.items():
            value, margin = self._event(self.listing.events[event], sides)
            equity += value
            maintenance += margin
        return equity, maintenance

    def _position(self, leg: Leg, truth: Callable[[int], float]) -> tuple[float, float]:
        perpetual = self.listing.perpetuals[leg.thing]
        assert isinstance(perpetual, Perpetual)
        mark = truth(self._feed[leg.thing])
        money = self._value[leg.thing] / MICRO
        gain = leg.size * mark * money - leg.cost / MICRO
        notional = abs(leg.size) * mark * money
        return (self.phi * gain if gain > 0 else gain), requirement(perpetual.margin, notional)

    def _balance(self, leg: Leg, truth: Callable[[int], float]) -> tuple[float, float]:
        if leg.thing == USDC:
            usd = leg.size / MICRO
            return usd, requirement(self.listing.usdc_debt, -usd) if usd < 0 else 0.0
        asset = self.listing.assets[leg.thing - 1]
        price = truth(self._coin_feed[leg.thing - 1])
        usd = leg.size * price * self._coin_value[leg.thing - 1] / MICRO
        if usd < 0:
            return usd, requirement(asset.debt, -usd)
        weight = min(asset.haircut_w, asset.haircut_b / (1 + asset.haircut_kappa * sqrt(usd)))
        return usd * weight, 0.0

    @staticmethod
    def _event(event: BinaryEvent, sides: dict[int, tuple[int, int]]) -> tuple[float, float]:
        tick = 1 / event.payoff_ticks
        sets = min(sides[0][0], sides[1][0]) if len(sides) == 2 else 0
        value = sets + sum((size - sets) * price * tick for size, price in sides.values())
        return value, event.lam * (value - sets)
