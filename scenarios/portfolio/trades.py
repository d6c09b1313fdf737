"""What-if trades: an account as it would be after them, at their prices and without fees."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from scenarios.portfolio.amounts import exact, nearest
from scenarios.portfolio.book import Book, cost_of
from scenarios.portfolio.schema import Trade
from sim.exchange.account import Account
from sim.exchange.instruments import MICRO, InversePerpetual


def after(book: Book, trades: tuple[Trade, ...], account: Account | None = None) -> Account:
    """The account (default: the book's) after the trades, one after the other."""
    made = book.account if account is None else account
    for trade in trades:
        made = {"asset": _coins, "position": _position, "event": _shares}[trade.subject](
            book, made, trade
        )
    return made


def _price(trade: Trade, mark: Fraction) -> Fraction:
    return mark if trade.price_usd is None else exact(trade.price_usd)


def _pay(account: Account, changes: dict[int, int]) -> Account:
    balances = dict(account.balances)
    for k, x in changes.items():
        balances[k] = balances.get(k, 0) + x
    return replace(account, balances={k: x for k, x in sorted(balances.items()) if x})


def _coins(book: Book, account: Account, t: Trade) -> Account:
    scale, k = book.scales[t.asset], book.coin_id(t.asset)
    mark = scale.usd(account.index[book.listing.feed_id(t.asset)])
    coins = exact(t.coins) if t.coins is not None else exact(t.usd or 0.0) / mark
    lots = scale.lots(coins)
    paid = nearest(Fraction(lots, scale.lots_per_coin) * _price(t, mark) * MICRO)
    return _pay(account, {k: lots, 0: -paid})


def _position(book: Book, account: Account, t: Trade) -> Account:
    listing, i = book.listing, book.listing.instrument_id(t.position)
    item, scale = listing.item(i), book.scales[book.portfolio.position_named(t.position).on]
    mark = scale.usd(account.marks[i])
    if isinstance(item, InversePerpetual):
        face = item.face_usd
        lots = t.contracts if t.contracts is not None else nearest(exact(t.usd or 0.0) / face)
    else:
        lots = scale.lots(exact(t.coins) if t.coins is not None else exact(t.usd or 0.0) / mark)
    if not lots:
        return account
    return _filled(book, account, i, lots, cost_of(listing, i, lots, _price(t, mark)))


def _filled(book: Book, account: Account, i: int, lots: int, cost: int) -> Account:
    """A fill as the exchange books it: what closes is realised pro rata, what opens adds."""
    size, held_cost = account.positions.get(i, (0, 0))
    closes = min(abs(lots), abs(size)) if lots * size < 0 else 0
    realised = 0
    if closes:
        # The roundings of the rulebook: what closes is floored, what is released rounded up.
        closing = cost * closes // abs(lots)
        part = -(-held_cost * closes // abs(size))
        realised, held_cost, cost = -closing - part, held_cost - part, cost - closing
    positions = {**account.positions, i: (size + lots, held_cost + cost)}
    settles = book.listing.base_of(i) if book.listing.face_micro(i) else 0
    made = replace(account, positions={j: p for j, p in sorted(positions.items()) if p[0]})
    return _pay(made, {settles: realised}) if realised else made


def _shares(book: Book, account: Account, t: Trade) -> Account:
    """Shares bought or sold; what is sold beyond what is held is minted first (PRD-03)."""
    e = book.event_id(t.event)
    event = book.listing.events[e]
    first, share = book.listing.first_share(e), book.share_id(t.event, t.outcome)
    price = _price(t, Fraction(share_mark(book, account, e, share - first), event.payoff_ticks))
    amount = t.amount or 0
    made = _pay(account, {share: amount, 0: -nearest(amount * price * MICRO)})
    short = -made.balances.get(share, 0)
    if short > 0:
        sets = dict.fromkeys(range(first, first + len(event.shares)), short)
        made = _pay(made, {**sets, 0: -short * MICRO})
    return made


def share_mark(book: Book, account: Account, e: int, outcome: int) -> int:
    """A share's mark in ticks."""
    event, first = book.listing.events[e], book.listing.first_book(e)
    if len(event.books) > 1:
        return account.marks[first + outcome]
    return account.marks[first] if outcome == 0 else event.payoff_ticks - account.marks[first]
