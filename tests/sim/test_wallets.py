"""MAR-08: parties speak in their own ids; wallets are accounts that share nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.exchange.endowment import Endowment
from sim.exchange.engine import COLUMNS
from sim.exchange.exchange import Exchange
from sim.exchange.instruments import (
    Asset,
    BinaryEvent,
    CategoricalEvent,
    Feed,
    Future,
    Listing,
    Margin,
    Perpetual,
    Spot,
)
from sim.exchange.messages import (
    E_ACCOUNT,
    E_KIND,
    E_OTHER,
    E_SIZE,
    EV_COLS,
    M_ACCOUNT,
    M_INSTRUMENT,
    M_KIND,
    M_SIZE,
    MSG_COLS,
    Event,
    Kind,
)
from sim.exchange.policies import MarginMode
from sim.exchange.rules import Rules
from sim.exchange.wallets import Wallets

pytestmark = pytest.mark.spec("MAR-08")

PARTIES = 4
MARGIN = Margin(base=0.1, factor=0.0, base_m=0.05, factor_m=0.0)
LISTING = Listing(
    feeds=(Feed(name="BTC", tick_micro=1_000_000, index_ticks=1000),),
    assets=(Asset(name="BTC", feed="BTC", units_per_coin=1000),),
    perpetuals=(Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1000, margin=MARGIN),),
    futures=(
        Future(name="BTC-Z", feed="BTC", lots_per_coin=1000, margin=MARGIN, expiry_us=10**15),
    ),
    spots=(Spot(name="BTC/USDC", base="BTC"),),
    events=(BinaryEvent(name="Rain"), CategoricalEvent(name="Cup", outcomes=("a", "b", "c"))),
)
PERP, FUTURE, SPOT, RAIN, CUP_A, CUP_C = 0, 1, 2, 3, 4, 6


def message(kind: Kind, account: int, **columns: int) -> np.ndarray:
    row = np.zeros((1, MSG_COLS), np.int64)
    row[0, M_KIND], row[0, M_ACCOUNT] = kind, account
    for name, value in columns.items():
        row[0, COLUMNS.index(name)] = value
    return row


def block(*rows: np.ndarray) -> np.ndarray:
    return np.concatenate(rows)


def wallets(mode: MarginMode = "isolated") -> Wallets:
    return Wallets(LISTING, mode, PARTIES)


def accounts(found: np.ndarray) -> list[int]:
    return [int(a) for a in found[:, M_ACCOUNT]]


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("unified", ("all",)),
        ("portfolio", ("all",)),
        ("segregated", ("spot", "derivatives", "events")),
        ("isolated", ("spot", "BTC-PERP", "BTC-Z", "Rain", "Cup")),
    ],
)
def test_the_wallets_of_a_mode(mode: MarginMode, names: tuple[str, ...]) -> None:
    w = wallets(mode)
    assert w.names == names
    assert w.accounts == PARTIES * len(names)
    own = w.accounts_of(np.array([1, 3]))
    assert sorted((own % PARTIES).tolist()) == [1] * len(names) + [3] * len(names)


@pytest.mark.parametrize("mode", ["unified", "portfolio"])
def test_one_wallet_changes_nothing(mode: MarginMode) -> None:
    w = wallets(mode)
    rows = block(message(Kind.NEW, 1, instrument=RAIN, order=5), message(Kind.CANCEL_ALL, 1))
    assert w.route(rows) is rows
    assert Endowment(w).spread([rows])[0] is rows
    assert len(w.owners()) == 0


def test_a_message_goes_to_the_wallet_of_what_it_names() -> None:
    rows = block(
        message(Kind.NEW, 1, instrument=PERP, order=10),
        message(Kind.CONDITIONAL, 1, instrument=FUTURE, order=11),
        message(Kind.NEW, 1, instrument=SPOT, order=12),
        message(Kind.NEW, 1, instrument=RAIN, order=13),
        message(Kind.NEW, 1, instrument=CUP_C, order=14),
        message(Kind.MINT, 1, instrument=1, size=1),
        message(Kind.PROPOSE, 1, instrument=0, size=1),
        message(Kind.DEPOSIT, 1, instrument=1, size=1),
        message(Kind.LEND, 1, instrument=0, size=1),
        message(Kind.COMMIT, 1, size=1),
    )
    assert accounts(wallets().route(rows)) == [1 + 4 * w for w in (1, 2, 0, 3, 4, 4, 3, 0, 0, 0)]
    segregated = accounts(wallets("segregated").route(rows))
    assert segregated == [1 + 4 * w for w in (1, 1, 0, 2, 2, 2, 2, 0, 0, 0)]


def test_cancel_and_replace_follow_their_order() -> None:
    w = wallets()
    w.route(message(Kind.NEW, 2, instrument=CUP_A, order=7_000_000))
    rows = block(
        message(Kind.NEW, 3, instrument=FUTURE, order=2),
        message(Kind.CANCEL, 3, order=2),
        message(Kind.REPLACE, 2, order=7_000_000, price=1, size=1),
        message(Kind.CANCEL, 2, order=99),
        message(Kind.CANCEL, 2, order=-1),
    )
    assert accounts(w.route(rows)) == [3 + 4 * 2, 3 + 4 * 2, 2 + 4 * 4, 2, 2]
    with pytest.raises(ValueError, match="order id"):
        w.route(message(Kind.NEW, 2, instrument=0, order=1 << 31))


def test_what_concerns_everything_goes_to_every_wallet() -> None:
    rows = block(
        message(Kind.CANCEL_ALL, 2, instrument=-1),
        message(Kind.CANCEL_ALL, 2, instrument=RAIN),
        message(Kind.DISCONNECT, 0),
        message(Kind.MARK, 0),
    )
    every = [2 + 4 * w for w in range(5)]
    expected = [*every, 2 + 4 * 3, *[4 * w for w in range(5)], 0]
    assert accounts(wallets().route(rows)) == expected


@pytest.mark.parametrize("party", [-1, PARTIES, 1 << 40])
def test_a_party_that_does_not_exist_is_no_other_partys_wallet(party: int) -> None:
    rows = block(
        message(Kind.NEW, party, instrument=PERP, order=1), message(Kind.CANCEL_ALL, party)
    )
    assert accounts(wallets().route(rows)) == [-1, -1]


def test_owners_are_parties() -> None:
    w = wallets()
    exchange = Exchange(LISTING, Rules(margin_mode="isolated"), w.accounts)
    events = exchange.process(w.route(w.owners()))
    assert (events[:, E_KIND] == Event.SETTINGS).all()
    assert (events[:, 14] == events[:, E_ACCOUNT] % PARTIES).all()
    assert len(events) == w.accounts


def test_events_come_back_with_parties() -> None:
    w = wallets()
    events = np.zeros((3, EV_COLS), np.int64)
    events[:, E_KIND] = Event.FILL, Event.HAIRCUT, Event.FUNDING
    events[:, E_ACCOUNT] = 1 + 4 * 3, -1, 2 + 4
    events[:, E_OTHER] = 3 + 4 * 3, 2 + 4, 55
    back = w.parties_in(events)
    assert back[:, E_ACCOUNT].tolist() == [1, -1, 2]
    assert back[:, E_OTHER].tolist() == [3, 2, 55]
    assert events[0, E_ACCOUNT] == 13  # the recorder's rows stay as they are


def usdc(rows: np.ndarray) -> dict[int, int]:
    """Micro-USDC paid in, by account."""
    paid = rows[(rows[:, M_KIND] == Kind.DEPOSIT) & (rows[:, M_INSTRUMENT] == 0)]
    return {int(r[M_ACCOUNT]): int(r[M_SIZE]) for r in paid}


def opening(**extra: Any) -> list[np.ndarray]:
    """Party 0: long 3,000 lots of the perpetual, short 1,000 of the future, 200 Rain at 0.30."""
    return [
        message(Kind.DEPOSIT, 0, size=1_000_000_000, **extra),
        block(
            message(Kind.NEW, 0, instrument=PERP, side=0, price=1000, size=3000, order=1),
            message(Kind.NEW, 0, instrument=FUTURE, side=1, price=1000, size=1000, order=2),
        ),
        message(Kind.DEPOSIT, 0, size=60_000_000),
        message(Kind.NEW, 0, instrument=RAIN, side=0, price=300, size=200, order=3),
    ]


def test_usdc_is_spread_as_the_opening_orders_need_it() -> None:
    w = wallets()
    rows = np.concatenate(Endowment(w).spread(opening()))
    need = {1: 1.05 * 300.0, 2: 1.05 * 100.0, 3: 1.05 * 60.0}  # 10 % of 3,000 and 1,000; 60 USD
    total = sum(need.values())
    paid = usdc(rows)
    assert sum(paid.values()) == 1_060_000_000
    for wallet, usd in need.items():
        assert paid[4 * wallet] == pytest.approx(1_060_000_000 * usd / total, rel=1e-6)
    later = w.route(message(Kind.DEPOSIT, 0, size=1_000_000))
    assert sum(usdc(later).values()) == 1_000_000
    assert set(usdc(later)) == {4, 8, 12}


def test_a_fall_on_the_way_counts_at_its_worst() -> None:
    w = wallets()
    reading = message(Kind.INDEX, 0, instrument=0, price=900)
    back = message(Kind.INDEX, 0, instrument=0, price=1000)
    rows = np.concatenate(Endowment(w).spread([*opening(), reading, back]))
    long = 1.05 * 270.0 + 300.0  # at 900
    short = 1.05 * 100.0  # at 1000
    paid = usdc(rows)
    assert paid[4] / paid[8] == pytest.approx(long / short, rel=1e-6)


def test_a_party_without_orders_follows_its_stakes() -> None:
    w = wallets()
    stakes = np.zeros(7)
    stakes[[PERP, SPOT]] = 3.0, 1.0
    rows = np.concatenate(Endowment(w, stakes).spread([message(Kind.DEPOSIT, 1, size=4_000_000)]))
    assert usdc(rows) == {1: 1_000_000, 5: 3_000_000}


def test_coins_that_could_not_be_collateral_come_as_usdc() -> None:
    """Margin of 420 USD, 60 USD of shares; 100 USD in USDC and 1 BTC of 1,000 USD."""
    w = wallets()
    given = opening()
    given[0][0, M_SIZE] = 40_000_000
    coin = message(Kind.DEPOSIT, 0, instrument=1, size=1000)
    rows = np.concatenate(Endowment(w).spread([coin, *given]))
    left = rows[(rows[:, M_KIND] == Kind.DEPOSIT) & (rows[:, M_INSTRUMENT] == 1)]
    assert left[:, M_ACCOUNT].tolist() == [0]
    brought = 1000 - int(left[0, M_SIZE])
    assert brought == 1 + 383  # 1.05 · 460 − 100 = 383 USD, and the micro-USDC above it
    assert sum(usdc(rows).values()) == 100_000_000 + brought * 1_000_000


def test_the_backstop_has_one_wallet_for_everything() -> None:
    w = wallets()
    given = [message(Kind.DEPOSIT, 2, size=5_000_000), message(Kind.COMMIT, 2, size=5_000_000)]
    rows = np.concatenate(Endowment(w).spread(given))
    assert accounts(rows) == [2, 2]
    assert usdc(rows) == {2: 5_000_000}
    order = block(
        message(Kind.NEW, 2, instrument=RAIN, order=9),
        message(Kind.CANCEL_ALL, 2, instrument=-1),
    )
    assert accounts(w.route(order)) == [2, 2]


def fall(mode: MarginMode) -> tuple[Exchange, Wallets]:
    """Party 0, long perpetual and short future, sees the price fall by a tenth."""
    w = wallets(mode)
    exchange = Exchange(LISTING, Rules(margin_mode=mode, backstop=False), w.accounts)
    exchange.price("BTC", 1000)
    exchange.advance(1, hold=True)
    for part in Endowment(w).spread(
        [
            w.owners(),
            message(Kind.DEPOSIT, 0, size=900_000_000),
            message(Kind.DEPOSIT, 1, size=5_000_000_000),
            block(
                message(Kind.NEW, 0, instrument=PERP, side=0, price=1000, size=3000, order=1),
                message(Kind.NEW, 1, instrument=PERP, side=1, price=1000, size=3000, order=2),
                message(Kind.NEW, 0, instrument=FUTURE, side=1, price=1000, size=3000, order=3),
                message(Kind.NEW, 1, instrument=FUTURE, side=0, price=1000, size=3000, order=4),
            ),
        ]
    ):
        rows = part.copy()
        rows[:, 0] = exchange.now
        events = exchange.process(rows)
        assert not (events[:, E_KIND] == Event.REJECT).any()
    assert (events[events[:, E_KIND] == Event.FILL][:, E_SIZE] == 3000).all()
    for ticks in (950, 900, 860, 840):
        exchange.price("BTC", ticks)
        exchange.advance(5, hold=True)
    return exchange, w


@pytest.mark.parametrize("mode", ["unified", "segregated"])
def test_a_hedge_in_one_wallet_survives_what_isolation_does_not(mode: MarginMode) -> None:
    exchange, w = fall(mode)
    at = w.account(0, int(w.of_instrument[PERP]))
    assert exchange.position(at, PERP)[0] == 3000
    apart, i = fall("isolated")
    long, short = i.account(0, 1), i.account(0, 2)
    assert apart.position(long, PERP)[0] < 3000  # 480 of 450 USD are gone, and the gain of
    assert apart.position(short, FUTURE)[0] == -3000  # the other wallet is of no use
    assert apart.equity(short) > 890_000_000 / 2
    for x in (exchange, apart):
        assert not any(x.verify().values())
    assert i.by_party(apart.equities()).sum() == apart.equities().sum()
