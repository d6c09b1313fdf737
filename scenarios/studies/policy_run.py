"""One run of a market under one set of rules: what liquidations did, and whether the books add up."""

from __future__ import annotations

import gc
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from scenarios.assembly import Assembly, assemble
from scenarios.schema import Scenario
from sim.exchange import messages as m
from sim.exchange.audit import Audit
from sim.exchange.instruments import MICRO, USDC, Listing
from sim.exchange.messages import Event
from sim.exchange.wallets import Wallets
from sim.network.statement import statement_of
from sim.oracle.truth import TruthPath
from sim.risk.metrics import Metrics, Report

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

BUFFER_ROWS = 1 << 14
LENDERS = 1  # code of a HAIRCUT row


@dataclass(frozen=True)
class Measured:
    """A run in numbers; money in USD, None: does not exist in this run.

    Attributes:
        open_usd: equities below 0 at the end; part of bad_debt_usd that nobody has paid yet.
        insurance_usd: what the fund paid, less what came back.
        adl_notional_usd, adl_haircut_usd: closed against bankrupts at mark; profit given up in it.
        lenders_usd: the part of socialised_usd that came from the USDC pool.
        adl_accounts: accounts that were closed against a bankrupt.
        slippage_bps: of forced fills against the mark.
        flagged_s: mean time from a FLAG to its UNFLAG, or to the end of the run.
        deficit_breaks: violations of I13, that each deficit is what was paid of it (LIQ-08).
        violations: of every invariant that the stream or the state at the end shows, I13 too.
        path, start: digests of the true prices, and of all equities when the run begins.
    """

    bad_debt_usd: float
    open_usd: float
    insurance_usd: float
    adl_notional_usd: float
    adl_haircut_usd: float
    socialised_usd: float
    lenders_usd: float
    adl_accounts: int
    liquidated_accounts: int
    liquidated_usd: float
    slippage_bps: float | None
    amplification: float | None
    cascade_r: float | None
    flagged_s: float | None
    deficit_breaks: int
    violations: int
    path: str
    start: str


class Flagged:
    """Seconds that accounts spend flagged, from FLAG and UNFLAG rows."""

    def __init__(self) -> None:
        self._since: dict[int, int] = {}
        self._ended = self._flags = 0

    def add(self, events: np.ndarray) -> None:
        """Take int64[k, 16] rows, in order."""
        kinds = events[:, m.E_KIND]
        for row in events[(kinds == Event.FLAG) | (kinds == Event.UNFLAG)].tolist():
            account, time_us = row[m.E_ACCOUNT], row[m.E_TIME]
            if row[m.E_KIND] == Event.FLAG:
                self._since[account] = time_us
                self._flags += 1
            else:
                self._ended += time_us - self._since.pop(account)

    def mean_s(self, end_us: int) -> float | None:
        """Per flag; who is still flagged counts to the end.  None if nobody was."""
        if not self._flags:
            return None
        still = sum(end_us - since for since in self._since.values())
        return (self._ended + still) / self._flags / MICRO


class Watch:
    """What the world tells; metrics count from the first wake-up on, the audit from the set-up."""

    def __init__(
        self, resolved: Scenario, listing: Listing, wallets: Wallets, truth: TruthPath
    ) -> None:
        start, end, accounts = resolved.start_us, resolved.end_us, wallets.accounts
        rules = resolved.rules
        self.metrics = Metrics(listing, accounts, start, end, truth, rules, parties=wallets.parties)
        self.audit = Audit(listing, accounts, rules)
        self.flagged = Flagged()
        self.lenders = 0  # micro-USDC
        self.start = ""
        self._instruments = len(listing.instrument_names())
        self._waiting: list[np.ndarray] = []
        self._rows = 0

    def begin(self, exchange: Exchange) -> None:
        """The set-up is done."""
        self.flush()
        self.start = hashlib.sha256(exchange.equities().tobytes()).hexdigest()
        self.metrics.begin([exchange.mark(i) for i in range(self._instruments)])

    def add(self, events: np.ndarray) -> None:
        """One array of events, which ends where a message ended; the audit takes many at once."""
        self._waiting.append(events.copy())
        self._rows += len(events)
        if self._rows >= BUFFER_ROWS:
            self.flush()

    def flush(self) -> None:
        """Work off what waits."""
        if not self._waiting:
            return
        events = np.concatenate(self._waiting)
        self._waiting, self._rows = [], 0
        self.audit.add(events)
        if self.start:
            self.take(events)
        else:
            self.metrics.set_up(events)

    def take(self, events: np.ndarray) -> None:
        """Rows of the run itself, in order."""
        self.flagged.add(events)
        self.lenders += from_lenders(events)
        self.metrics.add(events)

    def sample(self, now_us: int, exchange: Exchange) -> None:
        """Nothing: who owes whom is no question of this study."""


