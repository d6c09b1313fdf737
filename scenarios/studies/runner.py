"""One run of a study: do it, write it down, report.  `scenarios.runner.run` leads here."""

from __future__ import annotations

import math
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.checks import evaluate
from scenarios.errors import ScenarioError
from scenarios.runs import run_id, writing
from scenarios.studies.base import Findings, Progress, Study
from scenarios.studies.digest import digest
from sim.record.folder import RunFolder, plain
from sim.record.recorder import SCHEMA, versions

if TYPE_CHECKING:
    import polars as pl


def run_study(
    study: Study,
    *,
    seed: int | None = None,
    scale: float = 1.0,
    out: Path | str | None = "runs",
    progress: Progress | None = None,
) -> tuple[str, Path | None, dict[str, Any]]:
    """Run id, folder (None if not kept) and report of one run.

    Args:
        study: from `scenarios.load`.
        seed: instead of the study's own.
        scale: as the study understands it (`Study.scaled`).
        out: where the run's folder goes, replacing an earlier one of the same id; None: nowhere.
        progress: called as ``progress(share, note)``.

    Raises ScenarioError for what cannot be used, or a run that cannot be written.
    """
    resolved = study.resolved(seed, scale)
    name = run_id(resolved)
    began = time.perf_counter()
    with writing(out, name) as folder:
        found = resolved.run(progress)
        report = report_of(resolved, name, found, time.perf_counter() - began)
        if folder is not None:
            write(folder, resolved, found, report)
    return name, None if out is None else Path(out) / name, report


def report_of(study: Study, name: str, found: Findings, seconds: float) -> dict[str, Any]:
    """The object of ``run --json``; a value that is no finite number is None."""
    units = study.units()
    if set(found.metrics) != set(units):
        differ = sorted(set(found.metrics) ^ set(units))
        raise ScenarioError(f"the study {study.study!r} and its units differ in {differ}")
    metrics = {k: _finite(found.metrics[k]) for k in units}
    return {
        "run_id": name,
        "scenario": study.name,
        "study": study.study,
        "seed": study.seed,
        "digest": digest(found.tables),
        "wall_seconds": round(seconds, 3),
        "metrics": {k: {"value": metrics[k], "unit": unit} for k, unit in units.items()},
        "checks": evaluate(study.check, metrics),
        "shown": [
            name for name in (found.main or next(iter(found.tables), ""), *found.also) if name
        ],
        "shown_columns": list(found.columns),
        "notes": list(found.notes),
        "tables": {k: table(frame) for k, frame in found.tables.items()},
    }


def table(frame: pl.DataFrame) -> dict[str, Any]:
    """{columns, rows}, as JSON knows it."""
    return {"columns": frame.columns, "rows": plain(frame.rows())}


def write(folder: RunFolder, study: Study, found: Findings, report: dict[str, Any]) -> None:
    """``tables/*.parquet`` and ``.csv``, ``pictures/*.svg``; ``manifest.json`` at last."""
    for name, frame in found.tables.items():
        folder.write_frame(f"tables/{name}.parquet", frame)
        folder.write_text(f"tables/{name}.csv", frame.write_csv())
    for name, picture in found.pictures.items():
        folder.write_text(
            f"pictures/{name}.svg", picture if isinstance(picture, str) else picture()
        )
    folder.complete(
        {
            "schema": SCHEMA,
            "run_id": report["run_id"],
            "scenario": study.name,
            "study": study.study,
            "config": study.model_dump(mode="json"),
            "seed": study.seed,
            "digest": report["digest"],
            "versions": versions(),
            "platform": {"system": platform.platform(), "machine": platform.machine()},
            "wall_seconds": report["wall_seconds"],
            "report": report,
        }
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
