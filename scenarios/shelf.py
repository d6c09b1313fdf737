"""Files that come with windtunnel, found by name, and others by path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scenarios.errors import ScenarioError, choose


@dataclass(frozen=True)
class Shelf:
    """A folder of files of one kind; ``noun`` names the kind in messages."""

    folder: Path
    suffix: str
    noun: str

    def names(self) -> list[str]:
        """Names of the files on the shelf, without their suffix."""
        return sorted(p.name.removesuffix(self.suffix) for p in self.folder.glob(f"*{self.suffix}"))

    def find(self, name_or_path: str | Path) -> Path:
        """The file of this name on the shelf, or at this path; ScenarioError if there is none."""
        path = Path(name_or_path)
        if path.suffix == ".toml" or path.is_file():
            if not path.is_file():
                raise ScenarioError("there is no such file", where=str(path))
            return path
        known = self.folder / f"{name_or_path}{self.suffix}"
        if not known.is_file():
            name = str(name_or_path)
            raise ScenarioError(f"unknown {self.noun} {name!r}{choose(name, self.names())}")
        return known
