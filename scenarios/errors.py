"""What can be wrong with a scenario, a price file or a run: one error, said in one sentence.

ValueError
└── ScenarioError      a scenario, an override, a price file or a run directory is unusable
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ScenarioError(ValueError):
    """Bad input, with the place where it stands.  The command line prints it and exits with 2.

    ``where`` is the file, with ``:line`` if known; ``path`` the dotted path of the field.
    """

    def __init__(self, what: str, *, where: str = "", path: str = "") -> None:
        self.what, self.where, self.path = what, where, path
        super().__init__(": ".join(part for part in (where, path, what) if part))


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word most like ``word``, or None when none is like it."""
    by_lower = {a.lower(): a for a in allowed}
    found = get_close_matches(str(word).lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[found[0]] if found else None


def choose(word: str, allowed: Iterable[str], *, most: int = 40) -> str:
    """``; did you mean 'x'? allowed: a, b, c``, the second half of an error's sentence."""
    names = list(dict.fromkeys(allowed))
    match = nearest(word, names)
    hint = f"; did you mean {match!r}?" if match else ";"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{hint} allowed: {', '.join(names[:most]) or 'nothing'}{more}"
