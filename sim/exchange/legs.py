"""The legs of NE, IM and MM in the order of the rulebook's running sums (MAR-02 … MAR-07)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sim.exchange.account import Account
from sim.exchange.instruments import (
    MICRO,
    Event,
    Future,
    InversePerpetual,
    Kind,
    Listing,
    Perpetual,
)
from sim.exchange.offset import Offset, initial_offset, maintenance_offset
from sim.exchange.places import Place
from sim.exchange.portfolio import VOID, Requirement, requirement
from sim.exchange.rules import Rules
from sim.exchange.valuation import Valuation, imf, mmf, usd

TERMS = (("im_usd", "initial"), ("mm_usd", "maintenance"))


@dataclass(frozen=True)
class Leg:
    """One additive part, USD.  NE and MM are at marks, strict NE and IM at the prices of MAR-09."""

    name: str
    clause: str
    ne_usd: float = 0.0
    im_usd: float = 0.0
    mm_usd: float = 0.0
    strict_ne_usd: float = 0.0
    inputs: dict[str, Any] = field(default_factory=dict)


class _Legs:
    """Walks one account in the rulebook's order and writes legs."""

    def __init__(
        self, listing: Listing, rules: Rules, account: Account, *, initial: bool = True
    ) -> None:
        self.listing, self.account = listing, account
        self.terms = TERMS if initial else TERMS[1:]
        self.value = Valuation(listing, rules, account)
        self.strict = rules.strict_prices
        self.portfolio = rules.margin_mode == "portfolio"
        self.feeds = range(len(listing.feeds))
        self.offsets: dict[int, tuple[Offset | None, Offset | None]] = {}
        if not self.portfolio:
            for feed in self.feeds:
                value = self.value
                self.offsets[feed] = (initial_offset(value, feed), maintenance_offset(value, feed))
        self.legs: list[Leg] = []

    def add(self, name: str, clause: str, inputs: dict[str, Any], **columns: float) -> None:
        self.legs.append(Leg(name, clause, inputs=inputs, **columns))

    def cash(self) -> None:
        balance, claim = self.account.balances.get(0, 0), self.account.claims.get(0, 0)
        debt = self.listing.usdc_debt
        out = self.value.outflow()
        x = out - usd(balance)
        im = x * imf(debt, x) if x > 0.0 else 0.0
        owed = usd(max(0, -balance))
        mm = owed * mmf(debt, owed)
        inputs = {"usdc": usd(balance), "outflow_of_orders_usd": out}
        if claim:
            inputs["lent_usdc"] = usd(claim)
        ne = usd(balance + claim)
        clause = "MAR-04" if im or mm else "MAR-02"
        self.add("USDC", clause, inputs, ne_usd=ne, im_usd=im, mm_usd=mm, strict_ne_usd=ne)

    def coin(self, k: int) -> None:
        value, asset = self.value, self.listing.assets[k - 1]
        balance, claim = self.account.balances.get(k, 0), self.account.claims.get(k, 0)
        gain, units = value.inverse_gain(k), value.holding(k)
        asks = value.ask_lots(k)
        if not (balance or claim or gain or asks):
            return
        worth = usd(units * value.price(k) * value.coin_tick[k]) if units else 0.0
        short = value.debt_value(k, asks - balance, self.strict)
        owed = value.debt_value(k, -balance, False)
        inputs = {"coins": units / asset.units_per_coin, "value_usd": worth}
        for name, part in (("lent_coins", claim), ("inverse_pnl_coins", gain)):
            if part:
                inputs[name] = part / asset.units_per_coin
        if units > 0:
            inputs["weight"] = value.weight(k, worth, value.price(k))
        self.add(
            asset.name,
            "MAR-04" if short or owed or units < 0 else "MAR-02",
            inputs,
            ne_usd=value.coin(k, units, False),
            im_usd=short * imf(asset.debt, short),
            mm_usd=owed * mmf(asset.debt, owed),
            strict_ne_usd=value.coin(k, units, self.strict),
        )

    def derivative(self, p: Place) -> None:
        value, item = self.value, p.item
        size, cost = self.account.positions.get(p.id, (0, 0))
        bid, ask = value.resting(p.id)[2:4]
        assert isinstance(item, Perpetual | Future | InversePerpetual)
        inputs: dict[str, Any]
        ne = strict = 0.0
        if isinstance(item, Perpetual | Future):
            u = usd(value.unrealised(p))
            ne = value.profit(u)
            strict = value.profit(u, self.strict and p.feed in self.account.stale)
            coins = size / item.lots_per_coin
            inputs = {
                "size_coins": coins,
                "entry_usd": usd(cost) / coins if size else None,
                "mark_usd": usd(self.account.marks[p.id] * p.tick_value) * item.lots_per_coin,
                "unrealised_pnl_usd": u,
            }
        else:  # its PnL is part of its coin's balance
            unit = self.listing.assets[p.base - 1].units_per_coin
            whole = usd(p.tick_value * unit)  # USD of a tick of one coin
            inputs = {
                "contracts": size,
                "face_usd": usd(p.face),
                "entry_usd": usd(abs(size) * p.face) / (abs(cost) / unit) if cost else None,
                "mark_usd": self.account.marks[p.id] * whole,
                "unrealised_pnl_coins": value.unrealised(p) / unit,
            }
        clause, columns = "MAR-02", {}
        inputs["notional_usd"] = value.notional(p, abs(size))
        if not self.portfolio:
            shared, kept = self.offsets[p.feed]
            if shared is None:
                most = value.notional(p, max(abs(size), abs(size + bid), abs(size - ask)))
                inputs["imf"] = imf(item.margin, most, value.open_interest(p))
                columns["im_usd"] = most * inputs["imf"]
            if kept is None:
                n = inputs["notional_usd"]
                inputs["mmf"] = mmf(item.margin, n)
                columns["mm_usd"] = n * inputs["mmf"]
            clause = "MAR-03" if columns else "MAR-06"
        self.add(item.name, clause, inputs, ne_usd=ne, strict_ne_usd=strict, **columns)
        if not self.portfolio:
            self.offset(p)
        self.orders(p, value.position_loss(p, self.strict))

    def offset(self, p: Place) -> None:
        """The group's terms, where their first derivative would add its own."""
        inputs: dict[str, Any] = {}
        columns = {}
        names = self.listing.instrument_names()
        for (column, which), found in zip(TERMS, self.offsets[p.feed], strict=True):
            if found is not None and found.members[0] == p.id:
                columns[column] = found.amount_usd
                inputs[which] = {
                    "members": [names[i] for i in found.members],
                    "net_usd": found.net_usd,
                    "fraction": found.fraction,
                    "long_usd": found.long_usd,
                    "short_usd": found.short_usd,
                    "offset_ratio": found.ratio,
                }
        if columns:
            name = f"{self.listing.feeds[p.feed].name} offset"
            self.add(name, "MAR-06", inputs, **columns)

    def underlying(self, feed: int) -> None:
        """Portfolio margin of one underlying."""
        inputs: dict[str, Any] = {}
        columns = {}
        for column, which in self.terms:
            found = requirement(self.value, feed, initial=which == "initial")
            if found is not None:
                columns[column] = found.amount_usd
                inputs[which] = self.told(found)
        if columns:
            name = f"{self.listing.feeds[feed].name} portfolio"
            self.add(name, "MAR-07", inputs, **columns)

    def told(self, found: Requirement) -> dict[str, Any]:
        """A requirement as plain data: the worst point and what each part makes of it."""
        worst, events = found.worst, self.listing.events
        point: dict[str, Any] = {"move": worst.move, "weight": worst.weight}
        if worst.outcomes:
            point["jumps"] = {events[e].name: self.outcome(e, k) for e, k in worst.outcomes}
        if worst.side is not None:
            e, above = worst.side
            point["strike_of"] = events[e].name
            point["price"] = "at the strike" if above else "just below the strike"
        return {
            "binds": found.binds,
            "factor": found.factor,
            "worst": point,
            "loss_usd": found.loss_usd,
            "floor_usd": found.floor_usd,
            "derivatives_usd": found.derivatives_usd,
            "spot_in_use_usd": found.spot_usd,
            "exposure_usd": found.exposure_usd,
            "from_price_usd": worst.move * found.exposure_usd,
            "from_events_usd": {
                events[e].name: {"outcome": self.outcome(e, k), "pnl_usd": pnl}
                for e, k, pnl in found.events
            },
            "points": found.points,
        }

    def outcome(self, e: int, k: int) -> str:
        return "void" if k == VOID else self.listing.events[e].shares[k]

    def orders(self, p: Place, loss: float) -> None:
        if loss:
            name = f"{self.listing.instrument_names()[p.id]} orders"
            self.add(name, "MAR-05", {"worst_book_loss_usd": loss}, im_usd=loss)

    def event(self, p: Place, item: Event) -> None:
        """An event's shares as one leg, with its first book."""
        e, value = p.event, self.value
        q = value.shares(e)
        v, sets = value.event_value(e, q)
        if not any(q):
            return
        marks = [m / item.payoff_ticks for m in value.share_marks(e)]
        inputs: dict[str, Any] = {"yes": q[0], "no": q[1], "mark_yes_usd": marks[0]}
        if len(item.books) > 1:
            inputs = {
                "shares": dict(zip(item.shares, q, strict=True)),
                "marks_usd": dict(zip(item.shares, marks, strict=True)),
            }
        inputs["sets"] = sets
        ne = usd(v)
        if value.linked(e) >= 0:
            inputs["underlying"] = item.underlying
            self.add(item.name, "MAR-02", inputs, ne_usd=ne, strict_ne_usd=ne)
            return
        inputs["lambda"] = lam = value.lam(e)
        r = lam * usd(v - sets * MICRO)
        self.add(item.name, "MAR-05", inputs, ne_usd=ne, im_usd=r, mm_usd=r, strict_ne_usd=ne)

    def walk(self) -> tuple[Leg, ...]:
        self.cash()
        for k in range(1, 1 + len(self.listing.assets)):
            self.coin(k)
        if self.portfolio:
            for feed in self.feeds:
                self.underlying(feed)
        for p in self.value.places:
            rests = any(self.value.resting(p.id))
            if isinstance(p.item, Event):
                if p.event in self.account.resolved:
                    continue
                if p.outcome == 0:
                    self.event(p, p.item)
                if rests:
                    self.orders(p, self.value.event_loss(p))
            elif p.kind == Kind.SPOT:
                if rests:
                    self.orders(p, self.value.spot_loss(p, self.strict))
            elif rests or p.id in self.account.positions:
                self.derivative(p)
        return tuple(self.legs)


def legs_of(listing: Listing, rules: Rules, account: Account) -> tuple[Leg, ...]:
    """Legs in the order of the running sums: USDC, coins by id, instruments by id."""
    return _Legs(listing, rules, account).walk()


def ne_mm(listing: Listing, rules: Rules, account: Account) -> tuple[float, float]:
    """(NE, MM) in USD: the sums of the legs."""
    ne = mm = 0.0
    for leg in _Legs(listing, rules, account, initial=False).walk():
        ne += leg.ne_usd
        mm += leg.mm_usd
    return ne, mm


def release_usd(rules: Rules, legs: Iterable[Leg]) -> float:
    """The NE from which on a flagged account with these legs is released (LIQ-00), USD.

    MM plus unflag_buffer of it, the requirements of unlinked events left out of the buffer.
    """
    mm = events = 0.0
    for leg in legs:
        mm += leg.mm_usd
        events += leg.mm_usd if "lambda" in leg.inputs else 0.0
    return mm + rules.unflag_buffer * (mm - events)
