"""Margin as legs: what every dollar of NE, IM and MM comes from, with its clause (MAR-11).

``legs_of`` is a pure function of an ``Account`` value object and prices, so that a stored account
(the LEG events of a flag) is explained by the same code as a live one.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sim.exchange.instruments import MICRO, Kind, Listing, Margin
from sim.exchange.rules import Rules

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange


@dataclass(frozen=True)
class Leg:
    """One additive part, USD.  ``order_usd`` is what resting orders add to IM."""

    name: str
    clause: str
    ne_usd: float = 0.0
    im_usd: float = 0.0
    mm_usd: float = 0.0
    inputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """Legs in the order of the running sums: their plain left-to-right sums *are* NE, IM and MM."""

    account: int
    time_us: int
    legs: tuple[Leg, ...]
    equity_usd: float
    strict_ne_usd: float | None = None

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
            "free_usd": (self.ne_usd if self.strict_ne_usd is None else self.strict_ne_usd)
            - self.im_usd,
            "legs": [asdict(leg) for leg in self.legs],
        }


@dataclass(frozen=True)
class Account:
    """What an account holds and the prices it is valued at.

    balances: units by asset id; positions: instrument id -> (size, cost); resting: instrument id
    -> the eight resting numbers of the kernel's position row; index: ticks by feed id; marks:
    ticks by instrument id; totals: exchange-wide positive units by asset id; oi: lots.
    """

    balances: dict[int, int]
    positions: dict[int, tuple[int, int]]
    index: dict[int, int]
    marks: dict[int, int]
    resting: dict[int, tuple[int, ...]] = field(default_factory=dict)
    totals: dict[int, int] = field(default_factory=dict)
    oi: dict[int, int] = field(default_factory=dict)
    resolved: frozenset[int] = frozenset()


def usd(x: float) -> float:
    return x / 1e6


def _inverse(margin: Margin) -> float:
    return 1.0 / margin.leverage_limit if margin.leverage_limit > 0 else 0.0


def imf(margin: Margin, n: float, oi_usd: float = 0.0) -> float:
    """Initial margin fraction of MAR-03 at notional n USD."""
    x = max(_inverse(margin), margin.base, margin.factor * math.sqrt(n))
    if margin.oi_up_usd > 0:
        share = min(
            1.0, max(0.0, (oi_usd - margin.oi_low_usd) / (margin.oi_up_usd - margin.oi_low_usd))
        )
        x = max(x, margin.base + share * (1.0 - margin.base))
    return min(1.0, x)


def mmf(margin: Margin, n: float) -> float:
    """Maintenance margin fraction of MAR-03 at notional n USD."""
    return min(1.0, max(margin.base_m, margin.factor_m * math.sqrt(n)))


class _Sum:
    """Walks one account in the rulebook's order and writes legs."""

    def __init__(self, listing: Listing, rules: Rules, account: Account) -> None:
        self.listing, self.rules, self.account = listing, rules, account
        self.fee = max(rules.taker_fee_bps, 0.0) / 1e4
        self.event_fee = rules.event_fee_bps / 1e4
        self.legs: list[Leg] = []

    # values -----------------------------------------------------------------------------
    def haircut(self, k: int, value: float, price: int) -> float:
        a = self.listing.assets[k - 1]
        w = min(a.haircut_w, a.haircut_b / (1.0 + a.haircut_kappa * math.sqrt(value)))
        if a.collateral_cap_usd > 0:
            total = usd(self.account.totals.get(k, 0) * price * self.listing.asset_tick_value(k))
            if total > 0:
                w = w * min(1.0, a.collateral_cap_usd / total)
        return w

    def coin(self, k: int, units: int) -> float:
        price = self.price(k)
        value = usd(units * price * self.listing.asset_tick_value(k))
        return value * self.haircut(k, value, price) if units > 0 else value

    def price(self, k: int) -> int:
        return self.account.index[self.listing.feed_id(self.listing.assets[k - 1].feed)]

    def profit(self, u: float) -> float:
        return self.rules.phi * u if u > 0 else u

    def shares(self, e: int) -> tuple[int, int]:
        yes = 1 + len(self.listing.assets) + 2 * e
        return self.account.balances.get(yes, 0), self.account.balances.get(yes + 1, 0)

    def event_value(self, i: int, yes: int, no: int) -> int:
        sets, mark = min(yes, no), self.account.marks[i]
        item = self.listing.events[self.listing.event_of(i)]
        tv = self.listing.tick_value(i)
        return (
            sets * MICRO + (yes - sets) * mark * tv + (no - sets) * (item.payoff_ticks - mark) * tv
        )

    def event_net(self, i: int, yes: int, no: int) -> float:
        v = self.event_value(i, yes, no)
        return usd(v) - self.listing.events[self.listing.event_of(i)].lam * usd(
            v - min(yes, no) * MICRO
        )

    def share_fee(self, cost: int, lots: int) -> float:
        return self.event_fee * usd(min(cost, lots * MICRO - cost))

    # outflow of resting orders --------------------------------------------------------------
    def outflow(self) -> float:
        out = 0.0
        for i in sorted(self.account.resting):
            r = self.account.resting[i]
            kind = self.listing.kind(i)
            if kind == Kind.SPOT:
                out += usd(r[4]) * (1.0 + self.fee)
            elif kind == Kind.EVENT:
                yes, no = self.shares(self.listing.event_of(i))
                n_bid, n_bid_cost, bid, ask, bid_cost, ask_cost, n_ask, n_ask_cost = r
                x = usd(bid_cost)
                x = x + usd(max(0, n_bid_cost - min(no, n_bid) * MICRO))
                x = x + usd(n_ask * MICRO - n_ask_cost)
                x = x + usd(max(0, ask * MICRO - ask_cost - min(yes, ask) * MICRO))
                x = x + self.share_fee(bid_cost + n_bid_cost, bid + n_bid)
                out += x + self.share_fee(ask_cost + n_ask_cost, ask + n_ask)
        return out

    # legs ------------------------------------------------------------------------------------
    def balances(self) -> None:
        cash = self.account.balances.get(0, 0)
        names = self.listing.asset_names()
        debt = self.listing.usdc_debt
        out = self.outflow()
        x = out - usd(cash)
        im = x * imf(debt, x) if x > 0 else 0.0
        owed = usd(-cash) if cash < 0 else 0.0
        mm = owed * mmf(debt, owed) if cash < 0 else 0.0
        inputs = {"usdc": usd(cash), "outflow_of_orders_usd": out}
        clause = "MAR-04" if im or mm else "MAR-02"
        self.legs.append(Leg("USDC", clause, usd(cash), im, mm, inputs))
        for k, asset in enumerate(self.listing.assets, start=1):
            units = self.account.balances.get(k, 0)
            asks = sum(
                self.account.resting.get(len(self.listing.perpetuals) + n, (0,) * 8)[3]
                for n, spot in enumerate(self.listing.spots)
                if spot.base == asset.name
            )
            if units == 0 and asks == 0:
                continue
            price, tv = self.price(k), self.listing.asset_tick_value(k)
            short = usd(max(0, asks - units) * price * tv)
            owed = usd(max(0, -units) * price * tv)
            value = usd(units * price * tv)
            inputs = {"coins": units / asset.units_per_coin, "value_usd": value}
            if units > 0:
                inputs["weight"] = self.haircut(k, value, price)
            self.legs.append(
                Leg(
                    names[k],
                    "MAR-02" if units > 0 else "MAR-04",
                    self.coin(k, units) if units else 0.0,
                    short * imf(asset.debt, short) if short else 0.0,
                    owed * mmf(asset.debt, owed) if owed else 0.0,
                    inputs,
                )
            )

    def perpetual(self, i: int) -> None:
        size, cost = self.account.positions.get(i, (0, 0))
        bid, ask, bid_cost, ask_cost = self.account.resting.get(i, (0,) * 8)[2:6]
        item = self.listing.perpetuals[i]
        unit = self.account.marks[i] * self.listing.tick_value(i)
        u = size * unit - cost
        n = usd(abs(size) * unit)
        worst = usd(max(abs(size), abs(size + bid), abs(size - ask)) * unit)
        oi = usd(self.account.oi.get(i, 0) * unit)
        inputs = {
            "size_coins": size / item.lots_per_coin,
            "entry_usd": usd(cost) / (size / item.lots_per_coin) if size else None,
            "mark_usd": usd(unit) * item.lots_per_coin,
            "unrealised_pnl_usd": usd(u),
            "notional_usd": n,
            "imf": imf(item.margin, worst, oi),
            "mmf": mmf(item.margin, n),
        }
        ne = self.profit(usd(u))
        im = worst * imf(item.margin, worst, oi)
        mm = n * mmf(item.margin, n) if size else 0.0
        self.legs.append(Leg(item.name, "MAR-03", ne, im, mm, inputs))
        loss = 0.0
        if bid:
            loss = max(
                loss, ne - self.profit(usd(u + bid * unit - bid_cost)) + self.fee * usd(bid_cost)
            )
        if ask:
            loss = max(
                loss, ne - self.profit(usd(u + ask_cost - ask * unit)) + self.fee * usd(ask_cost)
            )
        self.orders(item.name, loss)

    def orders(self, name: str, loss: float) -> None:
        if loss:
            self.legs.append(
                Leg(f"{name} orders", "MAR-05", im_usd=loss, inputs={"worst_book_loss_usd": loss})
            )

    def spot(self, i: int) -> None:
        r = self.account.resting.get(i, (0,) * 8)
        k = self.listing.asset_id(self.listing.spots[i - len(self.listing.perpetuals)].base)
        units = self.account.balances.get(k, 0)
        loss = 0.0
        if r[2]:
            loss = max(
                loss,
                self.coin(k, units) - self.coin(k, units + r[2]) + usd(r[4]) * (1.0 + self.fee),
            )
        if r[3]:
            loss = max(
                loss,
                self.coin(k, units) - self.coin(k, units - r[3]) - usd(r[5]) * (1.0 - self.fee),
            )
        self.orders(self.listing.item(i).name, loss)

    def event(self, i: int) -> None:
        e = self.listing.event_of(i)
        item = self.listing.events[e]
        yes, no = self.shares(e)
        v = self.event_value(i, yes, no)
        r = item.lam * usd(v - min(yes, no) * MICRO)
        if v:
            mark = self.account.marks[i] / item.payoff_ticks
            inputs = {"yes": yes, "no": no, "mark_yes_usd": mark, "lambda": item.lam}
            self.legs.append(Leg(item.name, "MAR-05", usd(v), r, r, inputs))
        n_bid, n_bid_cost, bid, ask, bid_cost, ask_cost, n_ask, n_ask_cost = (
            self.account.resting.get(i, (0,) * 8)
        )
        now = self.event_net(i, yes, no)
        loss = 0.0
        if bid + n_bid:
            lots, cost, d = bid + n_bid, bid_cost + n_bid_cost, min(no, n_bid)
            after = self.event_net(i, yes + lots - d, no - d)
            loss = max(loss, now - after + usd(cost - d * MICRO) + self.share_fee(cost, lots))
        if ask + n_ask:
            lots, cost, d = ask + n_ask, ask_cost + n_ask_cost, min(yes, ask)
            after = self.event_net(i, yes - d, no + lots - d)
            loss = max(
                loss,
                now - after - usd(cost - lots * MICRO + d * MICRO) + self.share_fee(cost, lots),
            )
        self.orders(item.name, loss)


