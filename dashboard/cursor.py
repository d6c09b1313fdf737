"""The cursor: which run, which second, which account.  It lives in the URL and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlencode


@dataclass(frozen=True)
class Cursor:
    """`/?run=<id>&t=<seconds since the start>&account=<id>`; what is absent is None.

    `at_us` gives the second in simulated time when the run's start is known.
    """

    run: str | None = None
    t: float | None = None
    account: int | None = None

    @classmethod
    def parse(cls, search: str | None) -> Cursor:
        """The cursor of a URL's query; what is not a number is taken as absent."""
        query = parse_qs((search or "").lstrip("?"))

        def first(key: str) -> str | None:
            return query[key][0].strip() if query.get(key) else None

        return cls(first("run"), _seconds(first("t")), _account(first("account")))

    @property
    def search(self) -> str:
        """The query of the URL, the inverse of `parse`."""
        parts: list[tuple[str, Any]] = []
        if self.run is not None:
            parts.append(("run", self.run))
        if self.t is not None:
            parts.append(("t", f"{self.t:.3f}".rstrip("0").rstrip(".")))
        if self.account is not None:
            parts.append(("account", self.account))
        return "?" + urlencode(parts) if parts else ""

    @property
    def href(self) -> str:
        """A link to this view."""
        return "/" + self.search

    def to(self, **changes: Any) -> Cursor:
        """The cursor with some parts changed."""
        return replace(self, **changes)

    def at_us(self, start_us: int, end_us: int) -> int:
        """The moment in simulated time, within the run; the end when no second is given."""
        if self.t is None:
            return end_us
        return min(max(start_us + round(self.t * 1e6), start_us), end_us)


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def _account(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
