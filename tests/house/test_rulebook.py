"""The rulebook and its tests know each other: every clause is tested, every test names a clause."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from sim.exchange import products
from sim.exchange.instruments import Listing
from sim.exchange.rules import FeeTier, Rules

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| ([A-Z]+-\d+|I\d+) \|(.*)\|$", re.MULTILINE)
# What names things rather than setting a rule, or is a list of things with fields of their own.
NAMES = {"name", "feeds", "assets", "perpetuals", "inverses", "futures", "spots", "events"}


def clauses() -> dict[str, str]:
    """Clause and invariant ids of the tables at the end of the rulebook, with their cells."""
    text = (ROOT / "docs" / "rulebook.md").read_text("utf-8")
    return dict(ROW.findall(text[text.index("## Clauses") :]))


def marked(source: str) -> Iterator[str]:
    """Ids in ``pytest.mark.spec(...)``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.spec"):
            yield from (a.value for a in node.args if isinstance(a, ast.Constant))


def named() -> dict[str, set[str]]:
    """Id -> the tests and cases that carry it."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for clause in marked(path.read_text("utf-8")):
            found.setdefault(clause, set()).add(path.name)
    for path in sorted((ROOT / "scenarios" / "cases").rglob("*.case.toml")):
        for clause in tomllib.loads(path.read_text("utf-8")).get("clauses", []):
            found.setdefault(clause, set()).add(path.name)
    return found


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
    known = clauses()
    assert len(known) > 60
    assert sorted(set(known) - set(named())) == []


def test_every_test_names_a_clause() -> None:
    known = clauses()
    strangers = {k: v for k, v in named().items() if k not in known and not re.match(r"K\d+$", k)}
    assert strangers == {}


def test_every_parameter_belongs_to_a_clause_and_exists() -> None:
    listed = {
        name
        for key, cells in clauses().items()
        if not key.startswith("I") or "-" in key
        for name in re.findall(r"`(\w+)`", cells)
    }
    assert sorted(fields() - listed) == []
    assert sorted(listed - fields()) == []


def test_an_untested_clause_is_seen() -> None:
    text = '@pytest.mark.spec("ABC-01", "I1")\ndef test(): ...'
    assert list(marked(text)) == ["ABC-01", "I1"]
    assert ROW.findall("| ABC-01 | what | who | `x` |") == [("ABC-01", " what | who | `x` ")]
