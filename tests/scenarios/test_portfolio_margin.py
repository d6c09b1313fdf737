"""The portfolio lab's margin: hand-computed, additive over wallets, equal to a real exchange's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scenarios.portfolio import files
from scenarios.portfolio.book import Book, book_of
from scenarios.portfolio.schema import MODES, Mode
from scenarios.portfolio.trades import after
from scenarios.portfolio.wallets import covered, margin, margins, total, with_usdc
from sim.exchange import Exchange
from sim.exchange.explain import account_of, equity_of, legs_of

FLAT = "{ base = 0.1, factor = 0, base_m = 0.05, factor_m = 0 }"
HEDGED = f"""
price = [{{ name = "BTC", price_usd = 100_000, volatility = 0.6 }}]
position = [
  {{ on = "BTC", coins = -2, entry_usd = 98_000 }},
  {{ on = "BTC", kind = "future", coins = 1.5, days = 30 }},
]
margin = {{ derivative = {FLAT} }}
holding = [{{ asset = "USDC", usd = 10_000 }}]
"""
EVERYTHING = """
[model]
others = 0.0
[margin]
derivative = { base = 0.1, base_m = 0.05 }
[[price]]
name = "BTC"
price_usd = 100_000
volatility = 0.6
[[price]]
name = "ETH"
price_usd = 3_500
volatility = 0.8
[[event]]
name = "Law"
probability = 0.6
underlying = "BTC"
jumps = { YES = 0.08, NO = -0.12 }
[[event]]
name = "Over110"
underlying = "BTC"
strike_usd = 110_000
price = 0.2
[[event]]
name = "Race"
outcomes = ["Ann", "Bob"]
exhaustive = false
prices = { Ann = 0.5, Bob = 0.3, none = 0.2 }
[[event]]
name = "Rate"
low = 0
high = 100
price = 0.25
[[holding]]
asset = "USDC"
usd = 150_000
[[holding]]
asset = "BTC"
coins = 0.75
[[holding]]
asset = "ETH"
coins = -3.5
[[position]]
on = "BTC"
coins = -2
entry_usd = 98_000
[[position]]
on = "BTC"
kind = "inverse"
contracts = 50_000
[[position]]
on = "BTC"
kind = "future"
coins = 1
entry_usd = 101_000
mark_usd = 101_000
days = 30
[[shares]]
event = "Law"
outcome = "YES"
amount = 20_000
[[shares]]
event = "Over110"
outcome = "NO"
amount = 10_000
[[shares]]
event = "Race"
outcome = "Bob"
amount = 3_000
[[shares]]
event = "Rate"
outcome = "SHORT"
amount = 4_000
"""


def book(text: str, *sets: str) -> Book:
    return book_of(files.read(text, sets))


def needs(made: Book) -> dict[str, float]:
    return {mode: found.need_usd for mode, found in margins(made).items()}


@pytest.mark.spec("MAR-06")
@pytest.mark.spec("MAR-07")
@pytest.mark.spec("MAR-08")
def test_capital_by_hand() -> None:
    """Short 2 at 98,000 and long a future of 1.5, both at 100,000; 10 % initial margin."""
    found = needs(book(HEDGED))
    # Isolated: 10 % of 200,000 and its loss of 4,000; 10 % of 150,000.
    assert found["isolated"] == 20_000 + 4_000 + 15_000
    # Offset: 10 % of the net 50,000, 1 % of the hedged 150,000, and the loss.
    assert found["segregated"] == found["unified"] == 5_000 + 1_500 + 4_000
    # Portfolio: 1.25 times 12 % of 50,000 (36 % at a weight of .33 is less), and the loss.
    assert found["portfolio"] == pytest.approx(7_500 + 4_000, abs=2e-6)  # 1.12 - 1 is no .12


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", [HEDGED, EVERYTHING], ids=["hedged", "everything"])
def test_the_least_capital_is_enough_and_a_micro_less_is_not(text: str, mode: Mode) -> None:
    made = book(text, "holding.0.usd=-250_000")
    found = margin(made, mode)
    assert found.need_usd > 0
    for wallet in found.wallets:
        assert covered(made, mode, with_usdc(wallet.account, wallet.need_micro))
        if wallet.need_micro:
            assert not covered(made, mode, with_usdc(wallet.account, wallet.need_micro - 1))


def test_wallets_share_out_everything_once() -> None:
    made = book(EVERYTHING)
    whole = made.account
    expected = {
        "isolated": ["spot", "BTC-PERP", "BTC-INVERSE", "BTC-FUTURE", "Law", "Over110", "Race", "Rate"],
        "segregated": ["spot", "derivatives", "events"],
        "unified": ["account"],
        "portfolio": ["account"],
    }  # fmt: skip
    for mode, found in margins(made).items():
        assert [w.name for w in found.wallets] == expected[mode]
        balances: dict[int, int] = {}
        positions: dict[int, tuple[int, int]] = {}
        for wallet in found.wallets:
            assert not balances.keys() & wallet.account.balances.keys()
            assert not positions.keys() & wallet.account.positions.keys()
            balances |= wallet.account.balances
            positions |= wallet.account.positions
        assert {0: whole.balances[0]} | balances == whole.balances
        assert positions == whole.positions
        equity = sum(equity_of(made.listing, w.account) for w in found.wallets)
        assert equity + whole.balances[0] == equity_of(made.listing, whole)


def test_a_loan_stays_in_the_spot_wallet() -> None:
    made = book(EVERYTHING, "holding.0.usd=-20_000")
    found = margin(made, "isolated")
    assert found.own_usd == 0
    owing = {w.name: w.account.balances.get(0, 0) for w in found.wallets}
    assert owing.pop("spot") == -20_000_000_000
    assert set(owing.values()) == {0}


@pytest.mark.spec("MAR-11")
def test_legs_add_to_the_sums_of_every_wallet() -> None:
    for found in margins(book(EVERYTHING)).values():
        for w in found.wallets:
            sums = [total(w.legs, c) for c in ("ne_usd", "im_usd", "mm_usd")]
            assert sums == [w.ne_usd, w.im_usd, w.mm_usd]
            assert all(leg.clause.startswith("MAR-") for leg in w.legs)


# --- a real exchange ------------------------------------------------------------------------------
TRADER, OTHER = 0, 1


def opened(made: Book, mode: Mode) -> Exchange:
    """A real exchange where account 0 has traded itself into the book's account."""
    listing, account = made.listing, made.account
    x = Exchange(
        listing, made.rules(mode), 3, order_slots=1 << 10, order_ids=1 << 12, event_rows=1 << 13
    )
    for who in (TRADER, OTHER):
        assert x.deposit(who, 0, 10**13)
    for k in range(1, 1 + len(listing.assets)):
        assert x.deposit(OTHER, k, 10**9)
        assert x.lend(OTHER, k, 10**8)
        if (lots := account.balances.get(k, 0)) > 0:
            assert x.deposit(TRADER, k, lots)
    for f, feed in enumerate(listing.feeds):
        assert x.price(f, feed.index_ticks)
    x.send(2)  # MARK
    for i, (size, cost) in account.positions.items():
        if listing.face_micro(i):  # the file's entry is the mark
            price = account.marks[i]
        else:
            price = cost // size // listing.tick_value(i)
        sides = ("buy", "sell") if size > 0 else ("sell", "buy")
        assert x.submit(OTHER, i, sides[1], abs(size), price)
        assert x.submit(TRADER, i, sides[0], abs(size), price).fills
    for e, event in enumerate(listing.events):
        first = listing.first_share(e)
        for k in range(len(event.shares)):
            if held := account.balances.get(first + k, 0):
                _buy_shares(x, made, e, k, held)
    for k in range(1, 1 + len(listing.assets)):
        if (owed := -account.balances.get(k, 0)) > 0:
            assert x.withdraw(TRADER, k, owed, borrow=True)
    x.send(2)
    return x


