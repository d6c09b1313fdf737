"""Studies: structured experiments on the exchange engine, each with tables of its own.

A ``*.scenario.toml`` with ``study = "loop-ladder"`` at its top is a study and no market with
traders.  To add one: a module with a `scenarios.studies.base.Study`, its name in `KINDS` below,
the units of its metrics in `sim.risk.units.STUDY_UNITS` and a section in ``docs/metrics.md``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from scenarios.errors import ScenarioError, choose

if TYPE_CHECKING:
    from scenarios.studies.base import Study

# Name in a file -> module and class; imported when first used.
KINDS: dict[str, tuple[str, str]] = {
    "loop-ladder": ("scenarios.studies.loop_ladder", "LoopLadder"),
    "adl-contest": ("scenarios.studies.adl_contest", "AdlContest"),
    "capital-silos": ("scenarios.studies.capital_silos", "CapitalSilos"),
    "policy-contest": ("scenarios.studies.policy_contest", "PolicyContest"),
    "oracle-roulette": ("scenarios.studies.roulette", "OracleRoulette"),
}


def kind(name: str, *, where: str = "") -> type[Study]:
    """The model of a kind of study; ScenarioError for an unknown one."""
    if name not in KINDS:
        raise ScenarioError(
            f"unknown study {name!r}{choose(name, KINDS)}", where=where, path="study"
        )
    module, cls = KINDS[name]
    found: type[Study] = getattr(import_module(module), cls)
    return found
