"""Margin as legs: what every dollar of NE, IM and MM comes from, with its clause (MAR-11).

``legs_of`` is a pure function of an ``Account`` value object and prices, so that a stored account
(the LEG events of a flag) is explained by the same code as a live one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sim.exchange.account import Account, account_of, account_of_legs, leg_rows
from sim.exchange.breakeven import LiquidationPath, liquidation_path
from sim.exchange.instruments import Listing
from sim.exchange.legs import Leg, legs_of
from sim.exchange.rules import Rules
from sim.exchange.valuation import Valuation, imf, mmf, usd

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

__all__ = [
    "Account", "Explanation", "Leg", "account_of", "account_of_legs", "equity_of", "explain", "imf",
    "leg_rows", "legs_of", "mmf", "usd",
]  # fmt: skip


@dataclass(frozen=True)
class Explanation:
    """Legs in the order of the running sums: their plain left-to-right sums *are* NE, IM and MM."""

    account: int
    time_us: int
    legs: tuple[Leg, ...]
    equity_usd: float
    source: tuple[Listing, Rules, Account] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def liquidation(self) -> LiquidationPath:
        """The prices at which NE and MM cross; worked out when first asked for.

        Raises ValueError where the account that was explained is not at hand.
        """
        if self.source is None:
            raise ValueError("this explanation was made of legs alone: it knows no other prices")
        return liquidation_path(*self.source)

    def total(self, column: str) -> float:
        total = 0.0
        for leg in self.legs:
            total += getattr(leg, column)
        return total

    @property
    def ne_usd(self) -> float:
        return self.total("ne_usd")

    @property
    def im_usd(self) -> float:
        return self.total("im_usd")

    @property
    def mm_usd(self) -> float:
        return self.total("mm_usd")

    @property
    def strict_ne_usd(self) -> float:
        return self.total("strict_ne_usd")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "account": self.account,
            "time_us": self.time_us,
            "equity_usd": self.equity_usd,
            "ne_usd": self.ne_usd,
            "im_usd": self.im_usd,
            "mm_usd": self.mm_usd,
            "strict_ne_usd": self.strict_ne_usd,
            "free_usd": self.strict_ne_usd - self.im_usd,
            "legs": [asdict(leg) for leg in self.legs],
        }


def equity_of(listing: Listing, account: Account) -> int:
    """Raw equity E in micro-USDC (MAR-01), exact."""
    value = Valuation(listing, Rules(), account)
    e = value.holding(0)
    for k in range(1, 1 + len(listing.assets)):
        units = value.holding(k)
        e += units * value.price(k) * value.coin_tick[k] if units else 0
    for i in account.positions:
        if not value.places[i].per_price:
            e += value.unrealised(value.places[i])
    for event in range(len(listing.events)):
        if event not in account.resolved:
            e += value.event_value(event, value.shares(event))[0]
    return e


def explain(exchange: Exchange, account: int) -> Explanation:
    """NE, IM and MM of a live account as legs; raises ValueError for an unknown account."""
    if not 0 <= account < exchange.accounts:
        raise ValueError(
            f"unknown account {account}: the exchange has accounts 0 to {exchange.accounts - 1}"
        )
    value = account_of(exchange, account)
    return Explanation(
        account,
        exchange.now,
        legs_of(exchange.listing, exchange.rules, value),
        usd(equity_of(exchange.listing, value)),
        (exchange.listing, exchange.rules, value),
    )
