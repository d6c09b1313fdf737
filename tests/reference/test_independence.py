"""The reference stands alone: nothing here imports the package it checks, nor numpy."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FORBIDDEN = {"sim", "numpy", "numba", "agents", "scenarios", "dashboard"}


def imported(source: str) -> set[str]:
    """Top-level names of the modules that a source text imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found |= {alias.name.split(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module)):
                found.add(module.split(".")[0])
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module" | "run_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                found.add(name.split(".")[0])
    return found


@pytest.mark.parametrize("path", sorted((HERE / "twin").rglob("*.py")), ids=lambda p: p.name)
def test_the_twin_imports_nothing_of_the_kernel(path: Path) -> None:
    assert imported(path.read_text("utf-8")) & FORBIDDEN == set()


CASES = [p for p in HERE.glob("*.py") if p.name != "conftest.py"] + list(HERE.glob("wide/*.py"))


@pytest.mark.parametrize("path", sorted(CASES), ids=lambda p: p.name)
def test_neither_do_the_cases_and_programs(path: Path) -> None:
    assert imported(path.read_text("utf-8")) & FORBIDDEN == set()


@pytest.mark.parametrize(
    "source",
    ["import sim", "from sim.exchange import kernel", "def f():\n    import numpy as np"],
)
def test_a_forbidden_import_is_seen(source: str) -> None:
    assert imported(source) & FORBIDDEN
