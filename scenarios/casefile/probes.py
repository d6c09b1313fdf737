"""Expectations as probes: each names a field, and says what it expects and what it got.

They are made before a case is run, so that a name that does not exist is bad input, not a miss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import TypeVar

from scenarios.casefile.amounts import EXACT, CaseFault, plain, times
from scenarios.casefile.expect import Expect, Position, Resting
from scenarios.casefile.names import USDC_UNIT, Names, shown
from scenarios.casefile.venue import Venue
from scenarios.errors import choose
from sim.exchange.messages import BookState

FULL_DIGITS = 6
T = TypeVar("T")


@dataclass(frozen=True)
class Probe:
    """``got`` reads the venue and answers in the words of ``want``; equal texts are a hit."""

    field: str
    want: str
    got: Callable[[Venue], str]


def digits(number: Decimal) -> int:
    """Decimals that are written; a number without a point is meant to six."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent if exponent < 0 else FULL_DIGITS


def rounded(value: float | Decimal, places: int) -> str:
    """A number at so many decimals, half to even, without its trailing zeros."""
    with localcontext(EXACT):
        exact = Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    return plain(exact)


def _of(read: Callable[[Venue, int], T], at: int) -> Callable[[Venue], T]:
    """A read-out of one account, instrument or feed."""
    return lambda venue: read(venue, at)


