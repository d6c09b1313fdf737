"""A CSV file that a study reads: found, fingerprinted, and every fault named by row and column."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from scenarios.errors import ScenarioError, choose
from scenarios.part import Part
from scenarios.schema import Origin

if TYPE_CHECKING:
    import polars as pl


class DataFile(Part):
    """A path, and what the file was when a run read it (a run's id leaves the path out)."""

    path: str = ""
    sha256: str = ""  # of that file, written into a run

    def located(self, origin: Origin, field: str) -> Self:
        """The absolute path and the fingerprint of the file; as it is without a path.

        Raises as `fingerprint`.
        """
        if not self.path:
            return self
        path, digest = fingerprint(self.path, self.sha256, origin, field)
        return self.model_copy(update={"path": path, "sha256": digest})


def fingerprint(given: str, expected: str, origin: Origin, field: str) -> tuple[str, str]:
    """Absolute path and SHA-256 of the file that a field of a study names.

    A relative path counts from the working directory, else from the study's own file.
    Raises ScenarioError for a file that is missing or has changed since a run recorded it.
    """
    path = Path(given).expanduser()
    beside = Path(origin.file).parent / path if origin.file else path
    if not path.exists() and beside.exists():
        path = beside
    where = origin.place(tuple(field.split(".")))
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}", where=where, path=field) from None
    if expected not in ("", digest):
        raise ScenarioError(f"{path} has changed since the run", where=where, path=field)
    return str(path.resolve()), digest


@dataclass(frozen=True)
class Column:
    """What a column holds: numbers within [low, high], whole numbers, or text that is not empty.

    ``optional``: an empty cell, or a column that is not there, is null.
    """

    kind: Literal["number", "whole", "text"] = "number"
    low: float = -math.inf
    high: float = math.inf
    optional: bool = False


def read_csv(path: Path | str, columns: Mapping[str, Column]) -> pl.DataFrame:
    """The wanted columns of a CSV file, checked; further columns are left out.

    Raises ScenarioError naming the file, the row (the header is row 1) and the column.
    """
    import polars as pl

    file = Path(path)
    try:
        if not file.read_bytes().strip():
            raise ScenarioError("the file is empty", where=str(file))
        raw = pl.read_csv(file, infer_schema=False)
    except OSError as error:
        raise ScenarioError(error.strerror or str(error), where=str(file)) from None
    except pl.exceptions.PolarsError as error:
        raise ScenarioError(str(error).splitlines()[0], where=str(file)) from None
    raw = raw.rename({name: name.strip() for name in raw.columns})
    for name, column in columns.items():
        if name not in raw.columns and not column.optional:
            raise ScenarioError(
                f"column {name!r} is missing{choose(name, raw.columns)}", where=f"{file}: row 1"
            )
    if raw.is_empty():
        raise ScenarioError("the file has a header and no rows", where=str(file))
    series = []
    for name, column in columns.items():
        dtype = {"number": pl.Float64, "whole": pl.Int64, "text": pl.String}[column.kind]
        if name not in raw.columns:
            series.append(pl.Series(name, [None] * len(raw), dtype=dtype))
            continue
        cells = [
            _cell(text, column, f"{file}: row {row}: column {name!r}")
            for row, text in enumerate(raw[name].to_list(), 2)
        ]
        series.append(pl.Series(name, cells, dtype=dtype))
    return pl.DataFrame(series)


def _cell(text: str | None, column: Column, where: str) -> float | int | str | None:
    text = (text or "").strip()
    if not text:
        if column.optional:
            return None
        raise ScenarioError("the cell is empty", where=where)
    if column.kind == "text":
        return text
    try:
        value = int(text) if column.kind == "whole" else float(text)
    except ValueError:
        what = "a whole number" if column.kind == "whole" else "a number"
        raise ScenarioError(f"{text!r} is not {what}", where=where) from None
    if not math.isfinite(value):
        raise ScenarioError(f"{text!r} is not a finite number", where=where)
    if not column.low <= value <= column.high:
        if column.high == math.inf:
            raise ScenarioError(f"{text} is below {column.low:g}", where=where)
        raise ScenarioError(f"{text} is not in {column.low:g} … {column.high:g}", where=where)
    return value
