"""Checks and controls of a scenario: experiments whose answer is known before they are run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from signal import SIG_IGN, SIGINT, signal
from statistics import median
from typing import Any

from scenarios.checks import evaluate
from scenarios.files import with_overrides
from scenarios.runs import run_id
from scenarios.scale import resolve
from scenarios.schema import Scenario
from scenarios.schema_checks import Control, ControlVariant
from scenarios.studies.base import Study
from sim.risk.metrics import UNITS

Progress = Callable[..., Any]
Found = dict[str, float | None]
RunAll = Callable[[list[Scenario]], list[Found]]


def check_scenario(
    scenario: Scenario | Study,
    *,
    seed: int | None = None,
    scale: float | None = None,
    controls: bool = True,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run a scenario's checks and controls; {scenario, seed, scale, set, runs, passed, checks, controls}.

    Args:
        scenario: from `scenarios.load`.
        seed: the first seed; default: the scenario's.
        scale: of every run; default: the scenario's ``control_scale``.
        controls: False runs the checks only.
        jobs: processes; a run that two controls need is made once.
        progress: called as ``progress(share, note)``.
    """
    if isinstance(scenario, Study):
        return _check_study(scenario, seed, scale, progress)
    scale = scenario.control_scale if scale is None else scale
    first = scenario.seed if seed is None else seed
    base = with_overrides(scenario, scenario.control_set)
    wanted = base.control if controls else ()
    plans = [resolve(base, first, scale)] if base.check else []
    for control in wanted:
        plans += planned(base, control, first, scale)
    found = run_all(plans, jobs, progress)

    def look_up(asked: list[Scenario]) -> list[Found]:
        return [found[run_id(plan)] for plan in asked]

    checks = evaluate(base.check, look_up(plans[:1])[0]) if base.check else []
    outcomes = [run_control(base, c, first, scale, look_up) for c in wanted]
    return {
        "scenario": scenario.name,
        "seed": first,
        "scale": scale,
        "set": {k: str(v) for k, v in scenario.control_set.items()},
        "runs": len(found),
        "passed": all(o["passed"] for o in (*checks, *outcomes)),
        "checks": checks,
        "controls": outcomes,
    }


def _check_study(
    study: Study, seed: int | None, scale: float | None, progress: Progress | None
) -> dict[str, Any]:
    """A study's checks; what it has of controls is in its tables."""
    from scenarios.runner import run

    scale = 1.0 if scale is None else scale
    found = run(study, seed=seed, scale=scale, out=None, progress=progress).report
    return {
        "scenario": study.name,
        "seed": found["seed"],
        "scale": scale,
        "set": {},
        "runs": 1,
        "passed": all(c["passed"] for c in found["checks"]),
        "checks": found["checks"],
        "controls": [],
    }


def planned(scenario: Scenario, control: Control, first: int, scale: float) -> list[Scenario]:
    """The runs of a control: its variants in order, each over its seeds."""
    made = [with_overrides(scenario, overrides(scenario, v)) for v in control.variant]
    return [
        resolve(varied, seed, scale)
        for varied in made
        for seed in range(first, first + control.seeds)
    ]


def overrides(scenario: Scenario, variant: ControlVariant) -> dict[str, Any]:
    """What a control's variant sets: a grade, then a variant of the scenario, then its own."""
    return {
        **(scenario.grades[variant.grade] if variant.grade else {}),
        **(scenario.variants[variant.use] if variant.use else {}),
        **variant.set,
    }


def run_all(
    plans: list[Scenario], jobs: int = 1, progress: Progress | None = None
) -> dict[str, Found]:
    """Metrics of every different run by its id; nothing is left on disk."""
    todo = {run_id(plan): plan for plan in plans}
    found: dict[str, Found] = {}

    def done(name: str, metrics: Found) -> None:
        found[name] = metrics
        if progress is not None:
            progress(len(found) / len(todo), f"{len(found)} of {len(todo)} runs")

    if jobs <= 1 or len(todo) <= 1:
        for name, plan in todo.items():
            done(name, run_metrics(plan))
        return found
    workers = ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=signal, initargs=(SIGINT, SIG_IGN)
    )
    try:
        names = {workers.submit(run_metrics, plan): name for name, plan in todo.items()}
        for future in as_completed(names):
            done(names[future], future.result())
    finally:
        workers.shutdown(wait=False, cancel_futures=True)
    return {name: found[name] for name in todo}


def run_metrics(resolved: Scenario) -> Found:
    """Metrics of one resolved run."""
    from scenarios.runner import run

    result = run(resolved, out=None, record="summary")
    return {name: entry["value"] for name, entry in result.report["metrics"].items()}


def run_control(
    scenario: Scenario, control: Control, first: int, scale: float, run_plans: RunAll
) -> dict[str, Any]:
    """{id, text, expect, passed, why, rows}; a row has the median and range of one variant."""
    metrics = run_plans(planned(scenario, control, first, scale))
    found = {
        variant.name: metrics[k * control.seeds : (k + 1) * control.seeds]
        for k, variant in enumerate(control.variant)
    }
    names = control.shown()
    why = _why(control, found)
    return {
        "id": control.id,
        "text": control.text,
        "expect": control.expect,
        "checks": [check.expect() for check in control.check],
        "passed": not why,
        "why": why,
        "rows": [_row(v, n, [m.get(n) for m in runs]) for v, runs in found.items() for n in names],
    }


def _row(variant: str, metric: str, values: list[float | None]) -> dict[str, Any]:
    there = [v for v in values if v is not None]
    return {
        "variant": variant,
        "metric": metric,
        "unit": UNITS.get(metric, ""),
        "seeds": len(values),
        "median": median(there) if there else None,
        "low": min(there, default=None),
        "high": max(there, default=None),
    }


def _why(control: Control, found: dict[str, list[Found]]) -> str:
    """What missed, in words; empty when the control passes."""
    if control.expect == "holds":
        missed = [
            f"{variant}: {check.expect()} misses in {n} of {len(runs)} runs"
            for variant, runs in found.items()
            for check in control.check
            if (n := sum(not check.holds(m.get(check.metric)) for m in runs))
        ]
        return "; ".join(missed)
    if control.expect == "fails":
        held = [
            f"{variant}: every check holds in {n} of {len(runs)} runs"
            for variant, runs in found.items()
            if (n := sum(all(c.holds(m.get(c.metric)) for c in control.check) for m in runs))
        ]
        return "; ".join(held)
    if control.expect == "reported":
        return ""
    medians: list[tuple[str, float]] = []
    for variant, runs in found.items():
        values = [v for m in runs if (v := m.get(control.metric)) is not None]
        if not values:
            return f"{variant}: {control.metric} does not exist in any run"
        medians.append((variant, median(values)))
    rises = control.expect == "never-falls"
    firsts = medians if rises else medians[:1] * len(medians)
    wrong = []
    for (a, before), (b, after) in zip(firsts, medians[1:], strict=False):
        if after < before if rises else after >= before:
            verb = "falls" if rises else "does not shrink"
            wrong.append(f"{control.metric} {verb} from {a} ({before:,.6g}) to {b} ({after:,.6g})")
    return "; ".join(wrong)
