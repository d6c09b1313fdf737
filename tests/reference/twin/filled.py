"""What an account would hold of an event if all its orders on one side of a book filled (MAR-05)."""

from __future__ import annotations

from twin.books import Resting
from twin.codes import NO, YES
from twin.ledger import change, held
from twin.listing import Instrument


def bids_filled(shares: list[int], i: Instrument, n: Resting) -> tuple[list[int], int]:
    """(shares afterwards, NO given up by those that sell it)."""
    d = min(held(shares, i.outcome, NO), n.sell_no_lots)
    lots = n.buy_yes_lots + n.sell_no_lots
    return changed(shares, i, lots - d, -d), d


def asks_filled(shares: list[int], i: Instrument, n: Resting) -> tuple[list[int], int]:
    """(shares afterwards, YES given up by those that sell it)."""
    d = min(held(shares, i.outcome, YES), n.sell_yes_lots)
    lots = n.sell_yes_lots + n.buy_no_lots
    return changed(shares, i, -d, lots - d), d


def changed(shares: list[int], i: Instrument, yes: int, no: int) -> list[int]:
    """A copy, with so many more YES and NO of this book."""
    after = list(shares)
    change(after, i.outcome, YES, yes)
    change(after, i.outcome, NO, no)
    return after