class Probes:
    """Turns the tables of an `expect` into probes; raises CaseFault for unknown names."""

    def __init__(self, names: Names, orders: dict[int, str], numbers: dict[str, int]) -> None:
        self.names, self.orders, self.numbers = names, orders, numbers

    def of(self, expect: Expect) -> list[Probe]:
        """Every probe of an expectation but its events."""
        self.at: tuple[str, ...] = ()
        try:
            return [
                *self._balances(expect), *self._positions(expect), *self._figures(expect),
                *self._prices(expect), *self._books(expect), *self._buckets(expect),
            ]  # fmt: skip
        except CaseFault as fault:
            raise CaseFault(str(fault), *self.at) from None

    def _exact(
        self, field: str, want: Decimal, unit: Decimal, read: Callable[[Venue], int]
    ) -> Probe:
        return Probe(field, plain(want), lambda v: shown(read(v), unit))

    # accounts -------------------------------------------------------------------------------
    def _balances(self, expect: Expect) -> Iterator[Probe]:
        for table, by_account in (("balances", expect.balances), ("claims", expect.claims)):
            for who, amounts in by_account.items():
                self.at = (table, who)
                a = self.names.account(who)
                for asset, want in amounts.items():
                    self.at = (table, who, asset)
                    k = self.names.asset(asset)
                    unit = self.names.unit(k)

                    def read(v: Venue, table: str = table, a: int = a, k: int = k) -> int:
                        return v.claim(a, k) if table == "claims" else v.engine.balance(a, k)

                    yield self._exact(f"{table}.{who}.{asset}", want, unit, read)

    def _positions(self, expect: Expect) -> Iterator[Probe]:
        for who, positions in expect.positions.items():
            self.at = ("positions", who)
            a = self.names.account(who)
            for instrument, want in positions.items():
                self.at = ("positions", who, instrument)
                i = self.names.instrument(instrument)
                if i >= len(self.names.listing.derivatives()):
                    raise CaseFault(f"positions: {instrument!r} has balances, not positions")
                position = want if isinstance(want, Position) else Position(size=want)
                yield from self._position(f"positions.{who}.{instrument}", a, i, position)

    def _position(self, field: str, a: int, i: int, want: Position) -> Iterator[Probe]:
        lot, unit = self.names.lot(i), self.names.unit(self.names.settled_in(i))
        yield self._exact(field, want.size, lot, lambda v: v.engine.position(a, i)[0])
        if want.cost is not None:
            yield self._exact(
                f"{field}.cost", want.cost, unit, lambda v: v.engine.position(a, i)[1]
            )
        if want.entry is not None:
            places = digits(want.entry)
            inverse = self.names.listing.face_micro(i)

            def entry(v: Venue) -> str:
                lots, cost = v.engine.position(a, i)
                if not lots or not cost:
                    return "none"
                with localcontext(EXACT):
                    if inverse:  # contracts of `face` USD over the coins they cost
                        price = times(-lots * inverse, USDC_UNIT) / times(cost, unit)
                    else:
                        price = times(cost, unit) / times(lots, lot)
                return rounded(price, places)

            yield Probe(f"{field}.entry", rounded(want.entry, places), entry)

    def _figures(self, expect: Expect) -> Iterator[Probe]:
        for who, want in expect.equity.items():
            self.at = ("equity", who)
            a = self.names.account(who)
            yield self._exact(
                f"equity.{who}", want, USDC_UNIT, _of(lambda v, a: v.engine.equity(a), a)
            )  # fmt: skip
        read: dict[str, Callable[[Venue, int], float]] = {
            "ne": lambda v, a: v.engine.maintenance(a)[0],
            "mm": lambda v, a: v.engine.maintenance(a)[1],
            "strict_ne": lambda v, a: v.engine.initial(a)[0],
            "im": lambda v, a: v.engine.initial(a)[1],
            "free": lambda v, a: v.engine.initial(a)[0] - v.engine.initial(a)[1],
        }
        for table, value in read.items():
            for who, want in getattr(expect, table).items():
                self.at = (table, who)
                a, places = self.names.account(who), digits(want)

                def got(
                    v: Venue, value: Callable[[Venue, int], float] = value, a: int = a,
                    places: int = places,
                ) -> str:  # fmt: skip
                    return rounded(value(v, a), places)

                yield Probe(f"{table}.{who}", rounded(want, places), got)

    # prices and books -----------------------------------------------------------------------
    def _prices(self, expect: Expect) -> Iterator[Probe]:
        for name, want in expect.mark.items():
            self.at = ("mark", name)
            i = self.names.instrument(name)
            yield self._exact(
                f"mark.{name}", want, self.names.tick(i), _of(lambda v, i: v.engine.mark(i), i)
            )  # fmt: skip
        for table in ("index", "twap"):
            for name, want in getattr(expect, table).items():
                self.at = (table, name)
                f = self.names.feed(name)
                unit = self.names.feed_tick(f)

                def read(v: Venue, table: str = table, f: int = f) -> int:
                    return v.engine.index(f) if table == "index" else v.engine.twap(f)

                yield self._exact(f"{table}.{name}", want, unit, read)

    def _books(self, expect: Expect) -> Iterator[Probe]:
        for side, quotes in enumerate((expect.bid, expect.ask)):
            for name, quote in quotes.items():
                self.at = ("ask" if side else "bid", name)
                i = self.names.instrument(name)

                def best(v: Venue, i: int = i, side: int = side) -> str:
                    prices = [price for s, price, *_ in v.engine.book(i) if s == side]
                    return shown(prices[0], self.names.tick(i)) if prices else "none"

                want = quote if isinstance(quote, str) else plain(quote)
                yield Probe(f"{'ask' if side else 'bid'}.{name}", want, best)
        for name, orders in expect.book.items():
            self.at = ("book", name)
            yield from self._book(name, orders)
        for name, state in expect.book_state.items():
            self.at = ("book_state", name)
            i = self.names.instrument(name)
            yield Probe(
                f"book_state.{name}", state, _of(lambda v, i: BookState(v.states[i]).name.lower(), i)
            )  # fmt: skip
        if expect.flagged is not None:
            self.at = ("flagged",)
            ids = sorted(self.names.account(who) for who in expect.flagged)
            yield Probe(
                "flagged", self._list(ids), lambda v: self._list(sorted(v.engine.flagged()))
            )

    def _list(self, ids: list[int]) -> str:
        return ", ".join(self.names.accounts[a] for a in ids) or "nobody"

    def _book(self, name: str, orders: tuple[Resting, ...]) -> Iterator[Probe]:
        i = self.names.instrument(name)
        yield Probe(
            f"book.{name}", f"{len(orders)} orders", lambda v: f"{len(v.engine.book(i))} orders"
        )
        for n, want in enumerate(orders):
            told = self._told(want)

            def got(v: Venue, n: int = n, want: Resting = want) -> str:
                book = v.engine.book(i)
                if n >= len(book):
                    return "none"
                side, price, size, order, account = book[n]
                found = Resting(
                    side="sell" if side else "buy",
                    price=times(price, self.names.tick(i)), size=times(size, self.names.lot(i)),
                    account=None if want.account is None else self.names.accounts[account],
                    order=None if want.order is None else self.orders.get(order, order),
                )  # fmt: skip
                return self._told(found)

            yield Probe(f"book.{name}.{n}", told, got)

    def _told(self, r: Resting) -> str:
        if isinstance(r.order, str) and r.order not in self.numbers:
            raise CaseFault(f"unknown order {r.order!r}{choose(r.order, self.numbers)}")
        if r.account is not None:
            self.names.account(r.account)
        who = "" if r.account is None else f" {r.account}"
        number = "" if r.order is None else f" ({r.order})"
        return f"{r.side} {plain(r.size)} at {plain(r.price)}{who}{number}"

    # buckets --------------------------------------------------------------------------------
    def _buckets(self, expect: Expect) -> Iterator[Probe]:
        b = expect.buckets
        self.at = ("buckets",)
        for name in ("insurance", "bonds"):
            if (want := getattr(b, name)) is not None:
                yield self._bucket(name, "", want, 0, USDC_UNIT)
        for name in ("fees", "rounding", "pool", "external"):
            found = getattr(b, name)
            by_asset = (
                found if isinstance(found, dict) else {} if found is None else {"USDC": found}
            )
            for asset, want in by_asset.items():
                k = self.names.asset(asset)
                yield self._bucket(name, asset, want, k, self.names.unit(k))
        for instrument, want in b.clearing.items():
            i = self.names.instrument(instrument)
            unit = self.names.unit(self.names.settled_in(i))
            yield self._bucket("clearing", instrument, want, i, unit)
        for event, want in b.vault.items():
            yield self._bucket("vault", event, want, self.names.event(event), USDC_UNIT)

    def _bucket(self, name: str, of: str, want: Decimal, index: int, unit: Decimal) -> Probe:
        field = f"buckets.{name}.{of}" if of else f"buckets.{name}"
        return self._exact(field, want, unit, lambda v: v.engine.bucket(name, index))
