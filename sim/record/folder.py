"""The folder of one run: invisible until it is complete, gone when it is not."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

MANIFEST = "manifest.json"
TMP = ".tmp-"


class RecordError(OSError):
    """A run cannot be written: the disk is full, the folder is not writable, …"""

    def __init__(self, what: str, error: OSError) -> None:
        # Polars wraps the system's words: "parquet: … underlying IO error: … (os error 28)".
        reason = error.strerror or str(error).split("IO error: ")[-1].split(" (os error")[0]
        super().__init__(f"{what}: {reason}")


class RunFolder:
    """``<out>/<run_id>``, written as ``<out>/.tmp-<run_id>`` and renamed when complete.

    Args:
        out: the folder of all runs, created if absent.
        name: the wanted id; ``-2``, ``-3`` … is added where a run has it already.

    Attributes:
        run_id: the id it got.
        path: where the run will be.

    Raises:
        ValueError: the name is no plain file name.
        RecordError: the folder cannot be made.
    """

    def __init__(self, out: Path | str, name: str) -> None:
        if not re.fullmatch(r"[\w][\w.+=-]*", name):
            raise ValueError(f"{name!r} cannot be the id of a run: letters, digits and . + = - _")
        out = Path(out)
        with _explained(f"cannot make a run in {out}"):
            out.mkdir(parents=True, exist_ok=True)
            for k in count(1):
                self.run_id = name if k == 1 else f"{name}-{k}"
                self.path, self.tmp = out / self.run_id, out / f"{TMP}{self.run_id}"
                if self.path.exists() or not _made(self.tmp):
                    continue
                if not self.path.exists():
                    return
                self.tmp.rmdir()  # another run of this id was completed just now

    def write_frame(self, name: str, frame: pl.DataFrame) -> None:
        """Write a table as parquet."""
        import polars as pl

        target = self.tmp / name
        with _explained(f"cannot write run {self.run_id} to {self.path.parent}"):
            target.parent.mkdir(exist_ok=True)
            try:
                frame.write_parquet(target, compression="zstd", compression_level=1)
            except pl.exceptions.PolarsError as error:
                raise OSError(str(error)) from error

    def write_text(self, name: str, text: str) -> None:
        """Write a text file, UTF-8."""
        target = self.tmp / name
        with _explained(f"cannot write run {self.run_id} to {self.path.parent}"):
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, "utf-8", newline="\n")

    def complete(self, manifest: Mapping[str, Any]) -> Path:
        """Write the manifest, the mark of a complete run, and give the folder its name."""
        with _explained(f"cannot write run {self.run_id} to {self.path.parent}"):
            text = json.dumps(plain(manifest), indent=1, ensure_ascii=False, allow_nan=False)
            with (self.tmp / MANIFEST).open("w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(self.tmp, self.path)
        return self.path

    def abort(self) -> None:
        """Remove what has been written, unless it is complete."""
        shutil.rmtree(self.tmp, ignore_errors=True)


def plain(value: Any) -> Any:
    """`value` as JSON knows it: numpy's scalars and arrays unpacked, NaN and infinities None."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def _made(folder: Path) -> bool:
    """Make a folder; False if somebody has."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecordError(what, error) from error
