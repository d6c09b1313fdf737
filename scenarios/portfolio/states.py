"""The loss in every state: each joint outcome of the events at each move of the prices, exactly.

A state is revalued by the exchange's own rules: marks move with the index, news makes the price
jump by (1 + move)·(1 + jump) − 1, events pay what they pay (SET-03), and the loss is the fall of raw
equity E (MAR-01) to the micro-dollar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod

from scenarios.portfolio.amounts import exact, nearest
from scenarios.portfolio.book import Book
from scenarios.portfolio.schema import VOID, Mode
from scenarios.portfolio.wallets import Margin, total, with_usdc
from sim.exchange import whatif
from sim.exchange.account import Account
from sim.exchange.explain import equity_of, legs_of
from sim.exchange.instruments import MICRO

MOST = 64  # joint outcomes in the table
BY_PRICE, OPEN = "by price", "open"


@dataclass(frozen=True)
class Ends:
    """How every event ends: (event name, outcome), VOID, "by price" or "open" (stays at its mark)."""

    outcomes: tuple[tuple[str, str], ...]

    @property
    def title(self) -> str:
        """``Launch YES, Law NO``."""
        said = [f"{name} {how}" for name, how in self.outcomes if how not in (OPEN, BY_PRICE)]
        return ", ".join(said) or ("as the price decides" if self.outcomes else "no event")


@dataclass(frozen=True)
class Move:
    """A relative move of the prices that move, before any jump; ``why`` names a strike."""

    value: Fraction
    why: str = ""


@dataclass(frozen=True)
class StateTable:
    """``losses_usd[m][c]`` at move m and ends c; positive is a loss.  ``notes``: what is left out."""

    moves: tuple[Move, ...]
    ends: tuple[Ends, ...]
    losses_usd: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...]

    def worst(self) -> tuple[int, int]:
        """(move, ends) of the largest loss, the first of equals."""
        cells = [(m, c) for m in range(len(self.moves)) for c in range(len(self.ends))]
        return max(cells, key=lambda cell: self.losses_usd[cell[0]][cell[1]])


@dataclass(frozen=True)
class Endurance:
    """How a mode's least capital fares over the states: each wallet starts with what it needs.

    ``flagged``: states in which a wallet has NE < MM (LIQ-00); ``uncovered_usd``: the most that
    wallets with negative equity lack together in one state, ``worst`` that state (empty: none).
    """

    mode: Mode
    states: int
    flagged: int
    uncovered_usd: float
    worst: str


def table_of(book: Book) -> StateTable:
    """The book's loss in every state."""
    moves, (ends, notes) = moves_of(book), ends_of(book)
    now = equity_of(book.listing, book.account)
    rows = tuple(
        tuple(
            (now - equity_of(book.listing, moved(book, book.account, m.value, c))) / MICRO
            for c in ends
        )
        for m in moves
    )
    return StateTable(moves, ends, rows, notes)


def endurance(book: Book, margin: Margin, table: StateTable) -> Endurance:
    """What a mode's least capital goes through in the states of the table."""
    rules = book.rules(margin.mode)
    flagged, uncovered, worst = 0, 0, ""
    for m, c in product(table.moves, table.ends):
        lack, flag = 0, False
        for wallet in margin.wallets:
            funded = with_usdc(wallet.account, wallet.need_micro)
            then = moved(book, funded, m.value, c)
            legs = legs_of(book.listing, rules, then)
            flag |= total(legs, "ne_usd") < total(legs, "mm_usd")
            lack += max(0, -equity_of(book.listing, then))
        flagged += flag
        if lack > uncovered:
            uncovered, worst = lack, f"{float(100 * m.value):+g} %, {c.title}"
    states = len(table.moves) * len(table.ends)
    return Endurance(margin.mode, states, flagged, uncovered / MICRO, worst)


def moved(book: Book, account: Account, move: Fraction, ends: Ends) -> Account:
    """An account in a state."""
    listing, file = book.listing, book.portfolio
    factor = {p.name: Fraction(1) for p in file.price}
    for name in factor:
        if file.states.price in ("", name):
            factor[name] += move
    for name, outcome in ends.outcomes:
        event = file.event_named(name)
        if outcome in event.jumps:
            factor[event.underlying] *= 1 + exact(event.jumps[outcome])
    index = {
        f: max(1, nearest(account.index[f] * factor[feed.name]))
        for f, feed in enumerate(listing.feeds)
    }
    then = whatif.repriced(listing, account, index)
    for name, outcome in ends.outcomes:
        e, event = book.event_id(name), file.event_named(name)
        if outcome == OPEN:
            continue
        if outcome == BY_PRICE:
            strike = listing.events[e].strike
            high = index[listing.feed_id(event.underlying)] >= strike
            end = int(high != (event.side == "above"))
        else:
            end = whatif.VOID if outcome == VOID else event.shares.index(outcome)
        then = whatif.decided(listing, then, e, end)
    return then


def moves_of(book: Book) -> tuple[Move, ...]:
    """The moves of the table, from the lowest: as given or the grids, 0, and both sides of strikes."""
    file = book.portfolio
    names = [file.states.price] if file.states.price else [p.name for p in file.price]
    given = [exact(m) for m in file.states.moves]
    if not given:
        given = [s * exact(x) for n in names for x in file.price_named(n).grid for s in (-1, 1)]
    found = {Fraction(0): "", **dict.fromkeys(given, "")}
    for event in file.event:
        if event.strike_usd and event.underlying in names:
            feed = book.listing.feed_id(event.underlying)
            strike = book.listing.events[book.event_id(event.name)].strike
            for ticks, where in ((strike - 1, "under"), (strike, "at")):
                move = Fraction(ticks, book.account.index[feed]) - 1
                if min(given) <= move <= max(given):
                    found[move] = f"{where} {event.strike_usd:,g}"
    return tuple(Move(m, found[m]) for m in sorted(found))


def ends_of(book: Book) -> tuple[tuple[Ends, ...], tuple[str, ...]]:
    """The joint outcomes of the table, and what had to be left out of it."""
    file = book.portfolio
    void = [VOID] if file.states.void else []
    choices: list[tuple[str, list[str]]] = [
        (e.name, [*e.shares, *void]) for e in file.event if e.strike_usd is None
    ]
    by_price = [e.name for e in file.event if e.strike_usd is not None]
    notes = list[str]()

    def count() -> int:
        return prod(len(shares) for _, shares in choices) * (1 + bool(void and by_price))

    if count() > MOST and void:
        void, choices = [], [(name, shares[:-1]) for name, shares in choices]
        notes.append("void outcomes are left out: there would be too many states")
    if count() > MOST:
        notes.append("one event at a time, the others stay open: there would be too many states")
        return tuple(_one_by_one(choices, by_price)), tuple(notes)
    found = []
    for decided_as in [BY_PRICE] + ([VOID] if void and by_price else []):
        for picked in product(*(shares for _, shares in choices)):
            own = zip([name for name, _ in choices], picked, strict=True)
            found.append(Ends((*own, *((name, decided_as) for name in by_price))))
    return tuple(found), tuple(notes)


def _one_by_one(choices: list[tuple[str, list[str]]], by_price: list[str]) -> Iterator[Ends]:
    for name, shares in choices:
        for share in shares:
            others = tuple((other, OPEN) for other, _ in choices if other != name)
            yield Ends(((name, share), *others, *((p, BY_PRICE) for p in by_price)))
