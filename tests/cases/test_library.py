"""Every case that comes with windtunnel holds, in the compiled exchange and in the reference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from scenarios.casefile import find, load, run
from scenarios.casefile.report import differences
from scenarios.casefile.sources import Aggregate, Index, Sources, published
from scenarios.casefile.venue import Engine, Maker, compiled
from sim.exchange.instruments import Listing
from sim.exchange.products import Feed
from sim.exchange.rules import Rules

CASES = find()
GROUPS = {"seq", "led", "prd", "ord", "prc", "mar", "liq", "fun", "int", "set"}
# Cases of the rulebook that no message to the exchange reaches.
ELSEWHERE = {"K18"}


def reference(listing: Listing, rules: Rules, accounts: int, order_ids: int) -> Engine:
    from twin.exchange import ReferenceExchange

    return ReferenceExchange(listing.model_dump(), rules.model_dump(), accounts)


def aggregated(given: Sources, feed: Feed) -> Index:
    """The reference makes its own index of several sources."""
    from twin.sources import index_of

    return Index(*index_of(given.model_dump(), feed.stale_after_s, feed.tick_micro))


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix('.case.toml')}"


@pytest.mark.parametrize("path", CASES, ids=name)
@pytest.mark.parametrize(
    ("make", "aggregate"),
    [(compiled, published), (reference, aggregated)],
    ids=["kernel", "reference"],
)
def test_case(path: Path, make: Maker, aggregate: Aggregate) -> None:
    outcome = run(load(path), make, aggregate)
    assert outcome.passed, differences(outcome)
    assert outcome.checks > 0 or any(s.refused for s in load(path).step)


def clauses(paths: Sequence[Path]) -> dict[str, int]:
    found: dict[str, int] = {}
    for path in paths:
        for clause in load(path).clauses:
            found[clause] = found.get(clause, 0) + 1
    return found


def test_a_case_stands_in_the_folder_of_one_of_its_clauses() -> None:
    for path in CASES:
        groups = {c.split("-")[0].lower() for c in load(path).clauses}
        if path.parent.name == "k":
            assert any(re.fullmatch(r"K\d+", c) for c in load(path).clauses), path
        else:
            assert path.parent.name in GROUPS & groups, path


def test_every_conformance_case_that_messages_reach_is_there() -> None:
    numbers = {int(c[1:]) for c in clauses(CASES) if c.startswith("K")}
    wanted = {
        *range(1, 7),
        8,
        10,
        12,
        *range(14, 18),
        19,
        20,
        21,
        22,
        *range(25, 29),
        *range(30, 38),
    }
    assert numbers == wanted
    assert not {f"K{n:02}" for n in numbers} & ELSEWHERE


def test_every_group_has_cases() -> None:
    assert {c.split("-")[0].lower() for c in clauses(CASES) if "-" in c} >= GROUPS
