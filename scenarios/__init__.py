"""What happens: scenario files, the runner, the controls.

``load(name_or_path, overrides)`` reads and checks a scenario, ``run(scenario, seed=…)`` runs it.
The names below are imported when first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Scenario": "scenarios.schema",
    "ScenarioError": "scenarios.errors",
    "Study": "scenarios.studies.base",
    "load": "scenarios.files",
    "market": "scenarios.files",
    "names": "scenarios.files",
    "run": "scenarios.runner",
    "RunResult": "scenarios.runner",
    "run_controls": "scenarios.controls",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'scenarios' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
