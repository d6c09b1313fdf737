"""A pytest plug-in: every ``*.case.toml`` under the tested folders is a test.

pytest loads it in every run of every project of the environment, so it imports nothing but pytest
until it meets a case file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

SUFFIX = ".case.toml"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "case(clause): a windtunnel case of this clause")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take ``*.case.toml`` and nothing else."""
    if file_path.name.endswith(SUFFIX):
        return CaseFile.from_parent(parent, path=file_path)
    return None


class CaseMissed(AssertionError):
    """A case with differences; its text is the report."""


class CaseFile(pytest.File):
    """One file, one case."""

    def collect(self) -> Iterable[pytest.Item]:
        from scenarios.casefile.files import load
        from scenarios.errors import ScenarioError

        try:
            case = load(self.path)
        except ScenarioError as error:
            raise self.CollectError(str(error)) from None
        item = CaseItem.from_parent(self, name=self.path.name.removesuffix(SUFFIX), case=case)
        for clause in case.clauses:
            item.add_marker(pytest.mark.case(clause))
        yield item


class CaseItem(pytest.Item):
    """Runs the case on the compiled exchange."""

    def __init__(self, *, case: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.case = case

    def runtest(self) -> None:
        from scenarios.casefile.report import differences
        from scenarios.casefile.runner import run
        from scenarios.errors import ScenarioError

        try:
            outcome = run(self.case)
        except ScenarioError as error:
            raise CaseMissed(str(error)) from None
        if not outcome.passed:
            raise CaseMissed(differences(outcome))

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseMissed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"case: {self.case.title}"
