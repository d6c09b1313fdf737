"""What a portfolio file says of the future, as the objects of `sim.risk`: prices, events, legs.

Volatility scales with the square root of time; a year has 365 days.  Profits are from the marks, and
a mark moves with its index.
"""

from __future__ import annotations

from math import erfc, sqrt
from typing import TYPE_CHECKING

from scenarios.portfolio.schema import BINARY, VOID, Event, Portfolio
from sim.exchange.instruments import InversePerpetual
from sim.risk import events as risk_events
from sim.risk import portfolio as risk_portfolio
from sim.risk.prices import PriceLeg, Underlying

if TYPE_CHECKING:
    from scenarios.portfolio.book import Book
    from sim.exchange.account import Account

YEAR = 365.0


def sigma(portfolio: Portfolio, price: str) -> float:
    """Standard deviation of a price's relative move over the horizon."""
    return portfolio.price_named(price).volatility * sqrt(portfolio.horizon.days / YEAR)


def strike_probability(portfolio: Portfolio, event: Event) -> float:
    """Probability of YES of an event that a price decides: its return is normal, without drift."""
    assert event.strike_usd is not None
    price, deviation = portfolio.price_named(event.underlying), sigma(portfolio, event.underlying)
    move = event.strike_usd / price.price_usd - 1
    if deviation == 0:
        above = float(move <= 0)
    else:
        above = 0.5 * erfc(move / deviation / sqrt(2))
    return above if event.side == "above" else 1 - above


def outlook_of(book: Book, account: Account | None = None) -> risk_portfolio.Portfolio:
    """An account (default: the book's) with its risks over the horizon."""
    file, listing = book.portfolio, book.listing
    held = book.account if account is None else account
    legs = []
    for k, lots in held.balances.items():
        if 0 < k <= len(listing.assets):
            asset = listing.assets[k - 1]
            price = file.price_named(asset.feed).price_usd
            legs.append(PriceLeg.spot(asset.feed, lots / asset.units_per_coin, price))
    for i, (size, cost) in held.positions.items():
        legs.append(_leg(book, held, i, size, cost))
    drawn = tuple(_event(book, held, e) for e in file.event if e.strike_usd is None)
    digitals = tuple(_digital(book, held, e) for e in file.event if e.strike_usd is not None)
    return risk_portfolio.Portfolio(
        underlyings=tuple(Underlying(p.name, p.price_usd, sigma(file, p.name)) for p in file.price),
        events=drawn,
        digitals=digitals,
        legs=tuple(legs),
        shares={e.name: shares for e in file.event if (shares := held_shares(book, held, e.name))},
    )


def held_shares(book: Book, account: Account, event: str) -> dict[str, float]:
    """Shares of an event by outcome, those that are held."""
    found = {}
    for outcome in book.portfolio.event_named(event).shares:
        if amount := account.balances.get(book.share_id(event, outcome), 0):
            found[outcome] = float(amount)
    return found


def _leg(book: Book, account: Account, i: int, size: int, cost: int) -> PriceLeg:
    listing = book.listing
    item, feed = listing.item(i), listing.feeds[listing.feed_of(i)]
    if isinstance(item, InversePerpetual):
        unit = listing.assets[listing.base_of(i) - 1].units_per_coin
        index_usd = account.index[listing.feed_of(i)] * feed.tick_micro / 1e6
        # (-c·F/mark - cost) coins at the index: the first part keeps its worth when both move.
        return PriceLeg(feed.name, -cost / unit * index_usd, "inverse")
    worth = size * account.marks[i] * listing.tick_value(i) / 1e6
    kind = book.portfolio.position_named(item.name).kind
    return PriceLeg(feed.name, worth, kind)


def _marks(book: Book, account: Account, e: Event) -> dict[str, float]:
    event, first = book.event_id(e.name), book.listing.first_book(book.event_id(e.name))
    item = book.listing.events[event]
    if len(item.books) > 1:
        return {s: account.marks[first + k] / item.payoff_ticks for k, s in enumerate(item.shares)}
    mark = account.marks[first] / item.payoff_ticks
    return {item.shares[0]: mark, item.shares[1]: 1 - mark}


def chances(e: Event) -> dict[str, float]:
    """Probability by outcome, void left out: as written, or the prices."""
    if e.outcomes:
        given = e.probabilities or e.prices
        whole = sum(given.values())
        return {share: given[share] / whole for share in e.shares}
    first = e.probability if e.probability is not None else e.price
    assert first is not None
    return {e.shares[0]: first, e.shares[1]: 1 - first}


def _event(book: Book, account: Account, e: Event) -> risk_events.Event:
    outcomes = [
        risk_events.Outcome(
            name,
            chance * (1 - e.void),
            jumps={e.underlying: e.jumps[name]} if name in e.jumps else {},
        )
        for name, chance in chances(e).items()
    ]
    if e.void:
        alike = dict.fromkeys(e.shares, 1 / len(e.shares))
        outcomes.append(risk_events.Outcome(VOID, e.void, alike))
    return risk_events.Event(e.name, tuple(outcomes), _marks(book, account, e))


def _digital(book: Book, account: Account, e: Event) -> risk_events.Digital:
    item = book.listing.events[book.event_id(e.name)]
    strike = float(book.scales[e.underlying].usd(item.strike))
    mark = _marks(book, account, e)[BINARY[0]]
    return risk_events.Digital(e.name, e.underlying, strike, mark, above=e.side == "above")
