"""JSON Schemas of the files that people write, for editors that complete and check TOML."""

from __future__ import annotations

from typing import Any

from scenarios import studies
from scenarios.errors import ScenarioError, choose

KINDS = ("case", "portfolio", "scenario")
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(what: str) -> dict[str, Any]:
    """The schema of a kind of file in `KINDS`, or of a kind of study by its name.

    Raises ScenarioError for anything else.
    """
    if what == "case":
        from scenarios.casefile.schema import Case

        model: Any = Case
    elif what == "portfolio":
        from scenarios.portfolio.schema import Portfolio

        model = Portfolio
    elif what == "scenario":
        from scenarios.schema import Scenario

        model = Scenario
    elif what in studies.KINDS:
        model = studies.kind(what)
    else:
        known = (*KINDS, *studies.KINDS)
        raise ScenarioError(f"unknown kind of file {what!r}{choose(what, known)}")
    made = model.model_json_schema()
    return {"$schema": DIALECT, **made, "title": f"windtunnel {what} file"}
