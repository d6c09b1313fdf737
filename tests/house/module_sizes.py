"""Lists the modules to look hard at, and fails when one has grown too long to read.

Usage: python tests/house/module_sizes.py [ROOT]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("sim", "agents", "scenarios", "dashboard", "tests", "benchmarks")
LOOK_HARD_LINES = 400
SPLIT_LINES = 600


def modules(root: Path) -> Iterator[Path]:
    """Every Python file of the project under `root`, in a fixed order."""
    yield from sorted(root.glob("*.py"))
    for folder in FOLDERS:
        yield from sorted((root / folder).rglob("*.py"))


def sizes(root: Path) -> dict[str, int]:
    """Lines of every module, by its path relative to `root`."""
    counted = {}
    for path in modules(root):
        with path.open("rb") as file:
            counted[path.relative_to(root).as_posix()] = sum(1 for _ in file)
    return counted


def main(root: Path) -> int:
    """Print what is over a limit; 1 if any module must be split, else 0."""
    counted = sizes(root)
    long = sorted(((n, name) for name, n in counted.items() if n > LOOK_HARD_LINES), reverse=True)
    for n, name in long:
        print(f"{n:6d}  {name}" + ("  <- split it" if n > SPLIT_LINES else ""))
    print(
        f"{len(counted)} modules, {sum(counted.values())} lines; {len(long)} over {LOOK_HARD_LINES}"
        f" lines, {sum(n > SPLIT_LINES for n, _ in long)} over the limit of {SPLIT_LINES}"
    )
    return int(any(n > SPLIT_LINES for n, _ in long))


if __name__ == "__main__":
    default = Path(__file__).resolve().parents[2]
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else default))
