"""Sums of floats that an agent decides by are the same on every Python."""

from __future__ import annotations

import ast
from pathlib import Path

WHOLE = {"waves.py"}  # adds up lots, which are integers


def plain_sums(source: str) -> int:
    """Calls of the built-in sum, which adds floats in one way up to Python 3.11, in another since."""
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return sum(isinstance(call, ast.Name) and call.id == "sum" for call in calls)


def test_a_plain_sum_is_seen() -> None:
    assert plain_sums("x = sum(y)") == 1
    assert plain_sums("x = math.fsum(y) + z.sum()") == 0


def test_agents_add_floats_by_fsum(repo: Path) -> None:
    found = {p.name for p in (repo / "agents").glob("*.py") if plain_sums(p.read_text("utf-8"))}
    assert found <= WHOLE
