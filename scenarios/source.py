"""Where a field stands in a TOML text, so that an error can name the line.

``lines(text)`` maps paths, such as ``("coin", 2, "beta")``, to line numbers.  It reads headers and
keys only; `tomllib` has checked the syntax before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Key = str | int

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_STRING = re.compile(r""""(?:\\.|[^"\\])*"|'[^']*\'""")


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of the lines where a header or a key may begin."""
    closing = ""  # the triple quote that ends the string we are in
    depth = 0  # open brackets of an array over several lines
    for number, line in enumerate(text.splitlines(), 1):
        if not closing and not depth:
            yield number, line
        if closing:
            if closing not in line:
                continue
            line = line.split(closing, 1)[1]
            closing = ""
        for quote in ('"""', "'''"):
            if line.count(quote) % 2:
                closing, line = quote, line.split(quote, 1)[0]
                break
        bare = _STRING.sub("", line).split("#", 1)[0]
        if depth or not _HEADER.match(bare):
            depth += sum(bare.count(c) for c in "[{") - sum(bare.count(c) for c in "]}")


def lines(text: str) -> dict[tuple[Key, ...], int]:
    """Line (from 1) of every table and key of a TOML text, by path."""
    found: dict[tuple[Key, ...], int] = {}
    counts: dict[tuple[Key, ...], int] = {}
    here: tuple[Key, ...] = ()
    for number, line in _statements(text):
        if header := _HEADER.match(line):
            *outer, last = _parts(header[2])
            here = ()
            for part in outer:
                here = (*here, part)
                if here in counts:
                    here = (*here, counts[here] - 1)
            here = (*here, last)
            if header[1] == "[[":
                counts[here] = counts.get(here, 0) + 1
                found.setdefault(here, number)
                here = (*here, counts[here] - 1)
            found[here] = number
        elif key := _KEY.match(line):
            path = here
            for part in _parts(key[1]):
                path = (*path, part)
                found.setdefault(path, number)
    return found


def line_of(found: dict[tuple[Key, ...], int], path: Sequence[Key]) -> int | None:
    """Line of the field, or of the nearest table around it that is written out."""
    for end in range(len(path), 0, -1):
        if (at := found.get(tuple(path[:end]))) is not None:
            return at
    return None


def dotted(path: Sequence[Key]) -> str:
    """``("coin", 2, "beta")`` as ``coin.2.beta``, the form that ``--set`` takes."""
    return ".".join(str(part) for part in path)
