"""Events in scenario files: every kind, what is listed, what is true, what is refused."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenarios import files, schema_events
from scenarios.assembly import assemble
from scenarios.errors import ScenarioError
from scenarios.events import resolution_of, true_outcome
from scenarios.schema import Scenario
from sim.exchange.instruments import BinaryEvent, CategoricalEvent, ScalarEvent
from sim.exchange.messages import E_CODE, E_INSTRUMENT, E_KIND, E_PRICE, E_SIZE, E_TIME, Event

MARKET = """
name = "little"
title = "A little one"
start = 2025-06-02T12:00:00Z
end = 2025-06-02T12:02:00Z
[index]
sigma_1m = 0.002
[[index.waypoint]]
at = 2025-06-02T12:00:00Z
price_usd = 100_000
[[index.waypoint]]
at = 2025-06-02T12:02:00Z
price_usd = 100_000
[[coin]]
name = "BTC"
price_usd = 100_000
oi_share = 1.0
"""
PRICED = """
[[event]]
name = "up"
coin = "BTC"
side = "above"
strike = "open"
opens = 2025-06-02T12:00:10Z
resolves = 2025-06-02T12:00:30Z
every_s = 20
repeat = 3
"""
RAIN = """
[[event]]
name = "rain"
kind = "binary"
price = 0.3
outcome = "NO"
date = 2025-06-02T12:01:00Z
resolves = 2025-06-02T12:01:00Z
"""
CUP = """
[[event]]
name = "cup"
kind = "categorical"
outcomes = ["ann", "bob", "cat"]
exhaustive = false
prices = [0.5, 0.2, 0.2]
outcome = "cat"
resolves = 2025-06-02T12:01:10Z
"""
COUNT = """
[[event]]
name = "count"
kind = "scalar"
low = -10
high = 30
price = 0.25
outcome = 12
resolves = 2025-06-02T12:01:20Z
"""
RANGES = """
[[event]]
name = "range"
kind = "categorical"
coin = "BTC"
outcomes = ["low", "middle", "high"]
strikes_usd = [99_950, 100_050]
resolves = 2025-06-02T12:01:00Z
every_s = 5
repeat = 10
[[event]]
name = "level"
kind = "scalar"
coin = "BTC"
low = 99_900
high = 100_100
price = 0.4
resolves = 2025-06-02T12:01:00Z
every_s = 5
repeat = 10
"""
START_US = 1_748_865_600_000_000


class Kept:
    """A recorder that keeps the run's events."""

    def __init__(self, *parts: object) -> None:
        self.kept: list[np.ndarray] = []

    def begin(self, exchange: object) -> None:
        self.kept.clear()  # what happened at the set-up is no part of it

    def sample(self, now_us: int, exchange: object) -> None: ...
    def add(self, events: np.ndarray) -> None:
        self.kept.append(events.copy())

    @staticmethod
    def rows(world: Any, *kinds: Event) -> np.ndarray:
        rows = np.concatenate(world.recorder.kept)
        chosen: np.ndarray = rows[np.isin(rows[:, E_KIND], kinds)] if kinds else rows
        return chosen


def market(text: str, **overrides: object) -> Scenario:
    found = files.build(tomllib.loads(MARKET + text), overrides, file="little", text=text)
    assert isinstance(found, Scenario)
    return found


def refusal(text: str, old: str = "", new: str = "") -> str:
    assert old in text
    with pytest.raises(ScenarioError) as error:
        market(text.replace(old, new, 1))
    return str(error.value)


