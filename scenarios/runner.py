"""One run: build the world, let it go, write it down, report.

``run`` is the way in; `docs/formats.md` describes what it leaves on disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from scenarios.assembly import Assembly, assemble
from scenarios.checks import evaluate
from scenarios.errors import ScenarioError, choose
from scenarios.runs import replacing, run_id
from scenarios.scale import resolve
from scenarios.schema import Record, Scenario
from sim.exchange.instruments import MICRO, Listing
from sim.oracle.truth import TruthPath
from sim.record.folder import RecordError
from sim.record.recorder import Recorder
from sim.risk.metrics import Metrics

INVARIANTS = tuple(f"I{n}" for n in range(1, 20))
Progress = Callable[..., Any]


@dataclass(frozen=True)
class RunResult:
    """What came out: ``report`` is the object of ``run --json``; ``path`` is None if not kept."""

    run_id: str
    path: Path | None
    report: dict[str, Any]


class Watch:
    """The recorder of a run with its metrics, which count from the first wake-up on."""

    def __init__(self, recorder: Recorder, metrics: Metrics) -> None:
        self.recorder, self.metrics = recorder, metrics
        self._running = False
        recorder.observe(self._observe)

    def begin(self, exchange: Any) -> None:
        """The set-up is done."""
        self.recorder.begin(exchange)
        count = len(exchange.listing.instrument_names())
        self.metrics.begin([exchange.mark(i) for i in range(count)])
        self._running = True

    def add(self, events: np.ndarray) -> None:
        self.recorder.add(events)

    def sample(self, now_us: int, exchange: Any) -> None:
        self.recorder.sample(now_us, exchange)

    def _observe(self, events: np.ndarray) -> None:
        if self._running:
            self.metrics.add(events)


class Verifier:
    """Counts violations of each invariant over many looks at an exchange."""

    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange
        self.found: dict[str, int | None] = dict.fromkeys(INVARIANTS)

    def __call__(self) -> None:
        """Look now."""
        for name, violations in self.exchange.verify().items():
            self.found[name] = (self.found.get(name) or 0) + int(violations)


def run(
    scenario: Scenario,
    *,
    seed: int | None = None,
    out: Path | str | None = "runs",
    scale: float = 1.0,
    verify: bool = False,
    record: str | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run a scenario.

    Args:
        scenario: from `scenarios.load`.
        seed: instead of the scenario's own.
        out: where the run's folder goes, replacing an earlier one of the same id; None: nowhere.
        scale: multiplies accounts, open interest, depth and funds.
        verify: check every invariant after every batch, not only at the end.
        record: "full", "fills" or "summary" instead of the scenario's own.
        progress: called as ``progress(share, note)`` once per simulated second.

    Raises:
        ScenarioError: something in the scenario cannot be used, or the run cannot be written.
    """
    if record is not None and record not in get_args(Record):
        raise ScenarioError(
            f"{record!r} is not known{choose(record, get_args(Record))}", path="record"
        )
    resolved = resolve(scenario, seed, scale)
    if record is not None:
        resolved = resolved.model_copy(update={"record": record})
    began = time.perf_counter()
    name = run_id(resolved)
    with writing(out, name) as folder:
        world, watch, assembly = prepare(resolved, folder)
        verifier = Verifier(world.exchange)
        if verify:
            world.on_batch = verifier
        world.run(None if progress is None else lambda share: progress(share))
        if not verify:
            verifier()
        watch.recorder.flush()
        found = report(resolved, name, watch, assembly, verifier.found)
        found["wall_seconds"] = round(time.perf_counter() - began, 3)
        watch.recorder.finish(
            world.exchange,
            cohorts=assembly.cohorts,
            metrics=found["metrics"],
            manifest={
                "run_id": name,
                "scenario": resolved.name,
                "config": resolved.model_dump(mode="json"),
                "seed": resolved.seed,
                "wall_seconds": found["wall_seconds"],
                "report": found,
            },
        )
    return RunResult(name, None if out is None else Path(out) / name, found)


@contextmanager
def writing(out: Path | str | None, name: str) -> Iterator[Any]:
    """The folder of a run to be written, None for none; an error or Ctrl-C leaves nothing."""
    try:
        if out is None:
            yield None
        else:
            with replacing(Path(out), name) as folder:
                yield folder
    except RecordError as error:
        raise ScenarioError(error.strerror or str(error), path="--out") from None


def prepare(resolved: Scenario, folder: Any = None) -> tuple[Any, Watch, Assembly]:
    """World, recorder with metrics, and the rest of the assembly, ready to run."""
    made: list[Watch] = []

    def watch(listing: Listing, accounts: int, truth: TruthPath) -> Watch:
        start, end = resolved.start_us, resolved.end_us
        recorder = Recorder(
            listing, accounts, start, end, mode=resolved.record, folder=folder, truth=truth
        )
        metrics = Metrics(listing, accounts, start, end, truth, resolved.rules.phi)
        made.append(Watch(recorder, metrics))
        return made[0]

    assembly = assemble(resolved, watch)
    return assembly.world, made[0], assembly


def report(
    resolved: Scenario,
    name: str,
    watch: Watch,
    assembly: Assembly,
    invariants: dict[str, int | None],
) -> dict[str, Any]:
    """The object of ``run --json``, without the wall time."""
    world = assembly.world
    found = watch.metrics.report(world.exchange.equities())
    return {
        "run_id": name,
        "scenario": resolved.name,
        "seed": resolved.seed,
        "digest": watch.recorder.digest.hexdigest(),
        "sim_seconds": (resolved.end_us - resolved.start_us) / MICRO,
        "wall_seconds": 0.0,
        "messages": int(world.transport.sent),
        "fills": watch.metrics.fills,
        "accounts": int(world.exchange.accounts),
        "instruments": len(assembly.listing.instrument_names()),
        "metrics": found.with_units(),
        "stages": found.stages,
        "invariants": invariants,
        "checks": evaluate(resolved.check, found.metrics),
    }
