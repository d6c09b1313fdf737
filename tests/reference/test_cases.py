"""The conformance cases of the rulebook, reached through messages, against every engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engines import ENGINES, Engine, Venue
from session import (
    USD,
    Hand,
    Row,
    coin,
    event,
    feed,
    listing,
    margin,
    perpetual,
    rules,
    spot,
)
from twin.codes import BUY, NO, SELL, YES, Event, Message

Factory = Callable[[dict[str, Any], dict[str, Any], int], Venue]


def of_kind(rows: list[Row], kind: Event) -> list[Row]:
    return [r for r in rows if r.kind == kind]


def money(rows: list[Row], kind: Event) -> list[float]:
    return [r.amount / USD for r in of_kind(rows, kind)]


def open_at(factory: Factory, what: dict[str, Any], n: int, **changed: Any) -> Hand:
    return Hand(factory(what, rules(**changed), n), n)


def btc(index: int, margins: dict[str, float], **coin_changes: Any) -> dict[str, Any]:
    """BTC at whole dollars: a perpetual of milli-coins and a spot book of 1e-5 coins."""
    return listing(
        feeds=[feed("BTC", 1_000_000, index)],
        assets=[coin("BTC", 100_000, **coin_changes)],
        perpetuals=[perpetual("BTC", 1000, margins)],
        spots=[spot("BTC")],
        usdc_debt=margin(base=0.05),
    )


def whole(
    *indices: tuple[str, int, dict[str, float]], tick: int = 100_000, ladder: int = 16_384
) -> dict[str, Any]:
    """Perpetuals of whole coins, prices in tenths of a dollar unless said."""
    return listing(
        feeds=[feed(name, tick, index) for name, index, _ in indices],
        perpetuals=[
            perpetual(name, 1, margins, ladder_ticks=ladder) for name, _, margins in indices
        ],
        events=[event()],
    )


# -- margin ---------------------------------------------------------------------------------


@pytest.mark.spec("K01")
@pytest.mark.parametrize(("coins", "value"), [(10, 950_000.0), (250, 22_916_666.67)])
def test_k01_haircut_of_large_balances(venue_factory: Factory, coins: int, value: float) -> None:
    hand = open_at(venue_factory, btc(100_000, margin(), haircut_kappa=4e-5), 2)
    hand.ok(Message.DEPOSIT, account=0, instrument=1, size=coins * 100_000)
    assert round(hand.venue.maintenance(0)[0], 2) == value


@pytest.mark.spec("K02")
@pytest.mark.parametrize(("notional", "imf"), [(1e4, 0.02), (1e6, 0.10), (1e8, 1.0), (4e8, 1.0)])
def test_k02_initial_margin_fraction(venue_factory: Factory, notional: float, imf: float) -> None:
    hand = open_at(venue_factory, btc(100_000, margin(0.02, 1e-4, 0.01, 5e-5)), 2)
    hand.index(0, 100_000)
    hand.deposit(0, 1e9)
    hand.deposit(1, 1e9)
    hand.trade(0, 1, 0, 100_000, round(notional / 100))
    assert hand.venue.initial(0)[1] == pytest.approx(notional * imf, rel=1e-12)


@pytest.mark.spec("K03")
def test_k03_unified_account(venue_factory: Factory) -> None:
    hand = open_at(venue_factory, btc(98_000, margin(0.02, 1e-4, 0.01, 5e-5)), 4)
    hand.index(0, 98_000)
    hand.deposit(0, 10_000)
    hand.deposit(1, 100_000)
    hand.ok(Message.DEPOSIT, account=0, instrument=1, size=50_000)
    hand.trade(0, 1, 0, 98_000, 1000)
    hand.move((0, 0, 100_000))
    ne, mm = hand.venue.maintenance(0)
    im = hand.venue.initial(0)[1]
    assert (round(ne, 6), round(im, 6), round(mm, 6)) == (59_500, 3_162.277660, 1_581.138830)
    assert round(ne - im, 6) == 56_337.722340


@pytest.mark.spec("K04")
def test_k04_borrowed_dollars(venue_factory: Factory) -> None:
    hand = open_at(venue_factory, btc(100_000, margin()), 2)
    hand.index(0, 100_000)
    hand.ok(Message.POOL, instrument=0, size=100_000 * USD)
    hand.ok(Message.DEPOSIT, account=0, instrument=1, size=60_000)
    hand.ok(Message.DEPOSIT, account=1, instrument=1, size=40_000)
    hand.trade(0, 1, 1, 100_000, 40_000)
    assert hand.usdc(0) == -40_000
    assert hand.venue.maintenance(0)[0] == 55_000
    assert hand.venue.initial(0) == (55_000, 2_000)


@pytest.mark.spec("K05")
def test_k05_shares_held(venue_factory: Factory) -> None:
    hand = open_at(venue_factory, listing(events=[event()]), 2)
    hand.deposit(0, 1_000)
    hand.deposit(1, 1_000)
    hand.trade(0, 1, 0, 60, 1_000)
    hand.ok(Message.MARK)
    assert hand.usdc(0) == 400
    assert hand.venue.equity(0) == 1_000 * USD
    ne, r = hand.venue.initial(0)
    assert (r, ne - r) == (600, 400)


@pytest.mark.spec("K06")
def test_k06_naked_sell(venue_factory: Factory) -> None:
    hand = open_at(venue_factory, listing(events=[event()]), 2)
    hand.deposit(0, 1_000)
    hand.deposit(1, 1_000)
    hand.order(1, 0, BUY, 60, 1_000)
    hand.order(0, 0, SELL, 60, 1_000)
    hand.ok(Message.MARK)
    assert hand.usdc(0) == 600
    assert (hand.venue.balance(0, 1), hand.venue.balance(0, 2)) == (0, 1_000)
    assert hand.venue.equity(0) == 1_000 * USD
    ne, r = hand.venue.initial(0)
    assert (r, ne - r) == (400, 600)


@pytest.mark.spec("K34")
def test_k34_merging_sets_changes_nothing(venue_factory: Factory) -> None:
    """The case's sums with two outcomes: A 10, B 4 at .5 each."""
    hand = open_at(venue_factory, listing(events=[event()]), 2)
    hand.deposit(0, 10)
    hand.deposit(1, 10)
    hand.ok(Message.MINT, account=0, instrument=0, size=10)
    hand.order(1, 0, BUY, 50, 6, outcome=NO)
    hand.order(0, 0, SELL, 50, 6, outcome=NO)
    hand.ok(Message.WITHDRAW, account=0, instrument=0, size=3 * USD)
    assert [hand.venue.balance(0, a) for a in (0, 1, 2)] == [0, 10, 4]
    for cash, yes in ((0, 10), (4, 6)):
        assert hand.usdc(0) == cash
        assert hand.venue.balance(0, 1) == yes
        assert hand.venue.equity(0) == 7 * USD
        ne, r = hand.venue.initial(0)
        assert (r, ne - r) == (3, 4)
        if cash == 0:
            hand.ok(Message.MERGE, account=0, instrument=0, size=4)
    assert hand.venue.bucket("vault") == 6 * USD


