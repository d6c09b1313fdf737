"""Runs on disk: which there are, and what a run's manifest says.

A run is complete when it has a `manifest.json`; nothing else is listed.  What the browser sends
is compared with the names in the folder, never joined to a path.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from dashboard.units import Unit, unit_of
from sim.exchange.instruments import Kind, Listing
from sim.exchange.rules import Rules
from sim.record.store import RunStore, StoreError


class RunError(Exception):
    """A run cannot be shown; the text is a sentence for the reader."""


# What reading a run can raise when it is deleted or overwritten under our hands.
UNREADABLE = (RunError, OSError, pl.exceptions.PolarsError, KeyError, ValueError)


@dataclass(frozen=True)
class Run:
    """One complete run: its folder and its manifest."""

    path: Path
    manifest: dict[str, Any]

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def scenario(self) -> str:
        """Its name, with grade and variant, if any."""
        name, told = str(self.manifest.get("scenario", "unknown")), self.manifest.get("report", {})
        return ", ".join([name, *filter(None, (told.get("grade"), told.get("variant")))])

    @property
    def seed(self) -> Any:
        return self.manifest.get("seed")

    @property
    def digest(self) -> str:
        return str(self.manifest.get("digest") or "")

    @property
    def start_us(self) -> int:
        """Microseconds, UTC."""
        return int(self.manifest["start_us"])

    @property
    def end_us(self) -> int:
        """Microseconds, UTC."""
        return int(self.manifest["end_us"])

    @property
    def report(self) -> dict[str, Any]:
        """What `windtunnel run --json` printed."""
        return self.manifest.get("report") or {}

    @cached_property
    def listing(self) -> Listing:
        return self._declared(Listing, "listing")

    @cached_property
    def rules(self) -> Rules:
        return self._declared(Rules, "rules")

    def _declared(self, model: Any, key: str) -> Any:
        if key not in self.manifest:
            raise RunError(f"The manifest of run {self.id} has no {key}.")
        try:
            return model.model_validate(self.manifest[key])
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise RunError(
                f"The {key} of run {self.id} was written by another version of windtunnel"
                f" (at {where or key}: {error.errors()[0]['msg']})."
            ) from None

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """Per instrument, how its ticks and lots are shown."""
        return tuple(unit_of(self.listing, i) for i in range(len(self.listing.instrument_names())))

    def instruments(self, *kinds: Kind) -> list[int]:
        """Ids of the instruments of these kinds."""
        return [i for i, unit in enumerate(self.units) if unit.kind in kinds]


def run_ids(runs: Path) -> list[str]:
    """Ids of the complete runs in a folder, the newest first."""
    try:
        return RunStore(runs).ids()[::-1]
    except OSError:  # one was deleted while the folder was read
        return []


def load_run(runs: Path, run_id: str) -> Run:
    """The run of that id; raises `RunError` when there is none or it cannot be read."""
    if run_id not in run_ids(runs):
        raise RunError(
            f"There is no complete run {run_id!r} in {runs}. It may have been deleted,"
            " or it is still being written."
        )
    try:
        run = Run(runs / run_id, RunStore(runs).open(run_id).manifest)
        if "study" in run.manifest:
            raise RunError(
                f"Run {run_id} is a study and no market: its tables are in {runs / run_id / 'tables'}."
            )
        if run.end_us < run.start_us:
            raise ValueError("it ends before it starts")
    except (StoreError, OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"The manifest of run {run_id} cannot be read: {error}.") from None
    return run


def list_runs(runs: Path, most: int) -> list[Run]:
    """The newest complete runs that can be read, at most `most`."""
    found = []
    for run_id in run_ids(runs)[:most]:
        try:
            found.append(load_run(runs, run_id))
        except RunError:
            continue
    return found
