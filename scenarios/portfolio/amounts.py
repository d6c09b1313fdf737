"""Numbers of a file as the exchange's integers: ticks, lots, micro-USDC, without float arithmetic.

A scale is chosen per price: the coarsest power of ten of micro-USD for the tick at which every
price, mark, strike and size of the file is a whole number, with at least 10^5 ticks to the price.
Where there is none, sizes are rounded to lots and the book notes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from sim.exchange.instruments import MICRO

TICKS = 100_000  # to a price, at least: a tick is at most a thousandth of a per cent
LOT_USD = 100  # a lot is worth at most so much when the prices ask for a fine tick


def exact(value: float) -> Fraction:
    """The decimal number that was written, not the binary one beside it."""
    return Fraction(repr(float(value)))


def micro(usd: float) -> Fraction:
    """Micro-USD."""
    return exact(usd) * MICRO


def nearest(x: Fraction) -> int:
    """The nearest integer, half away from zero."""
    whole = int(abs(x) + Fraction(1, 2))
    return whole if x >= 0 else -whole


@dataclass(frozen=True)
class Scale:
    """``tick_micro`` micro-USD to a price tick; as many lots to a coin, so a tick of a lot is 1."""

    tick_micro: int

    @property
    def lots_per_coin(self) -> int:
        return self.tick_micro

    def ticks(self, usd: Fraction | float) -> int:
        """A price in ticks, rounded to the nearest, at least 1."""
        value = usd * MICRO if isinstance(usd, Fraction) else micro(usd)
        return max(1, nearest(value / self.tick_micro))

    def lots(self, coins: Fraction) -> int:
        """Coins in lots, rounded to the nearest."""
        return nearest(coins * self.lots_per_coin)

    def usd(self, ticks: int) -> Fraction:
        """A price of so many ticks."""
        return Fraction(ticks * self.tick_micro, MICRO)


def scale_of(price_usd: float, prices: Iterable[float], coins: Iterable[float]) -> Scale:
    """The scale for a price, given every price and size that the file writes in it."""
    marks = [micro(x) for x in (price_usd, *prices)]
    sizes = [exact(x) for x in coins]
    coarsest = 1
    while micro(price_usd) / (coarsest * 10) >= TICKS:
        coarsest *= 10
    fits = []
    tick = coarsest
    while tick >= 1:
        if all((m / tick).denominator == 1 for m in marks):
            if all((s * tick).denominator == 1 for s in sizes):
                return Scale(tick)
            if exact(price_usd) / tick <= LOT_USD:
                fits.append(tick)
        tick //= 10
    return Scale(fits[0] if fits else coarsest)
