"""Checks and controls of a scenario: experiments whose answer is known before they are run."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from scenarios.checks import evaluate
from scenarios.files import with_overrides
from scenarios.schema import Control, Scenario
from sim.risk.metrics import UNITS

Progress = Callable[..., Any]
RunOne = Callable[[Scenario, int, float], dict[str, float | None]]


def check_scenario(
    scenario: Scenario,
    *,
    seed: int | None = None,
    scale: float | None = None,
    controls: bool = True,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run a scenario's checks and controls; {scenario, seed, scale, passed, checks, controls}."""
    scale = scenario.control_scale if scale is None else scale
    first = scenario.seed if seed is None else seed
    wanted = scenario.control if controls else ()
    runs = bool(scenario.check) + sum(len(c.variant) * c.seeds for c in wanted)
    done = 0

    def one(variant: Scenario, run_seed: int, run_scale: float) -> dict[str, float | None]:
        nonlocal done
        begun = done
        done += 1

        def tell(share: float, note: str = "") -> None:
            if progress is not None:
                progress((begun + share) / max(runs, 1), f"run {begun + 1} of {runs}")

        return run_metrics(variant, run_seed, run_scale, tell)

    checks = evaluate(scenario.check, one(scenario, first, scale)) if scenario.check else []
    outcomes = [run_control(scenario, c, first, scale, one) for c in wanted]
    return {
        "scenario": scenario.name,
        "seed": first,
        "scale": scale,
        "passed": all(o["passed"] for o in (*checks, *outcomes)),
        "checks": checks,
        "controls": outcomes,
    }


def run_metrics(
    scenario: Scenario, seed: int, scale: float, progress: Progress | None = None
) -> dict[str, float | None]:
    """Metrics of one run that leaves nothing on disk."""
    from scenarios.runner import run

    result = run(scenario, seed=seed, out=None, scale=scale, record="summary", progress=progress)
    return {name: entry["value"] for name, entry in result.report["metrics"].items()}


def run_control(
    scenario: Scenario, control: Control, first_seed: int, scale: float, one: RunOne = run_metrics
) -> dict[str, Any]:
    """{id, text, expect, passed, why, rows}; a row has the median and range of one variant."""
    found: dict[str, list[dict[str, float | None]]] = {}
    for variant in control.variant:
        changed = with_overrides(scenario, variant.set)
        seeds = range(first_seed, first_seed + control.seeds)
        found[variant.name] = [one(changed, seed, scale) for seed in seeds]
    names = (
        sorted({c.metric for c in control.check}) if control.expect == "holds" else [control.metric]
    )
    rows = [
        _row(v, name, [m.get(name) for m in runs]) for v, runs in found.items() for name in names
    ]
    why = _why(control, found)
    return {
        "id": control.id,
        "text": control.text,
        "expect": control.expect,
        "passed": not why,
        "why": why,
        "rows": rows,
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


def _why(control: Control, found: dict[str, list[dict[str, float | None]]]) -> str:
    """What missed, in words; empty when the control passes."""
    if control.expect == "holds":
        missed = [
            f"{variant}: {check.expect()} misses in {n} of {len(runs)} runs"
            for variant, runs in found.items()
            for check in control.check
            if (n := sum(not check.holds(m.get(check.metric)) for m in runs))
        ]
        return "; ".join(missed)
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
