"""One call a message: what is sent, what comes back, and that it is what a block would do."""

from __future__ import annotations

import numpy as np
import pytest
from facade import ELECTION, USD, fresh, funded

from sim.exchange import Exchange, Rules, bench
from sim.exchange.engine import FLUSH, EventOverflow
from sim.exchange.messages import (
    E_KIND,
    E_SEQ,
    M_ACCOUNT,
    M_ARG,
    M_ARG2,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    Event,
    Flag,
    Kind,
)
from sim.exchange.names import Names, UnknownName

COLUMNS = [
    M_KIND, M_ACCOUNT, M_INSTRUMENT, M_SIDE, M_PRICE, M_SIZE, M_FLAGS, M_ORDER, M_ARG, M_ARG2,
]  # fmt: skip


def sent(x: Exchange) -> list[int]:
    """The columns of the message that the last call sent, without its time."""
    return x.sent[COLUMNS].tolist()


# --- results -----------------------------------------------------------------------------------
def test_an_order_rests_and_is_hit() -> None:
    x = funded()
    resting = x.submit(0, "BTC-PERP", "buy", 100, 999_000)
    assert resting
    assert (resting.code, resting.reason, resting.filled, resting.resting) == (0, None, 0, 100)
    taking = x.submit(1, "BTC-PERP", "sell", 130, 999_000, ioc=True)
    assert (taking.filled, taking.cancelled, taking.resting) == (100, 30, 0)
    assert taking.average_price == 999_000
    (fill,) = taking.fills
    assert (fill.taker, fill.maker, fill.maker_order) == (1, 0, resting.order)
    value = 100 * 999_000 * x.listing.tick_value(0)
    assert taking.fee == fill.taker_fee == value * 400 // 1_000_000
    assert x.position(0, 0) == (100, value)
    assert "100 lots filled at 999000" in repr(taking)


def test_a_market_order_has_no_price() -> None:
    x = funded()
    assert x.submit(0, "BTC-PERP", "buy", 5).reason == "NO_LIQUIDITY"
    x.submit(1, "BTC-PERP", "sell", 3, 1_000_100)
    taken = x.submit(0, "BTC-PERP", "buy", 5)
    assert (taken.filled, taken.cancelled) == (3, 2)


def test_a_refusal_is_a_result() -> None:
    x = funded()
    refused = x.submit(0, "BTC-PERP", "buy", 100_000, 999_000)
    assert not refused
    assert refused.reason == "INSUFFICIENT_MARGIN"
    assert repr(refused) == f"<order {refused.order} refused: INSUFFICIENT_MARGIN>"
    assert refused.events[:, E_KIND].tolist() == [Event.REJECT]
    assert x.submit(99, "BTC-PERP", "buy", 1, 999_000).reason == "UNKNOWN_ACCOUNT"
    assert x.submit(0, 44, "buy", 1, 999_000).reason == "UNKNOWN_INSTRUMENT"
    assert x.deposit(0, "USDC", -3).reason == "BAD_SIZE"
    assert x.withdraw(0, "USDC", 10**15).reason == "INSUFFICIENT_BALANCE"
    assert x.cancel(0, 12345).reason == "UNKNOWN_ORDER"


def test_results_keep_their_events_while_others_come() -> None:
    x = funded(order_slots=1 << 14)
    first = x.submit(0, "BTC-PERP", "buy", 1, 999_000)
    later = [x.submit(0, "ETH-PERP", "buy", 1, 399_000 + k % 100) for k in range(900)]
    x.advance(2)
    last = x.submit(1, "BTC-PERP", "sell", 1, 999_000)
    assert [r.order for r in later] == list(range(first.order + 1, first.order + 901))
    for result in (first, later[450], last):
        assert result.events[0, E_SEQ] == result.first
    assert last.fills[0].maker_order == first.order


def test_events_that_are_no_longer_kept() -> None:
    x = funded(keep_events=10, order_slots=1 << 14)
    first = x.submit(0, "BTC-PERP", "buy", 1, 999_000)
    assert len(first.events) == 1
    for _ in range(FLUSH):
        x.deposit(0, "USDC", 1)
    assert len(x.deposit(0, "USDC", 1).events) == 1
    with pytest.raises(LookupError, match="keep_events"):
        first.events  # noqa: B018
    assert first.accepted