# what is listed ---------------------------------------------------------------------------
def test_every_kind_is_listed_with_its_books_shares_and_prices() -> None:
    made = assemble(market(PRICED + RAIN + CUP + COUNT))
    kinds = [type(e) for e in made.listing.events]
    assert kinds == [BinaryEvent] * 4 + [CategoricalEvent, ScalarEvent]
    cup = made.facts.events[4]
    books = [made.listing.instrument_names()[b] for b in made.facts.books_of(cup)]
    assert books == ["cup:ann", "cup:bob", "cup:cat", "cup:none"]
    assert made.facts.book_of(cup, 2) == made.listing.instrument_id("cup:cat")
    assert made.facts.asset_of(cup, 3) == made.listing.asset_id("cup:none")
    assert made.facts.start_ticks[list(made.facts.books_of(cup))].tolist() == [500, 200, 200, 100]
    count = made.facts.events[5]
    assert made.facts.book_of(count, 1) == made.listing.instrument_id("count")
    assert made.facts.start_ticks[made.facts.book_of(count)] == 250
    assert made.listing.events[3].date_us == START_US + 60_000_000


def test_a_linked_event_tells_portfolio_margin_its_strike() -> None:
    plain = 'coin = "BTC"\nstrike_usd = 99_000\nresolves = 2025-06-02T12:01:00Z\n'
    text = "".join(
        f'[[event]]\nname = "{side}"\nside = "{side}"\nlink = true\n{plain}'
        for side in ("below", "above")
    )
    made = assemble(market(text)).listing
    tick = made.feeds[0].tick_micro
    found = [(e.underlying, e.strike * tick) for e in made.events]
    assert found == [("BTC", 99_000_000_000), ("BTC", 99_000_000_000 + tick)]
    unlinked = assemble(market(text.replace("link = true\n", ""))).listing
    assert [e.underlying for e in unlinked.events] == ["", ""]


def test_an_exogenous_event_may_move_a_coin() -> None:
    text = RAIN + 'coin = "BTC"\njumps = [-0.1, 0.02]\n'
    event = assemble(market(text)).listing.events[0]
    assert (event.underlying, event.jumps) == ("BTC", (-0.1, 0.02))


# series and strikes -------------------------------------------------------------------------
def test_a_series_opens_one_when_the_one_before_is_due() -> None:
    made = assemble(market(PRICED))
    terms = made.facts.events
    assert [t.name for t in terms] == ["up-1", "up-2", "up-3"]
    seconds = [((t.opens_us - START_US) / 1e6, (t.due_us - START_US) / 1e6) for t in terms]
    assert seconds == [(10, 30), (30, 50), (50, 70)]
    for t in terms:
        opening = made.truth.sample(0, np.array([t.opens_us]))[0]
        assert t.strike_usd == opening
        assert t.strike_ticks == round(opening * 1e6 / made.listing.feeds[0].tick_micro)


def test_an_entry_of_a_series_is_set_by_its_name_and_stored_as_it_was_written() -> None:
    scenario = market(PRICED, **{"event.up.repeat": 2})
    assert [e.name for e in scenario.events] == ["up-1", "up-2"]
    again = Scenario.model_validate(scenario.model_dump(mode="json"))
    assert again.events == scenario.events


def test_the_examples_of_the_docs_are_what_they_say(repo: Path) -> None:
    text = (repo / "docs" / "events.md").read_text("utf-8")
    example = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0]
    made = assemble(market(example, end="2025-06-02T12:59:00Z"))
    names = [t.name for t in made.facts.events]
    assert names == [
        "BTC<95K@12:30",
        *(f"up-{k}" for k in range(1, 7)),
        "range",
        "level",
        "act",
        "cup",
        "turnout",
        "rumour",
    ]
    assert [t.value for t in made.facts.events if t.kind == "scalar"] == [0, 71]
    rumour = made.facts.events[-1].belief
    assert rumour is not None
    assert rumour.at(START_US + 50 * 60_000_000)[0] == pytest.approx(0.9)
    fields = {word for cell in re.findall(r"`([^`]*)`", text) for word in re.findall(r"\w+", cell)}
    missing = set(schema_events.Event.model_fields) - fields - set(re.findall(r"\w+", example))
    assert not missing


