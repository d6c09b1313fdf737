"""A small exchange that the façade's tests share: two perpetuals, a coin, two events."""

from __future__ import annotations

from sim.exchange import Exchange, Listing, Rules
from sim.exchange.instruments import (
    Asset,
    BinaryEvent,
    CategoricalEvent,
    Feed,
    Perpetual,
    Spot,
)

FEEDS = (
    Feed(name="BTC", tick_micro=100_000, index_ticks=1_000_000),
    Feed(name="ETH", tick_micro=10_000, index_ticks=400_000, min_sources=3),
)
PERPETUALS = (
    Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1000),
    Perpetual(name="ETH-PERP", feed="ETH", lots_per_coin=100),
)
LISTING = Listing(
    feeds=FEEDS,
    assets=(Asset(name="BTC", feed="BTC", units_per_coin=10_000),),
    perpetuals=PERPETUALS,
    spots=(Spot(name="BTC/USDC", base="BTC"),),
    events=(BinaryEvent(name="Rain"),),
)
# Names only: what a listing with every sort of book is called.
ELECTION = Listing(
    feeds=FEEDS,
    perpetuals=PERPETUALS,
    events=(
        BinaryEvent(name="Rain"),
        CategoricalEvent(name="Election", outcomes=("Ann", "Bob"), exhaustive=False),
    ),
)
USD = 1_000_000


def fresh(rules: Rules | None = None, **options: int) -> Exchange:
    """Nothing has happened yet."""
    sizes = {"order_slots": 1 << 10, "order_ids": 1 << 12, "event_rows": 1 << 13, **options}
    return Exchange(LISTING, rules or Rules(taker_fee_bps=4.0), sizes.pop("accounts", 6), **sizes)


def funded(rules: Rules | None = None, **options: int) -> Exchange:
    """Every account has 100,000 USDC and half a coin, prices are read and marked."""
    x = fresh(rules, **options)
    for account in range(x.accounts):
        x.deposit(account, "USDC", 100_000 * USD)
        x.deposit(account, "BTC", 5_000)
    x.price("BTC", 1_000_000)
    x.price("ETH", 400_000)
    x.send(2)  # MARK
    return x
