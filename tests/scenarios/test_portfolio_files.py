"""Portfolio files: what they refuse, where they say it stands, and what becomes of their numbers."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import editor
from scenarios.errors import ScenarioError
from scenarios.portfolio import files
from scenarios.portfolio.amounts import Scale, exact, nearest, scale_of
from scenarios.portfolio.book import book_of
from scenarios.portfolio.correlations import correlation_of

GOOD = """\
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
name = "Over"
underlying = "BTC"
strike_usd = 110_000
price = 0.2

[[event]]
name = "Race"
outcomes = ["Ann", "Bob", "Cy"]
probabilities = { Ann = 0.5, Bob = 0.3, Cy = 0.2 }

[correlation]
BTC.ETH = 0.8
BTC.Race = 0.1
ETH.Law = 0.3
ETH.Race = 0.0
Law.Race = -0.2

[[holding]]
asset = "USDC"
usd = 100_000

[[position]]
on = "BTC"
coins = 1.5

[[shares]]
event = "Race"
outcome = "Ann"
amount = 10

[[what_if]]
name = "more"
trade = [{ position = "BTC-PERP", coins = 1 }]
"""


def fault(text: str, *sets: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        correlation_of(files.read(text, sets, file="my.portfolio.toml"))
    return str(caught.value)


def test_the_good_file_is_good() -> None:
    portfolio = files.read(GOOD)
    assert correlation_of(portfolio).of("Law", "Race") == -0.2
    assert correlation_of(portfolio).of("BTC", "Law") == 0  # the jump is their dependence
    assert book_of(portfolio).notes == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("probability = 0.6", "probability = 1.2", "my.portfolio.toml:13: event.Law.probability: "),
        ("probability = 0.6", "probability = 60", "found 60; did you mean 0.6?"),
        ("probability = 0.6", "probability = -0.1", "greater than or equal to 0, found -0.1"),
        ('"BTC"\njumps', '"BTX"\njumps', ":14: event.Law.underlying: unknown price 'BTX'; did you mean 'BTC'?"),
        ("{ YES = 0.08", "{ YSE = 0.08", "event.Law.jumps.YSE: unknown outcome 'YSE'; did you mean 'YES'?"),
        ("Bob = 0.3, ", "", ":26: event.Race.probabilities: Bob missing"),
        ("Bob = 0.3", "Bob = 0.4", "event.Race.probabilities: they add to 1.1, not to 1"),
        ("price = 0.2", "price = 0.2\nprobability = 0.1", "a price decides this event"),
        ("strike_usd = 110_000\n", "", "event.Over.underlying: strike_usd or jumps"),
        ('asset = "USDC"', 'asset = "USDT"', ":36: holding.USDT.asset: unknown asset 'USDT'; did you mean 'USDC'?"),
        ("\nusd = 100_000", "\nusd = 100_000\ncoins = 1", "holding.USDC.usd: coins and usd are both given"),
        ("coins = 1.5", "contracts = 2", "position.BTC-PERP.contracts: a perpetual is sized by coins or usd"),
        ("coins = 1.5", 'coins = 1.5\nkind = "inverse"', "an inverse perpetual is sized by contracts or usd"),
        ("coins = 1.5", "coins = 1.5\ndays = 3", "position.BTC-PERP.days: only a future expires"),
        ('outcome = "Ann"', 'outcome = "Anne"', ":45: shares.Race.outcome: unknown outcome 'Anne'; did you mean"),
        ('event = "Race"', 'event = "Rase"', "unknown event 'Rase'; did you mean 'Race'?"),
        ("amount = 10", "amount = -10", "found -10; who has sold YES holds NO"),
        ('"BTC-PERP", coins', '"BTC-PREP", coins', "trade.0.position: unknown position 'BTC-PREP'; did you mean"),
        ('position = "BTC-PERP", coins = 1', 'event = "Race", outcome = "Bob"', "amount is required"),
        ('position = "BTC-PERP", coins = 1', "coins = 1", "exactly one of asset, position, event"),
        ("volatility = 0.8", "volatilty = 0.8", ":9: price.ETH.volatilty: unknown field 'volatilty'; did you mean"),
        ("BTC.ETH = 0.8", "BTC.ETH = 1.8", ":29: correlation.BTC.ETH: 1.8 is outside [-1, 1]"),
        ("BTC.ETH = 0.8", "BTC.EHT = 0.8", ":29: correlation.BTC.EHT: unknown name 'EHT'; did you mean 'ETH'?"),
        ("BTC.ETH = 0.8", "BTC.ETH = 0.8\nETH.BTC = 0.7", "correlation.ETH.BTC: 0.7 here, 0.8 the other way round"),
        ("BTC.ETH = 0.8", "BTC.ETH = 0.8\nBTC.BTC = 0.7", "a name's correlation with itself is 1"),
        ("BTC.ETH = 0.8", "BTC.ETH = 0.8\nOver.ETH = 0.7", "'Over' is decided by the price 'BTC'"),
        ('name = "ETH"', 'name = "BTC"', ":6: price.BTC: the name 'BTC' is already a [[price]]"),
        ('name = "Race"', 'name = "ETH"', "event.ETH: the name 'ETH' is already a [[price]]"),
        ("price_usd = 3_500", "price_usd = 3_500 x", "my.portfolio.toml: Expected newline"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert expected in fault(GOOD.replace(old, new))


def test_a_missing_correlation_is_named_and_can_be_pasted() -> None:
    text = GOOD.replace("ETH.Law = 0.3\n", "").replace("Law.Race = -0.2\n", "")
    said = fault(text)
    assert (
        "my.portfolio.toml:28: correlation: the correlation of ETH and Law is missing and 1 more"
        in said
    )
    pasted = said.partition("[correlation]\n")[2].partition("\nor give")[0]
    assert pasted == "ETH.Law = 0.0\nLaw.Race = 0.0"
    mended = files.read(text.replace("[correlation]\n", f"[correlation]\n{pasted}\n"))
    assert correlation_of(mended).of("ETH", "Law") == 0


def test_correlations_that_are_not_written_may_have_a_value() -> None:
    text = GOOD.replace("ETH.Law = 0.3\n", "")
    assert correlation_of(files.read(text, ["model.others=0.25"])).of("ETH", "Law") == 0.25


def test_an_impossible_matrix_is_refused_and_the_nearest_one_works() -> None:
    wrong = GOOD.replace("BTC.Race = 0.1", "BTC.Race = 0.9").replace(
        "ETH.Race = 0.0", "ETH.Race = -0.9"
    )
    said = fault(wrong)
    assert "my.portfolio.toml:28: correlation: not positive semidefinite" in said
    pasted = said.partition("To paste:\n")[2]
    assert pasted.startswith("[correlation]\n")
    head, _, rest = wrong.partition("[correlation]\n")
    right = correlation_of(files.read(head + pasted + rest[rest.index("\n\n") :]))
    assert right.of("BTC", "Race") < 0.9
    assert right.of("BTC", "ETH") == pytest.approx(0.8, abs=0.4)


@given(st.lists(st.floats(-0.999, 0.999).map(lambda x: round(x, 3)), min_size=6, max_size=6))
def test_whatever_is_pasted_is_valid(values: list[float]) -> None:
    pairs = ["A.B", "A.C", "A.D", "B.C", "B.D", "C.D"]
    prices = "".join(f'[[price]]\nname = "{n}"\nprice_usd = 1\nvolatility = 1\n' for n in "ABCD")
    table = "\n".join(f"{pair} = {value}" for pair, value in zip(pairs, values, strict=True))
    portfolio = files.read(f"{prices}[correlation]\n{table}")
    try:
        correlation_of(portfolio)
    except ScenarioError as error:
        pasted = str(error).partition("To paste:\n")[2]
        correlation_of(files.read(prices + pasted))


def test_a_name_that_needs_quotes_is_quoted() -> None:
    text = "".join(
        f'[[price]]\nname = "{n}"\nprice_usd = 1\nvolatility = 1\n' for n in ("A.x", "B")
    )
    assert '"A.x".B = 0.0' in fault(text)


# --- numbers --------------------------------------------------------------------------------------
def test_written_decimals_are_exact() -> None:
    assert exact(0.1) == Fraction(1, 10)
    assert nearest(Fraction(5, 2)) == 3
    assert nearest(Fraction(-5, 2)) == -3


@pytest.mark.parametrize(
    ("price", "prices", "coins", "tick"),
    [
        (100_000.0, [], [], 1_000_000),  # 10^5 ticks of a dollar, lots of a millionth
        (117_543.57, [], [0.25], 10_000),  # cents: a lot is 1e-4 BTC, or 12 USD
        (100_000.0, [110_000.5], [], 100_000),
        (0.25, [0.26], [40_000_000.0], 1),
        (3_500.0, [], [2.5], 10_000),
    ],
)
def test_ticks_and_lots(price: float, prices: list[float], coins: list[float], tick: int) -> None:
    assert scale_of(price, prices, coins) == Scale(tick)


def test_a_size_between_two_lots_is_rounded_and_said() -> None:
    text = GOOD.replace("price_usd = 100_000", "price_usd = 117_543.57").replace("1.5", "1.00005")
    text = text.replace("110_000", "120_000")
    book = book_of(files.read(text))
    assert book.notes == ("BTC-PERP: 1.00005 coins is taken as 1.0001 coins",)


def test_a_price_in_usd_becomes_the_nearest_lots() -> None:
    book = book_of(files.read(GOOD.replace("coins = 1.5", "usd = -50_000")))
    assert book.account.positions[0][0] == -500_000  # half a coin in millionths


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("price_usd = 3_500", "price_usd = 1e-7", ":6: price.ETH: 1e-07 USD is less than"),
        ("\nusd = 100_000", "\nusd = -1e15", ":35: holding.USDC: worth 1e+15 USD"),
        ("coins = 1.5", "coins = 1e13", ":39: position.BTC-PERP: worth 1e+18 USD"),
        ("coins = 1.5", "coins = -4e7", ":39: position.BTC-PERP: 40,000,000,000,000 lots"),
    ],
)
def test_what_no_exchange_can_count_is_refused(old: str, new: str, expected: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        book_of(files.read(GOOD.replace(old, new), file="my.portfolio.toml"))
    assert expected in str(caught.value)


# --- the command's own files ----------------------------------------------------------------------
@pytest.mark.parametrize("name", files.names())
def test_what_comes_with_windtunnel_loads(name: str) -> None:
    portfolio = files.load(name)
    assert portfolio.title
    assert book_of(portfolio).notes == ()


def test_three_examples_are_there() -> None:
    assert {"token-treasury", "legislation-hedge", "binary-strip"} <= set(files.names())


def test_an_unknown_portfolio(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="did you mean 'token-treasury'"):
        files.load("token-treasure")
    with pytest.raises(ScenarioError, match="no such file"):
        files.load(tmp_path / "none.portfolio.toml")


def test_the_schema_for_editors_knows_every_table() -> None:
    made = editor.schema("portfolio")
    assert set(made["properties"]) >= {"price", "event", "holding", "position", "shares", "what_if"}
    assert json.loads(json.dumps(made)) == made
