"""The four packages know nothing of the front door; import-linter (`make check`) holds the rest."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("sim", "agents", "scenarios", "dashboard")
FRONT_DOOR = "windtunnel"


def imported(source: str) -> Iterator[str]:
    """Names of the modules that a source text imports, by statement or by a constant name."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield module
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module" | "run_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def imports_front_door(source: str) -> bool:
    return any(name.split(".")[0] == FRONT_DOOR for name in imported(source))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_the_front_door(repo: Path, package: str) -> None:
    modules = sorted((repo / package).rglob("*.py"))
    assert modules
    assert [path.name for path in modules if imports_front_door(path.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    "source",
    [
        "import windtunnel",
        "def f():\n    from windtunnel import main",
        "import importlib\nimportlib.import_module('windtunnel')",
    ],
)
def test_an_import_of_the_front_door_is_seen(source: str) -> None:
    assert imports_front_door(source)


def test_a_name_that_only_resembles_it_is_not(repo: Path) -> None:
    assert not imports_front_door("import windtunnels\nfrom sim import windtunnel")
