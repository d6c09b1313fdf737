"""What a run of cases prints: a line for each, the differences, the count per clause."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from scenarios.casefile.runner import Outcome, run
from scenarios.casefile.schema import Case


def outcomes(cases: Sequence[Case]) -> Iterator[Outcome]:
    """Each case's outcome as it comes."""
    for case in cases:
        yield run(case)


def line(outcome: Outcome) -> str:
    """``ok  K03, MAR-02  A unified account  (3 steps, 5 checks)``."""
    verdict = "ok  " if outcome.passed else "MISS"
    clauses = ", ".join(outcome.clauses) or "-"
    return (
        f"{verdict} {clauses:<24} {outcome.title}  "
        f"({_count(outcome.steps, 'step')}, {_count(outcome.checks, 'check')})"
    )


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def differences(outcome: Outcome) -> str:
    """Every difference of a case with its place, then the events of that step."""
    text = []
    for d in outcome.differences:
        at = f"{outcome.file}:{d.line}" if d.line else outcome.file
        text.append(f"{at}: step {d.step}: {d.field}")
        text.append(f"    expected {d.expected}")
        text.append(f"    got      {d.got}")
    text.append("    events:" if outcome.events else "    this step caused no event")
    text += [f"      {event}" for event in outcome.events]
    return "\n".join(text)


def _order(clause: str) -> tuple[str, int]:
    letters, digits = re.fullmatch(r"([A-Z]+)-?(\d+)", clause).groups()  # type: ignore[union-attr]
    return letters, int(digits)


def by_clause(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """Cases and misses of each clause, by clause."""
    cases = Counter(c for o in outcomes for c in o.clauses)
    missed = Counter(c for o in outcomes for c in o.clauses if not o.passed)
    return {c: {"cases": cases[c], "missed": missed[c]} for c in sorted(cases, key=_order)}


def summary(outcomes: Sequence[Outcome]) -> str:
    """``12 cases, 1 missed`` and the clauses with their numbers of cases."""
    missed = sum(not o.passed for o in outcomes)
    clauses = [
        f"{c} {n['cases']}" + (f" ({n['missed']} missed)" if n["missed"] else "")
        for c, n in by_clause(outcomes).items()
    ]
    total = f"{_count(len(outcomes), 'case')}, {missed} missed"
    return f"{total}; by clause: {', '.join(clauses)}" if clauses else total


def as_data(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Plain data for JSON."""
    return {
        "cases": [{**asdict(o), "passed": o.passed} for o in outcomes],
        "clauses": by_clause(outcomes),
        "passed": all(o.passed for o in outcomes),
    }
