"""Every product and order type through the façade, and copies of an exchange that has them all."""

from __future__ import annotations

import random

import numpy as np
import pytest
from test_facade_copies import same

from sim.exchange import Exchange, Listing, Rules
from sim.exchange.instruments import (
    Asset,
    BinaryEvent,
    CategoricalEvent,
    Feed,
    Future,
    InversePerpetual,
    Perpetual,
    ScalarEvent,
    Spot,
    Volatility,
)
from sim.exchange.kernel import state as st
from sim.exchange.messages import E_KIND, M_TIME, MSG_COLS, Event

HOUR = 3_600_000_000
USD = 1_000_000
LISTING = Listing(
    feeds=(Feed(name="BTC", tick_micro=1_000_000, index_ticks=50_000, stale_after_s=7200),),
    assets=(Asset(name="BTC", feed="BTC", units_per_coin=1_000_000, borrowable=True),),
    perpetuals=(Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1000, ladder_ticks=4096),),
    inverses=(InversePerpetual(name="BTCUSD", base="BTC", face_usd=100, ladder_ticks=4096),),
    futures=(
        Future(
            name="BTC-2H",
            feed="BTC",
            lots_per_coin=1000,
            expiry_us=2 * HOUR,
            ladder_ticks=4096,
            volatility=Volatility(z=3.0, auction_s=5.0),
        ),
    ),
    spots=(Spot(name="BTC/USDC", base="BTC", ladder_ticks=4096),),
    events=(
        BinaryEvent(name="Rain"),
        CategoricalEvent(name="Cup", outcomes=("Reds", "Blues"), exhaustive=False),
        ScalarEvent(name="Rate", low=0, high=100),
    ),
)
RULES = Rules(taker_fee_bps=4.0, maker_fee_bps=-1.0)


def funded(accounts: int = 8) -> Exchange:
    """Everybody has 100,000 USDC and 2 coins; there are lenders and an insurance fund."""
    x = Exchange(
        LISTING, RULES, accounts, order_slots=1 << 10, order_ids=1 << 14, event_rows=1 << 14
    )
    for account in range(accounts):
        x.deposit(account, "USDC", 100_000 * USD)
        x.deposit(account, "BTC", x.units("BTC", 2))
    x.add_pool("USDC", 500_000 * USD)
    x.add_insurance(1_000 * USD)
    x.price("BTC", 50_000)
    x.advance(1)
    return x


# --- one by one ----------------------------------------------------------------------------------
def test_a_stop_fires_when_the_mark_falls() -> None:
    x = funded()
    x.submit(0, "BTC-PERP", "buy", 100, 50_000)
    x.submit(1, "BTC-PERP", "sell", 100, 50_000)
    x.submit(2, "BTC-PERP", "buy", 100, 48_700)
    waiting = x.stop(0, "BTC-PERP", "sell", 100, 49_500, reduce_only=True)
    assert waiting
    x.price("BTC", 48_800)
    outcome = x.advance(10, hold=True)
    kinds = outcome.events[:, E_KIND].tolist()
    assert Event.TRIGGER in kinds
    assert [(f.taker, f.maker, f.size) for f in outcome.fills] == [(0, 2, 100)]
    assert x.position(0, 0)[0] == 0


def test_a_stop_on_last_fires_with_the_trade() -> None:
    x = funded()
    x.submit(2, "BTC-PERP", "buy", 5, 49_900)
    x.submit(2, "BTC-PERP", "buy", 50, 49_800)
    x.stop(3, "BTC-PERP", "sell", 7, 49_900, 49_700, by="last")
    hit = x.submit(4, "BTC-PERP", "sell", 5, 49_900)
    assert hit.accepted
    assert [f.size for f in hit.fills] == [5]
    fired = hit.events[hit.events[:, E_KIND] == Event.TRIGGER]
    assert len(fired) == 1
    assert x.position(3, 0)[0] == -7


def test_a_take_profit_waits_for_a_better_price() -> None:
    x = funded()
    x.submit(0, "BTC-PERP", "buy", 10, 50_000)
    x.submit(1, "BTC-PERP", "sell", 10, 50_000)
    x.take_profit(0, "BTC-PERP", "sell", 10, 50_500, 50_400, by="index")
    assert Event.TRIGGER not in x.advance(2).events[:, E_KIND]
    x.price("BTC", 50_500)
    assert Event.TRIGGER in x.advance(1).events[:, E_KIND]
    assert x.book(0)[0][:3] == (1, 50_400, 10)


