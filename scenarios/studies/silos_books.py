"""Who holds what in ``capital-silos``: archetypes whose books net across products, and makers.

One seed makes one population, the same under every margin mode.  Sizes are heavy-tailed (the tail
of `agents.population`), each archetype's add up to a given gross notional.  Makers hold the other
side of every derivative and event, in parts of their own; coins were bought elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.sizes import bounded_pareto
from scenarios.part import NonNegative, Part, Ratio, Usd
from scenarios.studies.silos_venue import COINS, SHARE_TICKS, Terms, Venue
from sim.exchange.instruments import Kind
from sim.streams import stream

Count = Annotated[int, Field(ge=1, le=10_000)]
Book = dict[int, int]  # instrument -> signed lots; event: + YES, − NO shares


class Group(Part):
    """Parties of one archetype, and the size that theirs add up to."""

    parties: Count
    usd: Usd


class Population(Part):
    """Archetypes.  ``usd`` is the size of the leg that the others hedge."""

    carry: Group = Group(parties=24, usd=30e6)  # spot long, perpetual short
    calendar: Group = Group(parties=24, usd=20e6)  # perpetual against future
    treasury: Group = Group(parties=12, usd=10e6)  # coins, short future, long the launch
    legislation: Group = Group(parties=12, usd=10e6)  # spot against the act's failure
    strip: Group = Group(parties=12, usd=10e6)  # perpetual against strikes below
    looper: Group = Group(parties=16, usd=15e6)  # spot on credit
    long: Group = Group(parties=60, usd=45e6)  # perpetuals, one coin or two
    short: Group = Group(parties=30, usd=20e6)
    holder: Group = Group(parties=30, usd=5e6)  # shares only
    makers: Count = 8
    tail_exponent: Annotated[float, Field(gt=0, lt=1)] = 0.56
    max_share: Annotated[float, Field(gt=0, le=1)] = 0.15  # of an archetype, of one party
    buffer_ratio: NonNegative = 0.5  # median of what a party keeps above its requirement
    buffer_log_deviation: NonNegative = 0.7
    crowd_yes_share: Ratio = 0.7  # holders on the side of YES

    def groups(self) -> dict[str, Group]:
        return {
            name: value
            for name in type(self).model_fields
            if isinstance(value := getattr(self, name), Group)
        }


@dataclass(frozen=True)
class Party:
    """``coins``: units it owns beforehand, by asset; ``buffer``: capital over requirement."""

    archetype: str
    book: Book
    coins: dict[int, int]
    buffer: float


def parties_of(venue: Venue, population: Population, seed: int) -> list[Party]:
    """Everybody, makers last; longs equal shorts in every derivative and event."""
    found: list[Party] = []
    for name, group in population.groups().items():
        rng = stream(seed, "capital-silos", name)
        sizes = bounded_pareto(rng, group.parties, population.tail_exponent, population.max_share)
        total = math.fsum(sizes.tolist())
        for size in sizes.tolist():
            buffer = _buffer(population, rng)
            usd = size / total * group.usd
            book, coins = BOOKS[name](_Pen(venue, rng, population), usd)
            book = {i: lots for i, lots in book.items() if lots}
            found.append(Party(name, book, coins, buffer))
    return found + _makers(venue, population, found, seed)


def gross_usd(venue: Venue, book: Book) -> float:
    """Notional of a book at the first prices; a share counts its price."""
    total = 0.0
    for i, lots in book.items():
        ticks = venue.first_ticks[i]
        if venue.listing.kind(i) == Kind.EVENT and lots < 0:
            ticks = SHARE_TICKS - ticks
        total += venue.usd(i, abs(lots), ticks)
    return total


@dataclass(frozen=True)
class _Pen:
    """What a book is written with."""

    venue: Venue
    rng: np.random.Generator
    population: Population

    @property
    def terms(self) -> Terms:
        return self.venue.terms

    def lots(self, name: str, usd: float) -> tuple[int, int]:
        """(instrument, signed lots) of ``usd``; of an event: shares, negative for NO."""
        i = self.venue.ids[name]
        lots = self.venue.lots(i, abs(usd))
        return i, lots if usd > 0 else -lots

    def coin(self, *chances: float) -> str:
        """One of the coins; ``chances`` of the first ones."""
        draw, total = float(self.rng.random()), 0.0
        for coin, chance in zip(COINS, chances, strict=False):
            total += chance
            if draw < total:
                return coin
        return COINS[len(chances) - 1]


def _carry(pen: _Pen, usd: float) -> tuple[Book, dict[int, int]]:
    coin = pen.coin(0.6, 0.4)
    return dict([pen.lots(f"{coin}/USDC", usd), pen.lots(f"{coin}-PERP", -usd)]), {}


def _calendar(pen: _Pen, usd: float) -> tuple[Book, dict[int, int]]:
    coin = pen.coin(0.6, 0.4)
    usd = usd if pen.rng.random() < 0.5 else -usd
    return dict([pen.lots(f"{coin}-PERP", usd), pen.lots(f"{coin}-FUT", -usd)]), {}


def _treasury(pen: _Pen, usd: float) -> tuple[Book, dict[int, int]]:
    """Owns coins, sells 1.3 times as much; the launch pays what a jump costs the difference."""
    t = pen.terms
    over = 0.3 * usd
    shares = over * (t.launch_up + t.launch_down)  # fair odds: right at either end
    venue = pen.venue
    asset = venue.listing.asset_id("TOK")
    coins = {asset: venue.lots(venue.ids["TOK/USDC"], usd)}
    return dict([pen.lots("TOK-FUT", -usd - over), pen.lots("LAUNCH", shares)]), coins


def _legislation(pen: _Pen, usd: float) -> tuple[Book, dict[int, int]]:
    """Bought coins; NO of the act pays what its failure costs them."""
    t = pen.terms
    shares = usd * (t.act_up + t.act_down)
    return dict([pen.lots("BTC/USDC", usd), pen.lots("ACT", -shares)]), {}


def _strip(pen: _Pen, usd: float) -> tuple[Book, dict[int, int]]:
    """A long perpetual; each NO of a strike pays the fall to the next one."""
    steps = [1.0, *pen.terms.strikes]
    legs = [pen.lots("BTC-PERP", usd)]
    for name, above, strike in zip(pen.venue.strikes, steps, steps[1:], strict=False):
        legs.append(pen.lots(name, -usd * (above - strike)))
    return dict(legs), {}


def _looper(pen: _Pen, usd: float) -> tuple[Book, dict[int, int]]:
    return dict([pen.lots(f"{pen.coin(0.4, 0.6)}/USDC", usd)]), {}


def _directional(sign: float) -> Callable[[_Pen, float], tuple[Book, dict[int, int]]]:
    def book(pen: _Pen, usd: float) -> tuple[Book, dict[int, int]]:
        first = pen.coin(0.5, 0.35, 0.15)
        second = pen.coin(0.5, 0.35, 0.15)  # the same coin: all of it in one
        legs: Book = {}
        for coin, share in ((first, 0.6), (second, 0.4)):
            i, lots = pen.lots(f"{coin}-PERP", sign * share * usd)
            legs[i] = legs.get(i, 0) + lots
        return legs, {}

    return book


def _holder(pen: _Pen, usd: float) -> tuple[Book, dict[int, int]]:
    name = ("ACT", "LAUNCH", "VOTE")[int(pen.rng.integers(3))]
    yes = pen.rng.random() < pen.population.crowd_yes_share
    return dict([pen.lots(name, usd if yes else -usd)]), {}


BOOKS: dict[str, Callable[[_Pen, float], tuple[Book, dict[int, int]]]] = {
    "carry": _carry,
    "calendar": _calendar,
    "treasury": _treasury,
    "legislation": _legislation,
    "strip": _strip,
    "looper": _looper,
    "long": _directional(1.0),
    "short": _directional(-1.0),
    "holder": _holder,
}


def _makers(venue: Venue, population: Population, others: list[Party], seed: int) -> list[Party]:
    """The other side: of each derivative and event every maker holds its part."""
    rng = stream(seed, "capital-silos", "makers")
    n = population.makers
    sizes = bounded_pareto(
        rng, n, population.tail_exponent, max(population.max_share, 0.4)
    ).tolist()
    buffers = [_buffer(population, rng) for _ in range(n)]
    total = math.fsum(sizes)
    books: list[Book] = [{} for _ in range(n)]
    for i in range(len(venue.names)):
        if venue.listing.kind(i) == Kind.SPOT:
            continue
        net = sum(p.book.get(i, 0) for p in others)
        left = abs(net)
        for k in range(n):
            lots = left if k == n - 1 else min(left, int(abs(net) * sizes[k] / total))
            left -= lots
            if not lots:
                continue
            books[k][i] = -lots if net > 0 else lots
    return [Party("maker", books[k], {}, buffers[k]) for k in range(n)]


def _buffer(population: Population, rng: np.random.Generator) -> float:
    draw = float(rng.normal())
    return 1.0 + population.buffer_ratio * math.exp(population.buffer_log_deviation * draw)