def _buy_shares(x: Exchange, made: Book, e: int, outcome: int, held: int) -> None:
    listing, event = made.listing, made.listing.events[e]
    first, payoff = listing.first_book(e), event.payoff_ticks
    no = len(event.books) == 1 and outcome == 1  # the second share of the only book
    instrument = first if no else first + outcome
    mark = made.account.marks[instrument]
    price = payoff - mark if no else mark
    assert x.submit(OTHER, instrument, "sell", held, price, outcome=int(no))
    assert x.submit(TRADER, instrument, "buy", held, price, outcome=int(no)).fills


@pytest.mark.spec("MAR-06")
@pytest.mark.spec("MAR-07")
@pytest.mark.parametrize("mode", ["unified", "portfolio"])
def test_a_real_exchange_says_the_same(mode: Mode) -> None:
    made = book(EVERYTHING)
    x = opened(made, mode)
    live = account_of(x, TRADER)
    # Everything but the USDC (it paid for the trades) and the marks (they follow the books).
    assert {k: b for k, b in live.balances.items() if k} == {
        k: b for k, b in made.account.balances.items() if k
    }
    assert live.positions == made.account.positions
    assert live.index == made.account.index
    ours = replace(
        made.account, balances={**made.account.balances, 0: live.balances[0]}, marks=live.marks
    )
    legs = legs_of(made.listing, made.rules(mode), ours)
    assert (total(legs, "ne_usd"), total(legs, "mm_usd")) == x.maintenance(TRADER)
    assert (total(legs, "strict_ne_usd"), total(legs, "im_usd")) == x.initial(TRADER)
    assert equity_of(made.listing, ours) == x.equity(TRADER)


