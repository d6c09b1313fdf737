"""What the conformance cases share: small listings, and a hand that sends messages."""

from __future__ import annotations

from typing import Any

from engines import Venue
from twin.codes import BUY, EVENT_COLUMNS, MESSAGE_COLUMNS, SELL, Event, Message

SECOND = 1_000_000
USD = 1_000_000
START = 1_700_000_000 * SECOND

RULES: dict[str, Any] = {
    "maker_fee_bps": 0.0,
    "taker_fee_bps": 0.0,
    "event_fee_bps": 0.0,
    "band_ratio": 5.0,
    "max_impact_ratio": 0.05,
    "max_open_orders": 1000,
    "self_trade": 0,
    "premium_tau_s": 150.0,
    "book_tau_s": 30.0,
    "mark_min_multiplier": 0.8,
    "mark_max_multiplier": 1.25,
    "forced_trades_count": True,
    "twap_window_s": 300.0,
    "volatile_ratio": 5.0,
    "uncertain_ratio": 0.02,
    "stale_guard": True,
    "strict_prices": False,
    "interest_8h": 0.0001,
    "interest_clamp_8h": 0.0005,
    "funding_cap_1h": 0.04,
    "phi": 1.0,
    "withdraw_floor_ratio": 0.1,
    "unflag_buffer": 0.02,
    "disposal": {"policy": "steps", "ratio": 0.1, "min_usd": 1000.0},
    "liquidation_fee_bps": 10.0,
    "backstop_trigger_ratio": 2 / 3,
    "backstop_failed_steps": 5,
    "backstop_bonus_bps": 100.0,
    "fillable_ba": 1.0,
    "fillable_smmr": 1.5,
}


def rules(**changed: Any) -> dict[str, Any]:
    return {**RULES, **changed}


def margin(
    base: float = 0.02, factor: float = 0.0, base_m: float = 0.01, factor_m: float = 0.0
) -> dict[str, float]:
    return {
        "base": base,
        "factor": factor,
        "base_m": base_m,
        "factor_m": factor_m,
        "leverage_limit": 0.0,
        "oi_low_usd": 0.0,
        "oi_up_usd": 0.0,
    }


def feed(name: str, tick_micro: int, index_ticks: int) -> dict[str, Any]:
    return {
        "name": name,
        "tick_micro": tick_micro,
        "index_ticks": index_ticks,
        "stale_after_s": 60,
        "min_sources": 1,
    }


def perpetual(
    name: str, lots_per_coin: int, margins: dict[str, float], **changed: Any
) -> dict[str, Any]:
    """A perpetual on the feed of its own name."""
    return {
        "name": f"{name}-PERP",
        "feed": name,
        "lots_per_coin": lots_per_coin,
        "margin": margins,
        "ladder_ticks": 16384,
        "max_size_lots": 100_000_000,
        "min_notional_usd": 0.0,
        "impact_notional_usd": 10_000.0,
        "backstop_cap_usd": 0.0,
        **changed,
    }


def coin(name: str, units_per_coin: int, **changed: Any) -> dict[str, Any]:
    """A coin on the feed of its own name."""
    return {
        "name": name,
        "feed": name,
        "units_per_coin": units_per_coin,
        "haircut_w": 0.95,
        "haircut_b": 1.1,
        "haircut_kappa": 0.0,
        "collateral_cap_usd": 0.0,
        "debt": margin(),
        "borrowable": False,
        **changed,
    }


def spot(name: str) -> dict[str, Any]:
    return {
        "name": f"{name}/USDC",
        "base": name,
        "ladder_ticks": 16384,
        "min_notional_usd": 0.0,
    }


def event(name: str = "E", payoff_ticks: int = 100, lam: float = 1.0) -> dict[str, Any]:
    return {"name": name, "payoff_ticks": payoff_ticks, "lam": lam, "min_notional_usd": 0.0}


def inverse(name: str, margins: dict[str, float], face_usd: int = 1) -> dict[str, Any]:
    """An inverse perpetual settled in the coin of that name."""
    declared = perpetual(name, 1, margins, base=name, face_usd=face_usd)
    del declared["feed"], declared["lots_per_coin"]
    return {**declared, "name": f"{name}-INVERSE"}


def future(
    name: str, lots_per_coin: int, margins: dict[str, float], expiry_us: int
) -> dict[str, Any]:
    """A dated future on the feed of that name."""
    declared = perpetual(name, lots_per_coin, margins, expiry_us=expiry_us)
    del declared["impact_notional_usd"]
    return {**declared, "name": f"{name}-FUTURE"}


