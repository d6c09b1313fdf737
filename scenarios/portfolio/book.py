"""A portfolio as the exchange knows it: a listing, and an account as a value."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from scenarios.portfolio.amounts import Scale, exact, micro, nearest
from scenarios.portfolio.declare import Declaration
from scenarios.portfolio.schema import USDC, Event, Mode, Portfolio
from sim.exchange.account import Account
from sim.exchange.instruments import MICRO, Future, InversePerpetual, Listing, Perpetual
from sim.exchange.rules import Rules


@dataclass(frozen=True)
class Book:
    """``account`` holds what the file says; ``scales`` by price; ``notes``: what was rounded."""

    portfolio: Portfolio
    listing: Listing
    account: Account
    scales: dict[str, Scale]
    notes: tuple[str, ...]

    def rules(self, mode: Mode) -> Rules:
        """The exchange's rules in a margin mode."""
        m = self.portfolio.margin
        return Rules(
            margin_mode=mode,
            phi=m.phi,
            offset_ratio=m.offset_ratio,
            portfolio_extreme=m.portfolio_extreme,
            portfolio_extreme_weight=m.portfolio_extreme_weight,
            portfolio_floor=m.portfolio_floor,
            portfolio_initial=m.portfolio_initial,
        )

    def coin_id(self, price: str) -> int:
        return self.listing.asset_id(price)

    def event_id(self, name: str) -> int:
        return [e.name for e in self.listing.events].index(name)

    def share_id(self, event: str, outcome: str) -> int:
        """Asset id of a share."""
        e = self.event_id(event)
        return self.listing.first_share(e) + self.listing.events[e].shares.index(outcome)


def book_of(portfolio: Portfolio) -> Book:
    """The exchange's view of a portfolio.

    Raises ScenarioError where the exchange refuses a combination of prices and sizes.
    """
    declared = Declaration(portfolio)
    listing = declared.listing()
    positions, marks = _positions(declared, listing)
    index = {f: feed.index_ticks for f, feed in enumerate(listing.feeds)}
    for p in portfolio.price:
        marks[listing.instrument_id(f"{p.name}/USDC")] = index[listing.feed_id(p.name)]
    for e, event in enumerate(portfolio.event):
        marks |= _share_marks(declared, listing, e, event)
    balances = {k: x for k, x in sorted(_balances(declared, listing).items()) if x}
    account = Account(balances, positions, index, dict(sorted(marks.items())))
    return Book(portfolio, listing, account, declared.scales, tuple(dict.fromkeys(declared.notes)))


def _balances(declared: Declaration, listing: Listing) -> dict[int, int]:
    file, found = declared.file, dict[int, int]()
    for h in file.holding:
        if h.asset == USDC:
            found[0] = nearest(micro(h.usd or 0.0))
            declared.fits(("holding", USDC), found[0])
        else:
            scale = declared.scales[h.asset]
            price = scale.usd(scale.ticks(file.price_named(h.asset).price_usd))
            lots = declared.lots(f"holding of {h.asset}", h.asset, price, h.coins, h.usd)
            declared.fits(("holding", h.asset), nearest(lots * price / scale.lots_per_coin * MICRO))
            found[listing.asset_id(h.asset)] = lots
    names = [e.name for e in listing.events]
    for s in file.shares:
        e = names.index(s.event)
        found[listing.first_share(e) + listing.events[e].shares.index(s.outcome)] = s.amount
    return found


def _positions(
    declared: Declaration, listing: Listing
) -> tuple[dict[int, tuple[int, int]], dict[int, int]]:
    """(size and cost, mark in ticks) by derivative."""
    positions, marks = {}, {}
    for p in declared.file.position:
        i = listing.instrument_id(p.title)
        marks[i] = declared.mark_ticks(p)
        if size := declared.size(p):
            entry = exact(p.entry_usd) if p.entry_usd else declared.scales[p.on].usd(marks[i])
            positions[i] = (size, cost_of(listing, i, size, entry))
    return dict(sorted(positions.items())), marks


def _share_marks(declared: Declaration, listing: Listing, e: int, event: Event) -> dict[int, int]:
    """Marks of an event's books in ticks; a note where a written price falls between two."""
    first, payoff = listing.first_book(e), listing.events[e].payoff_ticks
    written = event.price is not None or event.outcomes or not event.strike_usd
    marks = {}
    for k, price in enumerate(declared.share_prices(event)):
        marks[first + k] = nearest(exact(price) * payoff)
        if written and Fraction(marks[first + k], payoff) != exact(price):
            what = f"{event.name}: price {price:g} USD"
            declared.note(what, marks[first + k] / payoff, "USD")
    return marks


def cost_of(listing: Listing, i: int, size: int, price_usd: Fraction) -> int:
    """What ``size`` lots of derivative i cost at a price: micro-USDC, or base units of an inverse."""
    item = listing.item(i)
    if isinstance(item, InversePerpetual):
        units = listing.assets[listing.base_of(i) - 1].units_per_coin
        paid = int(abs(size) * item.face_usd / price_usd * units)  # PRD-01: floored once
        return -paid if size > 0 else paid
    assert isinstance(item, Perpetual | Future)
    return nearest(size * price_usd * MICRO / item.lots_per_coin)
