"""Runs on disk, seen from the command line: finding one, reading its manifest, telling times."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scenarios.errors import ScenarioError
from scenarios.schema import Scenario
from scenarios.studies.base import Study
from sim.exchange.instruments import MICRO
from sim.record.folder import TMP, RecordError, RunFolder
from sim.record.store import Run, RunStore, StoreError

DAY_US = 86_400 * MICRO


def run_id(resolved: Scenario | Study) -> str:
    """``<scenario>-<seed>-<8 hex of the digest of the configuration>``."""
    config = resolved.model_dump(mode="json", exclude={"seed"})
    if isinstance(resolved, Study):
        config = _without_paths(config)
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", resolved.name)
    return f"{name}-{resolved.seed}-{digest}"


def _without_paths(config: Any) -> Any:
    """A configuration whose files are their fingerprints, wherever they lie."""
    if isinstance(config, dict):
        hidden = {k for k in config if k.endswith("path") and config.get(f"{k[:-4]}sha256")}
        return {k: _without_paths(v) for k, v in config.items() if k not in hidden}
    return [_without_paths(v) for v in config] if isinstance(config, list) else config


@contextmanager
def writing(out: Path | str | None, name: str) -> Iterator[RunFolder | None]:
    """The folder of a run to be written, None for none; an error or Ctrl-C leaves nothing."""
    try:
        if out is None:
            yield None
        else:
            with replacing(Path(out), name) as folder:
                yield folder
    except RecordError as error:
        raise ScenarioError(error.strerror or str(error), path="--out") from None


@contextmanager
def replacing(out: Path, name: str) -> Iterator[RunFolder]:
    """A folder for the run ``name`` that takes the place of an earlier one when it is complete.

    It is written aside, in a hidden folder of ``out``; what leaves the block incomplete by an
    error or Ctrl-C leaves nothing.
    """
    aside = out / f"{TMP}{name}-{os.getpid()}"
    shutil.rmtree(aside, ignore_errors=True)
    created = not out.exists()
    try:
        folder = RunFolder(aside, name)
        yield folder
        if folder.path.is_dir():
            if (out / name).exists():
                os.replace(out / name, aside / "earlier")
            os.replace(folder.path, out / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if created and out.is_dir() and not any(out.iterdir()):
            out.rmdir()


def open_run(run: str, runs: Path) -> Run:
    """A complete run, by its id, the beginning of one, or its path; else ScenarioError."""
    try:
        return RunStore(runs).open(run)
    except StoreError as error:
        raise ScenarioError(str(error)) from None


def moment_us(text: str | None, start_us: int, end_us: int) -> int:
    """A time in a run: seconds from its start, or HH:MM[:SS] UTC; None is the end.

    Raises ScenarioError if it cannot be read or lies outside the run.
    """
    if text is None:
        return end_us
    if match := re.fullmatch(r"(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d+)?))?", text.strip()):
        hours, minutes, seconds = int(match[1]), int(match[2]), float(match[3] or 0)
        if hours > 23 or minutes > 59 or seconds >= 60:
            raise ScenarioError(f"{text!r} is no time of day", path="--at")
        clock = (hours * 3600 + minutes * 60) * MICRO + round(seconds * MICRO)
        at = start_us - start_us % DAY_US + clock
        if at < start_us:
            at += DAY_US
    else:
        try:
            at = start_us + round(float(text) * MICRO)
        except (ValueError, OverflowError):
            raise ScenarioError(
                f"{text!r} is neither seconds from the start nor HH:MM[:SS]", path="--at"
            ) from None
    if not start_us <= at <= end_us:
        span = f"{clock_text(start_us)} to {clock_text(end_us)}"
        raise ScenarioError(
            f"{text!r} is outside the run, {span} UTC, 0 to {(end_us - start_us) / MICRO:g} s",
            path="--at",
        )
    return at


def clock_text(time_us: int) -> str:
    """HH:MM:SS of a time, UTC."""
    seconds = time_us % DAY_US // MICRO
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
