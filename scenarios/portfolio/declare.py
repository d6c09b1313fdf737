"""A portfolio file as a listing: its prices, positions and events with ticks and lots chosen.

Feeds, coins and spot books are the file's prices in their order; derivatives and events likewise.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from pydantic import ValidationError

from scenarios.errors import ScenarioError
from scenarios.portfolio.amounts import Scale, exact, nearest, scale_of
from scenarios.portfolio.outlook import strike_probability
from scenarios.portfolio.schema import Event, Portfolio, Position
from sim.exchange.instruments import (
    LIMIT,
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

DAY_US = 86_400_000_000
EXPIRY_US = 1_000 * 365 * DAY_US  # of a future without one: far off, its margin does not need it
MOST_LOTS = 10**12
ROUGHEST = 0.001  # a price may be rounded to a tick by so much
PAYOFFS = (1000, 10_000)  # ticks to a share's USDC: a tenth of a cent, or a hundredth


class Declaration:
    """The listing of a file, its `scales` by price, and in `notes` what had to be rounded."""

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
            if abs(found.usd(ticks) / exact(usd) - 1) > ROUGHEST:
                what = f"{usd:g} USD is less than the exchange's ticks can show; take a thousand coins as one"
                raise self.fault(("price", name), what)
            if found.usd(ticks) != exact(usd):
                self.note(f"{name}: price {usd:.10g} USD", float(found.usd(ticks)), "USD")
        return found

    def fault(self, path: tuple[str, str], what: str) -> ScenarioError:
        """An error about a named entry of one of the file's lists."""
        items = getattr(self.file, path[0])
        names = [
            getattr(x, "title", "") or getattr(x, "name", "") or getattr(x, "asset", "") or x.event
            for x in items
        ]
        where = self.file.origin.place((path[0], names.index(path[1])))
        return ScenarioError(what, where=where, path=".".join(path))

    def fits(self, path: tuple[str, str], worth_micro: int) -> None:
        """Raises ScenarioError for what is worth more than int64 money can count (LED-01)."""
        if abs(worth_micro) >= LIMIT:
            worth, most = abs(worth_micro) / MICRO, LIMIT / MICRO
            raise self.fault(path, f"worth {worth:.3g} USD; an exchange counts up to {most:.3g}")

    def note(self, what: str, became: float, unit: str) -> None:
        self.notes.append(f"{what} is taken as {became:.10g} {unit}")

    def lots(
        self, what: str, price: str, usd_per_coin: Fraction, coins: float | None, usd: float | None
    ) -> int:
        """A size in lots of a price's coin; a note where it is not what was written."""
        scale = self.scales[price]
        if coins is not None:
            lots = scale.lots(exact(coins))
            if Fraction(lots, scale.lots_per_coin) != exact(coins):
                self.note(f"{what}: {coins:.10g} coins", lots / scale.lots_per_coin, "coins")
            return lots
        assert usd is not None
        lots = scale.lots(exact(usd) / usd_per_coin)
        if lots == 0 and usd:
            self.note(f"{what}: {usd:.10g} USD", 0, "coins, less than a lot")
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
            raise ScenarioError(what, where=self.file.origin.file) from None

    def lots_per_coin(self, p: Position) -> int:
        return self.scales[p.on].lots_per_coin

    def common(self, p: Position) -> dict[str, Any]:
        margin = p.margin or self.file.margin.derivative
        size = self.size(p)
        face = p.face_usd * MICRO if p.kind == "inverse" else self.mark_ticks(p)
        self.fits(("position", p.title), size * face)  # a tick of a lot is a micro-USD
        if abs(size) > MOST_LOTS:
            what = f"{abs(size):,} lots; an exchange lists up to {MOST_LOTS:,}"
            raise self.fault(("position", p.title), what)
        most = max(100_000_000, size, -size)
        return {"name": p.title, "margin": margin, "max_size_lots": most}

    def event(self, e: Event) -> BinaryEvent | CategoricalEvent | ScalarEvent:
        jumps = tuple(e.jumps.get(share, 0.0) for share in e.shares) if e.jumps else ()
        common: dict[str, Any] = {
            "name": e.name,
            "payoff_ticks": self.payoff_ticks(e),
            "lam": e.lam,
            "underlying": e.underlying,
            "jumps": jumps,
        }
        if not e.outcomes and e.low is None:
            strike = self.scales[e.underlying].ticks(e.strike_usd) if e.strike_usd else 0
            return BinaryEvent(strike_ticks=strike, below=e.side == "below", **common)
        if e.low is not None and e.high is not None:
            return ScalarEvent(low=e.low, high=e.high, **common)
        return CategoricalEvent(outcomes=e.outcomes, exhaustive=e.exhaustive, **common)

    def share_prices(self, e: Event) -> list[float]:
        """Marks of the merged books, USD: as written, or the probabilities."""
        if e.outcomes:
            return [(e.prices or e.probabilities)[share] for share in e.shares]
        if e.price is not None:
            return [e.price]
        return [strike_probability(self.file, e) if e.probability is None else e.probability]

    def payoff_ticks(self, e: Event) -> int:
        """The coarser tick that shows every price of the event, else the finer one."""
        for ticks in PAYOFFS:
            if all((exact(p) * ticks).denominator == 1 for p in self.share_prices(e)):
                return ticks
        return PAYOFFS[-1]