def test_a_full_log_is_an_error_not_a_loss() -> None:
    x = funded(order_slots=1 << 14, event_rows=1024, rules=Rules(max_open_orders=5000))
    for k in range(1100):
        assert x.submit(k % 2, "BTC-PERP", "buy", 1, 998_000 + k)
    with pytest.raises(EventOverflow):
        x.submit(3, "BTC-PERP", "sell", 1100, 995_000)


# --- what is sent ------------------------------------------------------------------------------
def test_orders_as_messages() -> None:
    x = fresh()
    x.submit(3, "ETH-PERP", "sell", 7, 400_000, post_only=True, order=900)
    assert sent(x) == [Kind.NEW, 3, 1, 1, 400_000, 7, Flag.POST_ONLY, 900, 0, 0]
    x.submit(3, 1, 0, 7, 400_000, reduce_only=True, fok=True, order=901)
    assert sent(x) == [Kind.NEW, 3, 1, 0, 400_000, 7, Flag.REDUCE_ONLY | Flag.FOK, 901, 0, 0]
    x.submit(3, "Rain", "buy", 7, 600, outcome="NO", until=5_000_000, order=902)
    assert sent(x) == [Kind.NEW, 3, 3, 0, 600, 7, Flag.GTD, 902, 1, 5_000_000]
    x.submit(3, "Rain", "BUY", 7, order=903)
    assert sent(x) == [Kind.NEW, 3, 3, 0, 0, 7, Flag.MARKET, 903, 0, 0]
    x.stop(2, "BTC-PERP", "sell", 5, 990_000, order=904)
    assert sent(x) == [Kind.CONDITIONAL, 2, 0, 1, 0, 5, Flag.MARKET, 904, 990_000, 0]
    x.stop(2, "BTC-PERP", "sell", 5, 990_000, 989_000, by="last", until=9, order=905)
    flags = Flag.BY_LAST | Flag.GTD
    assert sent(x) == [Kind.CONDITIONAL, 2, 0, 1, 989_000, 5, flags, 905, 990_000, 9]
    x.take_profit(2, "Rain", "sell", 5, 700, 690, outcome="NO", reduce_only=True, order=906)
    flags = Flag.TAKE_PROFIT | Flag.NO | Flag.REDUCE_ONLY
    assert sent(x) == [Kind.CONDITIONAL, 2, 3, 1, 690, 5, flags, 906, 700, 0]
    x.replace(2, 906, 4, 680)
    assert sent(x) == [Kind.REPLACE, 2, 0, 0, 680, 4, 0, 906, 0, 0]
    x.cancel(2, 906)
    assert sent(x) == [Kind.CANCEL, 2, 0, 0, 0, 0, 0, 906, 0, 0]
    x.cancel_all(2)
    assert sent(x) == [Kind.CANCEL_ALL, 2, -1, 0, 0, 0, 0, 0, 0, 0]
    x.cancel_all(2, "ETH-PERP")
    assert sent(x)[:3] == [Kind.CANCEL_ALL, 2, 1]


def test_money_and_shares_as_messages() -> None:
    x = fresh()
    x.deposit(1, "BTC", 5)
    assert sent(x) == [Kind.DEPOSIT, 1, 1, 0, 0, 5, 0, 0, 0, 0]
    x.withdraw(1, "BTC", 5, borrow=True)
    assert sent(x) == [Kind.WITHDRAW, 1, 1, 0, 0, 5, 0, 0, 1, 0]
    x.transfer(1, 2, "BTC", 5)
    assert sent(x) == [Kind.TRANSFER, 1, 1, 0, 0, 5, 0, 0, 2, 0]
    for call, kind in ((x.mint, Kind.MINT), (x.merge, Kind.MERGE)):
        call(1, "Rain", 5)
        assert sent(x) == [kind, 1, 0, 0, 0, 5, 0, 0, 0, 0]
    for call, kind in ((x.lend, Kind.LEND), (x.redeem, Kind.REDEEM)):
        call(1, "BTC", 5)
        assert sent(x) == [kind, 1, 1, 0, 0, 5, 0, 0, 0, 0]
    x.settings(1, auto_lend=True, owner=0)
    assert sent(x) == [Kind.SETTINGS, 1, 0, 0, 0, 0, 2, 0, 1, 0]
    x.settings(1, cancel_on_disconnect=True)
    assert sent(x) == [Kind.SETTINGS, 1, 0, 0, 0, 0, 1, 0, 0, 0]


