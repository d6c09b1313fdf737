"""The digest of a study: SHA-256 over the exact content of its tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


def digest(tables: Mapping[str, pl.DataFrame]) -> str:
    """Names, types and every bit of every value count; the order of tables does not."""
    found = hashlib.sha256()
    for name in sorted(tables):
        frame = tables[name]
        head = [name, frame.columns, [str(t) for t in frame.dtypes]]
        found.update(json.dumps(head).encode() + b"\n")
        for row in frame.iter_rows():
            found.update(json.dumps([exact(v) for v in row]).encode() + b"\n")
    return found.hexdigest()


def exact(value: Any) -> Any:
    """A value as text that gives its every bit; -0.0 counts as 0."""
    if isinstance(value, float):
        return (value + 0.0).hex()
    return value if value is None or isinstance(value, bool | int | str) else str(value)