def categorical(outcomes: str, **changed: Any) -> dict[str, Any]:
    """An event with an outcome for each letter, each with its book."""
    return {**event("C"), "outcomes": list(outcomes), "exhaustive": True, **changed}


def scalar(low: int, high: int, **changed: Any) -> dict[str, Any]:
    return {**event("S"), "low": low, "high": high, **changed}


def bounded(listing: dict[str, Any]) -> dict[str, Any]:
    """Cut largest sizes so that price x size x tick value stays below 2^62 at 64 times the index."""
    feeds = {f["name"]: f for f in listing["feeds"]}
    for p in listing["perpetuals"]:
        feed = feeds[p["feed"]]
        unit = 64 * feed["index_ticks"] * (feed["tick_micro"] // p["lots_per_coin"])
        p["max_size_lots"] = min(p["max_size_lots"], (2**62 - 1) // unit)
    return listing


def listing(**parts: Any) -> dict[str, Any]:
    return bounded(
        {
            "feeds": [],
            "assets": [],
            "perpetuals": [],
            "spots": [],
            "events": [],
            "usdc_debt": margin(),
            **parts,
        }
    )


class Row:
    """An event with its columns by name."""

    def __init__(self, values: tuple[int, ...]) -> None:
        assert len(values) == len(EVENT_COLUMNS)
        self.values = values

    def __getattr__(self, name: str) -> int:
        return self.values[EVENT_COLUMNS.index(name)]

    def __repr__(self) -> str:
        named = zip(EVENT_COLUMNS, self.values, strict=True)
        return f"{Event(self.kind).name}({', '.join(f'{k}={v}' for k, v in named if v)})"


class Hand:
    """Sends messages to a venue. Its last two accounts trade with each other to make prices."""

    def __init__(self, venue: Venue, accounts: int) -> None:
        self.venue = venue
        self.now = START
        self.next_order = 1
        self.sent = 0
        self.painters = (accounts - 2, accounts - 1)
        self.funded = False

    def send(self, kind: Message, **columns: int) -> list[Row]:
        message = [0] * len(MESSAGE_COLUMNS)
        message[0], message[1], message[11] = self.now, int(kind), self.sent
        for name, value in columns.items():
            message[MESSAGE_COLUMNS.index(name)] = int(value)
        self.sent += 1
        return [Row(row) for row in self.venue.handle(message)]

    def ok(self, kind: Message, **columns: int) -> list[Row]:
        """Send, and nothing may be refused or cancelled."""
        rows = self.send(kind, **columns)
        assert not [r for r in rows if r.kind in (Event.REJECT, Event.CANCELLED)], rows
        return rows

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    def deposit(self, account: int, dollars: float) -> None:
        self.ok(Message.DEPOSIT, account=account, instrument=0, size=round(dollars * USD))

    def fund(self, dollars: float) -> None:
        self.ok(Message.FUND, size=round(dollars * USD))

    def order(
        self, account: int, instrument: int, side: int, price: int, size: int, outcome: int = 0
    ) -> list[Row]:
        self.next_order += 1
        return self.ok(
            Message.NEW,
            account=account,
            instrument=instrument,
            side=side,
            price=price,
            size=size,
            order=self.next_order,
            arg=outcome,
        )

    def trade(self, buyer: int, seller: int, instrument: int, price: int, size: int) -> None:
        """The seller rests, the buyer takes it all."""
        self.order(seller, instrument, SELL, price, size)
        rows = self.order(buyer, instrument, BUY, price, size)
        assert sum(r.size for r in rows if r.kind == Event.FILL) == size

    def index(self, feed: int, price: int) -> None:
        self.ok(Message.INDEX, instrument=feed, price=price, arg=self.now, arg2=3)

    def last(self, instrument: int, price: int) -> None:
        """Two rich accounts trade one lot there and back, so that this is the last price."""
        if not self.funded:
            for account in self.painters:
                self.deposit(account, 1e6)
            self.funded = True
        a, b = self.painters
        self.trade(a, b, instrument, price, 1)
        self.trade(b, a, instrument, price, 1)

    def move(self, *prices: tuple[int, int, int]) -> None:
        """Bring (perpetual, feed, price): index, last and hence mark, in one MARK."""
        for instrument, source, price in prices:
            self.last(instrument, price)
            self.index(source, price)
        self.ok(Message.MARK)
        for instrument, _, price in prices:
            assert self.venue.mark(instrument) == price

    def liquidate(self) -> list[Row]:
        self.wait(1)
        return self.send(Message.LIQUIDATE)

    def usdc(self, account: int) -> float:
        return self.venue.balance(account, 0) / USD