# -- the merged book ------------------------------------------------------------------------


@pytest.mark.spec("K10")
def test_k10_mint_and_merge(venue_factory: Factory) -> None:
    hand = open_at(venue_factory, listing(events=[event()]), 2)
    hand.deposit(0, 1_000)
    hand.deposit(1, 1_000)
    hand.order(0, 0, BUY, 60, 100, outcome=YES)
    rows = hand.order(1, 0, BUY, 45, 100, outcome=NO)
    assert [(r.price, r.size, r.y) for r in of_kind(rows, Event.FILL)] == [(60, 100, 100)]
    assert (hand.usdc(0), hand.usdc(1)) == (940, 960)
    assert hand.venue.bucket("vault") == 100 * USD

    hand.order(0, 0, SELL, 50, 50, outcome=YES)
    rows = hand.order(1, 0, SELL, 50, 50, outcome=NO)
    assert [(r.price, r.size, r.y) for r in of_kind(rows, Event.FILL)] == [(50, 50, -50)]
    assert (hand.usdc(0), hand.usdc(1)) == (965, 985)
    assert hand.venue.bucket("vault") == 50 * USD

    hand.order(0, 0, BUY, 54, 10, outcome=YES)
    rows = hand.order(1, 0, BUY, 45, 10, outcome=NO)
    assert of_kind(rows, Event.FILL) == []
    assert [(side, price) for side, price, *_ in hand.venue.book(0)] == [(BUY, 54), (SELL, 55)]


# -- liquidation ----------------------------------------------------------------------------


