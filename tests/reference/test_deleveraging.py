"""Sessions in which a failure is shared out: who closes, who pays first, how much the fund gives."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from engines import Venue
from session import USD, Hand, Row, feed, listing, margin, perpetual, rules
from twin.codes import Event, Message
from twin.rank import lot
from twin.spread import spread

Factory = Callable[[dict[str, Any], dict[str, Any], int], Venue]
X, A, B, BYSTANDER, MIDDLE = range(5)


def of_kind(rows: list[Row], kind: Event) -> list[Row]:
    return [r for r in rows if r.kind == kind]


def closed(rows: list[Row]) -> list[tuple[int, int, float]]:
    """(counterparty, lots, dollars forgone) of each ADL row."""
    return [(r.other, r.size, r.amount / USD) for r in of_kind(rows, Event.ADL)]


def failure(
    factory: Factory, cash_a: int = 208, wait_s: int = 0, **changed: Any
) -> tuple[Hand, list[Row]]:
    """The market of K16, without a fund: X fails by 20 on ten long, A is short 6 at 120, B 8 at 100.

    At the mark of 88 A has 400 of equity (192 won), B 200 (96 won).
    """
    what = listing(
        feeds=[feed("T", 100_000, 1_000)],
        perpetuals=[perpetual("T", 1, margin())],
    )
    hand = Hand(factory(what, rules(**changed), 7), 7)
    hand.index(0, 1_000)
    for account, cash in ((X, 100), (A, cash_a), (B, 104), (BYSTANDER, 1_000), (MIDDLE, 1_000)):
        hand.deposit(account, cash)
    hand.trade(MIDDLE, A, 0, 1_200, 6)
    hand.trade(BYSTANDER, MIDDLE, 0, 1_200, 4)
    hand.trade(X, MIDDLE, 0, 1_000, 2)
    hand.trade(X, B, 0, 1_000, 8)
    hand.wait(wait_s)
    hand.move((0, 0, 880))
    assert hand.venue.equity(X) == -20 * USD
    rows = hand.liquidate()
    (deficit,) = of_kind(rows, Event.DEFICIT)
    assert deficit.amount == deficit.x + deficit.y + deficit.other_order == 20 * USD
    assert hand.venue.equity(X) == 0
    assert hand.venue.position(X, 0) == (0, 0)
    return hand, rows


@pytest.mark.spec("LIQ-05")
def test_by_return_and_leverage(venue_factory: Factory) -> None:
    """A: (1 - 88/120)·528/400 = .352, B: (1 - .88)·704/200 = .4224."""
    _, rows = failure(venue_factory, adl="binance")
    assert closed(rows) == [(B, 8, 16), (A, 2, 4)]
    _, rows = failure(venue_factory, adl="binance", cash_a=108)  # A has 300: .469
    assert closed(rows) == [(A, 6, 12), (B, 4, 8)]


@pytest.mark.spec("LIQ-05")
def test_money_and_lots_apart(venue_factory: Factory) -> None:
    """20 by 192 to 96, the odd millionth to the first; ten lots by 6 to 8, likewise."""
    _, rows = failure(venue_factory, adl="pro_rata")
    assert closed(rows) == [(A, 5, 13.333334), (B, 5, 6.666666)]
    # At the mark: what each realised is its entry against 88, money apart.
    assert [r.x / USD for r in of_kind(rows, Event.ADL)] == [32 * 5, 12 * 5]


@pytest.mark.spec("LIQ-05")
def test_whole_lots_by_what_was_won(venue_factory: Factory) -> None:
    """Ten by 192 to 96: 6 and 3, A is then out of lots and B closes one more."""
    _, rows = failure(venue_factory, adl="integer_pro_rata")
    assert closed(rows) == [(A, 6, 12), (B, 4, 8)]


@pytest.mark.spec("LIQ-05")
def test_whole_lots_by_what_was_won_and_risked(venue_factory: Factory) -> None:
    """Weights 192·1.32 = 253.44 and 96·3.52 = 337.92: 4.29 and 5.71, then one each by id."""
    _, rows = failure(venue_factory, adl="risk_weighted")
    assert closed(rows) == [(A, 5, 10), (B, 5, 10)]


@pytest.mark.spec("LIQ-05")
def test_by_lot_the_order_depends_on_when_it_happened(venue_factory: Factory) -> None:
    found = set()
    for wait_s in range(12):
        _, rows = failure(venue_factory, wait_s=wait_s, adl="random")
        (flag,) = [r for r in of_kind(rows, Event.FLAG) if r.account == X]
        first = max((A, B), key=lambda k: lot(flag.time_us, X, 0, k))
        assert closed(rows) == ([(A, 6, 12), (B, 4, 8)] if first == A else [(B, 8, 16), (A, 2, 4)])
        found.add(first)
    assert found == {A, B}


@pytest.mark.spec("LIQ-04")
def test_the_fund_gives_one_account_only_so_much(venue_factory: Factory) -> None:
    what = listing(feeds=[feed("T", 100_000, 1_000)], perpetuals=[perpetual("T", 1, margin())])
    hand = Hand(venue_factory(what, rules(insurance_cap_usd=5.0), 5), 5)
    hand.index(0, 1_000)
    hand.fund(100)
    hand.deposit(0, 100)
    hand.deposit(1, 1_000)
    hand.trade(0, 1, 0, 1_000, 10)
    hand.move((0, 0, 880))
    rows = hand.liquidate()
    assert [r.amount for r in of_kind(rows, Event.INSURANCE)] == [5 * USD]
    assert closed(rows) == [(1, 10, 15)]
    assert hand.venue.bucket("insurance") == 95 * USD


@pytest.mark.spec("LIQ-06")
@pytest.mark.parametrize("first", ["gains", "lenders"])
def test_who_bears_what_no_counterparty_can(venue_factory: Factory, first: str) -> None:
    """X fails by 80; Z, the only short, has lost everything elsewhere; the pool holds 30."""
    what = listing(
        feeds=[feed("T", 100_000, 820), feed("U", 100_000, 400)],
        perpetuals=[perpetual("T", 1, margin()), perpetual("U", 1, margin())],
    )
    hand = Hand(venue_factory(what, rules(shortfall=first), 8), 8)
    x, g1, g2, g3, z, rich = range(6)
    hand.index(0, 820)
    hand.index(1, 400)
    hand.ok(Message.POOL, size=30 * USD)
    for account, cash in ((x, 40), (g1, 1_000), (g2, 1_000), (g3, 1_000), (z, 1_000), (rich, 1e5)):
        hand.deposit(account, cash)
    hand.trade(z, rich, 1, 400, 51)
    for k, price in ((g1, 820), (g2, 850), (g3, 870)):
        hand.move((0, 0, price), (1, 1, 400))
        hand.trade(k, z, 0, price, 10)
    hand.move((0, 0, 1_000))
    hand.trade(x, z, 0, 1_000, 10)
    for t, u in ((880, 320), (880, 256), (880, 205), (880, 200)):  # a mark falls 20 % at a time
        hand.move((0, 0, t), (1, 1, u))
    assert [hand.venue.equity(a) / USD for a in (x, z)] == [-80, 0]
    rows = hand.liquidate()
    cuts = [
        (r.account, r.amount / USD, r.code, r.instrument)
        for r in of_kind(rows, Event.HAIRCUT)
        if r.other == x
    ]
    if first == "lenders":
        assert cuts == [(-1, 30, 1, 0), (g1, 30, 0, 0), (g2, 15, 0, 0), (g3, 5, 0, 0)]
        assert hand.venue.bucket("pool") == 0
    else:
        assert cuts == [(g1, 48, 0, 0), (g2, 24, 0, 0), (g3, 8, 0, 0)]
        assert hand.venue.bucket("pool") == 30 * USD
    deficit = next(r for r in of_kind(rows, Event.DEFICIT) if r.account == x)
    assert (deficit.amount, deficit.other_order) == (80 * USD, 80 * USD)


@pytest.mark.spec("LIQ-03")
@pytest.mark.parametrize("backstop", [True, False])
def test_the_backstop_can_be_left_out(venue_factory: Factory, backstop: bool) -> None:
    what = listing(feeds=[feed("T", 100_000, 1_000)], perpetuals=[perpetual("T", 1, margin())])
    hand = Hand(venue_factory(what, rules(backstop=backstop), 6), 6)
    hand.index(0, 1_000)
    hand.fund(100)
    for account, dollars in ((0, 121), (1, 1_000), (2, 1_000), (3, 1e4)):
        hand.deposit(account, dollars)
    hand.ok(Message.COMMIT, account=3, size=1_000 * USD)
    hand.trade(0, 1, 0, 1_000, 10)
    hand.trade(2, 1, 0, 1_000, 10)
    hand.move((0, 0, 880))
    rows = hand.liquidate()  # NE 1 below two thirds of MM 8.80
    assert [(r.account, r.other) for r in of_kind(rows, Event.BACKSTOP)] == [(0, 3)] * backstop
    assert len(of_kind(rows, Event.STEP)) == (0 if backstop else 1)


@pytest.mark.spec("LIQ-05")
def test_spreading_gives_all_and_nobody_too_much() -> None:
    assert spread(10, [192, 96], [6, 8]) == [6, 4]
    assert spread(1, [1, 1, 1], [5, 5, 5]) == [1, 0, 0]
    assert spread(5, [0, 1, 0], [3, 2, 3]) == [2, 2, 1]
    assert spread(5, [0, 0], [4, 1]) == [4, 1]
    assert spread(7, [], []) == []
    rng = Random(1)
    for _ in range(300):
        n = rng.randrange(1, 6)
        weights = [rng.choice([0, 1, 5, 10**6]) for _ in range(n)]
        rooms = [rng.choice([0, 1, 3, 100, 10**9]) for _ in range(n)]
        amount = rng.choice([0, 1, 2, 50, 10**6, 10**10])
        given = spread(amount, weights, rooms)
        assert sum(given) == min(amount, sum(rooms))
        assert all(0 <= got <= room for got, room in zip(given, rooms, strict=True))
