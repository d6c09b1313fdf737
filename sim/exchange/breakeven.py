"""At which prices an account would be liquidated (LIQ-00): where NE falls below MM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sim.exchange.account import Account
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.legs import Leg, legs_of, ne_mm
from sim.exchange.rules import Rules
from sim.exchange.valuation import Valuation
from sim.exchange.whatif import VOID, decided, exposed, repriced, scaled

FURTHEST = 4  # times the index: a rise of 300 %
STEPS = 200  # looks per 100 % of the index


@dataclass(frozen=True)
class Crossing:
    """The first price, going away from the present one, at which NE < MM changes.

    ``move`` is relative to the present index; ``legs`` are those at that price, resting orders left
    out; ``safe`` says what the account is there.
    """

    move: float
    price_usd: float | None
    safe: bool
    ne_usd: float
    mm_usd: float
    legs: tuple[Leg, ...]


@dataclass(frozen=True)
class PricePath:
    """Down and up along one feed (or ``feed`` "": all the account's feeds together).

    None: nothing changes before -100 %, or before +300 %.
    """

    feed: str
    index_usd: float | None
    down: Crossing | None
    up: Crossing | None


@dataclass(frozen=True)
class Resolution:
    """The account once an event has ended so, at present prices or (``move``) with its jump."""

    event: str
    outcome: str
    move: float
    safe: bool
    ne_usd: float
    mm_usd: float


@dataclass(frozen=True)
class LiquidationPath:
    """Where the account would be liquidated.  ``safe``: NE >= MM now."""

    safe: bool
    ne_usd: float
    mm_usd: float
    feeds: tuple[PricePath, ...]
    together: PricePath | None
    resolutions: tuple[Resolution, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


class _Search:
    """Looks for crossings of one account, whose resting orders MM does not know."""

    def __init__(self, listing: Listing, rules: Rules, account: Account) -> None:
        self.listing, self.rules = listing, rules
        self.account = replace(account, resting={})
        self.safe = self.safe_at(self.account)

    def safe_at(self, account: Account) -> bool:
        ne, mm = ne_mm(self.listing, self.rules, account)
        return ne >= mm

    def first(self, made: Callable[[int], Account], looks: list[int], now: int) -> int | None:
        """The number nearest to `now` among `looks`, refined to one, that changes safety."""
        before = now
        for look in looks:
            if self.safe_at(made(look)) != self.safe:
                while abs(look - before) > 1:
                    middle = (look + before) // 2
                    if self.safe_at(made(middle)) != self.safe:
                        look = middle
                    else:
                        before = middle
                return look
            before = look
        return None

    def path(
        self, name: str, ticks: int, special: set[int], made: Callable[[int], Account], tick: float
    ) -> PricePath:
        """Down and up from `ticks`; `special` prices are looked at on both sides as well."""
        near = {t + d for t in special for d in (-1, 0, 1)}
        looks = {ticks * k // STEPS for k in range(FURTHEST * STEPS)} | near | {1}
        top = FURTHEST * ticks
        down = sorted((t for t in looks if 0 < t < ticks), reverse=True)
        up = sorted(t for t in {*looks, top - 1} if ticks < t < top)
        index = ticks * tick if name else None
        found = [self.crossing(ticks, side, made, tick if name else None) for side in (down, up)]
        return PricePath(name, index, *found)

    def crossing(
        self, ticks: int, looks: list[int], made: Callable[[int], Account], tick: float | None
    ) -> Crossing | None:
        price = self.first(made, looks, ticks)
        if price is None:
            return None
        ne, mm = ne_mm(self.listing, self.rules, made(price))
        legs = legs_of(self.listing, self.rules, made(price))
        usd_there = None if tick is None else price * tick
        return Crossing(price / ticks - 1.0, usd_there, ne >= mm, ne, mm, legs)

    def along(self, feed: int) -> PricePath:
        """One feed moves, the others stay."""
        item = self.listing.feeds[feed]
        special = {e.strike for e in self.listing.events if e.underlying == item.name and e.strike}
        return self.path(
            item.name,
            self.account.index[feed],
            special,
            lambda t: repriced(self.listing, self.account, {feed: t}),
            item.tick_micro / MICRO,
        )

    def together(self, feeds: list[int]) -> PricePath:
        """All feeds move by the same share, in steps of a tick of the one with the most ticks."""
        index = self.account.index
        most = max(index[f] for f in feeds)

        def made(t: int) -> Account:
            prices: Mapping[int, int] = {f: scaled(index[f], t, most) for f in feeds}
            return repriced(self.listing, self.account, prices)

        return self.path("", most, set(), made, 0.0)

    def resolutions(self) -> list[Resolution]:
        """Every end of every event of which the account holds shares."""
        found = []
        value = Valuation(self.listing, self.rules, self.account)
        for e, item in enumerate(self.listing.events):
            if e in self.account.resolved or not any(value.shares(e)):
                continue
            for outcome in (*range(len(item.shares)), VOID):
                name = "void" if outcome == VOID else item.shares[outcome]
                after = decided(self.listing, self.account, e, outcome)
                found.append(self.resolution(item.name, name, 0.0, after))
                if item.jumps and outcome != VOID and item.jumps[outcome]:
                    feed, jump = self.listing.feed_id(item.underlying), item.jumps[outcome]
                    price = max(1, round(after.index[feed] * (1.0 + jump)))
                    moved = repriced(self.listing, after, {feed: price})
                    found.append(self.resolution(item.name, name, jump, moved))
        return found

    def resolution(self, event: str, outcome: str, move: float, account: Account) -> Resolution:
        ne, mm = ne_mm(self.listing, self.rules, account)
        return Resolution(event, outcome, move, ne >= mm, ne, mm)


def liquidation_path(listing: Listing, rules: Rules, account: Account) -> LiquidationPath:
    """The prices at which the account's NE and MM cross, and what each event's end would do.

    Prices are looked at every half per cent of the index (and beside the strikes of linked events),
    and the first change is then halved down to one tick: a change that is undone within half a per
    cent may be missed.  Marks move with their index (`whatif.repriced`).
    """
    search = _Search(listing, rules, account)
    feeds = exposed(Valuation(listing, rules, account))
    ne, mm = ne_mm(listing, rules, search.account)
    return LiquidationPath(
        search.safe,
        ne,
        mm,
        tuple(search.along(f) for f in feeds),
        search.together(feeds) if len(feeds) > 1 else None,
        tuple(search.resolutions()),
    )