def test_an_order_good_till_a_date() -> None:
    x = funded()
    order = x.submit(0, "BTC-PERP", "buy", 10, 49_000, until=x.now + 3_000_000)
    assert x.counters()["live_orders"] == 1
    x.advance(2)
    assert x.counters()["live_orders"] == 1
    x.advance(1)
    assert x.counters()["live_orders"] == 0
    assert x.events()["meaning"].to_list().count("expired") == 1
    refused = x.submit(0, "BTC-PERP", "buy", 10, 49_000, until=x.now)
    assert refused.reason == "BAD_FLAGS"
    assert order.order != refused.order


def test_the_code_is_the_messages_own_not_an_expirys() -> None:
    x = funded()
    x.submit(0, "BTC-PERP", "buy", 10, 49_000, until=x.now + 100_000)
    x.advance(0.2)
    late = x.submit(1, "BTC-PERP", "buy", 10**7, 49_000)
    assert late.events[:, E_KIND].tolist() == [Event.CANCELLED, Event.REJECT]
    assert late.reason == "INSUFFICIENT_MARGIN"
    x.submit(0, "BTC-PERP", "buy", 10, 49_000, until=x.now + 100_000)
    x.advance(0.2)
    good = x.submit(1, "BTC-PERP", "buy", 1, 49_000)
    assert good.accepted
    assert good.resting == 1


def test_an_inverse_position_in_frames() -> None:
    x = funded()
    lots = x.lots("BTCUSD", 10_000)
    assert lots == 100
    x.submit(0, "BTCUSD", "buy", lots, 50_000)
    x.submit(1, "BTCUSD", "sell", lots, 50_000)
    x.price("BTC", 50_400)
    x.advance(1)
    rows = {row["account"]: row for row in x.positions_frame().iter_rows(named=True)}
    long, short = rows[0], rows[1]
    assert (long["instrument"], long["quantity"], long["pnl_asset"]) == ("BTCUSD", 10_000.0, "BTC")
    assert long["entry_usd"] == pytest.approx(50_000, abs=1)
    gained = 10_000 / 50_000 - 10_000 / x.mark(1)
    assert long["pnl"] == pytest.approx(gained, abs=3e-6)
    assert short["pnl"] == pytest.approx(-gained, abs=3e-6)
    assert long["pnl_usd"] == pytest.approx(long["pnl"] * 50_400)
    kinds = x.instruments()["kind"].to_list()
    assert kinds == ["perpetual", "inverse", "future", "spot", *["event"] * 5]


def test_a_future_settles_when_its_time_has_come() -> None:
    x = funded()
    x.submit(0, "BTC-2H", "buy", 10, 50_000)
    x.submit(1, "BTC-2H", "sell", 10, 50_000)
    x.price("BTC", 50_300)
    x.advance(2 * 3600, hold=True)
    assert x.position(0, 2) == (0, 0)
    assert x.instruments()["state"].to_list()[2] == "closed"
    assert x.submit(0, "BTC-2H", "buy", 10, 50_000).reason == "BOOK_STATE"
    assert not any(x.verify().values())


def test_lending_shows_as_a_claim() -> None:
    x = funded()
    assert x.lend(0, "USDC", 10_000 * USD)
    row = x.balances_frame([0]).row(0, named=True)
    assert (row["asset"], row["units"], row["lent"]) == ("USDC", 90_000 * USD, 10_000 * USD)
    assert row["value_usd"] == 100_000.0
    assert x.redeem(0, "USDC", 20_000 * USD).reason == "INSUFFICIENT_BALANCE"
    assert x.redeem(0, "USDC", 10_000 * USD)
    assert x.withdraw(0, "BTC", x.units("BTC", 3)).reason == "INSUFFICIENT_BALANCE"


def test_a_categorical_event_from_orders_to_payout() -> None:
    x = funded()
    assert x.submit(0, "Cup", "buy", 50, 400, outcome="Reds")
    assert x.submit(1, "Cup:Reds", "buy", 50, 600, outcome="NO").filled == 50
    assert x.mint(2, "Cup", 30)
    assert x.convert(2, "Cup", ["Reds", "Blues"], 15)
    assert x.balance(2, 0) == (100_000 - 30 + 15) * USD
    assert {r["asset"] for r in x.balances_frame([0]).iter_rows(named=True)} >= {"Cup:Reds"}
    assert x.set_state("Cup:Blues", "auction")
    assert x.instruments()["state"].to_list()[5:8] == ["open", "auction", "open"]
    before = x.balance(0, 0)
    assert x.resolve("Cup", "Reds")
    assert x.balance(0, 0) == before + 50 * USD
    assert x.resolve("Rate", None, value=25)
    assert x.resolve("Rain", "void")
    assert not any(x.verify().values())


