"""What the study ``capital-silos`` trades: three coins with every product on them, and events.

Events that move or follow a price are priced fairly: the expected jump is 0, and the strikes are
digitals of a driftless lognormal price.  The coin RESERVE has no book; it is the collateral of the
outside liquidity, so that no loss of anybody can be charged to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from agents.quoting import digital
from scenarios.part import Part, Positive, Ratio
from sim.exchange.instruments import (
    MICRO,
    Asset,
    BinaryEvent,
    Feed,
    Future,
    Kind,
    Listing,
    Margin,
    Perpetual,
    Spot,
)

PRICE_TICKS = 10_000  # ticks of every coin's first price: one tick is one basis point
COINS = ("BTC", "ETH", "TOK")
RESERVE = "RESERVE"
SHARE_TICKS = 1000
EXPIRY_US = 4_000_000_000_000_000  # of the futures: far after any run


class Terms(Part):
    """Jumps of the two events that move a price, and how the strikes are priced."""

    act_up: Ratio = 0.10  # of BTC if the act passes
    act_down: Ratio = 0.15  # if it fails
    launch_up: Ratio = 0.25  # of TOK
    launch_down: Ratio = 0.50
    strikes: tuple[Ratio, ...] = (0.9, 0.8, 0.7)  # of the first price of BTC
    volatility: Positive = 0.60  # of BTC per year
    days: Positive = 30.0  # until the strikes are decided


@dataclass(frozen=True)
class Venue:
    """The listing and its ids; prices in ticks.

    Attributes:
        price_usd, lot_coins: by coin, of the first price and of one lot.
    """

    terms: Terms

    @cached_property
    def listing(self) -> Listing:
        return _listing(self.terms)

    @cached_property
    def names(self) -> list[str]:
        """Names of the instruments, by id."""
        return self.listing.instrument_names()

    @cached_property
    def ids(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def strikes(self) -> tuple[str, ...]:
        """Names of the events that pay if BTC is at or above a strike."""
        return tuple(e.name for e in self.listing.events if e.strike)

    @cached_property
    def first_ticks(self) -> list[int]:
        """First price by instrument: the coin's, or the fair price of YES."""
        return [
            self.fair(i, [PRICE_TICKS] * len(self.listing.feeds)) for i in range(len(self.names))
        ]

    def fair(self, i: int, index: list[int]) -> int:
        """Price of an instrument in ticks at these indices (ticks by feed)."""
        if self.listing.kind(i) != Kind.EVENT:
            return index[self.listing.feed_of(i)]
        event = self.listing.events[self.listing.event_of(i)]
        if event.strike:
            seconds = self.terms.days * 86_400.0
            sigma = self.terms.volatility / (365.0 * 86_400.0) ** 0.5
            spot = index[self.listing.feed_id(event.underlying)]
            chance = digital(float(spot), float(event.strike), sigma, seconds, False)[0]
        else:
            chance = _chance(event.jumps)
        return min(SHARE_TICKS - 1, max(1, round(chance * SHARE_TICKS)))

    def lots(self, i: int, usd: float) -> int:
        """Whole lots worth ``usd`` at the first price; of an event: shares."""
        if self.listing.kind(i) == Kind.EVENT:
            return int(usd)
        return int(usd * MICRO / (PRICE_TICKS * self.listing.tick_value(i)))

    def usd(self, i: int, lots: int, ticks: int) -> float:
        return lots * ticks * self.listing.tick_value(i) / MICRO

    def touches(self, feeds: set[int], events: set[int]) -> list[bool]:
        """Whether a shock to these feeds and events touches an instrument.

        It touches what is priced by a feed, what is linked to it, and the books of the event.
        """
        found = []
        for i in range(len(self.names)):
            if self.listing.kind(i) != Kind.EVENT:
                found.append(self.listing.feed_of(i) in feeds)
                continue
            e = self.listing.event_of(i)
            under = self.listing.events[e].underlying
            found.append(e in events or (under != "" and self.listing.feed_id(under) in feeds))
        return found


def _chance(jumps: tuple[float, ...]) -> float:
    """Probability of YES that makes the expected jump 0; one half without jumps."""
    return -jumps[1] / (jumps[0] - jumps[1]) if jumps else 0.5


def _listing(terms: Terms) -> Listing:
    liquid = Margin(base=0.02, factor=6e-5, base_m=0.0125, factor_m=3.24e-5)
    thin = Margin(base=0.10, factor=2.4e-4, base_m=0.05, factor_m=1.2e-4)
    # (first price USD, lots per coin, margin, haircut, portfolio grid)
    coins = {
        "BTC": (100_000, 10_000, liquid, 0.95, (0.04, 0.08, 0.12)),
        "ETH": (4_000, 400, liquid, 0.95, (0.05, 0.10, 0.15)),
        "TOK": (2, 1, thin, 0.80, (0.10, 0.20, 0.30)),
    }
    feeds = [
        Feed(
            name=name,
            tick_micro=usd * MICRO // PRICE_TICKS,
            index_ticks=PRICE_TICKS,
            stale_after_s=10**6,
            grid=grid,
        )
        for name, (usd, _, _, _, grid) in coins.items()
    ]
    feeds.append(Feed(name=RESERVE, tick_micro=100, index_ticks=PRICE_TICKS, stale_after_s=10**6))
    assets = [
        Asset(name=name, feed=name, units_per_coin=lots, haircut_w=haircut, haircut_kappa=0.0)
        for name, (_, lots, _, haircut, _) in coins.items()
    ]
    assets.append(
        Asset(name=RESERVE, feed=RESERVE, units_per_coin=1, haircut_w=1.0, haircut_kappa=0.0)
    )
    ticks = [round(share * PRICE_TICKS) for share in terms.strikes]
    strikes = [
        BinaryEvent(name=f"BTC>={k}", underlying="BTC", strike_ticks=k, payoff_ticks=SHARE_TICKS)
        for k in ticks
    ]
    return Listing(
        feeds=tuple(feeds),
        assets=tuple(assets),
        perpetuals=tuple(
            Perpetual(name=f"{c}-PERP", feed=c, lots_per_coin=lots, margin=margin)
            for c, (_, lots, margin, _, _) in coins.items()
        ),
        futures=tuple(
            Future(name=f"{c}-FUT", feed=c, lots_per_coin=lots, margin=margin, expiry_us=EXPIRY_US)
            for c, (_, lots, margin, _, _) in coins.items()
        ),
        spots=tuple(Spot(name=f"{c}/USDC", base=c) for c in coins),
        events=(
            BinaryEvent(name="ACT", underlying="BTC", jumps=(terms.act_up, -terms.act_down)),
            BinaryEvent(
                name="LAUNCH", underlying="TOK", jumps=(terms.launch_up, -terms.launch_down)
            ),
            BinaryEvent(name="VOTE"),
            *strikes,
        ),
    )