@pytest.mark.spec("K14")
def test_k14_steps_until_safe(venue_factory: Factory) -> None:
    """The slippage is given, so the fillable price is let out of the way: with BA 1 it would stand
    at 99,950 before the second step."""
    what = whole(("T", 101_000, margin(0.05, 0.0, 0.05, 0.0)), tick=USD)
    hand = open_at(venue_factory, what, 5, unflag_buffer=0.0, fillable_ba=1e6)
    hand.index(0, 101_000)
    hand.deposit(0, 55_000)
    hand.deposit(1, 1e6)
    hand.deposit(2, 1e6)
    hand.trade(0, 1, 0, 101_000, 10)
    hand.move((0, 0, 100_000))
    hand.order(2, 0, BUY, 99_800, 10)
    assert hand.venue.equity(0) == 45_000 * USD
    for size, equity, flagged in ((9, 44_700, [0]), (8, 44_400, [])):
        rows = hand.liquidate()
        step = of_kind(rows, Event.STEP)[0]
        assert (step.size, step.x, step.amount) == (1, 1, 100 * USD)
        assert hand.venue.position(0, 0)[0] == size
        assert hand.venue.equity(0) == equity * USD
        assert hand.venue.flagged() == flagged
    assert hand.venue.bucket("insurance") == 200 * USD
    assert hand.venue.equity(2) == (1_000_000 + 400) * USD
    assert of_kind(hand.liquidate(), Event.STEP) == []


@pytest.mark.spec("K15")
def test_k15_haircut_pro_rata(venue_factory: Factory) -> None:
    """X fails by 80; the only short, Z, has no equity to be deleveraged with."""
    what = whole(("T", 820, margin()), ("U", 400, margin()))
    hand = open_at(venue_factory, what, 8)
    x, g1, g2, g3, z, rich = range(6)
    hand.index(0, 820)
    hand.index(1, 400)
    for account, cash in ((x, 40), (g1, 1_000), (g2, 1_000), (g3, 1_000), (z, 1_000), (rich, 1e5)):
        hand.deposit(account, cash)
    hand.trade(z, rich, 1, 400, 51)
    hand.trade(g1, z, 0, 820, 10)
    hand.move((0, 0, 850), (1, 1, 400))
    hand.trade(g2, z, 0, 850, 10)
    hand.move((0, 0, 870))
    hand.trade(g3, z, 0, 870, 10)
    hand.move((0, 0, 1_000))
    hand.trade(x, z, 0, 1_000, 10)
    for t, u in ((880, 320), (880, 256), (880, 205), (880, 200)):  # a mark falls 20 % at a time
        hand.move((0, 0, t), (1, 1, u))
    assert [hand.venue.equity(a) / USD for a in (x, z)] == [-80, 0]
    rows = hand.liquidate()
    cuts = [r for r in of_kind(rows, Event.HAIRCUT) if r.other == x]
    assert [(r.account, r.amount / USD, r.code) for r in cuts] == [
        (g1, 48, 0),
        (g2, 24, 0),
        (g3, 8, 0),
    ]
    assert [(r.other, r.code, r.size) for r in of_kind(rows, Event.ADL)] == [(z, 1, 10)]
    deficit = of_kind(rows, Event.DEFICIT)[0]
    assert (deficit.amount, deficit.x, deficit.y, deficit.other_order) == (80 * USD, 0, 0, 80 * USD)
    assert hand.venue.equity(x) == 0


@pytest.mark.spec("K16")
def test_k16_insurance_then_adl(venue_factory: Factory) -> None:
    hand = open_at(venue_factory, whole(("T", 1_000, margin())), 7)
    x, a, b, bystander, middle = range(5)
    hand.index(0, 1_000)
    hand.fund(5)
    for account, cash in ((x, 100), (a, 208), (b, 104), (bystander, 1_000), (middle, 1_000)):
        hand.deposit(account, cash)
    hand.trade(middle, a, 0, 1_200, 6)
    hand.trade(bystander, middle, 0, 1_200, 4)
    hand.trade(x, middle, 0, 1_000, 2)
    hand.trade(x, b, 0, 1_000, 8)
    hand.move((0, 0, 880))
    assert [hand.venue.equity(k) / USD for k in (x, a, b)] == [-20, 400, 200]
    before = hand.venue.equity(bystander)
    rows = hand.liquidate()
    assert money(rows, Event.INSURANCE) == [5]
    adl = [(r.other, r.size, r.x / USD, r.amount / USD) for r in of_kind(rows, Event.ADL)]
    assert adl == [(b, 8, 84, 12), (a, 2, 61, 3)]
    deficit = of_kind(rows, Event.DEFICIT)[0]
    assert (deficit.amount, deficit.x, deficit.y) == (20 * USD, 5 * USD, 15 * USD)
    assert deficit.other_order == 0
    assert hand.venue.equity(x) == 0
    assert hand.usdc(x) == 0
    assert hand.venue.position(a, 0)[0] == -4
    assert hand.venue.equity(bystander) == before
    assert hand.venue.bucket("insurance") == 0