# the truth ----------------------------------------------------------------------------------
@pytest.mark.spec("SET-03")
def test_events_resolve_to_what_is_true() -> None:
    made = assemble(market(PRICED + RAIN + CUP + COUNT, seed=2), Kept)
    made.world.run()
    rows = Kept.rows(made.world, Event.RESOLVE)
    rows = rows[np.argsort(rows[:, E_INSTRUMENT])]
    assert rows[:, E_INSTRUMENT].tolist() == list(range(6))
    assert rows[:, E_TIME].tolist() == [t.due_us for t in made.facts.events]
    assert rows[3:, E_CODE].tolist() == [1, 2, 0]
    assert rows[5, E_PRICE] == 12
    for code, t in zip(rows[:3, E_CODE].tolist(), made.facts.events, strict=False):
        price = made.truth.sample(0, np.array([t.due_us]))[0]
        assert code == int(not price > t.strike_usd)
    assert len(set(rows[:3, E_CODE].tolist())) == 2  # the bridge goes up and down again


def test_a_price_decides_ranges_and_levels() -> None:
    made = assemble(market(RANGES, seed=3))
    seen = set()
    for terms in made.facts.events:
        price = made.truth.sample(0, np.array([terms.due_us]))[0]
        outcome, value = resolution_of(terms, made.truth)
        seen.add((terms.kind, outcome))
        assert not terms.exogenous
        if terms.kind == "categorical":
            assert outcome == int(price >= 99_950) + int(price >= 100_050)
        else:
            assert outcome == 0
            assert abs(value - min(max(price, 99_900), 100_100)) <= 0.5
    assert len(seen) >= 3
    terms = made.facts.events[0]
    answers = [terms.answer(usd)[0] for usd in (99_949.99, 99_950, 100_049.99, 100_050, 1e6)]
    assert answers == [0, 1, 1, 2, 2]
    assert [made.facts.events[10].answer(usd) for usd in (1, 99_900.6, 1e6)] == [
        (0, 99_900), (0, 99_901), (0, 100_100),
    ]  # fmt: skip


@pytest.mark.parametrize("observes", ["truth", "nearest", "twap"])
def test_ranges_and_levels_are_resolved_by_what_is_observed(observes: str) -> None:
    made = assemble(
        market(RANGES, **{"resolution.observes": observes, "resolution.twap_s": 3}), Kept
    )
    made.world.run()
    rows = Kept.rows(made.world, Event.RESOLVE)
    assert sorted(rows[:, E_INSTRUMENT].tolist()) == list(range(20))
    for event, outcome, value in rows[:, [E_INSTRUMENT, E_CODE, E_PRICE]].tolist():
        terms = made.facts.events[event]
        price = made.truth.sample(0, np.array([terms.due_us]))[0]
        off = 0.51 if observes == "truth" else 60  # noise and lag of the sources, and the average
        near = [terms.answer(price + d) for d in (-off, 0, off)]
        assert min(near) <= (outcome, value) <= max(near)


def truths(text: str, seeds: int = 400) -> list[tuple[int | None, int]]:
    scenario = market(text)
    return [true_outcome(scenario.events[0], seed) for seed in range(seeds)]


def test_a_truth_that_is_not_given_is_drawn_from_the_prices() -> None:
    text = CUP.replace('outcome = "cat"\n', "")
    counts = Counter(outcome for outcome, _ in truths(text, 4000))
    for outcome, p in enumerate((0.5, 0.2, 0.2, 0.1)):
        se = (p * (1 - p) / 4000) ** 0.5
        assert abs(counts[outcome] / 4000 - p) < 4 * se


def test_a_scalar_is_drawn_within_its_range_with_the_price_as_its_mean() -> None:
    drawn = truths(COUNT.replace("outcome = 12\n", ""), 4000)
    values = np.array([value for _, value in drawn])
    assert {outcome for outcome, _ in drawn} == {0}
    assert values.min() >= -10
    assert values.max() <= 30
    se = values.std() / 4000**0.5
    assert abs(values.mean() - 0.0) < 4 * se  # -10 + 0.25 * 40
    assert len(set(values.tolist())) > 30


