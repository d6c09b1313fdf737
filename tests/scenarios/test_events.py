"""Events in scenario files: every kind, what is listed, what is true, what is refused."""

from __future__ import annotations

import tomllib
from collections import Counter

import numpy as np
import pytest

from scenarios import files
from scenarios.assembly import assemble
from scenarios.errors import ScenarioError
from scenarios.events import true_outcome
from scenarios.schema import Scenario
from sim.exchange.instruments import BinaryEvent, CategoricalEvent, ScalarEvent
from sim.exchange.messages import E_CODE, E_INSTRUMENT, E_KIND, E_PRICE, E_TIME, Event

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
START_US = 1_748_865_600_000_000


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


# the truth ----------------------------------------------------------------------------------
@pytest.mark.spec("SET-03")
def test_events_resolve_to_what_is_true() -> None:
    seen: list[np.ndarray] = []

    class Watch:
        def __init__(self, *parts: object) -> None: ...
        def begin(self, exchange: object) -> None: ...
        def sample(self, now_us: int, exchange: object) -> None: ...
        def add(self, events: np.ndarray) -> None:
            seen.append(events[events[:, E_KIND] == Event.RESOLVE].copy())

    made = assemble(market(PRICED + RAIN + CUP + COUNT, seed=2), Watch)
    made.world.run()
    rows = np.concatenate(seen)
    rows = rows[np.argsort(rows[:, E_INSTRUMENT])]
    assert rows[:, E_INSTRUMENT].tolist() == list(range(6))
    assert rows[:, E_TIME].tolist() == [t.due_us for t in made.facts.events]
    assert rows[3:, E_CODE].tolist() == [1, 2, 0]
    assert rows[5, E_PRICE] == 12
    for code, t in zip(rows[:3, E_CODE].tolist(), made.facts.events, strict=False):
        price = made.truth.sample(0, np.array([t.due_us]))[0]
        assert code == int(not price > t.strike_usd)
    assert len(set(rows[:3, E_CODE].tolist())) == 2  # the bridge goes up and down again


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
