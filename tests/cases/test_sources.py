"""The `sources` step: what it refuses, and that oracle and reference make the same index of it."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from scenarios.casefile import read, run
from scenarios.casefile.runner import check, messages_of
from scenarios.casefile.sources import Index, Sources, published
from scenarios.errors import ScenarioError
from sim.exchange.messages import Kind
from sim.exchange.products import Feed

POLICIES = ("weighted_median", "median", "mean", "single", "redemption")
# An odd tick: half a tick is nowhere, where binary and decimal fractions might round apart.
FEED = Feed(name="T", tick_micro=7, index_ticks=10_000, stale_after_s=60)


def case(content: str) -> str:
    """A case with one `sources` step on feed T, tick .1, stale after 60 s."""
    return f"""
title = "Sources"
[[feeds]]
name = "T"
tick = 0.1
index = 100
read = false
[[step]]
sources = {{ {content} }}
expect.index = {{ T = 100 }}
"""


ONE = "readings = [{ price = 100 }]"
TWO = 'readings = [{ price = 100, name = "a" }, { price = 99, name = "b" }]'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f'feed = "U", {ONE}', "step 1 (sources): unknown feed 'U'; allowed: T"),
        (f"feed = 3, {ONE}", "step 1 (sources.feed): feed 3 is not listed"),
        ('feed = "T", readings = []', "step 1 (sources.readings): Tuple should have at least 1"),
        ('feed = "T"', "step 1 (sources.readings): this field is required"),
        (
            f'feed = "T", policy = "modus", {ONE}',
            "'modus' is not known; allowed: weighted_median, median",
        ),
        ('feed = "T", readings = [{ prise = 1 }]', "unknown field 'prise'; did you mean 'price'?"),
        ('feed = "T", readings = [{ price = 1, weight = 0 }]', "weight 0 must be above 0"),
        ('feed = "T", readings = [{ price = 1, age = -1 }]', "age -1 lies in the future"),
        ('feed = "T", readings = [{ price = 1, age = 1e-7 }]', "no multiple of a microsecond"),
        ('feed = "T", readings = [{ price = 1e25 }]', "is too large"),
        (f'feed = "T", {TWO.replace("b", "a")}', "step 1 (sources.readings): a source is named"),
        (f'feed = "T", policy = "single", single = "c", {TWO}', "unknown source 'c'; "),
        (f'feed = "T", single = "a", {TWO}', 'single belongs to policy = "single"'),
        (f'feed = "T", policy = "redemption", {TWO}', "redemption_usd and policy ="),
        (f'feed = "T", redemption_usd = 1, {TWO}', "redemption_usd and policy ="),
        (f'feed = "T", policy = "redemption", redemption_usd = 0, {TWO}', "must be above 0"),
        (f'feed = "T", redemption_floor = 2, {TWO}', "(sources.redemption_floor): Input should be"),
    ],
)
def test_bad_sources_name_place_and_nearest(content: str, said: str) -> None:
    with pytest.raises(ScenarioError) as error:
        check([read(case(content), "x.case.toml")])
    assert said in str(error.value)
    assert str(error.value).startswith("x.case.toml:9: step 1 (sources")


@pytest.mark.spec("PRC-01")
def test_a_step_is_one_message() -> None:
    """Price and confidence in ticks, the newest reading's time, how many are fresh."""
    readings = "[{ price = 100, age = 61 }, { price = 101, age = 5 }, { price = 103, age = 7 }]"
    text = case(f'feed = "T", readings = {readings}')
    [message] = messages_of(read(text))
    now = message[0]
    assert message[1:] == [Kind.INDEX, 0, 0, 0, 1010, 0, 0, 0, now - 5_000_000, 2, 0]
    assert [d.got for d in run(read(text)).differences] == ["101"]


def some(rng: Random) -> dict[str, Any]:
    """Readings of a few sources at prices with two decimals, some stale, some absurd."""
    readings = [
        {
            "name": f"s{n}",
            "price": Decimal(rng.choice([rng.randrange(9_900, 10_100), rng.randrange(1, 50_000)]))
            / 100,
            "weight": Decimal(rng.choice([1, 1, 2, 3, 5])) / rng.choice([1, 1, 4]),
            "age": Decimal(rng.choice([0, 1, 59, 60, 61, 300])),
        }
        for n in range(rng.randrange(1, 9))
    ]
    given: dict[str, Any] = {"feed": "T", "readings": readings, "policy": rng.choice(POLICIES)}
    given["dispersion"] = rng.random() < 0.8
    if given["policy"] == "single":
        given["single"] = rng.choice(readings)["name"]
    if given["policy"] == "redemption":
        given["redemption_usd"] = Decimal(rng.randrange(5_000, 15_000)) / 100
        given["redemption_weight"] = rng.choice([0.5, 0.25, 0.0, 1.0])
        given["redemption_floor"] = rng.choice([0.0, 0.75, 1.0])
    return given


@pytest.mark.spec("PRC-01")
def test_oracle_and_reference_make_the_same_index() -> None:
    from twin.sources import index_of

    rng, seen = Random(21), Counter[str]()
    for _ in range(3_000):
        given = Sources.model_validate(some(rng))
        index = published(given, FEED)
        assert index == Index(*index_of(given.model_dump(), 60, 7)), given
        seen[given.policy] += 1
        seen["none fresh"] += index.fresh == 0
        seen["some stale"] += 0 < index.fresh < len(given.readings)
    assert min(seen[name] for name in (*POLICIES, "none fresh", "some stale")) > 100