def test_the_houses_messages() -> None:
    x = fresh()
    x.price("ETH", 400_100, confidence=5)
    assert sent(x) == [Kind.INDEX, 0, 1, 0, 400_100, 5, 0, 0, 0, 3]
    x.external("ETH-PERP", 400_050, read_us=7)
    assert sent(x) == [Kind.EXTERNAL, 0, 1, 0, 400_050, 0, 0, 0, 7, 0]
    x.set_state("Rain", "post-only")
    assert sent(x) == [Kind.STATE, 0, 3, 0, 0, 0, 0, 0, 1, 0]
    x.set_state("Rain", "auction", until_us=77)
    assert sent(x) == [Kind.STATE, 0, 3, 0, 0, 0, 0, 0, 4, 77]
    x.propose(2, "Rain", "NO", 500)
    assert sent(x) == [Kind.PROPOSE, 2, 0, 0, 0, 500, 0, 0, 1, 0]
    x.dispute(2, "Rain", 500)
    assert sent(x) == [Kind.DISPUTE, 2, 0, 0, 0, 500, 0, 0, 0, 0]
    x.settle()
    assert sent(x)[0] == Kind.SETTLE
    x.resolve("Rain", None)
    assert sent(x) == [Kind.RESOLVE, 0, 0, 0, 0, 0, 0, 0, -1, 0]


def test_events_are_resolved_and_paid() -> None:
    x = funded()
    assert x.mint(0, "Rain", 50)
    assert x.resolve("Rain", "YES")
    assert x.balance(0, 0) == 100_000 * USD
    assert x.resolve("Rain", "NO").reason == "ALREADY_RESOLVED"


# --- names -------------------------------------------------------------------------------------
def test_a_wrong_name_says_what_was_meant() -> None:
    x = fresh()
    with pytest.raises(UnknownName, match=r"no instrument 'BTC-PREP'; did you mean 'BTC-PERP'"):
        x.submit(0, "BTC-PREP", "buy", 1, 1)
    with pytest.raises(UnknownName, match=r"no instrument 'eth-perp'; did you mean 'ETH-PERP'"):
        x.cancel_all(0, "eth-perp")
    with pytest.raises(UnknownName, match="no side 'bye'; did you mean 'buy'"):
        x.submit(0, "BTC-PERP", "bye", 1, 1)
    with pytest.raises(UnknownName, match="no asset 'XRP'"):
        x.deposit(0, "XRP", 1)
    with pytest.raises(UnknownName, match="no outcome 'MAYBE'"):
        x.submit(0, "Rain", "buy", 1, 500, outcome="MAYBE")
    with pytest.raises(UnknownName, match="did you mean 'post_only'"):
        x.set_state("Rain", "post_onyl")
    with pytest.raises(UnknownName, match="source of a trigger 'marks'; did you mean 'mark'"):
        x.stop(0, "BTC-PERP", "buy", 1, 1, by="marks")
    assert x.counters()["messages"] == 0


def test_the_books_of_a_categorical_event() -> None:
    names = Names(ELECTION)
    assert names.book("Election", "Bob") == (4, 0)
    assert names.book("Election:none", "NO") == (5, 1)
    assert names.outcome(1, "Bob") == 1
    with pytest.raises(ValueError, match="one book an outcome"):
        names.book("Election", None)
    with pytest.raises(UnknownName, match=r"no outcome of Election 'Bo'; did you mean 'Bob'"):
        names.book("Election", "Bo")


