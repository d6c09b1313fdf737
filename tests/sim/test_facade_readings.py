"""Readings: names for ids, and words instead of memory that is not there."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from facade import ELECTION, USD, fresh, funded

from sim.exchange import Exchange
from sim.exchange.house import LONGEST_S, SECOND_US
from sim.exchange.messages import BookState
from sim.exchange.names import UnknownName

NOWHERE = (-1, 6, 10**7, -(10**9), 2**63)  # the exchange has accounts 0 to 5
BY_ACCOUNT: list[Callable[[Exchange, Any], Any]] = [
    lambda x, a: x.balance(a, 0),
    lambda x, a: x.position(a, 0),
    lambda x, a: x.claim(a, 0),
    lambda x, a: x.equity(a),
    lambda x, a: x.initial(a),
    lambda x, a: x.maintenance(a),
    lambda x, a: x.explain(a),
    lambda x, a: x.accounts_frame([0, a]),
    lambda x, a: x.positions_frame([0, a]),
    lambda x, a: x.balances_frame([0, a]),
]
# What is read, the name of a thing that is there, its id, the sort of thing.
BY_NAME: list[tuple[Callable[[Exchange, Any], Any], str, int, str]] = [
    (lambda x, k: x.balance(1, k), "BTC", 1, "asset"),
    (lambda x, k: x.claim(1, k), "BTC", 1, "asset"),
    (lambda x, k: x.bucket("external", k), "BTC", 1, "asset"),
    (lambda x, k: x.position(0, k), "BTC-PERP", 0, "instrument"),
    (lambda x, k: x.mark(k), "ETH-PERP", 1, "instrument"),
    (lambda x, k: x.best(k), "BTC-PERP", 0, "instrument"),
    (lambda x, k: x.book(k), "BTC-PERP", 0, "instrument"),
    (lambda x, k: x.book_frame(k).rows(), "BTC-PERP", 0, "instrument"),
    (lambda x, k: x.book_state(k), "BTC/USDC", 2, "instrument"),
    (lambda x, k: x.open_interest(k), "BTC-PERP", 0, "instrument"),
    (lambda x, k: x.bucket("clearing", k), "BTC-PERP", 0, "instrument"),
    (lambda x, k: x.index(k), "ETH", 1, "feed"),
    (lambda x, k: x.twap(k), "ETH", 1, "feed"),
    (lambda x, k: x.bucket("vault", k), "Rain", 0, "event"),
]


@pytest.fixture(scope="module")
def x() -> Exchange:
    """A trade of 4 lots, 3 and 2 lots at rest, units lent and a set minted."""
    x = funded()
    x.submit(0, "BTC-PERP", "buy", 7, 999_000)
    x.submit(1, "BTC-PERP", "sell", 4, 999_000)
    x.submit(2, "BTC-PERP", "sell", 2, 1_001_000)
    x.lend(1, "BTC", 1_000)
    x.mint(3, "Rain", 5)
    x.set_state("BTC/USDC", "cancel_only")
    return x


# --- what does not exist -----------------------------------------------------------------------
@pytest.mark.parametrize("read", BY_ACCOUNT)
def test_an_account_must_exist(x: Exchange, read: Callable[[Exchange, Any], Any]) -> None:
    for account in NOWHERE:
        with pytest.raises(ValueError, match=f"unknown account {account}: .* accounts 0 to 5"):
            read(x, account)
    for junk in ("a", 1.5, None, [0]):
        with pytest.raises(TypeError, match="account: a whole number, not"):
            read(x, junk)
    assert str(read(x, np.int64(5))) == str(read(x, 5))


def test_frames_want_a_list_of_accounts(x: Exchange) -> None:
    assert x.accounts_frame(iter((4, 2)))["account"].to_list() == [4, 2]
    assert x.positions_frame(range(1))["account"].to_list() == [0]
    with pytest.raises(TypeError, match="accounts: a list of ids, not 3"):
        x.accounts_frame(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(("read", "name", "k", "what"), BY_NAME)
def test_names_and_ids_read_the_same(
    x: Exchange, read: Callable[[Exchange, Any], Any], name: str, k: int, what: str
) -> None:
    assert read(x, name) == read(x, k) == read(x, np.int64(k))
    with pytest.raises(UnknownName, match=f"no {what} '{name}x'; did you mean .*'{name}'"):
        read(x, name + "x")
    for wrong in (-1, 99, 10**12, 2**63):
        with pytest.raises(UnknownName, match=f"no {what} {wrong} "):
            read(x, wrong)
    for junk in (None, 0.5, [0]):
        with pytest.raises(TypeError, match=f"{what}: a name or an id"):
            read(x, junk)


def test_names_read_the_right_thing(x: Exchange) -> None:
    assert x.balance(1, "BTC") == 5_000 - 1_000
    assert x.claim(1, "BTC") == 1_000
    assert x.claim(3, "Rain:YES") == 0
    assert x.balance(3, "Rain:YES") == x.balance(3, "Rain:NO") == 5
    assert x.bucket("vault", "Rain") == 5 * USD
    assert x.position(0, "BTC-PERP")[0] == -x.position(1, "BTC-PERP")[0] == 4
    assert x.position(0, "ETH-PERP") == (0, 0)
    assert (x.mark("BTC-PERP"), x.index("BTC")) == (1_000_000, 1_000_000)
    assert x.best("BTC-PERP") == (999_000, 1_001_000)
    assert [row[:3] for row in x.book("BTC-PERP")] == [(0, 999_000, 3), (1, 1_001_000, 2)]
    assert x.open_interest("BTC-PERP") == 4
    assert x.book_state("BTC/USDC") == BookState.CANCEL_ONLY
    assert x.book_state("BTC-PERP") == BookState.OPEN


# --- other things that cannot be ---------------------------------------------------------------
@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), float("-inf"), np.nan])
def test_time_passes_by_a_number_of_seconds(seconds: float) -> None:
    with pytest.raises(ValueError, match="finite number of seconds"):
        fresh().advance(seconds)


def test_time_passes_so_far_at_once() -> None:
    y = fresh()
    for span in (1e13, 1e300, LONGEST_S + 1):
        with pytest.raises(ValueError, match="at most 10,000,000 at once"):
            y.advance(span)
    with pytest.raises(ValueError, match="at most 10,000,000 at once"):
        y.advance(to_us=2**62)
    with pytest.raises(ValueError, match="runs backwards"):
        y.advance(-1e-6)
    with pytest.raises(TypeError):
        y.advance(to_us=1e6)  # type: ignore[arg-type]
    assert (y.now, y.seq) == (0, 0)
    y.advance(to_us=np.int64(SECOND_US))  # type: ignore[arg-type]
    assert y.now == SECOND_US
    y.clock = 2**62 - 5
    with pytest.raises(ValueError, match="below 2\\^62 us"):
        y.advance(to_us=2**62)
    y.advance(to_us=2**62 - 1)
    assert y.now == 2**62 - 1


@pytest.mark.parametrize("junk", [None, b"junk", 3, {}])
def test_only_a_snapshot_is_restored(junk: Any) -> None:
    with pytest.raises(TypeError, match=f"what `snapshot` gave, not {type(junk).__name__}"):
        fresh().restore(junk)


def test_an_outcome_by_name_needs_an_event() -> None:
    y = Exchange(ELECTION, accounts=2, order_slots=64, order_ids=64, event_rows=1024)
    with pytest.raises(UnknownName, match=r"no event 99 .*0 Rain, 1 Election"):
        y.resolve(99, "YES")
    with pytest.raises(UnknownName, match="no event 99"):
        y.propose(0, 99, "YES", USD)
    with pytest.raises(TypeError, match=r"outcome: a name or an id, not 0\.5"):
        y.resolve(99, 0.5)  # type: ignore[arg-type]
    assert not y.resolve(99, 0)
    for outcomes in ([None], [-1], [10**12]):
        with pytest.raises(ValueError, match="names or numbers from 0"):
            y.convert(0, "Election", outcomes, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("quantity", [float("nan"), float("inf"), Decimal("NaN"), "ten", "1/0"])
def test_a_quantity_is_a_finite_number(x: Exchange, quantity: Any) -> None:
    for convert, name in ((x.units, "USDC"), (x.lots, "BTC-PERP"), (x.ticks, "BTC")):
        with pytest.raises(ValueError, match=f"{name} is no finite number"):
            convert(name, quantity)
