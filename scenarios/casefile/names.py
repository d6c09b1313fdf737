"""Names of a case's accounts and products, with their ids and units."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property

from scenarios.casefile.amounts import MICRO, CaseFault, plain, times, units
from scenarios.errors import choose
from sim.exchange.instruments import Listing
from sim.exchange.products import Event, InversePerpetual, Spot

ONE = Decimal(1)
USDC_UNIT = ONE / MICRO


class Names:
    """Looks names up; an unknown one raises CaseFault with the nearest.  Raw ids pass through."""

    def __init__(self, listing: Listing, accounts: Sequence[str]) -> None:
        self.listing = listing
        self.accounts = list(accounts)
        self.instruments = listing.instrument_names()
        self.assets = listing.asset_names()
        self.feeds = listing.feed_names()
        self.events = [e.name for e in listing.events]

    # ids ------------------------------------------------------------------------------------
    def _id(self, what: str, name: int | str, names: list[str]) -> int:
        if isinstance(name, int):
            return name
        if name not in names:
            raise CaseFault(f"unknown {what} {name!r}{choose(name, names)}")
        return names.index(name)

    def account(self, name: int | str) -> int:
        return self._id("account", name, self.accounts)

    def instrument(self, name: int | str) -> int:
        return self._id("instrument", name, self.instruments)

    def asset(self, name: int | str) -> int:
        return self._id("asset", name, self.assets)

    def feed(self, name: int | str) -> int:
        return self._id("feed", name, self.feeds)

    def event(self, name: int | str) -> int:
        return self._id("event", name, self.events)

    def outcome(self, event: int | str, name: int | str) -> int:
        """Number of an outcome, -1 for void."""
        if isinstance(name, int):
            return name
        e = self.event(event)
        shares = list(self.listing.events[e].shares) if 0 <= e < len(self.events) else []
        return -1 if name == "void" else self._id("outcome", name, [*shares, "void"])

    # units ----------------------------------------------------------------------------------
    @cached_property
    def _feed_ticks(self) -> list[Decimal]:
        return [times(f.tick_micro, USDC_UNIT) for f in self.listing.feeds]

    @cached_property
    def _price_units(self) -> list[Decimal]:
        return [
            ONE / item.payoff_ticks
            if isinstance(item, Event)
            else self._feed_ticks[self.listing.feed_of(i)]
            for i, item in enumerate(self.listing.items())
        ]

    @cached_property
    def _size_units(self) -> list[Decimal]:
        made = []
        for item in self.listing.items():
            if isinstance(item, Event | InversePerpetual):
                made.append(ONE)
            elif isinstance(item, Spot):
                made.append(ONE / self.listing.asset_units(item.base))
            else:
                made.append(ONE / item.lots_per_coin)
        return made

    def feed_tick(self, feed: int) -> Decimal:
        """USD of a tick; 1 for a feed that does not exist."""
        return self._feed_ticks[feed] if 0 <= feed < len(self.feeds) else ONE

    def tick(self, instrument: int) -> Decimal:
        return self._price_units[instrument] if 0 <= instrument < len(self.instruments) else ONE

    def lot(self, instrument: int) -> Decimal:
        return self._size_units[instrument] if 0 <= instrument < len(self.instruments) else ONE

    def unit(self, asset: int) -> Decimal:
        """Coins (USDC, shares) of an asset's smallest unit."""
        if asset == 0:
            return USDC_UNIT
        if 1 <= asset <= len(self.listing.assets):
            return ONE / self.listing.assets[asset - 1].units_per_coin
        return ONE

    def settled_in(self, instrument: int) -> int:
        """The asset an instrument's fees, funding and PnL are in."""
        if 0 <= instrument < len(self.instruments):
            if isinstance(self.listing.item(instrument), InversePerpetual):
                return self.listing.base_of(instrument)
        return 0

    # amounts --------------------------------------------------------------------------------
    def ticks(self, instrument: int, price: Decimal, what: str = "price") -> int:
        return units(price, self.tick(instrument), what, "the tick")

    def lots(self, instrument: int, size: Decimal, what: str = "size") -> int:
        return units(size, self.lot(instrument), what, "the lot")

    def feed_ticks(self, feed: int, price: Decimal, what: str = "price") -> int:
        return units(price, self.feed_tick(feed), what, "the feed's tick")

    def asset_units(self, asset: int, amount: Decimal, what: str = "amount") -> int:
        return units(amount, self.unit(asset), what, "the smallest unit")


def micro(amount: Decimal, what: str = "amount") -> int:
    """USDC as micro-USDC."""
    return units(amount, USDC_UNIT, what, "a micro-USDC")


def shown(count: int, unit: Decimal) -> str:
    """``count`` units as a plain decimal."""
    return plain(times(count, unit))
