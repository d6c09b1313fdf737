"""Reads runs back: lists them, opens one by id or path, scans its tables lazily."""

from __future__ import annotations

import difflib
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.exchange.messages import EVENT_COLUMNS
from sim.record import resolutions
from sim.record.folder import MANIFEST, TMP
from sim.record.recorder import SCHEMA

if TYPE_CHECKING:
    import polars as pl


class StoreError(Exception):
    """Something about stored runs; the message says what.

    StoreError
    ├── RunNotFound    no such run, or several
    └── RunDamaged     a run that cannot be read
    """


class RunNotFound(StoreError, LookupError):
    """No run has this id, or several begin with it; the message names the nearest ids."""


class RunDamaged(StoreError):
    """A run's manifest or one of its tables is missing, cannot be read, or is too new."""


class Run:
    """One complete run on disk; tables are polars LazyFrames with the columns of docs/formats.md.

    Raises:
        RunDamaged: the manifest cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        manifest = self.manifest
        if not isinstance(manifest.get("schema"), int) or manifest["schema"] > SCHEMA:
            raise RunDamaged(
                f"{path}: written in format {manifest.get('schema')}, "
                f"this version reads up to {SCHEMA}"
            )

    @cached_property
    def manifest(self) -> dict[str, Any]:
        try:
            manifest = json.loads((self.path / MANIFEST).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunDamaged(f"{self.path / MANIFEST}: cannot be read: {error}") from error
        if not isinstance(manifest, dict):
            raise RunDamaged(f"{self.path / MANIFEST}: not a manifest")
        return manifest

    @property
    def run_id(self) -> str:
        return str(self.manifest["run_id"])

    def events(self) -> pl.LazyFrame:
        """The recorded events in order; no rows if only a summary was recorded."""
        import polars as pl

        parts = sorted((self.path / "events").glob("*.parquet"))
        if not parts:
            return pl.LazyFrame(schema=dict.fromkeys(EVENT_COLUMNS, pl.Int64))
        return pl.scan_parquet(parts)

    def accounts(self) -> pl.LazyFrame:
        """One row per account."""
        return self._table("accounts")

    def book(self) -> pl.LazyFrame:
        """Depth by distance from the mid."""
        return self._table("book")

    def series(self) -> pl.LazyFrame:
        """Prices and depth, one row per second and instrument."""
        return self._table("series")

    def funds(self) -> pl.LazyFrame:
        """Funds and stages, one row per second."""
        return self._table("funds")

    def resolutions(self) -> pl.LazyFrame:
        """The steps of events' resolutions; no rows if the run has none."""
        if not (self.path / resolutions.FILE).is_file():
            return resolutions.frame(None).lazy()
        return self._table("resolutions")

    def metrics(self) -> pl.LazyFrame:
        """The report's metrics."""
        return self._table("metrics")

    def _table(self, name: str) -> pl.LazyFrame:
        import polars as pl

        path = self.path / f"{name}.parquet"
        if not path.is_file():
            raise RunDamaged(f"{path}: missing")
        return pl.scan_parquet(path)


class RunStore:
    """The complete runs in a folder; a folder that does not exist has none."""

    def __init__(self, path: Path | str = "runs") -> None:
        self.path = Path(path)

    def runs(self) -> list[Run]:
        """All complete runs that can be read, oldest first."""
        found = []
        for folder in self._folders():
            try:
                found.append(Run(folder))
            except RunDamaged:
                continue
        return found

    def ids(self) -> list[str]:
        """Ids of the complete runs, oldest first."""
        return [folder.name for folder in self._folders()]

    def open(self, ref: str | Path) -> Run:
        """The run with this id, or the only one whose id begins so, or the one at this path.

        Raises:
            RunNotFound: none or several; the message names the nearest ids.
            RunDamaged: it is there but cannot be read.
        """
        text, ids = str(ref), self.ids()
        if text in ids:
            return Run(self.path / text)
        path = Path(ref)
        if (path / MANIFEST).is_file() and not path.name.startswith(TMP):
            return Run(path)
        begins = [i for i in ids if text and i.startswith(text)]
        if len(begins) == 1:
            return Run(self.path / begins[0])
        if begins:
            raise RunNotFound(f"{text!r} is the beginning of several runs: {', '.join(begins)}")
        if text and (path.is_dir() or (self.path / text).is_dir()):
            raise RunNotFound(f"{text!r} is no complete run: it has no {MANIFEST}")
        raise RunNotFound(f"no run {text!r} in {self.path}{self._nearest(text, ids)}")

    def _folders(self) -> list[Path]:
        try:
            folders = [p for p in self.path.iterdir() if not p.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []
        whole = [p for p in folders if (p / MANIFEST).is_file()]
        return sorted(whole, key=lambda p: ((p / MANIFEST).stat().st_mtime_ns, p.name))

    @staticmethod
    def _nearest(text: str, ids: list[str]) -> str:
        if not ids:
            return ", where there are no runs"
        close = difflib.get_close_matches(text, ids, n=3, cutoff=0.4)
        return f"; nearest: {', '.join(close)}" if close else f"; there is: {', '.join(ids[-3:])}"
