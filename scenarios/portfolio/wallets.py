"""An account as the wallets of each margin mode (MAR-08), and the least capital they need.

Unified and portfolio margin keep everything in one account.  Segregated wallets are spot (coins and
loans), derivatives and events; isolated ones are spot, one per derivative and one per event.
Wallets share nothing, so what they need adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from scenarios.portfolio.book import Book
from scenarios.portfolio.schema import MODES, Mode
from sim.exchange.account import Account
from sim.exchange.explain import Leg, legs_of
from sim.exchange.instruments import MICRO, Listing

SPOT, DERIVATIVES, EVENTS = "spot", "derivatives", "events"


Part = tuple[str, Mapping[int, int], Mapping[int, tuple[int, int]]]  # name, balances, positions


@dataclass(frozen=True)
class Wallet:
    """Part of an account that stands alone; its ``account`` has no USDC but what it owes.

    ``need_micro``: the least micro-USDC to put in so that NE ≥ IM.  The three sums are those of
    the wallet without it; ``legs`` add to them exactly (MAR-11).
    """

    name: str
    account: Account
    need_micro: int
    ne_usd: float
    im_usd: float
    mm_usd: float
    legs: tuple[Leg, ...]


@dataclass(frozen=True)
class Margin:
    """An account under one margin mode.

    ``own_usd`` is its free USDC, which NE counts once; ``need_usd`` what the wallets need together.
    """

    mode: Mode
    wallets: tuple[Wallet, ...]
    own_usd: float

    @property
    def need_usd(self) -> float:
        return sum(w.need_micro for w in self.wallets) / MICRO

    @property
    def ne_usd(self) -> float:
        return sum((w.ne_usd for w in self.wallets), 0.0) + self.own_usd

    @property
    def im_usd(self) -> float:
        return sum((w.im_usd for w in self.wallets), 0.0)

    @property
    def mm_usd(self) -> float:
        return sum((w.mm_usd for w in self.wallets), 0.0)

    @property
    def left_usd(self) -> float:
        """Free USDC less what is needed; negative: so much is missing."""
        return self.own_usd - self.need_usd


def margins(book: Book, account: Account | None = None) -> dict[Mode, Margin]:
    """An account (default: the book's) under every mode."""
    return {mode: margin(book, mode, account) for mode in MODES}


def margin(book: Book, mode: Mode, account: Account | None = None) -> Margin:
    """An account (default: the book's) under one mode."""
    whole = book.account if account is None else account
    found = []
    for name, part in split(book.listing, mode, whole):
        legs = legs_of(book.listing, book.rules(mode), part)
        ne, im, mm = (total(legs, column) for column in ("ne_usd", "im_usd", "mm_usd"))
        found.append(Wallet(name, part, needed(book, mode, part), ne, im, mm, legs))
    return Margin(mode, tuple(found), max(0, whole.balances.get(0, 0)) / MICRO)


def needed(book: Book, mode: Mode, wallet: Account) -> int:
    """The least micro-USDC to put into a wallet so that NE ≥ IM."""
    return least_usdc(lambda micro: covered(book, mode, with_usdc(wallet, micro)))


def total(legs: Iterable[Leg], column: str) -> float:
    """The running sum of a column, which is the exchange's own number."""
    sum_usd = 0.0
    for leg in legs:
        sum_usd += getattr(leg, column)
    return sum_usd


def with_usdc(account: Account, micro: int) -> Account:
    """The account with so much more USDC."""
    return replace(account, balances={**account.balances, 0: account.balances.get(0, 0) + micro})


def covered(book: Book, mode: Mode, account: Account) -> bool:
    """NE ≥ IM at the prices of MAR-09: nothing riskier could be refused."""
    legs = legs_of(book.listing, book.rules(mode), account)
    return total(legs, "strict_ne_usd") >= total(legs, "im_usd")


def least_usdc(enough: Callable[[int], bool]) -> int:
    """The least micro-USDC ≥ 0 that is enough; more is never less (NE rises, debts fall)."""
    if enough(0):
        return 0
    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def split(listing: Listing, mode: Mode, account: Account) -> list[tuple[str, Account]]:
    """Wallets by name, empty ones left out; positive USDC is in none of them."""
    debt = {0: account.balances[0]} if account.balances.get(0, 0) < 0 else {}
    coins = debt | {k: x for k, x in account.balances.items() if 0 < k <= len(listing.assets)}
    shares = {k: x for k, x in account.balances.items() if k > len(listing.assets)}
    if mode in ("unified", "portfolio"):
        return [("account", replace(account, balances=coins | shares))]
    positions = account.positions
    found: list[Part] = [(SPOT, coins, {})] if coins else []
    if mode == "segregated":
        found += [(DERIVATIVES, {}, dict(positions))] if positions else []
        found += [(EVENTS, shares, {})] if shares else []
    else:
        names = listing.instrument_names()
        found += [(names[i], {}, {i: held}) for i, held in positions.items()]
        for e, event in enumerate(listing.events):
            first = listing.first_share(e)
            ids = range(first, first + len(event.shares))
            if own := {k: x for k, x in shares.items() if k in ids}:
                found.append((event.name, own, {}))
    return [(name, replace(account, balances=b, positions=p)) for name, b, p in found]
