"""Messages written as case files send the same messages again."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.casefile import read, run, to_case
from scenarios.casefile.report import differences
from scenarios.casefile.runner import messages_of, plan
from sim.exchange.instruments import Listing
from sim.exchange.messages import Kind
from sim.exchange.rules import Rules

START = 1_700_000_000_000_000
FULL: dict[str, Any] = {
    "feeds": [
        {
            "name": "BTC",
            "tick_micro": 1_000_000,
            "index_ticks": 50_000,
            "min_sources": 3,
            "bound": 20,
            "grid": [0.05, 0.2],
        },
        {"name": "T", "tick_micro": 100_000, "index_ticks": 1_000, "own_book": "T/USDC"},
    ],
    "assets": [
        {
            "name": "BTC",
            "feed": "BTC",
            "units_per_coin": 100_000,
            "borrowable": True,
            "lending": {"throttle": 0.9, "lend_cap_units": 12_345},
        },
        {"name": "T", "feed": "T", "units_per_coin": 10, "collateral_cap_usd": 1e6},
    ],
    "perpetuals": [
        {
            "name": "BTC-PERP",
            "feed": "BTC",
            "lots_per_coin": 1000,
            "max_size_lots": 1_000_000,
            "volatility": {"sigma": 0.5},
        }
    ],
    "inverses": [{"name": "BTC-INV", "base": "BTC", "face_usd": 100, "max_size_lots": 1_000_000}],
    "futures": [
        {
            "name": "T-FUT",
            "feed": "T",
            "lots_per_coin": 1,
            "expiry_us": START - 1,
            "max_size_lots": 10_000,
        }
    ],
    "spots": [{"name": "BTC/USDC", "base": "BTC"}, {"name": "T/USDC", "base": "T"}],
    "events": [
        {"name": "E", "payoff_ticks": 1000, "lam": 0.5, "date_us": START + 5},
        {"name": "K", "payoff_ticks": 100, "outcomes": ["A", "B"], "exhaustive": False},
        {"name": "S", "payoff_ticks": 64, "low": -5, "high": 200},
        {"name": "X", "underlying": "T", "strike_ticks": 1_234, "below": True},
        {"name": "J", "underlying": "BTC", "jumps": [0.25, -0.5]},
    ],
    "usdc_lending": {"borrow_cap_units": 7},
}


def message(time: int, kind: int, **columns: int) -> list[int]:
    names = ("account", "instrument", "side", "price", "size", "flags", "order", "arg", "arg2")
    return [time, kind, *(columns.get(name, 0) for name in names), 0]


# A few of every kind, some of them nonsense.
MESSAGES = [
    message(START, Kind.INDEX, instrument=0, price=50_001, size=3, arg=START - 7, arg2=2),
    message(START, Kind.INDEX, instrument=9, price=-1, arg=START),
    message(START, Kind.DEPOSIT, account=0, instrument=0, size=10**12),
    message(START, Kind.DEPOSIT, account=1, instrument=1, size=123_456),
    message(START, Kind.DEPOSIT, account=5, instrument=40, size=-1),
    message(START + 1, Kind.NEW, account=0, instrument=0, price=50_000, size=7, order=3),
    message(START + 1, Kind.NEW, account=1, instrument=0, side=1, price=49_999, size=7, flags=16, order=4),
    message(START + 1, Kind.NEW, account=1, instrument=5, price=333, size=7, order=5, arg=1),
    message(START + 1, Kind.NEW, account=1, instrument=99, price=333, size=7, order=6),
    message(START + 1, Kind.NEW, account=1, instrument=0, side=7, price=1, size=1, order=6, flags=1 << 40),
    message(START + 1, Kind.NEW, account=0, instrument=8, price=3, size=2, flags=36, order=7, arg2=START + 9),
    message(START + 2, Kind.CONDITIONAL, instrument=1, price=50_000, size=2, flags=320, order=9, arg=60_000),
    message(START + 2, Kind.CONDITIONAL, instrument=5, side=1, price=5, size=2, flags=648, order=10, arg=60),
    message(START + 2, Kind.REPLACE, account=0, order=7, price=5, size=1),
    message(START + 2, Kind.REPLACE, account=0, order=77, price=5, size=1),
    message(START + 2, Kind.CANCEL, account=0, order=3),
    message(START + 2, Kind.CANCEL, account=-3, order=-3, size=4),
    message(START + 2, Kind.CANCEL_ALL, account=0, instrument=-1),
    message(START + 2, Kind.CANCEL_ALL, account=0, instrument=0),
    message(START + 10**6, Kind.MARK), message(START + 10**6, Kind.PREMIUM, size=1),
    message(START + 10**6, Kind.FUNDING), message(START + 10**6, Kind.INTEREST),
    message(START + 10**6, Kind.SETTLE), message(START + 10**6, Kind.LIQUIDATE),
    message(START + 10**6, Kind.EXTERNAL, instrument=0, price=50_003, arg=START),
    message(START + 10**6, Kind.RESOLVE, instrument=1, arg=-1),
    message(START + 10**6, Kind.RESOLVE, instrument=2, arg=0, arg2=130, flags=1),
    message(START + 10**6, Kind.PROPOSE, account=0, instrument=0, arg=1, size=10**6),
    message(START + 10**6, Kind.DISPUTE, account=1, instrument=0, size=10**6),
    message(START + 10**6, Kind.MINT, account=0, instrument=0, size=5),
    message(START + 10**6, Kind.MERGE, account=0, instrument=77, size=5),
    message(START + 10**6, Kind.CONVERT, account=0, instrument=1, size=1, arg=3),
    message(START + 10**6, Kind.WITHDRAW, account=0, size=1, arg=1),
    message(START + 10**6, Kind.WITHDRAW, account=0, size=1, arg=2),
    message(START + 10**6, Kind.TRANSFER, account=0, size=1, arg=1),
    message(START + 10**6, Kind.TRANSFER, account=0, instrument=1, size=1, arg=-1),
    message(START + 10**6, Kind.LEND, account=0, size=10**6),
    message(START + 10**6, Kind.REDEEM, account=0, size=1),
    message(START + 10**6, Kind.POOL, size=10**6), message(START + 10**6, Kind.FUND, size=10**6),
    message(START + 10**6, Kind.COMMIT, account=1, size=10**6),
    message(START + 10**6, Kind.STATE, instrument=0, arg=4, arg2=START + 10**7),
    message(START + 10**6, Kind.STATE, instrument=0, arg=17),
    message(START + 10**6, Kind.SETTINGS, account=0, flags=3, arg=2),
    message(START + 10**6, Kind.DISCONNECT, account=0), message(START + 10**6, Kind.BOOK),
    message(START + 10**6, Kind.DEPTH), message(START + 10**6, 999, account=4, size=-(1 << 63)),
]  # fmt: skip


def sent(text: str) -> list[list[int]]:
    return [m[:11] for m in messages_of(read(text))]


def test_every_kind_comes_back() -> None:
    listing = Listing.model_validate(FULL)
    rules = Rules.model_validate({
        "phi": 0.5, "fee_tiers": [{"volume_usd": 1e4, "maker_bps": 0, "taker_bps": 0}],
        "adl": "pro_rata", "disposal": {"policy": "two_step", "threshold_usd": 5, "wait_s": 2},
    })  # fmt: skip
    text = to_case(listing, rules, ["ann", "b 2"], MESSAGES, title='a "b"', clauses=["LED-01"])
    case = read(text)
    assert sent(text) == [m[:11] for m in MESSAGES]
    assert plan(case).listing == listing
    assert case.exchange_rules() == rules
    assert (case.title, case.clauses, list(case.accounts)) == ('a "b"', ("LED-01",), ["ann", "b 2"])
    assert (
        'account = "ann", instrument = "BTC-PERP", side = "buy", price = 50000, size = 0.007'
        in text
    )
    assert 'name = "X"\nkind = "binary"\ntick = 0.001\nstrike = 123.4\n' in text
    assert 'transfer = { account = "ann", asset = "BTC", amount = 0.00001, to = -1 }' in text
    assert 'stop = { account = "ann", instrument = "E", side = "sell", price = 0.005' in text
    outcome = run(case)
    assert outcome.passed, differences(outcome)


@pytest.mark.parametrize("seed", range(4))
def test_random_programs_come_back(seed: int) -> None:
    from programs import program

    made = program(seed)
    listing, rules = Listing.model_validate(made.listing), Rules.model_validate(made.rules)
    text = to_case(listing, rules, made.accounts, made.messages)
    case = read(text)
    assert sent(text) == [list(map(int, m[:11])) for m in made.messages]
    assert plan(case).listing == listing
    assert case.exchange_rules() == rules
    assert text.count("send =") < len(made.messages) / 20


def test_expectations_follow_their_message() -> None:
    listing = Listing.model_validate({"events": [{"name": "E"}]})
    messages = [
        message(5, Kind.DEPOSIT, account=0, size=10_000_000),
        message(9, Kind.MINT, account=0, instrument=0, size=4),
    ]
    right: dict[int, dict[str, Any]] = {
        0: {"balances": {"a0": {"USDC": 10}}},
        1: {"balances": {"a0": {"E:YES": 4}}, "events": [{"kind": "MINT", "account": "a0"}]},
        -1: {"equity": {"a0": "10.000000"}},
    }
    assert run(read(to_case(listing, Rules(), 1, messages, right))).passed
    right[0] = {"balances": {"a0": {"USDC": 11}}}
    outcome = run(read(to_case(listing, Rules(), 1, messages, right)))
    assert [(d.step, d.got) for d in outcome.differences] == [(1, "10")]


def test_what_cannot_be_written_is_refused() -> None:
    listing = Listing.model_validate({"events": [{"name": "E"}]})
    with pytest.raises(ValueError, match="message 1: time runs backwards"):
        to_case(listing, Rules(), 1, [message(5, Kind.MARK), message(4, Kind.MARK)])
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        to_case(listing, Rules(), 1, [message(1 << 62, Kind.MARK)])
    thirds = {
        "feeds": [{"name": "T", "tick_micro": 3, "index_ticks": 5}],
        "perpetuals": [{"name": "P", "feed": "T", "lots_per_coin": 3, "max_size_lots": 9}],
    }
    with pytest.raises(ValueError, match="P: 1/3 of a coin is no decimal fraction"):
        to_case(Listing.model_validate(thirds), Rules(), 1, [])
    assert sent(to_case(listing, Rules(), 1, [])) == []