def test_a_drawn_truth_is_the_same_with_the_same_seed_and_anothers_event_does_not_matter() -> None:
    rain = RAIN.replace('outcome = "NO"\n', "")
    assert truths(rain, 50) == truths(rain + CUP, 50)


def test_void_is_a_truth() -> None:
    scenario = market(RAIN.replace('"NO"', '"void"') + COUNT.replace("= 12", '= "void"'))
    facts = assemble(scenario).facts
    assert [t.outcome for t in facts.events] == [-1, -1]


# the belief ---------------------------------------------------------------------------------
def test_the_belief_of_an_exogenous_event_goes_to_its_truth() -> None:
    text = CUP.replace("resolves", "reveals_s = 20\nresolves") + COUNT
    terms = assemble(market(text)).facts.events
    cup, count = terms[0].belief, terms[1].belief
    assert cup is not None
    assert count is not None
    assert cup.at(START_US) == pytest.approx((0.5, 0.2, 0.2, 0.1))
    assert cup.at(START_US + 69_000_000)[2] > 0.99
    assert cup.at(START_US + 70_000_000).tolist() == [0, 0, 1, 0]
    assert count.at(START_US + 79_999_999)[0] == pytest.approx(0.25, abs=0.1)
    assert count.at(START_US + 80_000_000) == pytest.approx((22 / 40, 18 / 40))


def test_a_belief_is_scripted_frozen_or_of_a_void_event() -> None:
    script = """
[[event.belief]]
at = 2025-06-02T12:00:20Z
price = 0.8
[[event.belief]]
at = 2025-06-02T12:00:40Z
price = 0.4
"""
    frozen = 'belief_after = "frozen"\nbelief_step_s = 0.5\n'
    told = assemble(market(RAIN + frozen + script)).facts.events[0].belief
    assert told is not None
    seen = [told.at(START_US + s * 1_000_000)[0] for s in (0, 10, 20, 30, 50, 200)]
    assert seen == pytest.approx([0.3, 0.55, 0.8, 0.6, 0.4, 0.4])
    assert told.at(START_US + 10_500_000)[0] == pytest.approx(0.5625)
    void = assemble(market(RAIN.replace('"NO"', '"void"'))).facts.events[0].belief
    assert void is not None
    assert void.at(START_US + 60_000_000).tolist() == [0.5, 0.5]


def test_other_events_do_not_move_a_belief() -> None:
    one = assemble(market(RAIN)).facts.events[0].belief
    two = assemble(market(CUP + RAIN)).facts.events[1].belief
    assert one is not None
    assert two is not None
    assert (one.values == two.values).all()


# a run --------------------------------------------------------------------------------------
TRADERS = """
[[trader]]
name = "noise"
kind = "noise"
count = 20
latency_ms = 50
[[trader]]
name = "quotes"
kind = "event_maker"
latency_ms = 15
params = { event = "cup", stop_before_s = 0, half_spread_logit = 0.05, level_shares = 500 }
[[trader]]
name = "believers"
kind = "event_trader"
count = 12
latency_ms = 60
params = { event = "cup", open_sets = 5_000, looks_per_s = 4 }
[[trader]]
name = "counts"
kind = "event_maker"
latency_ms = 15
params = { event = "count", stop_before_s = 0 }
"""