def test_half_a_lot_is_a_type_error() -> None:
    x = funded()
    with pytest.raises(TypeError, match=r"whole lots.*size=1\.5"):
        x.submit(0, "BTC-PERP", "buy", 1.5, 999_000)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"price=999000\.0"):
        x.submit(0, "BTC-PERP", "buy", 1, 999_000.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a name or an id"):
        x.cancel_all(0, 1.5)  # type: ignore[arg-type]
    assert x.submit(np.int64(0), np.int64(0), "buy", np.int64(3), np.int64(999_000))  # type: ignore[arg-type]


def test_units_are_exact() -> None:
    x = fresh()
    assert x.ticks("BTC-PERP", 99_990.5) == 999_905
    assert x.ticks("ETH", "4000.01") == 400_001
    assert x.ticks("Rain", 0.63) == 630
    assert (x.lots("BTC-PERP", 0.1), x.lots("BTC/USDC", "0.0001"), x.lots("Rain", 7)) == (100, 1, 7)
    assert (x.units("USDC", 0.1), x.units("BTC", 2), x.units("Rain:NO", 3)) == (100_000, 20_000, 3)
    assert (x.usd("BTC-PERP", 999_905), x.quantity("ETH-PERP", 250)) == (99_990.5, 2.5)
    assert x.amount("BTC", 15_000) == 1.5
    with pytest.raises(ValueError, match="no whole number of lots"):
        x.lots("BTC-PERP", 0.0005)
    with pytest.raises(UnknownName):
        x.lots(17, 1)


# --- the same as blocks --------------------------------------------------------------------------
@pytest.fixture(scope="module")
def scene() -> tuple:
    kept = bench.LIQUIDATE_EVERY, bench.STEP
    bench.LIQUIDATE_EVERY, bench.STEP = 4, 0.03
    try:
        return bench.kernel_exchange(
            messages=2500, accounts=40, instruments=5, seed=3, mark_every=50
        )
    finally:
        bench.LIQUIDATE_EVERY, bench.STEP = kept


def test_one_by_one_is_the_same_as_a_block(scene: tuple) -> None:
    x, start, block = scene
    x.restore(start)
    whole = x.process(block).copy()
    digest = x.state_digest()
    assert {Event.FILL, Event.REJECT, Event.FLAG, Event.STEP} <= set(whole[:, E_KIND].tolist())
    x.restore(start)
    x.history.keep = 1 << 20
    first = x.seq + 1
    for row in block.tolist():
        x.clock = row[0]
        x.call(*(row[k] for k in COLUMNS))
    assert x.state_digest() == digest
    assert np.array_equal(x.events_between(first, x.seq), whole)


def test_codes_of_calls_are_the_reasons_in_the_events(scene: tuple) -> None:
    x, start, block = scene
    x.restore(start)
    for row in block[:1500].tolist():
        x.clock = row[0]
        result = x.call(*(row[k] for k in COLUMNS))
        assert [result.code] * (result.code > 0) == result.refusals


def test_a_block_of_rows() -> None:
    x, y = funded(), funded()
    rows = [
        {"account": k % 3, "instrument": "ETH-PERP", "side": side, "size": 5, "price": price}
        for k, (side, price) in enumerate([("buy", 399_990), ("sell", 400_010), ("sell", 399_990)])
    ]
    rows.append({"account": 5, "instrument": "ETH-PERP", "side": "buy", "size": 9, "ioc": True})
    outcome = x.submit_block(rows)
    assert outcome
    assert [fill.size for fill in outcome.fills] == [5, 5]
    for row in rows:
        y.submit(**row)
    assert x.state_digest() == y.state_digest()
    refused = y.submit_block([{**rows[0], "size": -1}, rows[0]])
    assert not refused
    assert [r.name for r in refused.refusals] == ["BAD_SIZE"]
    with pytest.raises(ValueError, match=r"unknown columns \['prize'\]"):
        x.submit_block([{**rows[0], "prize": 3}])
    with pytest.raises(ValueError, match=r"missing columns \['side'\]"):
        x.submit_block([{"account": 1, "instrument": 0, "size": 1}])
    assert x.state_digest() != y.state_digest()


def test_a_block_as_a_frame() -> None:
    polars = pytest.importorskip("polars")
    x, y = funded(), funded()
    rows = [
        {
            "account": 1,
            "instrument": "Rain",
            "side": "buy",
            "size": 5,
            "price": 400,
            "outcome": "NO",
        },
        {
            "account": 2,
            "instrument": "Rain",
            "side": "buy",
            "size": 6,
            "price": 600,
            "outcome": None,
        },
    ]
    assert x.submit_block(polars.DataFrame(rows)).fills == y.submit_block(rows).fills != []
    assert x.state_digest() == y.state_digest()


def test_order_ids_are_free_ones() -> None:
    x = funded(order_ids=8, order_slots=64)
    taken = [x.submit(0, "BTC-PERP", "buy", 1, 999_000).order for _ in range(3)]
    x.submit(0, "BTC-PERP", "buy", 1, 999_000, order=4 + 8)
    after = [x.submit(0, "BTC-PERP", "buy", 1, 999_000) for _ in range(2)]
    assert taken == [1, 2, 3]
    assert [r.order for r in after] == [5, 6]
    assert all(after)
