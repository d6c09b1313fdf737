"""What is installed, and from which versions."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SHIPPED = ["sim", "agents", "scenarios", "dashboard", "windtunnel.py"]
PIN = re.compile(r"[a-z0-9][a-z0-9.-]*==[\w.!+]+( ; [\w .<>=!'()]+)?")
PYTHONS = ("3.11.7", "3.12.1")


@pytest.fixture(scope="module")
def pyproject(repo: Path) -> dict[str, Any]:
    return tomllib.loads((repo / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def pins(repo: Path) -> list[str]:
    return (repo / "constraints.txt").read_text("utf-8").splitlines()


def keys(table: object) -> set[str]:
    """Every key of a nested table."""
    if isinstance(table, dict):
        return set(table) | {key for value in table.values() for key in keys(value)}
    return set()


def test_what_is_shipped_is_named_and_nothing_is_forced_in(
    repo: Path, pyproject: dict[str, Any]
) -> None:
    hatch = pyproject["tool"]["hatch"]
    assert hatch["build"]["targets"]["wheel"]["only-include"] == SHIPPED
    assert [name for name in SHIPPED if not (repo / name).exists()] == []
    assert "force-include" not in keys(hatch)


def test_every_constraint_is_a_version_and_no_address(pins: list[str]) -> None:
    assert pins
    assert [line for line in pins if not PIN.fullmatch(line)] == []
    assert not any("/" in line or "@" in line for line in pins)


@pytest.mark.parametrize("line", ["a @ file:///b", "-i x", "a>=1", "a==1 # via b", ""])
def test_anything_else_is_no_constraint(line: str) -> None:
    assert not PIN.fullmatch(line)


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_is_pinned_once_within_its_range(
    pyproject: dict[str, Any], pins: list[str], python: str
) -> None:
    here = {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "sys_platform": "linux",
        "platform_python_implementation": "CPython",
    }
    pinned: dict[str, str] = {}
    for requirement in map(Requirement, pins):
        if requirement.marker is None or requirement.marker.evaluate(here):
            assert requirement.name not in pinned
            pinned[requirement.name] = str(requirement.specifier).removeprefix("==")

    project = pyproject["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    for requirement in map(Requirement, wanted):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier


def test_no_lock_file_and_no_packages_among_the_tests(repo: Path) -> None:
    assert not (repo / "uv.lock").exists()
    assert list((repo / "tests").rglob("__init__.py")) == []
