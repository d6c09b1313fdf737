"""The picture of ``oracle-roulette``: a row a guard, losses avoided by kind of draw, alarms."""

from __future__ import annotations

from collections.abc import Sequence

from scenarios.studies.forest import forest
from scenarios.studies.roulette_table import Effect, ranked

PANELS = {
    "fault": "faults: loss avoided, USD",
    "crash": "true crashes: loss avoided, USD",
    "calm": "calm: loss avoided, USD",
}


def picture(effects: Sequence[Effect]) -> str:
    """SVG; the best guard on top."""
    rows = ranked(effects)
    panels = {words: [e.by_kind[kind]["loss_usd"] for e in rows] for kind, words in PANELS.items()}
    return forest(
        "Oracle guards over random faults: the same draw without less with, mean and 90 % interval",
        [e.guard for e in rows],
        {**panels, "false alarms added": [e.every["alarms"] for e in rows]},
    )
