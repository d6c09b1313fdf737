"""One run: build the world, let it go, write it down, report.

``run`` is the way in; `docs/formats.md` describes what it leaves on disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from agents.base import Trader
from scenarios.assembly import Assembly, assemble
from scenarios.checks import evaluate
from scenarios.errors import ScenarioError, choose
from scenarios.events import resolution_of
from scenarios.runs import run_id, writing
from scenarios.scale import resolve
from scenarios.schema import Record, Scenario
from scenarios.studies.base import Study
from sim.exchange.audit import Audit
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.wallets import Wallets
from sim.network.statement import statement_of
from sim.oracle.truth import TruthPath
from sim.record.folder import RunFolder
from sim.record.recorder import Recorder
from sim.risk.metrics import Metrics
from sim.risk.truth import TrueOutcome

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

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

    def __init__(self, recorder: Recorder, metrics: Metrics, audit: Audit | None) -> None:
        self.recorder, self.metrics, self.audit = recorder, metrics, audit
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
        if self.audit is not None:
            self.audit.add(events)

    def sample(self, now_us: int, exchange: Any) -> None:
        self.recorder.sample(now_us, exchange)
        self.metrics.look(now_us, exchange)

    def _observe(self, events: np.ndarray) -> None:
        if self._running:
            self.metrics.add(events)
        else:
            self.metrics.set_up(events)


class Verifier:
    """Counts violations of each invariant over many looks at an exchange; None: never looked."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.found: dict[str, int | None] = dict.fromkeys(INVARIANTS)

    def look(self) -> None:
        """Check what the state shows now."""
        self.count(self.exchange.verify())

    def count(self, violations: Mapping[str, int]) -> None:
        """Add violations by invariant id."""
        for name, n in violations.items():
            self.found[name] = (self.found.get(name) or 0) + int(n)


def run(
    scenario: Scenario | Study,
    *,
    seed: int | None = None,
    out: Path | str | None = "runs",
    scale: float = 1.0,
    verify: bool = False,
    record: str | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run a scenario or a study.

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
    if isinstance(scenario, Study):
        return _study(scenario, seed, out, scale, verify or record is not None, progress)
    resolved = resolve(scenario, seed, scale)
    if record is not None:
        resolved = resolved.model_copy(update={"record": record})
    began = time.perf_counter()
    name = run_id(resolved)
    with writing(out, name) as folder:
        assembly, watch = prepare(resolved, folder, verify)
        world, exchange = assembly.world, assembly.exchange
        verifier = Verifier(exchange)
        if verify:
            world.on_batch = verifier.look
        world.run(progress)
        verifier.look()
        if watch.audit is not None:
            verifier.count(watch.audit.finish(exchange.positions()))
        watch.recorder.flush()
        found = report(resolved, name, watch, assembly, verifier.found)
        found |= {"grade": scenario.grade, "variant": scenario.variant}
        found["wall_seconds"] = round(time.perf_counter() - began, 3)
        watch.recorder.finish(
            exchange,
            cohorts=assembly.cohorts,
            metrics=found["metrics"],
            manifest={
                "run_id": name,
                "scenario": resolved.name,
                "config": resolved.model_dump(mode="json"),
                "seed": resolved.seed,
                "wall_seconds": found["wall_seconds"],
                "report": found,
                "outcomes": [
                    None if true is None else [true.outcome, true.value]
                    for true in outcomes_of(assembly, resolved.end_us)
                ],
            },
            resolutions=assembly.resolutions.log if assembly.resolutions.cases else None,
        )
    return RunResult(name, None if out is None else Path(out) / name, found)


def _study(
    study: Study,
    seed: int | None,
    out: Path | str | None,
    scale: float,
    events: bool,
    progress: Progress | None,
) -> RunResult:
    from scenarios.studies.runner import run_study

    if events:
        raise ScenarioError(
            f"{study.name!r} is a study: it has no stream of events to record or verify",
            path="--record, --verify",
        )
    return RunResult(*run_study(study, seed=seed, scale=scale, out=out, progress=progress))


def prepare(
    resolved: Scenario,
    folder: RunFolder | None = None,
    verify: bool = False,
    observe: Callable[[np.ndarray, Listing], None] | None = None,
) -> tuple[Assembly, Watch]:
    """The world with its traders and what watches it, ready to run.

    ``observe(events, listing)``: shown every chunk of events, those of the set-up included.
    """
    made: list[Watch] = []

    def watch(listing: Listing, wallets: Wallets, truth: TruthPath) -> Watch:
        start, end, accounts = resolved.start_us, resolved.end_us, wallets.accounts
        recorder = Recorder(
            listing,
            accounts,
            start,
            end,
            mode=resolved.record,
            folder=folder,
            truth=truth,
            wallets=wallets,
        )
        if observe is not None:
            recorder.observe(lambda events: observe(events, listing))
        metrics = Metrics(
            listing,
            accounts,
            start,
            end,
            truth,
            resolved.rules,
            parties=wallets.parties,
            tick_us=round(resolved.cadence.liquidate_s * MICRO),
        )
        made.append(
            Watch(recorder, metrics, Audit(listing, accounts, resolved.rules) if verify else None)
        )
        return made[0]

    assembly = assemble(resolved, watch)
    for trader in assembly.world.traders.values():
        if isinstance(trader, Trader) and not trader.cohort:  # who decides for all its accounts
            accounts = assembly.wallets.accounts_of(trader.accounts).tolist()
            made[0].metrics.flows.join(accounts)
    return assembly, made[0]


def outcomes_of(assembly: Assembly, end_us: int) -> list[TrueOutcome | None]:
    """How each event really ends; None: a price decides it after the run."""
    return [
        TrueOutcome(*resolution_of(terms, assembly.truth))
        if terms.exogenous or terms.resolves_us <= end_us
        else None
        for terms in assembly.facts.events
    ]


def report(
    resolved: Scenario,
    name: str,
    watch: Watch,
    assembly: Assembly,
    invariants: dict[str, int | None],
) -> dict[str, Any]:
    """The object of ``run --json``, without the wall time."""
    found = watch.metrics.report(
        assembly.exchange.equities(),
        statement_of(assembly.exchange),
        outcomes=outcomes_of(assembly, resolved.end_us),
        resolution=assembly.resolutions.summary() if assembly.resolutions.cases else None,
    )
    wallets = assembly.wallets
    return {
        "run_id": name,
        "scenario": resolved.name,
        "seed": resolved.seed,
        "digest": watch.recorder.digest.hexdigest(),
        "sim_seconds": (resolved.end_us - resolved.start_us) / MICRO,
        "wall_seconds": 0.0,
        "messages": int(assembly.world.transport.sent),
        "fills": watch.metrics.fills,
        "accounts": int(assembly.exchange.accounts),
        "parties": {
            "count": wallets.parties,
            "liquidated": watch.metrics.liquidated_parties(),
            "margin_mode": wallets.mode,
            "wallets": list(wallets.names),
        },
        "instruments": len(assembly.listing.instrument_names()),
        "metrics": found.with_units(),
        "stages": found.stages,
        "invariants": invariants,
        "checks": evaluate(resolved.check, found.metrics),
    }