def from_lenders(events: np.ndarray) -> int:
    """Micro-USDC that int64[k, 16] rows take from the USDC pool (LIQ-06)."""
    shares = events[(events[:, m.E_KIND] == Event.HAIRCUT) & (events[:, m.E_CODE] == LENDERS)]
    return int(shares[shares[:, m.E_X] == USDC, m.E_AMOUNT].sum())


def path_digest(truth: TruthPath) -> str:
    """SHA-256 of the true prices: what the world outside does, whatever the exchange's rules."""
    found = hashlib.sha256(json.dumps([truth.names, truth.start_us, truth.step_us]).encode())
    found.update(np.ascontiguousarray(truth.values, dtype="<f8").tobytes())
    return found.hexdigest()


AnyWatch = TypeVar("AnyWatch", bound=Watch)


@dataclass(frozen=True)
class Watched(Generic[AnyWatch]):
    """A run that is over: who watched it, its metrics and stages, and its violations.

    ``stream``: violations that the stream of events shows, by invariant; ``state``: those of the
    state at the end.
    """

    assembly: Assembly
    watch: AnyWatch
    report: Report
    stream: dict[str, int]
    state: dict[str, int]

    @property
    def violations(self) -> int:
        return sum(self.stream.values()) + sum(self.state.values())


def watched(resolved: Scenario, kind: type[AnyWatch]) -> Watched[AnyWatch]:
    """Run a resolved scenario to its end, seen by a ``kind`` of watch; nothing is kept on disk."""
    gc.collect()  # worlds are circles of references: the one before would stay, 20 MB each
    made: list[AnyWatch] = []

    def watch(*parts: Any) -> AnyWatch:
        made.append(kind(resolved, *parts))
        return made[0]

    assembly = assemble(resolved, watch)
    assembly.world.run()
    seen, exchange = made[0], assembly.exchange
    seen.flush()
    return Watched(
        assembly,
        seen,
        seen.metrics.report(exchange.equities(), statement_of(exchange)),
        seen.audit.finish(exchange.positions()),
        exchange.verify(),
    )


def measure(resolved: Scenario) -> Measured:
    """What a run of a resolved scenario comes to."""
    run = watched(resolved, Watch)
    seen, found, value = run.watch, run.report, run.report.metrics
    equities = run.assembly.exchange.equities()
    return Measured(
        bad_debt_usd=value["bad_debt_usd"] or 0.0,
        open_usd=-int(np.minimum(equities, 0).sum()) / MICRO,
        insurance_usd=value["insurance_used_usd"] or 0.0,
        adl_notional_usd=value["adl_notional_usd"] or 0.0,
        adl_haircut_usd=value["adl_pnl_usd"] or 0.0,
        socialised_usd=value["socialised_usd"] or 0.0,
        lenders_usd=seen.lenders / MICRO,
        adl_accounts=int(found.stages["adl_accounts"] or 0),
        liquidated_accounts=int(value["liquidated_accounts"] or 0),
        liquidated_usd=value["liquidated_notional_usd"] or 0.0,
        slippage_bps=value["liquidation_slippage_bps"],
        amplification=value["amplification"],
        cascade_r=value["cascade_r"],
        flagged_s=seen.flagged.mean_s(resolved.end_us),
        deficit_breaks=run.stream["I13"],
        violations=run.violations,
        path=path_digest(run.assembly.truth),
        start=seen.start,
    )
