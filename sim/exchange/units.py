"""USD and coins as ticks, lots and units, and back.  Nothing is rounded away in silence."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from sim.exchange.engine import Engine
from sim.exchange.instruments import MICRO, USDC, Kind

if TYPE_CHECKING:
    from typing import TypeAlias

    Quantity: TypeAlias = int | float | str | Decimal | Fraction


class Units(Engine):
    """Conversions.  A quantity may be an int, a float (as it prints), a string or a Decimal."""

    def tick_usd(self, name: str | int) -> Fraction:
        """USD of one tick of an instrument (per coin or share) or, by name, of a feed."""
        if isinstance(name, str) and name not in self.names.instruments.table:
            if name in self.names.feeds.table:
                return Fraction(self.listing.feeds[self.names.feeds(name)].tick_micro, MICRO)
        i = self.names.instruments.known(name)
        if self.listing.kind(i) == Kind.EVENT:
            return Fraction(1, self.listing.item(i).payoff_ticks)  # type: ignore[union-attr]
        return Fraction(self.listing.feeds[self.listing.feed_of(i)].tick_micro, MICRO)

    def lot(self, instrument: str | int) -> Fraction:
        """One lot: coins (linear, spot), USD of face (inverse perpetuals) or shares (events)."""
        i = self.names.instruments.known(instrument)
        kind = self.listing.kind(i)
        if kind == Kind.EVENT:
            return Fraction(1)
        if kind == Kind.INVERSE:
            return Fraction(self.listing.face_micro(i), MICRO)
        item = self.listing.item(i)
        if kind == Kind.SPOT:
            return Fraction(1, self.listing.asset_units(item.base))  # type: ignore[union-attr]
        return Fraction(1, item.lots_per_coin)  # type: ignore[union-attr]

    def unit(self, asset: str | int) -> Fraction:
        """One smallest unit of an asset: USD, coins or shares."""
        k = self.names.assets.known(asset)
        if k == USDC:
            return Fraction(1, MICRO)
        coins = self.listing.assets
        return Fraction(1, coins[k - 1].units_per_coin) if k <= len(coins) else Fraction(1)

    def ticks(self, name: str | int, usd: Quantity) -> int:
        """A price in USD as ticks of an instrument or feed; raises ValueError between two ticks."""
        return _whole(usd, self.tick_usd(name), f"USD of {name}", "tick")

    def lots(self, instrument: str | int, quantity: Quantity) -> int:
        """Coins, face USD or shares (see `lot`) as lots; raises ValueError between two lots."""
        return _whole(quantity, self.lot(instrument), f"of {instrument}", "lot")

    def units(self, asset: str | int, quantity: Quantity) -> int:
        """USD, coins or shares as units of an asset; raises ValueError between two units."""
        return _whole(quantity, self.unit(asset), f"{asset}", "unit")

    def usd(self, name: str | int, ticks: float) -> float:
        """A price in ticks of an instrument or feed as USD."""
        return float(ticks * self.tick_usd(name))

    def quantity(self, instrument: str | int, lots: int) -> float:
        """Lots as coins, face USD or shares (see `lot`)."""
        return float(lots * self.lot(instrument))

    def amount(self, asset: str | int, units: int) -> float:
        """Units of an asset as USD, coins or shares."""
        return float(units * self.unit(asset))


def _whole(quantity: Quantity, step: Fraction, of: str, name: str) -> int:
    try:
        exact = Fraction(str(quantity)) / step
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{quantity!r} {of} is no finite number") from None
    if exact.denominator != 1:
        near = round(exact)
        raise ValueError(
            f"{quantity} {of} is no whole number of {name}s: one {name} is {float(step):g}, "
            f"the nearest is {float(near * step):g}"
        )
    return int(exact)