def test_a_disputed_proposal() -> None:
    x = funded()
    assert x.propose(0, "Rain", "YES", 500 * USD)
    assert x.dispute(1, "Rain", 400 * USD).reason == "BAD_SIZE"
    assert x.dispute(1, "Rain", 500 * USD)
    assert x.bucket("bonds") == 1_000 * USD
    assert x.resolve("Rain", "NO")
    assert x.bucket("bonds") == 0
    assert x.balance(1, 0) == 100_000 * USD + 250 * USD


def test_cancel_on_disconnect() -> None:
    x = funded()
    x.submit(0, "BTC-PERP", "buy", 1, 49_900)
    assert x.disconnect(0)
    assert x.counters()["live_orders"] == 1
    x.settings(0, cancel_on_disconnect=True)
    x.disconnect(0)
    assert x.counters()["live_orders"] == 0


# --- all at once -----------------------------------------------------------------------------------
def busy(seed: int, steps: int) -> tuple[Exchange, list[list[int]]]:
    """An exchange on which everything has been tried, and the messages that did it."""
    x, r = funded(), random.Random(seed)
    sent: list[list[int]] = []
    plain = x.call

    def noted(*args, **options):
        result = plain(*args, **options)
        sent.append(x.sent.tolist())
        return result

    x.call = noted  # type: ignore[method-assign]
    names = x.names.instruments.names
    price = 50_000
    for _ in range(steps):
        a, name, side = r.randrange(8), r.choice(names), r.choice(["buy", "sell"])
        i = x.names.instruments(name)
        event = x.listing.event_of(i) >= 0
        at = r.randrange(300, 700) if event else price + r.randrange(-60, 61)
        size = r.choice([1, 5, 40]) * (100 if name == "BTC/USDC" else 1)
        what = r.random()
        if what < 0.45:
            until = x.now + r.randrange(1, 5_000_000) if r.random() < 0.2 else None
            x.submit(a, name, side, size, at, until=until, ioc=until is None and r.random() < 0.2)
        elif what < 0.65:
            by = r.choice(["mark", "last"] if event else ["mark", "last", "index"])
            x.stop(
                a,
                name,
                side,
                size,
                at,
                None if r.random() < 0.5 else at,
                by=by,
                take_profit=r.random() < 0.3,
                until=x.now + 3_000_000 if r.random() < 0.2 else None,
            )
        elif what < 0.75:
            book = x.book(i)
            if book:
                _, at, rest, order, owner = r.choice(book)
                r.choice([x.cancel(owner, order), x.replace(owner, order, rest, at + 1)])
        elif what < 0.8:
            r.choice([x.lend, x.redeem])(a, r.choice(["USDC", "BTC"]), r.randrange(1, 10_000))
        elif what < 0.85:
            r.choice([x.mint, x.merge])(a, r.choice(["Rain", "Cup", "Rate"]), r.randrange(1, 50))
        elif what < 0.87:
            x.set_state(name, r.choice(["open", "open", "open", "auction"]))
        elif what < 0.93:
            price += r.randrange(-150, 151)
            x.price("BTC", price)
        else:
            x.clock = x.now + r.choice([10_000, 700_000, 1_000_000])
            x.call(r.choice([2, 2, 2, 3, 4, 6, 12, 13]))
    del x.call
    return x, sent


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_calls_blocks_and_copies_agree(seed: int) -> None:
    x, sent = busy(seed, 1500)
    block = np.array(sent, np.int64)
    assert block.shape[1] == MSG_COLS
    y = funded()
    cut = len(block) // 2
    first = y.process(block[:cut])
    kept, twin = y.snapshot(), y.fork()
    same(y, twin)
    waiting = int(y.state.h[st.STOPS_FREE])
    rest = y.process(block[cut:])
    assert y.state_digest() == x.state_digest()
    kinds = set(first[:, E_KIND].tolist()) | set(rest[:, E_KIND].tolist())
    assert {Event.FILL, Event.TRIGGER, Event.CONDITIONAL, Event.CANCELLED, Event.STATE} <= kinds
    y.restore(kept)
    same(y, twin)
    assert int(y.state.h[st.STOPS_FREE]) == waiting
    assert np.array_equal(y.process(block[cut:]), rest)
    assert np.array_equal(twin.process(block[cut:]), rest)
    assert not any(y.verify().values())
    assert (np.diff(block[:, M_TIME]) >= 0).all()
