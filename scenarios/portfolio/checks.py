"""What a portfolio's tables must be to each other: names that exist, one size per entry, …

Fields by themselves are checked by the schema, correlations by `scenarios.portfolio.correlations`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from scenarios.errors import ScenarioError, choose
from scenarios.portfolio.schema import BINARY, USDC, VOID, Event, Portfolio, Position, Trade
from scenarios.source import Key, dotted

SUM = 1e-6  # probabilities written by hand add to 1 within this


def check(portfolio: Portfolio) -> None:
    """Raise ScenarioError at the first table that does not fit the others."""
    _Checks(portfolio).all()


class _Checks:
    def __init__(self, portfolio: Portfolio) -> None:
        self.file = portfolio
        self.prices = [p.name for p in portfolio.price]
        self.events = [e.name for e in portfolio.event]

    def fail(self, path: tuple[Key, ...], label: str, what: str) -> NoReturn:
        shown = dotted([path[0], label, *path[2:]]) if label else dotted(path)
        raise ScenarioError(what, where=self.file.origin.place(path), path=shown)

    def known(
        self, path: tuple[Key, ...], label: str, what: str, name: str, allowed: Iterable[str]
    ) -> None:
        allowed = list(allowed)
        if name not in allowed:
            self.fail(path, label, f"unknown {what} {name!r}{choose(name, allowed)}")

    def all(self) -> None:
        self.names()
        for i, event in enumerate(self.file.event):
            self.event(i, event)
        self.holdings()
        for i, position in enumerate(self.file.position):
            self.position(i, position)
        self.shares()
        for i, what_if in enumerate(self.file.what_if):
            for j, trade in enumerate(what_if.trade):
                self.trade((("what_if"), i, "trade", j), what_if.name, trade)
        if self.file.states.price:
            path = ("states", "price")
            self.known(path, "", "price", self.file.states.price, self.prices)

    def names(self) -> None:
        taken: dict[str, str] = {USDC: "the settlement currency"}
        groups = (
            ("price", self.prices),
            ("event", self.events),
            ("position", [p.title for p in self.file.position]),
        )
        for group, found in groups:
            for i, name in enumerate(found):
                if name in taken:
                    self.fail((group, i), name, f"the name {name!r} is already {taken[name]}")
                taken[name] = f"a [[{group}]]"
        seen: set[str] = set()
        for i, what_if in enumerate(self.file.what_if):
            if what_if.name in seen:
                self.fail(("what_if", i), what_if.name, f"two are called {what_if.name!r}")
            seen.add(what_if.name)

    # events -----------------------------------------------------------------------------------
    def event(self, i: int, e: Event) -> None:
        at, name = ("event", i), e.name
        if len(set(e.shares)) < len(e.shares) or VOID in e.shares:
            word = "is listed twice" if VOID not in e.shares else f"must not be called {VOID}"
            self.fail((*at, "outcomes"), name, f"an outcome {word}: {', '.join(e.shares)}")
        if len(e.outcomes) == 1:
            self.fail((*at, "outcomes"), name, "one outcome is none; a binary event names none")
        if e.outcomes and (e.low is not None or e.high is not None):
            self.fail((*at, "outcomes"), name, "outcomes, or low and high, not both")
        if (e.low is None) != (e.high is None):
            self.fail((*at, "low"), name, "a scalar event needs low and high")
        if e.low is not None and e.high is not None and e.high <= e.low:
            self.fail((*at, "high"), name, f"high {e.high} is not above low {e.low}")
        self.chances(at, e)
        self.link(at, e)

    def chances(self, at: tuple[Key, ...], e: Event) -> None:
        one = {"probability": e.probability, "price": e.price}
        many = {"probabilities": e.probabilities, "prices": e.prices}
        if not e.outcomes:
            for field, table in many.items():
                if table:
                    single = "probability" if field == "probabilities" else "price"
                    self.fail((*at, field), e.name, f"only with outcomes; here it is {single}")
            if e.probability is None and e.price is None and e.strike_usd is None:
                self.fail((*at, "probability"), e.name, "probability or price is required")
            return
        for field, value in one.items():
            if value is not None:
                plural = "probabilities" if field == "probability" else "prices"
                self.fail((*at, field), e.name, f"an event with outcomes has {plural} by outcome")
        if not e.probabilities and not e.prices:
            self.fail((*at, "probabilities"), e.name, "probabilities or prices are required")
        for field, table in many.items():
            for outcome in table:
                self.known((*at, field, outcome), e.name, "outcome", outcome, e.shares)
            missing = [s for s in e.shares if table and s not in table]
            if missing:
                self.fail((*at, field), e.name, f"{', '.join(missing)} missing")
        for field, table in many.items():
            total = sum(table.values())
            # Prices stand in for probabilities where there are none, and then must be some.
            counts = field == "probabilities" or not e.probabilities
            if table and counts and abs(total - 1) > SUM:
                hint = "" if field == "probabilities" else "; give probabilities as well"
                self.fail((*at, field), e.name, f"they add to {total:.6g}, not to 1{hint}")

    def link(self, at: tuple[Key, ...], e: Event) -> None:
        if not e.underlying:
            for field, given in (("strike_usd", e.strike_usd), ("jumps", e.jumps)):
                if given:
                    self.fail((*at, field), e.name, "an underlying is required beside it")
            return
        self.known((*at, "underlying"), e.name, "price", e.underlying, self.prices)
        if (e.strike_usd is None) == (not e.jumps):
            self.fail((*at, "underlying"), e.name, "strike_usd or jumps: exactly one is required")
        for outcome in e.jumps:
            self.known((*at, "jumps", outcome), e.name, "outcome", outcome, e.shares)
        if e.strike_usd is None:
            return
        if e.shares != BINARY:
            self.fail((*at, "strike_usd"), e.name, "only a binary event has a strike")
        for field in ("probability", "void"):
            if getattr(e, field):
                self.fail(
                    (*at, field),
                    e.name,
                    "a price decides this event; its volatility says how likely",
                )

    # what is held ---------------------------------------------------------------------------
    def holdings(self) -> None:
        seen: set[str] = set()
        for i, holding in enumerate(self.file.holding):
            at, name = ("holding", i), holding.asset
            self.known((*at, "asset"), name, "asset", name, [USDC, *self.prices])
            if name in seen:
                self.fail(at, name, "an account has one balance of an asset: write their sum")
            seen.add(name)
            if name == USDC and holding.usd is None:
                self.fail((*at, "usd"), name, "a USDC balance is given by usd")
            self.one(at, name, {"coins": holding.coins, "usd": holding.usd})

    def one(self, at: tuple[Key, ...], name: str, sizes: dict[str, float | None]) -> None:
        """Exactly one of the sizes is given."""
        given = [field for field, value in sizes.items() if value is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} are both given" if given else "no size is given"
            self.fail((*at, given[-1]) if given else at, name, f"{what}: one of {', '.join(sizes)}")

    def position(self, i: int, p: Position) -> None:
        at, name = ("position", i), p.title
        self.known((*at, "on"), name, "price", p.on, self.prices)
        self.sizes(at, name, p, p.coins, p.usd, p.contracts)
        if p.kind != "future" and p.days is not None:
            self.fail((*at, "days"), name, "only a future expires")
        if p.kind != "inverse" and "face_usd" in p.model_fields_set:
            self.fail((*at, "face_usd"), name, "only an inverse perpetual has a face")

    def sizes(
        self,
        at: tuple[Key, ...],
        label: str,
        p: Position,
        coins: float | None,
        usd: float | None,
        contracts: int | None,
    ) -> None:
        if p.kind == "inverse":
            if coins is not None:
                self.fail(
                    (*at, "coins"), label, "an inverse perpetual is sized by contracts or usd"
                )
            self.one(at, label, {"contracts": contracts, "usd": usd})
        else:
            if contracts is not None:
                self.fail((*at, "contracts"), label, f"a {p.kind} is sized by coins or usd")
            self.one(at, label, {"coins": coins, "usd": usd})

    def shares(self) -> None:
        seen: set[tuple[str, str]] = set()
        for i, held in enumerate(self.file.shares):
            at, name = ("shares", i), held.event
            self.known((*at, "event"), name, "event", name, self.events)
            event = self.file.event_named(name)
            self.known((*at, "outcome"), name, "outcome", held.outcome, event.shares)
            if (name, held.outcome) in seen:
                self.fail(at, name, f"{held.outcome} is held twice: write the sum")
            seen.add((name, held.outcome))

    def trade(self, at: tuple[Key, ...], name: str, t: Trade) -> None:
        if not t.subject:
            self.fail(at, name, "exactly one of asset, position, event says what is traded")
        extra = {
            "asset": ("outcome", "contracts", "amount"),
            "position": ("outcome", "amount"),
            "event": ("coins", "usd", "contracts"),
        }[t.subject]
        for field in extra:
            if getattr(t, field) not in (None, ""):
                self.fail(
                    (*at, field), name, f"not for a trade of an {t.subject}".replace("an p", "a p")
                )
        if t.subject == "asset":
            self.known((*at, "asset"), name, "asset", t.asset, self.prices)
            self.one(at, name, {"coins": t.coins, "usd": t.usd})
        elif t.subject == "position":
            titles = [p.title for p in self.file.position]
            self.known((*at, "position"), name, "position", t.position, titles)
            p = self.file.position_named(t.position)
            self.sizes(at, name, p, t.coins, t.usd, t.contracts)
            if t.price_usd == 0:
                self.fail((*at, "price_usd"), name, "a price must be above 0")
        else:
            self.known((*at, "event"), name, "event", t.event, self.events)
            shares = self.file.event_named(t.event).shares
            self.known((*at, "outcome"), name, "outcome", t.outcome, shares)
            if t.amount is None:
                self.fail((*at, "amount"), name, "how many shares: amount is required")
            if t.price_usd is not None and t.price_usd > 1:
                self.fail(
                    (*at, "price_usd"), name, f"a share costs at most 1 USD, not {t.price_usd:g}"
                )
