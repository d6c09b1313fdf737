"""A portfolio as the exchange knows it: a listing, and an account as a value.

Feeds, coins and spot books are the file's prices in their order; derivatives and events likewise.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from pydantic import ValidationError

from scenarios.errors import ScenarioError
from scenarios.portfolio.amounts import Scale, exact, micro, nearest, scale_of
from scenarios.portfolio.schema import BINARY, SCALAR, USDC, Event, Mode, Portfolio, Position
from sim.exchange.account import Account
from sim.exchange.instruments import (
    MICRO,
    Asset,
    BinaryEvent,
    CategoricalEvent,
    Feed,
    Future,
    InversePerpetual,
    Listing,
    Perpetual,
    ScalarEvent,
    Spot,
)
from sim.exchange.rules import Rules

DAY_US = 86_400_000_000
EXPIRY_US = 1_000 * 365 * DAY_US  # of a future without one: far off, its margin does not need it
PAYOFFS = (1000, 10_000)  # ticks to a share's USDC: a tenth of a cent, or a hundredth


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
    return _Maker(portfolio).book()


def default_price(event: Event, probability: float | None = None) -> float:
    """What a share of YES or LONG costs: as written, or its probability."""
    if event.price is not None:
        return event.price
    given = event.probability if event.probability is not None else probability
    assert given is not None  # `checks` has seen to it
    return given


class _Maker:
    def __init__(self, portfolio: Portfolio) -> None:
        self.file, self.notes = portfolio, list[str]()
        self.scales = {p.name: self.scale(p.name, p.price_usd) for p in portfolio.price}

    def scale(self, name: str, price_usd: float) -> Scale:
        here = [p for p in self.file.position if p.on == name]
        marks = [p.mark_usd for p in here if p.mark_usd is not None]
        strikes = [e.strike_usd for e in self.file.event if e.underlying == name and e.strike_usd]
        trades = [t for w in self.file.what_if for t in w.trade]
        titles = {p.title for p in here}
        coins = [
            *(h.coins for h in self.file.holding if h.asset == name),
            *(p.coins for p in here),
            *(t.coins for t in trades if t.asset == name or t.position in titles),
        ]
        found = scale_of(price_usd, [*marks, *strikes], [c for c in coins if c is not None])
        for usd in (price_usd, *marks, *strikes):
            ticks = found.ticks(usd)
            if found.usd(ticks) != exact(usd):
                self.note(f"{name}: price {usd:g} USD", float(found.usd(ticks)), "USD")
        return found

    def note(self, what: str, became: float, unit: str) -> None:
        self.notes.append(f"{what} is taken as {became:.10g} {unit}")

    def lots(self, what: str, price: str, usd_per_coin: Fraction, coins: float | None, usd: float | None) -> int:
        """A size in lots of a price's coin; a note where it is not what was written."""
        scale = self.scales[price]
        if coins is not None:
            lots = scale.lots(exact(coins))
            if Fraction(lots, scale.lots_per_coin) != exact(coins):
                self.note(f"{what}: {coins:g} coins", lots / scale.lots_per_coin, "coins")
            return lots
        assert usd is not None
        lots = scale.lots(exact(usd) / usd_per_coin)
        if lots == 0 and usd:
            self.note(f"{what}: {usd:g} USD", 0, "coins, less than a lot")
        return lots

    def mark_ticks(self, p: Position) -> int:
        given = p.mark_usd if p.mark_usd is not None else self.file.price_named(p.on).price_usd
        return self.scales[p.on].ticks(given)

    def size(self, p: Position) -> int:
        scale = self.scales[p.on]
        if p.kind == "inverse":
            if p.contracts is not None:
                return p.contracts
            assert p.usd is not None
            return nearest(exact(p.usd) / p.face_usd)
        return self.lots(p.title, p.on, scale.usd(self.mark_ticks(p)), p.coins, p.usd)

    # the listing ------------------------------------------------------------------------------
    def listing(self) -> Listing:
        kinds: dict[str, list[Position]] = {"perpetual": [], "inverse": [], "future": []}
        for p in self.file.position:
            kinds[p.kind].append(p)
        try:
            return Listing(
                feeds=tuple(
                    Feed(
                        name=p.name,
                        tick_micro=self.scales[p.name].tick_micro,
                        index_ticks=self.scales[p.name].ticks(p.price_usd),
                        grid=p.grid,
                    )
                    for p in self.file.price
                ),
                assets=tuple(
                    Asset(
                        name=p.name,
                        feed=p.name,
                        units_per_coin=self.scales[p.name].lots_per_coin,
                        haircut_w=p.haircut_w,
                        haircut_b=p.haircut_b,
                        haircut_kappa=p.haircut_kappa,
                        debt=p.debt,
                        borrowable=True,
                    )
                    for p in self.file.price
                ),
                perpetuals=tuple(
                    Perpetual(feed=p.on, lots_per_coin=self.lots_per_coin(p), **self.common(p))
                    for p in kinds["perpetual"]
                ),
                inverses=tuple(
                    InversePerpetual(base=p.on, face_usd=p.face_usd, **self.common(p))
                    for p in kinds["inverse"]
                ),
                futures=tuple(
                    Future(
                        feed=p.on,
                        lots_per_coin=self.lots_per_coin(p),
                        expiry_us=int(p.days * DAY_US) if p.days else EXPIRY_US,
                        **self.common(p),
                    )
                    for p in kinds["future"]
                ),
                spots=tuple(Spot(name=f"{p.name}/USDC", base=p.name) for p in self.file.price),
                events=tuple(self.event(e) for e in self.file.event),
                usdc_debt=self.file.margin.usdc_debt,
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            what = str(first.get("ctx", {}).get("error", first["msg"]))
            raise ScenarioError(what, where=self.file.origin.file, path="price") from None

    def lots_per_coin(self, p: Position) -> int:
        return self.scales[p.on].lots_per_coin

    def common(self, p: Position) -> dict[str, object]:
        margin = p.margin or self.file.margin.derivative
        most = max(100_000_000, 4 * abs(self.size(p)))
        return {"name": p.title, "margin": margin, "max_size_lots": most}

    def event(self, e: Event) -> BinaryEvent | CategoricalEvent | ScalarEvent:
        jumps = tuple(e.jumps.get(share, 0.0) for share in e.shares) if e.jumps else ()
        common = {
            "name": e.name,
            "payoff_ticks": self.payoff_ticks(e),
            "lam": e.lam,
            "underlying": e.underlying,
            "jumps": jumps,
        }
        if e.shares == BINARY and not e.outcomes:
            strike = self.scales[e.underlying].ticks(e.strike_usd) if e.strike_usd else 0
            return BinaryEvent(strike_ticks=strike, below=e.side == "below", **common)
        if e.shares == SCALAR and not e.outcomes:
            assert e.low is not None
            assert e.high is not None
            return ScalarEvent(low=e.low, high=e.high, **common)
        return CategoricalEvent(outcomes=e.outcomes, exhaustive=e.exhaustive, **common)

    def share_prices(self, e: Event) -> list[float]:
        """Marks of the merged books, USD."""
        if e.outcomes:
            return [(e.prices or e.probabilities)[share] for share in e.shares]
        return [default_price(e, self.by_price(e) if e.strike_usd else None)]

    def by_price(self, e: Event) -> float:
        from scenarios.portfolio.outlook import strike_probability

        return strike_probability(self.file, e)

    def payoff_ticks(self, e: Event) -> int:
        """The coarser tick that shows every price of the event, else the finer one."""
        for ticks in PAYOFFS:
            if all((exact(p) * ticks).denominator == 1 for p in self.share_prices(e)):
                return ticks
        return PAYOFFS[-1]

    # the account ------------------------------------------------------------------------------
    def account(self, listing: Listing) -> Account:
        balances: dict[int, int] = {}
        for h in self.file.holding:
            if h.asset == USDC:
                assert h.usd is not None
                balances[0] = nearest(micro(h.usd))
            else:
                scale = self.scales[h.asset]
                price = scale.usd(scale.ticks(self.file.price_named(h.asset).price_usd))
                lots = self.lots(f"holding of {h.asset}", h.asset, price, h.coins, h.usd)
                balances[listing.asset_id(h.asset)] = lots
        names = [e.name for e in listing.events]
        for s in self.file.shares:
            e = names.index(s.event)
            share = listing.first_share(e) + listing.events[e].shares.index(s.outcome)
            balances[share] = s.amount
        positions, marks = {}, {}
        for p in self.file.position:
            i = listing.instrument_id(p.title)
            marks[i] = self.mark_ticks(p)
            if size := self.size(p):
                entry = exact(p.entry_usd) if p.entry_usd else self.scales[p.on].usd(marks[i])
                positions[i] = (size, cost_of(listing, i, size, entry))
        index = {f: feed.index_ticks for f, feed in enumerate(listing.feeds)}
        for price in self.file.price:
            book = listing.instrument_id(f"{price.name}/USDC")
            marks[book] = index[listing.feed_id(price.name)]
        for e, event in enumerate(self.file.event):
            first, payoff = listing.first_book(e), listing.events[e].payoff_ticks
            for k, price in enumerate(self.share_prices(event)):
                marks[first + k] = nearest(exact(price) * payoff)
                written = event.price is not None or event.outcomes or not event.strike_usd
                if written and Fraction(marks[first + k], payoff) != exact(price):
                    self.note(f"{event.name}: price {price:g} USD", marks[first + k] / payoff, "USD")
        return Account(
            balances={k: x for k, x in sorted(balances.items()) if x},
            positions=dict(sorted(positions.items())),
            index=index,
            marks=marks,
        )

    def book(self) -> Book:
        listing = self.listing()
        account = self.account(listing)
        return Book(self.file, listing, account, self.scales, tuple(dict.fromkeys(self.notes)))


def cost_of(listing: Listing, i: int, size: int, price_usd: Fraction) -> int:
    """What ``size`` lots of derivative i cost at a price: micro-USDC, or base units of an inverse."""
    item = listing.item(i)
    if isinstance(item, InversePerpetual):
        units = listing.assets[listing.base_of(i) - 1].units_per_coin
        paid = int(abs(size) * item.face_usd / price_usd * units)  # PRD-01: floored once
        return -paid if size > 0 else paid
    assert isinstance(item, Perpetual | Future)
    return nearest(size * price_usd * MICRO / item.lots_per_coin)
