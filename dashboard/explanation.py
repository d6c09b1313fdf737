"""A stored account explained: legs that add up to E, NE, IM and MM, each with its clause (MAR-11).

The margin itself is worked out by `sim.exchange.explain`; here LEG rows become the account that
it takes, and its legs become words.  Amounts are USD.  What is stored knows no resting orders, so
initial margin is that without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dashboard.units import plain
from scenarios.legwords import words
from sim.exchange.account import account_of_legs
from sim.exchange.explain import equity_of, legs_of
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.rules import Rules


class Holding(NamedTuple):
    """A LEG event: code 0 an asset (units, index or share mark), 1 a position, 2 a claim on a pool."""

    code: int
    instrument: int
    size: int
    cost: int
    price: int


@dataclass(frozen=True)
class Leg:
    """One part of the account and what it adds to each total, in USD."""

    name: str
    clause: str
    detail: str
    equity: float
    net_equity: float
    initial: float
    maintenance: float


@dataclass(frozen=True)
class Explanation:
    """Legs in the rulebook's order.  `recorded`: E, NE, MM as the exchange wrote them."""

    at_us: int
    legs: tuple[Leg, ...]
    recorded: tuple[float, float, float] | None = None
    notes: tuple[str, ...] = ()

    def total(self, part: str) -> float:
        """The running sum of `equity`, `net_equity`, `initial` or `maintenance`."""
        result = 0.0
        for leg in self.legs:
            result += getattr(leg, part)
        return result

    @property
    def agrees(self) -> bool | None:
        """Whether E, NE and MM are the recorded ones to the cent; None when none were."""
        if self.recorded is None:
            return None
        totals = (self.total(p) for p in ("equity", "net_equity", "maintenance"))
        return all(abs(t - r) < 0.005 for t, r in zip(totals, self.recorded, strict=True))


def explain(
    listing: Listing,
    rules: Rules,
    holdings: Iterable[Holding],
    *,
    at_us: int,
    index: Mapping[int, int] | None = None,
    open_lots: Mapping[int, int] | None = None,
    proposed: Iterable[int] = (),
    recorded: tuple[float, float, float] | None = None,
) -> Explanation:
    """Legs of one account.

    `index`: ticks by feed id, where known; `open_lots`: open interest per perpetual, for the add-on
    of MAR-03; `proposed`: events with a proposal, which count in full.
    """
    account = account_of_legs(listing, holdings, index=index, oi=open_lots, proposed=proposed)
    legs = tuple(
        Leg(
            leg.name,
            leg.clause,
            *_words(leg.inputs, leg.ne_usd),
            leg.ne_usd,
            leg.im_usd,
            leg.mm_usd,
        )
        for leg in legs_of(listing, rules, account)
        if leg.name != "USDC" or account.balances.get(0)
    )
    notes = tuple(
        f"the collateral cap of {asset.name} is left out"
        for k, asset in enumerate(listing.assets, start=1)
        if asset.collateral_cap_usd and account.balances.get(k, 0) > 0
    )
    found = Explanation(at_us, legs, recorded, notes)
    exact = equity_of(listing, account) / MICRO
    if abs(found.total("equity") - exact) > 0.005:
        notes += (f"the legs' E differs from the exact {exact:,.2f} USD",)
        found = Explanation(at_us, legs, recorded, notes)
    return found


def _words(inputs: Mapping[str, Any], net: float) -> tuple[str, float]:
    """What was held at which price and rate, and the leg's raw equity (MAR-01) in USD."""
    if "usdc" in inputs:
        return f"{abs(net):,.2f} USDC{' owed' if net < 0 else ''}", net
    if "coins" in inputs:
        coins, value = inputs["coins"], inputs["value_usd"]
        price = plain(value / coins) if coins else "0"
        text = f"{plain(abs(coins))} coins{' owed' if coins < 0 else ''} at {price} USD"
        if "weight" in inputs:
            text += f", collateral weight {inputs['weight']:.4f}"
        return text, value
    if "size_coins" in inputs:
        size = inputs["size_coins"]
        text = (
            f"{'long' if size > 0 else 'short'} {plain(abs(size))} coins from"
            f" {plain(inputs['entry_usd'] or 0, 4)}, mark {plain(inputs['mark_usd'])} USD;"
            f" notional {inputs['notional_usd']:,.2f} USD"
        )
        for name, rate in (("initial", "imf"), ("maintenance", "mmf")):  # not of a group's member
            text += f", {name} {inputs[rate]:.2%}" if rate in inputs else ""
        return text, inputs["unrealised_pnl_usd"]
    if "yes" in inputs:
        yes, no, mark = inputs["yes"], inputs["no"], inputs["mark_yes_usd"]
        shares = [f"{yes:,} YES at {plain(mark)} USD"] if yes else []
        shares += [f"{no:,} NO at {plain(1 - mark)} USD"] if no else []
        return f"{', '.join(shares)}; the worst outcome pays {min(yes, no):,} USD", net
    return words(inputs), net