@pytest.mark.spec("K32")
def test_k32_two_losers_in_turn(venue_factory: Factory) -> None:
    hand = open_at(venue_factory, whole(("T", 1_000, margin())), 7)
    x1, x2, a, b, middle = range(5)
    hand.index(0, 1_000)
    hand.fund(24)
    for account, cash in ((x1, 100), (x2, 50), (a, 176), (b, 104), (middle, 1_000)):
        hand.deposit(account, cash)
    hand.trade(middle, a, 0, 1_200, 7)
    hand.trade(x1, b, 0, 1_000, 8)
    hand.trade(x1, middle, 0, 1_000, 2)
    hand.trade(x2, middle, 0, 1_000, 5)
    hand.move((0, 0, 880))
    assert [hand.venue.equity(k) / USD for k in (x1, x2, a, b)] == [-20, -10, 400, 200]
    rows = hand.liquidate()
    assert money(rows, Event.INSURANCE) == [20, 4]
    adl = [(r.account, r.other, r.size, r.x / USD) for r in of_kind(rows, Event.ADL)]
    assert adl == [(x1, b, 8, 96), (x1, a, 2, 64), (x2, a, 5, 154)]
    deficits = [(r.amount, r.x, r.y, r.other_order) for r in of_kind(rows, Event.DEFICIT)]
    assert deficits == [(20 * USD, 20 * USD, 0, 0), (10 * USD, 4 * USD, 6 * USD, 0)]
    assert [hand.venue.equity(k) for k in (x1, x2)] == [0, 0]


@pytest.mark.spec("K33")
def test_k33_loss_shared_over_positions(venue_factory: Factory) -> None:
    what = whole(
        ("I", 1_500, margin(0.05, 0.0, 0.05, 0.0)), ("J", 200, margin(0.10, 0.0, 0.10, 0.0))
    )
    hand = open_at(venue_factory, what, 5)
    hand.index(0, 1_500)
    hand.index(1, 200)
    hand.fund(40)
    for account, cash in ((0, 1_000), (1, 1e4), (2, 1e4)):
        hand.deposit(account, cash)
    hand.trade(0, 1, 0, 1_500, 10)
    hand.trade(2, 0, 1, 200, 20)
    hand.move((0, 0, 1_000), (1, 1, 500))
    assert hand.venue.equity(0) == -100 * USD
    rows = hand.liquidate()
    assert money(rows, Event.INSURANCE) == [40]
    adl = [(r.other, r.instrument, r.size, r.amount / USD) for r in of_kind(rows, Event.ADL)]
    assert adl == [(1, 0, 10, 20), (2, 1, 20, 40)]
    # p_b 102 and 48: what the counterparties realised against their entry prices.
    assert [r.x / USD for r in of_kind(rows, Event.ADL)] == [(150 - 102) * 10, (48 - 20) * 20]
    assert hand.venue.equity(0) == 0


@pytest.mark.spec("K30")
def test_k30_the_cheaper_leg_first(venue_factory: Factory) -> None:
    what = whole(("T", 1_000, margin(0.05, 0.0, 0.05, 0.0)))
    hand = open_at(venue_factory, what, 6)
    x, y, bidder, z = range(4)
    hand.index(0, 1_000)
    for account, cash in ((x, 2_000), (y, 1e6), (bidder, 1e6), (z, 1e6)):
        hand.deposit(account, cash)
    hand.trade(x, y, 1, 50, 2_000)
    hand.trade(x, z, 0, 1_000, 100)
    hand.move((0, 0, 920))
    hand.order(bidder, 1, BUY, 48, 2_000)
    hand.order(bidder, 0, BUY, 918, 100)
    ne, mm = hand.venue.maintenance(x)
    assert (round(ne, 6), round(mm, 6)) == (1_200, 1_460)
    rows = hand.liquidate()
    steps = [(r.instrument, r.code, r.size, r.x, r.amount) for r in of_kind(rows, Event.STEP)]
    assert steps == [(1, 1, 2_000, 2_000, USD)]
    assert of_kind(rows, Event.BACKSTOP) == []
    assert hand.usdc(x) == 1_959
    ne, mm = hand.venue.maintenance(x)
    assert (round(ne, 6), round(mm, 6)) == (1_159, 460)
    assert hand.venue.bucket("insurance") == USD
    assert hand.venue.flagged() == []
    assert len(of_kind(rows, Event.UNFLAG)) == 1


# -- prices ---------------------------------------------------------------------------------


