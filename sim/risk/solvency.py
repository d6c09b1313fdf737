"""Was an account solvent at other prices?  NE and MM of what a FLAG's LEG rows say it held.

The formulas are MAR-01 to MAR-05 of `docs/rulebook.md` with plain (not strict) prices; the
exchange-wide collateral cap is left out, because LEG rows describe one account only.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from math import sqrt

from sim.exchange.instruments import MICRO, USDC, Event, InversePerpetual, Listing, Margin


@dataclass(frozen=True)
class Leg:
    """One holding.  ``is_position``: ``thing`` is an instrument, else an asset (held, or lent).

    ``size`` lots or units (signed), ``cost`` micro-USDC, ``price`` ticks as the exchange saw it.
    """

    is_position: bool
    thing: int
    size: int
    cost: int
    price: int

    def is_debt(self, coins: int) -> bool:
        """Whether it is a debt, in USDC or one of so many coins."""
        return not self.is_position and self.size < 0 and self.thing <= coins


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
        self.derivatives = listing.derivatives()
        every = range(len(self.derivatives))
        self._feed = [listing.feed_of(i) for i in every]
        self._value = [listing.tick_value(i) for i in every]
        self.coins = len(listing.assets)
        self._coin_feed = [listing.feed_id(a.feed) for a in listing.assets]
        self._coin_value = [listing.asset_tick_value(1 + k) for k in range(self.coins)]
        self._share = [
            (e, n) for e, event in enumerate(listing.events) for n in range(len(event.shares))
        ]

    def margins(
        self,
        legs: Sequence[Leg],
        truth: Callable[[int], float],
        proposed: Container[int] = (),
    ) -> tuple[float, float]:
        """(NE, MM) in USD of the account that holds ``legs``, at true prices.

        ``proposed``: events whose λ is 1 by a proposal (SET-02).
        """
        equity = maintenance = 0.0
        shares: dict[int, dict[int, tuple[int, int]]] = {}
        units: dict[int, float] = {}
        for leg in legs:
            if leg.is_position:
                value, margin, base = self._position(leg, truth)
                equity += value
                maintenance += margin
                if base:
                    units[base[0]] = units.get(base[0], 0.0) + base[1]
            elif leg.thing <= self.coins:
                units[leg.thing] = units.get(leg.thing, 0.0) + leg.size
                maintenance += self._debt(leg, truth)
            else:
                e, share = self._share[leg.thing - 1 - self.coins]
                shares.setdefault(e, {})[share] = (leg.size, leg.price)
        for asset, held in units.items():
            equity += self._balance(asset, held, truth)
        for e, held_shares in shares.items():
            event = self.listing.events[e]
            value, sets = self._event(event, held_shares)
            equity += value
            maintenance += (1.0 if e in proposed else event.lam) * (value - sets)
        return equity, maintenance

    def unit_usd(self, coin: int, truth: Callable[[int], float]) -> float:
        """USD of one smallest unit of a coin (by asset id)."""
        return truth(self._coin_feed[coin - 1]) * self._coin_value[coin - 1] / MICRO

    def _position(
        self, leg: Leg, truth: Callable[[int], float]
    ) -> tuple[float, float, tuple[int, float] | None]:
        """(value, maintenance, (coin, units gained) of an inverse position)."""
        item = self.derivatives[leg.thing]
        mark = truth(self._feed[leg.thing])
        if isinstance(item, InversePerpetual):
            gained = -leg.size * self.listing.base_units(leg.thing) / mark - leg.cost
            margin = requirement(item.margin, float(abs(leg.size) * item.face_usd))
            return 0.0, margin, (self.listing.base_of(leg.thing), gained)
        money = self._value[leg.thing] / MICRO
        gain = leg.size * mark * money - leg.cost / MICRO
        notional = abs(leg.size) * mark * money
        value = self.phi * gain if gain > 0 else gain
        return value, requirement(item.margin, notional), None

    def _debt(self, leg: Leg, truth: Callable[[int], float]) -> float:
        """Maintenance requirement of a negative balance, USD."""
        if leg.size >= 0:
            return 0.0
        if leg.thing == USDC:
            return requirement(self.listing.usdc_debt, -leg.size / MICRO)
        price = truth(self._coin_feed[leg.thing - 1]) * self._coin_value[leg.thing - 1]
        return requirement(self.listing.assets[leg.thing - 1].debt, -leg.size * price / MICRO)

    def _balance(self, asset: int, units: float, truth: Callable[[int], float]) -> float:
        """NE of a balance with its claim and inverse PnL, USD."""
        if asset == USDC:
            return units / MICRO
        coin = self.listing.assets[asset - 1]
        usd = units * self.unit_usd(asset, truth)
        if usd < 0:
            return usd
        return usd * min(coin.haircut_w, coin.haircut_b / (1 + coin.haircut_kappa * sqrt(usd)))

    @staticmethod
    def _event(event: Event, held: dict[int, tuple[int, int]]) -> tuple[float, int]:
        """(V, complete sets) of shares by outcome: (how many, mark in ticks)."""
        tick = 1 / event.payoff_ticks
        complete = len(held) == len(event.shares)
        sets = min(size for size, _ in held.values()) if complete else 0
        return sets + sum((size - sets) * price * tick for size, price in held.values()), sets