def legs_of(listing: Listing, rules: Rules, account: Account) -> tuple[Leg, ...]:
    """Legs at marks (not strict) in the order of the running sums: balances, then instruments by id."""
    walk = _Sum(listing, rules, account)
    walk.balances()
    for i in range(len(listing.instrument_names())):
        held = i in account.positions or any(account.resting.get(i, ()))
        kind = listing.kind(i)
        if kind == Kind.PERPETUAL and held:
            walk.perpetual(i)
        elif kind == Kind.SPOT and held:
            walk.spot(i)
        elif kind == Kind.EVENT and listing.event_of(i) not in account.resolved:
            walk.event(i)
    return tuple(walk.legs)


def equity_of(listing: Listing, account: Account) -> int:
    """Raw equity E in micro-USDC (MAR-01), exact."""
    walk = _Sum(listing, Rules(), account)
    e = account.balances.get(0, 0)
    for k in range(1, 1 + len(listing.assets)):
        e += account.balances.get(k, 0) * walk.price(k) * listing.asset_tick_value(k)
    for i, (size, cost) in account.positions.items():
        e += size * account.marks[i] * listing.tick_value(i) - cost
    first = len(listing.perpetuals) + len(listing.spots)
    for event in range(len(listing.events)):
        if event not in account.resolved:
            e += walk.event_value(first + event, *walk.shares(event))
    return e


