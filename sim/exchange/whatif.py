"""An account as it would be: at other prices, or after an event has been decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sim.exchange.account import Account
from sim.exchange.instruments import MICRO, Kind, Listing
from sim.exchange.places import places
from sim.exchange.valuation import Valuation

VOID = -1
PRICED = (Kind.PERPETUAL, Kind.INVERSE, Kind.FUTURE, Kind.SPOT)


def scaled(price: int, numerator: int, denominator: int) -> int:
    """price·numerator/denominator rounded half to even, at least one tick."""
    whole, rest = divmod(price * numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole & 1):
        whole += 1
    return max(1, whole)


def repriced(listing: Listing, account: Account, index: Mapping[int, int]) -> Account:
    """The account with other index prices (ticks by feed id).

    The marks of everything on such a feed move in the same proportion, so that a mark's distance
    from its index stays what it is in relative terms.  TWAPs, grades and the marks of event shares
    stay.
    """
    marks = dict(account.marks)
    for p in places(listing):
        if p.kind in PRICED and p.feed in index and p.id in marks:
            marks[p.id] = scaled(marks[p.id], index[p.feed], account.index[p.feed])
    return replace(account, index={**account.index, **index}, marks=marks)


def decided(listing: Listing, account: Account, event: int, outcome: int) -> Account:
    """The account after an event ended with ``outcome`` (``VOID``: every share pays alike), SET-03.

    A scalar event has its two extremes as outcomes.
    """
    first, n = listing.first_share(event), len(listing.events[event].shares)
    q = [account.balances.get(k, 0) for k in range(first, first + n)]
    paid = sum(q) * MICRO // n if outcome == VOID else q[outcome] * MICRO
    balances = {k: x for k, x in account.balances.items() if not first <= k < first + n}
    balances[0] = balances.get(0, 0) + paid
    return replace(account, balances=balances, resolved=account.resolved | {event})


def exposed(value: Valuation) -> list[int]:
    """Ids of the feeds whose price an account's NE or MM depends on."""
    account, listing = value.account, value.listing
    found = {value.places[i].feed for i in account.positions}
    for k in range(1, 1 + len(listing.assets)):
        if account.balances.get(k) or account.claims.get(k):
            found.add(value.coin_feed[k])
    for e in range(len(listing.events)):
        if value.linked(e) >= 0 and any(value.shares(e)):
            found.add(value.linked(e))
    return sorted(found)