def test_books_of_exogenous_events_follow_the_belief_until_they_pay() -> None:
    script = """
[[event.belief]]
at = 2025-06-02T12:00:30Z
prices = [0.5, 0.2, 0.2, 0.1]
[[event.belief]]
at = 2025-06-02T12:00:31Z
prices = [0.2, 0.1, 0.6, 0.1]
"""
    made = assemble(market(CUP + script + COUNT + TRADERS), Kept)
    made.world.run()
    rows = Kept.rows(made.world)
    cup, count = made.facts.events
    books = list(made.facts.books_of(cup))
    for second, expected in ((25, (0.5, 0.2, 0.2, 0.1)), (60, (0.2, 0.1, 0.6, 0.1))):
        at = (rows[:, E_KIND] == Event.BOOK) & (rows[:, E_TIME] == START_US + second * 1_000_000)
        for book, price in zip(books, expected, strict=True):
            row = rows[at & (rows[:, E_INSTRUMENT] == book)][0]
            bid, ask = row[E_PRICE] / 1000, row[E_SIZE] / 1000
            assert 0 < bid < ask
            assert (bid + ask) / 2 == pytest.approx(price, abs=0.03)
    fills = rows[rows[:, E_KIND] == Event.FILL]
    assert set(books) <= set(fills[:, E_INSTRUMENT].tolist())
    paid = rows[rows[:, E_KIND] == Event.PAYOUT]
    assert set(paid[:, E_INSTRUMENT].tolist()) == {0, 1}
    assert made.exchange.open_interest(books[0]) == 0
    assert set(paid[paid[:, E_INSTRUMENT] == 0, E_TIME].tolist()) == {cup.due_us}
    assert count.value == 12


LIAR = """
[resolution]
method = "optimistic"
liveness_s = 40
[[trader]]
name = "liar"
kind = "reporter"
latency_ms = 20
params = { says = "YES", reaction_s = 1, interval_s = 1 }
[[trader]]
name = "quotes"
kind = "event_maker"
latency_ms = 15
params = { event = "rain", stop_before_s = 0, trusts_oracle = false }
"""


@pytest.mark.parametrize("trusts", [False, True])
def test_a_wrong_proposal_moves_the_book_only_if_its_maker_trusts_the_oracle(trusts: bool) -> None:
    rain = RAIN + 'belief_after = "frozen"\nsigma_per_sqrt_h = 0.0\n'
    text = rain + LIAR.replace("oracle = false", f"oracle = {str(trusts).lower()}")
    made = assemble(market(text), Kept)
    made.world.run()
    book = made.facts.book_of(made.facts.events[0])
    rows = Kept.rows(made.world, Event.BOOK)
    rows = rows[rows[:, E_INSTRUMENT] == book]
    proposed = Kept.rows(made.world, Event.PROPOSE)[0, E_TIME]
    due_us = START_US + 60_000_000
    assert due_us <= proposed < due_us + 20_000_000
    before = rows[rows[:, E_TIME] == due_us - 1_000_000][0]
    after = rows[rows[:, E_TIME] == due_us + 25_000_000][0]
    assert (before[E_PRICE] + before[E_SIZE]) / 2000 == pytest.approx(0.3, abs=0.01)
    if trusts:
        assert after[E_PRICE] >= 990
    else:
        assert after[[E_PRICE, E_SIZE]].tolist() == before[[E_PRICE, E_SIZE]].tolist()
    resolved = Kept.rows(made.world, Event.RESOLVE)[0]
    assert resolved[E_CODE] == 0  # nobody disputed: it stands, though it is wrong
    assert resolved[E_TIME] >= proposed + 40_000_000
    late = Kept.rows(made.world, Event.REJECT)
    assert len(late[late[:, E_TIME] > resolved[E_TIME]]) == 0  # it stopped when it was over


def test_the_matching_window_changes_nothing() -> None:
    def log(window_us: int) -> np.ndarray:
        made = assemble(market(CUP + COUNT + TRADERS, window_us=window_us), Kept)
        made.world.run()
        return Kept.rows(made.world)

    usual = log(10_000)
    assert (usual[:, E_KIND] == Event.FILL).sum() > 100
    assert np.array_equal(usual, log(1_500))


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ('{ event = "cap" }', "unknown event 'cap'; there are: cup"),
        ('{ event = "cup", outcome = "dan" }', "unknown outcome 'dan'; allowed: ann, bob, cat"),
    ],
)
def test_a_trader_of_what_is_not_there_is_refused_by_name(params: str, says: str) -> None:
    text = CUP + f'[[trader]]\nname = "x"\nkind = "event_maker"\nparams = {params}\n'
    with pytest.raises(ScenarioError, match=says) as error:
        assemble(market(text))
    assert "trader.x" in str(error.value)