@pytest.mark.spec("K21")
def test_k21_weighted_median(engine: Engine) -> None:
    assert engine.weighted_median is not None
    sources = [(100.0, 3.0), (101.0, 2.0), (99.0, 2.0), (150.0, 1.0), (100.5, 1.0)]
    assert engine.weighted_median(sources) == 100
    assert engine.weighted_median(sources[1:]) == 100.5


@pytest.mark.spec("K22")
def test_k22_ema() -> None:
    """The average alone; the kernel shows it in marks only, which the next case asks of both."""
    ema = ENGINES["twin"].ema
    assert ema is not None
    num, den = ema([(100.0, 3.0), (110.0, 3.0)], 150.0)
    assert (round(num, 6), round(den, 6)) == (624.059602, 5.940596)
    assert round(num / den, 6) == 105.049998


@pytest.mark.spec("K22")
def test_k22_ema_in_the_mark(venue_factory: Factory) -> None:
    """Both averages with τ 150 s: the mark is the middle of {index + 105.05, 105.05, book}."""
    what = listing(
        feeds=[feed("T", 1_000, 1_000_000)],
        perpetuals=[perpetual("T", 1, margin(), ladder_ticks=262_144)],
    )
    hand = open_at(venue_factory, what, 2, book_tau_s=150.0)
    hand.index(0, 1_000_000)
    hand.deposit(0, 1e6)
    hand.deposit(1, 1e6)
    hand.ok(Message.MARK)
    for above in (100_000, 110_000):
        for account in (0, 1):
            hand.send(Message.CANCEL_ALL, account=account, instrument=-1)
        hand.order(0, 0, BUY, 1_000_000 + above - 10, 1)
        hand.order(1, 0, SELL, 1_000_000 + above + 10, 1)
        hand.wait(3)
        hand.send(Message.MARK)
    assert hand.venue.mark(0) == 1_105_050


# -- funding and clearing -------------------------------------------------------------------


def premium_of_one_percent(hand: Hand, index: int) -> None:
    """A deep bid 1 % above the index, no ask below it, one sample."""
    hand.order(1, 0, BUY, index * 101 // 100, 100)
    hand.order(2, 0, SELL, index * 102 // 100, 100)
    hand.ok(Message.PREMIUM)


@pytest.mark.spec("K20")
def test_k20_funding_rate(venue_factory: Factory) -> None:
    hand = open_at(venue_factory, whole(("T", 10_000, margin()), tick=USD), 5)
    hand.index(0, 10_000)
    for account in range(3):
        hand.deposit(account, 1e6)
    hand.trade(0, 2, 0, 10_000, 10)
    premium_of_one_percent(hand, 10_000)
    rows = hand.ok(Message.FUNDING)
    assert of_kind(rows, Event.FUNDING_RATE)[0].amount == 9_500_000 / 8  # ppb
    assert [(r.account, r.amount / USD) for r in of_kind(rows, Event.FUNDING)] == [
        (0, -118.75),
        (2, 118.75),
    ]
    assert hand.usdc(0) == 1e6 - 118.75


@pytest.mark.spec("K35")
def test_k35_funding_rounding(venue_factory: Factory) -> None:
    hand = open_at(venue_factory, whole(("T", 1_000_000, margin()), tick=10_000, ladder=65_536), 6)
    hand.index(0, 1_000_000)
    for account in range(6):
        hand.deposit(account, 1e6)
    for account in (0, 4, 5):
        hand.trade(account, 3, 0, 1_000_000, 1)
    premium_of_one_percent(hand, 1_000_000)
    hand.index(0, 1_000_001)
    rows = hand.ok(Message.FUNDING)
    assert of_kind(rows, Event.FUNDING_RATE)[0].amount == 1_187_500
    paid = {r.account: r.amount for r in of_kind(rows, Event.FUNDING)}
    assert paid == {0: -11_875_012, 3: 35_625_035, 4: -11_875_012, 5: -11_875_012}
    assert hand.venue.bucket("rounding") == 1


@pytest.mark.spec("K36")
def test_k36_clearing(venue_factory: Factory) -> None:
    hand = open_at(venue_factory, whole(("T", 1_000, margin())), 5)
    a, b, c = range(3)
    hand.index(0, 1_000)
    for account in (a, b, c):
        hand.deposit(account, 1_000)
    hand.trade(a, b, 0, 1_000, 1)
    hand.trade(c, a, 0, 1_100, 1)
    hand.move((0, 0, 1_100))
    assert hand.usdc(a) == 1_010
    assert hand.venue.bucket("clearing") == -10 * USD
    assert [hand.venue.equity(k) / USD for k in (a, b, c)] == [1_010, 990, 1_000]
    assert sum(hand.venue.position(k, 0)[1] for k in range(5)) == 10 * USD