def account_of(exchange: Exchange, account: int) -> Account:
    """The live account as a value object."""
    from sim.exchange.kernel import state as st

    s = exchange.state
    perps = len(exchange.listing.perpetuals)
    rows = {i: tuple(int(x) for x in s.pos[account, i]) for i in range(s.pos.shape[1])}
    positions = {i: (r[st.SIZE], r[st.COST]) for i, r in rows.items() if i < perps and r[st.SIZE]}
    resting = {i: ((0, 0, *r[2:6], 0, 0) if i < perps else r) for i, r in rows.items()}
    return Account(
        balances={k: int(x) for k, x in enumerate(s.bal[account]) if x},
        positions=positions,
        resting={i: r for i, r in resting.items() if any(r)},
        index={f: int(x) for f, x in enumerate(s.feeds[:, st.D_INDEX])},
        marks={i: int(x) for i, x in enumerate(s.ins[:, st.I_MARK])},
        totals={k: int(x) for k, x in enumerate(s.assets[:, st.A_TOTAL])},
        oi={i: int(x) for i, x in enumerate(s.ins[:, st.I_OI])},
        resolved=frozenset(
            e for e in range(len(exchange.listing.events)) if s.events[e, st.V_RESOLVED]
        ),
    )


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
        exchange.initial(account)[0],
    )
