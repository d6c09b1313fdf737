"""The listing: which products an exchange trades, with their ids and units (PRD, LED-01)."""

from __future__ import annotations

from pydantic import model_validator

from sim.exchange.products import (
    LADDER_MAX,
    LIMIT,
    MICRO,
    USDC,
    AnyDerivative,
    AnyEvent,
    Asset,
    AssetKind,
    BinaryEvent,
    CategoricalEvent,
    Declared,
    Event,
    Feed,
    Future,
    InversePerpetual,
    Item,
    Kind,
    Lending,
    Margin,
    Perpetual,
    ScalarEvent,
    Spot,
    Volatility,
)

__all__ = [
    "LADDER_MAX", "LIMIT", "MICRO", "USDC", "Asset", "AssetKind", "BinaryEvent", "CategoricalEvent",
    "Event", "Feed", "Future", "InversePerpetual", "Item", "Kind", "Lending", "Listing", "Margin",
    "Perpetual", "ScalarEvent", "Spot", "Volatility",
]  # fmt: skip


JOINT_MAX = 64  # joint outcomes of the jump events of one underlying (MAR-07)


class Listing(Declared):
    """Everything that is listed.  Ids are positions: feeds; assets (0 is USDC, coins, then the shares
    of each event); instruments (perpetuals, inverse perpetuals, futures, spot books, event books)."""

    feeds: tuple[Feed, ...] = ()
    assets: tuple[Asset, ...] = ()
    perpetuals: tuple[Perpetual, ...] = ()
    inverses: tuple[InversePerpetual, ...] = ()
    futures: tuple[Future, ...] = ()
    spots: tuple[Spot, ...] = ()
    events: tuple[AnyEvent, ...] = ()
    usdc_debt: Margin = Margin(base=0.05, factor=0.0, base_m=0.03, factor_m=0.0)
    usdc_lending: Lending = Lending()

    @model_validator(mode="after")
    def _consistent(self) -> Listing:
        for group in ("feeds", "assets", "perpetuals", "inverses", "futures", "spots", "events"):
            names = [x.name for x in getattr(self, group)]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{group}: {name!r} is declared twice")
        names = self.instrument_names()
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two instruments are called {name!r}")
        feeds = {f.name for f in self.feeds}
        things: list[Asset | Perpetual | Future] = [*self.assets, *self.perpetuals, *self.futures]
        for thing in things:
            if thing.feed not in feeds:
                raise ValueError(
                    f"{thing.name}: unknown feed {thing.feed!r}, declared: {sorted(feeds)}"
                )
        coins = {a.name for a in self.assets}
        based_on: list[Spot | InversePerpetual] = [*self.spots, *self.inverses]
        for based in based_on:
            if based.base not in coins:
                raise ValueError(
                    f"{based.name}: unknown base asset {based.base!r}, declared: {sorted(coins)}"
                )
        books = {s.base for s in self.spots}
        for need in [
            *(x.base for x in self.inverses),
            *(a.name for a in self.assets if a.borrowable),
        ]:
            if need not in books:
                raise ValueError(
                    f"{need}: a coin that may be owed (borrowable, or settles an inverse perpetual) "
                    "needs a spot book"
                )
        spots = {s.name for s in self.spots}
        for feed in self.feeds:
            if feed.own_book and feed.own_book not in spots:
                raise ValueError(
                    f"{feed.name}: unknown own_book {feed.own_book!r}, spot books: {sorted(spots)}"
                )
        self._linked(feeds)
        if len(names) > 64 * 64:
            raise ValueError("more than 4096 instruments")
        for i, name in enumerate(names):
            self._fits(i, name)
        return self

    def _linked(self, feeds: set[str]) -> None:
        """MAR-07: every underlying is a feed; few enough joint outcomes of jumps to try them all."""
        joint = dict.fromkeys(feeds, 1)
        for event in self.events:
            if not event.underlying:
                continue
            if event.underlying not in feeds:
                raise ValueError(
                    f"{event.name}: unknown underlying {event.underlying!r}, declared: {sorted(feeds)}"
                )
            if event.jumps:
                joint[event.underlying] *= 1 + len(event.jumps)
                if joint[event.underlying] > JOINT_MAX:
                    raise ValueError(
                        f"{event.name}: the jumps of events on {event.underlying!r} have more than "
                        f"{JOINT_MAX} joint outcomes (void included)"
                    )

    def _fits(self, i: int, name: str) -> None:
        """LED-01: no product of price, size and tick value may leave int64."""
        value, size, top = self.tick_value(i), self.max_size_lots(i), self.price_bound(i)
        if isinstance(self.item(i), InversePerpetual):
            per_price, face = self.base_units(i), self.face_micro(i)
            if max(per_price, 64 * face) * size >= LIMIT:
                raise ValueError(
                    f"{name}: face {face} micro-USD x size {size} reaches 2^62; "
                    "use a smaller max_size_lots, or fewer units per coin"
                )
        elif top * size * value >= LIMIT:
            raise ValueError(
                f"{name}: price {top} x size {size} x tick value {value} reaches 2^62; "
                "use a coarser tick, a larger lot or a smaller max_size_lots"
            )

    # ids ------------------------------------------------------------------------------
    def feed_id(self, name: str) -> int:
        return [f.name for f in self.feeds].index(name)

    def feed_names(self) -> list[str]:
        return [f.name for f in self.feeds]

    def asset_names(self) -> list[str]:
        shares = [f"{e.name}:{share}" for e in self.events for share in e.shares]
        return ["USDC", *(a.name for a in self.assets), *shares]

    def asset_id(self, name: str) -> int:
        return self.asset_names().index(name)

    def derivatives(self) -> list[AnyDerivative]:
        """What has positions; instrument ids 0 … len - 1."""
        return [*self.perpetuals, *self.inverses, *self.futures]

    def items(self) -> list[Item]:
        """The declaration behind each instrument."""
        return [*self.derivatives(), *self.spots, *(e for e in self.events for _ in e.books)]

    def instrument_names(self) -> list[str]:
        books = [name for e in self.events for name in e.books]
        return [*(x.name for x in self.derivatives()), *(s.name for s in self.spots), *books]

    def instrument_id(self, name: str) -> int:
        return self.instrument_names().index(name)

    def item(self, i: int) -> Item:
        return self.items()[i]

    def kind(self, i: int) -> Kind:
        item = self.item(i)
        if isinstance(item, Perpetual):
            return Kind.PERPETUAL
        if isinstance(item, InversePerpetual):
            return Kind.INVERSE
        if isinstance(item, Future):
            return Kind.FUTURE
        return Kind.SPOT if isinstance(item, Spot) else Kind.EVENT

    def first_book(self, event: int) -> int:
        """Instrument id of an event's first (or only) book."""
        before = sum(len(e.books) for e in self.events[:event])
        return len(self.derivatives()) + len(self.spots) + before

    def first_share(self, event: int) -> int:
        """Asset id of an event's first share (YES, LONG or the first outcome)."""
        return 1 + len(self.assets) + sum(len(e.shares) for e in self.events[:event])

    def event_of(self, i: int) -> int:
        """Event id of an event book, -1 for other instruments."""
        left = i - len(self.derivatives()) - len(self.spots)
        if left < 0:
            return -1
        for e, event in enumerate(self.events):
            left -= len(event.books)
            if left < 0:
                return e
        raise IndexError(f"no instrument {i}")

    def outcome_of(self, i: int) -> int:
        """Which outcome an event book trades (0 in binary and scalar events)."""
        return i - self.first_book(self.event_of(i))

    def base_of(self, i: int) -> int:
        """Asset id that a spot book trades or an inverse perpetual settles in, 0 for others."""
        item = self.item(i)
        return self.asset_id(item.base) if isinstance(item, Spot | InversePerpetual) else USDC

    def feed_of(self, i: int) -> int:
        """Feed id behind an instrument, -1 for an event book."""
        item = self.item(i)
        if isinstance(item, Perpetual | Future):
            return self.feed_id(item.feed)
        if isinstance(item, Spot | InversePerpetual):
            return self.feed_id(self.assets[self.asset_id(item.base) - 1].feed)
        return -1

    # units ----------------------------------------------------------------------------
    def tick_value(self, i: int) -> int:
        """Micro-USDC per tick per lot (LED-01), for an inverse per tick and unit of its base.

        Raises ValueError when it is no positive integer."""
        item = self.item(i)
        if isinstance(item, Event):
            return MICRO // item.payoff_ticks
        if isinstance(item, InversePerpetual):
            return self.asset_tick_value(self.base_of(i))
        per_coin = self.asset_units(item.base) if isinstance(item, Spot) else item.lots_per_coin
        tick = self.feeds[self.feed_of(i)].tick_micro
        if tick % per_coin:
            raise ValueError(
                f"{item.name}: tick of {tick} micro-USD per coin / {per_coin} lots per coin is no integer"
            )
        return tick // per_coin

    def face_micro(self, i: int) -> int:
        """Micro-USD of one contract of an inverse perpetual, 0 for other instruments."""
        item = self.item(i)
        return item.face_usd * MICRO if isinstance(item, InversePerpetual) else 0

    def base_units(self, i: int) -> int:
        """F of the rulebook: base units of one contract times its price in ticks; 0 if not inverse.

        Raises ValueError when the face is no whole number of them."""
        face = self.face_micro(i)
        if face and face % self.tick_value(i):
            raise ValueError(
                f"{self.item(i).name}: face of {face} micro-USD / tick value {self.tick_value(i)} "
                "of the base is no integer"
            )
        return face // self.tick_value(i)

    def asset_units(self, name: str) -> int:
        return self.assets[self.asset_id(name) - 1].units_per_coin

    def asset_tick_value(self, asset: int) -> int:
        """Micro-USDC per feed tick per smallest unit; 1 for USDC and shares."""
        if asset == USDC or asset > len(self.assets):
            return 1
        a = self.assets[asset - 1]
        tick = self.feeds[self.feed_id(a.feed)].tick_micro
        if tick % a.units_per_coin:
            raise ValueError(
                f"{a.name}: tick of {tick} micro-USD / {a.units_per_coin} units per coin is no integer"
            )
        return tick // a.units_per_coin

    def price_bound(self, i: int) -> int:
        """Highest price in ticks, of readings and for the overflow check: the feed's bound."""
        item = self.item(i)
        if isinstance(item, Event):
            return item.payoff_ticks
        feed = self.feeds[self.feed_of(i)]
        return feed.bound * feed.index_ticks

    def max_size_lots(self, i: int) -> int:
        item = self.item(i)
        return 1_000_000_000 if isinstance(item, Spot | Event) else item.max_size_lots
