"""Margin as legs: what every dollar of NE, IM and MM comes from, with its clause (MAR-11).

``legs_of`` is a pure function of an ``Account`` value object and prices, so that a stored account
(the LEG events of a flag) is explained by the same code as a live one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sim.exchange.account import Account, account_of, account_of_legs, leg_rows
from sim.exchange.instruments import MICRO, Event, Future, Kind, Listing, Perpetual
from sim.exchange.places import Place
from sim.exchange.rules import Rules
from sim.exchange.valuation import Valuation, imf, mmf, usd

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

__all__ = [
    "Account", "Explanation", "Leg", "account_of", "account_of_legs", "equity_of", "explain", "imf",
    "leg_rows", "legs_of", "mmf", "usd",
]  # fmt: skip


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


@dataclass(frozen=True)
class Explanation:
    """Legs in the order of the running sums: their plain left-to-right sums *are* NE, IM and MM."""

    account: int
    time_us: int
    legs: tuple[Leg, ...]
    equity_usd: float

    def total(self, column: str) -> float:
        total = 0.0
        for leg in self.legs:
            total += getattr(leg, column)
        return total

    @property
    def ne_usd(self) -> float:
        return self.total("ne_usd")

    @property
    def im_usd(self) -> float:
        return self.total("im_usd")

    @property
    def mm_usd(self) -> float:
        return self.total("mm_usd")

    @property
    def strict_ne_usd(self) -> float:
        return self.total("strict_ne_usd")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "account": self.account,
            "time_us": self.time_us,
            "equity_usd": self.equity_usd,
            "ne_usd": self.ne_usd,
            "im_usd": self.im_usd,
            "mm_usd": self.mm_usd,
            "strict_ne_usd": self.strict_ne_usd,
            "free_usd": self.strict_ne_usd - self.im_usd,
            "legs": [asdict(leg) for leg in self.legs],
        }


class _Legs:
    """Walks one account in the rulebook's order and writes legs."""

    def __init__(self, listing: Listing, rules: Rules, account: Account) -> None:
        self.listing, self.account = listing, account
        self.value = Valuation(listing, rules, account)
        self.strict = rules.strict_prices
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
        n = value.notional(p, abs(size))
        most = value.notional(p, max(abs(size), abs(size + bid), abs(size - ask)))
        oi = value.notional(p, self.account.oi.get(p.id, 0))
        margin = item.margin  # type: ignore[union-attr]
        initial, kept = imf(margin, most, oi), mmf(margin, n)
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
        inputs |= {"notional_usd": n, "imf": initial, "mmf": kept}
        columns = {"ne_usd": ne, "im_usd": most * initial, "mm_usd": n * kept}
        self.add(item.name, "MAR-03", inputs, strict_ne_usd=strict, **columns)
        self.orders(p, value.position_loss(p, self.strict))

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
        lam = value.lam(e)
        r = lam * usd(v - sets * MICRO)
        marks = [m / item.payoff_ticks for m in value.share_marks(e)]
        inputs: dict[str, Any] = {"yes": q[0], "no": q[1], "mark_yes_usd": marks[0]}
        if len(item.books) > 1:
            inputs = {
                "shares": dict(zip(item.shares, q, strict=True)),
                "marks_usd": dict(zip(item.shares, marks, strict=True)),
            }
        inputs |= {"sets": sets, "lambda": lam}
        ne = usd(v)
        self.add(item.name, "MAR-05", inputs, ne_usd=ne, im_usd=r, mm_usd=r, strict_ne_usd=ne)

    def walk(self) -> tuple[Leg, ...]:
        self.cash()
        for k in range(1, 1 + len(self.listing.assets)):
            self.coin(k)
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


def equity_of(listing: Listing, account: Account) -> int:
    """Raw equity E in micro-USDC (MAR-01), exact."""
    value = Valuation(listing, Rules(), account)
    e = value.holding(0)
    for k in range(1, 1 + len(listing.assets)):
        units = value.holding(k)
        e += units * value.price(k) * value.coin_tick[k] if units else 0
    for i in account.positions:
        if not value.places[i].per_price:
            e += value.unrealised(value.places[i])
    for event in range(len(listing.events)):
        if event not in account.resolved:
            e += value.event_value(event, value.shares(event))[0]
    return e


def explain(exchange: Exchange, account: int) -> Explanation:
    """NE, IM and MM of a live account as legs; raises ValueError for an unknown account."""
    if not 0 <= account < exchange.accounts:
        raise ValueError(
            f"unknown account {account}: the exchange has accounts 0 to {exchange.accounts - 1}"
        )
    value = account_of(exchange, account)
    return Explanation(
        account,
        exchange.now,
        legs_of(exchange.listing, exchange.rules, value),
        usd(equity_of(exchange.listing, value)),
    )
