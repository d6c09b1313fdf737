"""A scenario's own checks against the metrics of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scenarios.schema_checks import Check


def evaluate(checks: Sequence[Check], metrics: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """Outcome of each check: {id, passed, value, expect}."""
    return [
        {
            "id": check.id,
            "passed": check.holds(metrics.get(check.metric)),
            "value": metrics.get(check.metric),
            "expect": check.expect(),
        }
        for check in checks
    ]