# what is refused ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "old", "new", "says"),
    [
        (RAIN, '"NO"', '"NOO"', "rain: unknown outcome 'NOO'; did you mean 'NO'? allowed: YES, NO"),
        (RAIN, "price = 0.3", "price = 1.0", "rain: a price of 1"),
        (RAIN, 'kind = "binary"', 'kind = "binar"', "did you mean 'binary'?"),
        (RAIN, 'kind = "binary"', "", "rain: 'outcome' is for events of kind binary"),
        (RAIN, 'outcome = "NO"', "strike_usd = 3", "'strike_usd' is for events of kind price"),
        (RAIN, 'outcome = "NO"', 'coin = "BTC"', "needs jumps, or kind = 'price'"),
        (RAIN, 'outcome = "NO"', 'coin = "ETH"\njumps = [0.1, 0.0]', "event.rain.coin: unknown"),
        (RAIN, "resolves = 2025-06-02T12:01:00Z", "resolves = 2025-06-01T12:01:00Z", "before the"),
        (CUP, "prices = [0.5, 0.2, 0.2]", "prices = [0.5, 0.3, 0.2]", "leave nothing for 'none'"),
        (CUP, "exhaustive = false", "exhaustive = true", "cup: prices (0.5, 0.2, 0.2) sum to 0.9"),
        (CUP, '"ann", "bob"', '"ann", "ann"', "cup: outcome 'ann' is listed twice"),
        (CUP, '"ann", "bob"', '"ann", "void"', "cup: outcome 'void' is what nobody wins"),
        (CUP, '"cat"\nresolves', '"dog"\nresolves', "cup: unknown outcome 'dog'"),
        (COUNT, "outcome = 12", "outcome = 31", "count: outcome 31 is outside -10 … 30"),
        (COUNT, "outcome = 12", "outcome = 1.5", "count: outcome 1.5 is neither whole nor"),
        (COUNT, "high = 30", "high = -10", "count: low -10 must be below high -10"),
        (CUP, "resolves", "belief = [{ at = 2025-06-02T12:01:00Z, price = 0.2 }]\nresolves",
         "needs prices, those of ('ann', 'bob', 'cat', 'none'), and no price"),
        (RAIN, "resolves", "belief = [{ at = 2025-06-02T12:01:00Z }]\nresolves",
         "needs price, the one of YES"),
        (RAIN, "resolves", "belief = [{ at = 2025-06-02T11:01:00Z, price = 0.2 }]\nresolves",
         "event.rain.belief: 2025-06-02 11:01:00"),
        (RANGES, "strikes_usd = [99_950, 100_050]", "strikes_usd = [99_950]", "1 strikes_usd part 2"),
        (RANGES, "[99_950, 100_050]", "[100_050, 99_950]", "do not increase"),
        (RANGES, 'coin = "BTC"\noutcomes', "outcomes", "range: strikes_usd need a coin"),
        (RANGES, "price = 0.4", "outcome = 99_950", "the price of BTC decides, not 'outcome'"),
        (RANGES, "price = 0.4", "reveals_s = 5", "the price of BTC decides, not 'reveals_s'"),
        (PRICED, 'coin = "BTC"', "", "up: coin is required"),
        (PRICED, 'strike = "open"', "", "up: strike_usd above 0 is required"),
        (PRICED, "every_s = 20", "strike_usd = 4", "repeat 3 needs every_s"),
        (PRICED, "every_s = 20", "every_s = 20\nlink = true", "no strike_usd, no link"),
        (PRICED, "opens = 2025-06-02T12:00:10Z", "opens = 2025-06-02T11:00:10Z", "before the start"),
        (PRICED, "opens = 2025-06-02T12:00:10Z", "opens = 2025-06-02T12:00:30Z", "after it opens"),
        (PRICED + RAIN, '"rain"', '"up-2"', "two events are called 'up-2'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(text: str, old: str, new: str, says: str) -> None:
    assert says in refusal(text, old, new)