@pytest.mark.spec("MAR-08")
@pytest.mark.parametrize("mode", ["segregated", "isolated"])
def test_real_wallets_say_the_same(mode: Mode) -> None:
    """Every wallet is an account of its own; the requirements of the mode are the sums."""
    made = book(EVERYTHING)
    im = mm = 0.0
    for wallet in margin(made, mode).wallets:
        part = replace(made, account=wallet.account)
        x = opened(part, mode)
        live = account_of(x, TRADER)
        ours = replace(
            wallet.account,
            balances={**wallet.account.balances, 0: live.balances[0]},
            marks=live.marks,
        )
        legs = legs_of(made.listing, made.rules(mode), ours)
        assert (total(legs, "ne_usd"), total(legs, "mm_usd")) == x.maintenance(TRADER)
        assert (total(legs, "strict_ne_usd"), total(legs, "im_usd")) == x.initial(TRADER)
        im, mm = im + x.initial(TRADER)[1], mm + x.maintenance(TRADER)[1]
    found = margin(made, mode)
    assert found.im_usd == pytest.approx(im, rel=1e-2)
    assert found.mm_usd == pytest.approx(mm, rel=1e-2)


@pytest.mark.parametrize("mode", ["unified", "portfolio"])
@pytest.mark.parametrize("less", [0, 1])
def test_an_exchange_lets_a_trade_in_with_the_least_capital_only(mode: Mode, less: int) -> None:
    """A short against a little collateral: with the capital that the lab names it is accepted."""
    made = book(
        HEDGED.replace("coins = 1.5", "coins = 0").replace(", entry_usd = 98_000", ""),
        'holding.0={asset = "BTC", coins = 0.05}',
    )
    need = margin(made, mode).wallets[0].need_micro
    assert need > 0
    x = Exchange(
        made.listing,
        made.rules(mode),
        3,
        order_slots=1 << 10,
        order_ids=1 << 12,
        event_rows=1 << 13,
    )
    x.deposit(OTHER, 0, 10**13)
    x.deposit(TRADER, 0, need - less)
    x.deposit(TRADER, 1, made.account.balances[1])
    x.price(0, made.listing.feeds[0].index_ticks)
    x.send(2)
    i = made.listing.instrument_id("BTC-PERP")
    size, mark = made.account.positions[i][0], made.account.marks[i]
    x.submit(OTHER, i, "buy", -size, mark)
    assert bool(x.submit(TRADER, i, "sell", -size, mark).fills) == (not less)


# --- what-ifs -------------------------------------------------------------------------------------
def test_trades_move_money_and_nothing_else() -> None:
    made = book(
        EVERYTHING
        + """
[[what_if]]
name = "all sorts"
trade = [
  { position = "BTC-PERP", coins = 3, price_usd = 99_000 },
  { asset = "ETH", coins = 3.5 },
  { event = "Law", outcome = "YES", amount = -25_000, price_usd = 0.5 },
  { event = "Race", outcome = "Ann", amount = 100 },
]
"""
    )
    then = after(made, made.portfolio.what_if[0].trade)
    names = made.listing.asset_names()
    held = {names[k]: x for k, x in then.balances.items()}
    # The short of 2 at 98,000 closes at 99,000 (loss 2,000), 1 opens; 3.5 ETH are bought back;
    # 25,000 YES are sold at .50, of which 5,000 are minted for a dollar each; 100 Ann cost .50.
    usdc = 150_000 - 2_000 - 3.5 * 3_500 + 12_500 - 5_000 - 50
    assert held["USDC"] == usdc * 1_000_000
    assert "ETH" not in held
    assert (held.get("Law:YES"), held["Law:NO"], held["Race:Ann"]) == (None, 5_000, 100)
    perp = made.listing.instrument_id("BTC-PERP")
    lots = made.scales["BTC"].lots_per_coin
    assert then.positions[perp] == (lots, 99_000 * 1_000_000)


def test_trades_at_the_mark_leave_equity_unchanged() -> None:
    text = (
        EVERYTHING
        + """
[[what_if]]
name = "at marks"
trade = [
  { position = "BTC-PERP", coins = 0.5 },
  { position = "BTC-FUTURE", usd = -40_000 },
  { asset = "BTC", usd = -10_000 },
  { event = "Over110", outcome = "YES", amount = -500 },
  { event = "Rate", outcome = "SHORT", amount = 300 },
]
"""
    )
    made = book(text)
    then = after(made, made.portfolio.what_if[0].trade)
    assert then != made.account
    assert equity_of(made.listing, then) == equity_of(made.listing, made.account)
