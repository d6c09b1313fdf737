"""The files speak of the project: no package registry's host, no path of one machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

# Put together from parts, so that this file does not contain what it looks for.
DOT = r"\."
HOSTS = [
    ("py", "pi", DOT + "(org|io|python)"),
    ("python", "hosted", DOT + "org"),
    ("registry", DOT + "(npmjs|yarnpkg)"),
    ("npm", "js", DOT + "(com|org)"),
    ("ana", "conda", DOT + "(org|com)"),
    ("deb", DOT + "debian", DOT + "org"),
    ("index", "-url"),
    ("find", "-links"),
]
PATHS = [
    ("(?<![\\w.~-])/", "work", "(/|\\b)"),
    ("(?<![\\w.~-])/", "root", "(/|\\b)"),
    ("(?<![\\w.~-])/", "home", "/\\w"),
    ("/", DOT, "library", "/"),
]
FORBIDDEN = re.compile("|".join("".join(parts) for parts in HOSTS + PATHS), re.IGNORECASE)


def texts(repo: Path) -> dict[str, str]:
    """Every text file that is tracked or about to be, by its path."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repo,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    found = {}
    for name in filter(None, listed.stdout.split("\0")):
        path = repo / name
        if not path.is_file():
            continue
        try:
            found[name] = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
    return found


def test_no_text_names_a_registry_or_a_machine(repo: Path) -> None:
    read = texts(repo)
    assert "pyproject.toml" in read
    seen = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in read.items()
        for number, line in enumerate(text.splitlines(), 1)
        if FORBIDDEN.search(line)
    ]
    assert seen == []


@pytest.mark.parametrize(
    "parts",
    [
        ("https://", "pypi", ".org/simple"),
        ("https://files.", "pythonhosted", ".org/x"),
        ("cd ", "/wo", "rk/main"),
        ("'/ro", "ot/x'"),
        ("--extra-", "index-", "url x"),
    ],
)
def test_a_forbidden_text_is_seen(parts: tuple[str, ...]) -> None:
    assert FORBIDDEN.search("".join(parts))


@pytest.mark.parametrize("text", ["../shared/data", "net/work/x", "pip install", "runs/home/x"])
def test_an_innocent_text_is_not(text: str) -> None:
    assert not FORBIDDEN.search(text)
