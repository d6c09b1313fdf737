"""Case files: an exchange, a script of what is sent to it, and what must then be true.

``load(path)`` reads a ``*.case.toml``, ``run(case)`` runs it.  ``docs/cases.md`` is the guide.
Nothing is imported before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Case": "scenarios.casefile.schema",
    "find": "scenarios.casefile.files",
    "load": "scenarios.casefile.files",
    "read": "scenarios.casefile.files",
    "run": "scenarios.casefile.runner",
    "to_case": "scenarios.casefile.writing",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
