"""The rulebook's table of clauses: who tests each of them.

python tests/house/clause_table.py --write   puts the last column right
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "rulebook.md"
ROW = re.compile(r"^\| ([A-Z]+-\d+|I\d+) \|(.*)\|$", re.MULTILINE)


def rows() -> dict[str, list[str]]:
    """Clause or invariant id -> the other cells of its row."""
    text = PAGE.read_text("utf-8")
    found = ROW.findall(text[text.index("## Clauses") :])
    return {key: [cell.strip() for cell in cells.split("|")] for key, cells in found}


def marked(source: str) -> Iterator[str]:
    """Ids in ``pytest.mark.spec(...)``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.spec"):
            yield from (a.value for a in node.args if isinstance(a, ast.Constant))


def tests() -> dict[str, set[str]]:
    """Id -> names of the test modules that carry it."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for clause in marked(path.read_text("utf-8")):
            found.setdefault(clause, set()).add(path.stem)
    return found


def cases() -> dict[str, set[str]]:
    """Id -> the case files that carry it."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "scenarios" / "cases").rglob("*.case.toml")):
        for clause in tomllib.loads(path.read_text("utf-8")).get("clauses", []):
            found.setdefault(clause, set()).add(path.name)
    return found


def checked_by(clause: str, of_cases: dict[str, set[str]], of_tests: dict[str, set[str]]) -> str:
    """The last cell of a row."""
    n = len(of_cases.get(clause, ()))
    parts = [f"{n} case{'s' * (n > 1)}"] if n else []
    return ", ".join([*parts, *sorted(of_tests.get(clause, ()))])


def main() -> int:
    text = PAGE.read_text("utf-8")
    begin = text.index("## Clauses")
    of_cases, of_tests = cases(), tests()

    def line(match: re.Match[str]) -> str:
        cells = match[2].split("|")
        cells[-1] = f" {checked_by(match[1], of_cases, of_tests)} "
        return f"| {match[1]} |{'|'.join(cells)}|"

    new = text[:begin] + ROW.sub(line, text[begin:])
    if "--write" in sys.argv:
        PAGE.write_text(new, "utf-8")
        return 0
    print("up to date" if new == text else "out of date: run it with --write")
    return int(new != text)


if __name__ == "__main__":
    sys.exit(main())
