"""The rulebook and its tests know each other: every clause is tested, every test names a clause."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import clause_table

from sim.exchange import products
from sim.exchange.instruments import Listing
from sim.exchange.rules import FeeTier, Rules

# What names things rather than setting a rule, or is a list of things with fields of their own.
NAMES = {"name", "feeds", "assets", "perpetuals", "inverses", "futures", "spots", "events"}
PARAMETERS = 2  # cell of a clause's row


def named() -> set[str]:
    """Every id that a test or case carries."""
    return set(clause_table.tests()) | set(clause_table.cases())


def fields() -> set[str]:
    """Every field that sets a rule."""
    models = [Rules, Listing, *(products.__dict__[n] for n in dir(products))]
    declared = {
        name
        for model in models
        if isinstance(model, type) and issubclass(model, products.Declared | Rules)
        for name in model.model_fields
    }
    return declared - NAMES - set(FeeTier.model_fields)


def test_every_clause_has_a_test() -> None:
    known = clause_table.rows()
    assert len(known) > 60
    assert sorted(set(known) - named()) == []


def test_every_test_names_a_clause() -> None:
    strangers = {k for k in named() - set(clause_table.rows()) if not re.match(r"K\d+$", k)}
    assert sorted(strangers) == []


def test_every_row_says_who_checks_it() -> None:
    """Put right by ``python tests/house/clause_table.py --write``."""
    cases, tests = clause_table.cases(), clause_table.tests()
    wrong = {
        clause: cells[-1]
        for clause, cells in clause_table.rows().items()
        if cells[-1] != clause_table.checked_by(clause, cases, tests)
    }
    assert wrong == {}


def test_every_parameter_belongs_to_a_clause_and_exists() -> None:
    listed = {
        name
        for clause, cells in clause_table.rows().items()
        if "-" in clause
        for name in re.findall(r"`(\w+)`", cells[PARAMETERS])
    }
    assert sorted(fields() - listed) == []
    assert sorted(listed - fields()) == []


def test_an_untested_clause_is_seen() -> None:
    text = '@pytest.mark.spec("ABC-01", "I1")\ndef test(): ...'
    assert list(clause_table.marked(text)) == ["ABC-01", "I1"]
    assert clause_table.ROW.findall("| ABC-01 | what | who | `x` |  |")[0][0] == "ABC-01"
    assert clause_table.checked_by("X-01", {"X-01": {"a", "b"}}, {"X-01": {"test_y"}}) == (
        "2 cases, test_y"
    )
