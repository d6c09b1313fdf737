"""Runs cases: compiles a file into messages and probes, sends, compares."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from scenarios.casefile.amounts import CaseFault
from scenarios.casefile.declare import listing_of
from scenarios.casefile.encode import MESSAGE_COLUMNS, Encoder
from scenarios.casefile.encode import Row as Message
from scenarios.casefile.expect import Expect
from scenarios.casefile.names import Names
from scenarios.casefile.probes import Probe, Probes
from scenarios.casefile.rows import Reader
from scenarios.casefile.schema import Case
from scenarios.casefile.sightings import Sightings, named
from scenarios.casefile.sources import Aggregate, published
from scenarios.casefile.steps import Step
from scenarios.casefile.venue import ORDER_IDS, Maker, Row, Venue, compiled
from scenarios.errors import ScenarioError
from scenarios.source import Key, dotted
from sim.exchange.instruments import Listing
from sim.exchange.messages import Event, Reason

SHOWN_EVENTS = 40


@dataclass(frozen=True)
class Difference:
    """One expectation that does not hold; ``step`` counts from 1, 0 is the opening."""

    step: int
    line: int | None
    field: str
    expected: str
    got: str


@dataclass(frozen=True)
class Outcome:
    """How a case went.  ``events`` are those of the step that failed, in the case's words."""

    file: str
    title: str
    clauses: tuple[str, ...]
    steps: int
    checks: int
    seconds: float
    differences: tuple[Difference, ...] = ()
    events: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.differences


@dataclass(frozen=True)
class Planned:
    """A step, ready: its messages, its probes."""

    messages: list[Message]
    expect: Expect | None
    refused: str | None
    probes: list[Probe] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """A whole case, checked: nothing in it can fail but its expectations."""

    case: Case
    listing: Listing
    reader: Reader
    opening: list[Message]
    steps: list[Planned]

    def order_ids(self) -> int:
        """Room for the largest order number (a power of two, at least the usual)."""
        largest = max((m.get("order", 0) for s in self.steps for m in s.messages), default=0)
        return max(ORDER_IDS, 1 << min(24, largest.bit_length()))


def plan(case: Case, aggregate: Aggregate = published) -> Plan:
    """Compile a case; raises ScenarioError with file, line, step and what is wrong."""
    try:
        listing = listing_of(case, Encoder(case, Names(Listing(), ())).start)
        names = Names(listing, list(case.accounts))
        encoder = Encoder(case, names, aggregate=aggregate)
        opening = encoder.opening()
    except CaseFault as fault:
        raise ScenarioError(
            str(fault), where=case.origin.place(fault.path), path=dotted(fault.path)
        ) from None
    reader = Reader(names, encoder.orders)
    probes, sightings = Probes(names, encoder.orders, encoder.numbers), Sightings(reader)
    planned = []
    for n, step in enumerate(case.step):
        part = step.action()[0]
        try:
            messages = encoder.step(step)
            for message in messages:
                pack(message, 0)
            part = "expect"
            refused = step.refused or (step.expect.refused if step.expect else None)
            sightings.check_names(step.expect or Expect(refused=refused))
            if step.refused:
                sightings.check_names(Expect(refused=step.refused))
            made = probes.of(step.expect) if step.expect else []
        except CaseFault as fault:
            path = (part, *fault.path)
            where = case.origin.place(("step", n, *path))
            raise ScenarioError(
                str(fault), where=where, path=f"step {n + 1} ({dotted(path)})"
            ) from None
        planned.append(Planned(messages, step.expect, refused, made))
    return Plan(case, listing, reader, opening, planned)


def check(cases: Sequence[Case]) -> None:
    """Compile cases without running them; raises ScenarioError for the first that is bad input."""
    for case in cases:
        plan(case)


def pack(message: Message, seq: int) -> list[int]:
    """A message as its twelve columns; raises CaseFault beyond int64."""
    row = [message.get(name, 0) for name in MESSAGE_COLUMNS]
    for name, value in zip(MESSAGE_COLUMNS, row, strict=True):
        if not -(1 << 63) <= value < 1 << 63:
            raise CaseFault(f"{name} {value} is beyond 64 bits")
    row[-1] = seq
    return row


def messages_of(case: Case) -> list[list[int]]:
    """Every message that a case sends, in order."""
    made = plan(case)
    rows = [*made.opening, *(m for s in made.steps for m in s.messages)]
    return [pack(m, n) for n, m in enumerate(rows)]


class _Run:
    """One case on one venue."""

    def __init__(self, made: Plan, make: Maker) -> None:
        self.plan = made
        case = made.case
        accounts = max(1, len(case.accounts))
        engine = make(made.listing, case.exchange_rules(), accounts, made.order_ids())
        self.venue = Venue(engine, made.listing, accounts)
        self.sightings = Sightings(made.reader)
        self.seq = 0
        self.checks = 0
        self.since: list[Row] = []  # events since the last expectation
        self.differences: list[Difference] = []

    def send(self, messages: Sequence[Message]) -> list[Row]:
        rows: list[Row] = []
        for message in messages:
            rows += self.venue.handle(pack(message, self.seq))
            self.seq += 1
        return rows

    def miss(self, n: int, field: str, want: str, got: str, *, action: str = "expect") -> None:
        origin = self.plan.case.origin
        path: tuple[Key, ...] = ("step", n - 1, action, *field.split(".")) if n else ("accounts",)
        line = origin.place(path).rpartition(":")[2]
        number = int(line) if line.isdecimal() else None
        self.differences.append(Difference(n, number, field, want, got))

    def refusals(self, n: int, step: Step, planned: Planned, rows: list[Row]) -> None:
        """REJECT rows: expected ones must come, others must not."""
        found = [Reason(r["code"]).name for r in map(named, rows) if r["kind"] == Event.REJECT]
        action = step.action()[0]
        if planned.refused is not None:
            self.checks += 1
            if planned.refused not in found:
                self.miss(
                    n, "refused", planned.refused, ", ".join(found) or "nothing", action=action
                )
        elif found and not self.plan.case.allow_refusals and not self._told(planned.expect):
            self.miss(n, "refused", "nothing", ", ".join(found), action=action)

    @staticmethod
    def _told(expect: Expect | None) -> bool:
        """Whether an expectation speaks of refusals itself."""
        return expect is not None and any(e.kind == "REJECT" for e in expect.events)

    def step(self, n: int) -> list[Row]:
        """Send step n (from 1) and compare; returns the events that were looked at."""
        step, planned = self.plan.case.step[n - 1], self.plan.steps[n - 1]
        expect = planned.expect
        before = self.venue.picture() if expect and expect.state_unchanged else ""
        rows = self.send(planned.messages)
        self.since += rows
        seen = rows if planned.messages else self.since
        self.refusals(n, step, planned, rows)
        if step.trade is not None:
            self.traded(n, rows)
        if isinstance(step.mark, dict):
            self.marked(n, step.mark)
        if expect is not None:
            self.expect(n, expect, planned.probes, seen)
            if before and self.venue.picture() != before:
                self.miss(n, "state_unchanged", "the state as before", "another")
            self.checks += bool(before)
            self.since = []
        for name, count in self.venue.broken().items():
            self.miss(n, f"invariant {name}", "0 violations", str(count), action=step.action()[0])
        return list(seen)

    def expect(self, n: int, expect: Expect, probes: list[Probe], seen: list[Row]) -> None:
        self.checks += len(probes) + len(expect.events) + (expect.kinds is not None)
        for probe in probes:
            if (got := probe.got(self.venue)) != probe.want:
                self.miss(n, probe.field, probe.want, got)
        for name, want, got in self.sightings.misses(expect, seen):
            self.miss(n, name, want, got)

    def traded(self, n: int, rows: list[Row]) -> None:
        """A `trade` fills whole, or the step fails."""
        trade = self.plan.case.step[n - 1].trade
        assert trade is not None
        names = self.plan.reader.names
        want = names.lots(names.instrument(trade.instrument), trade.size)
        got = sum(r["size"] for r in map(named, rows) if r["kind"] == Event.FILL)
        if got != want:
            self.miss(n, "trade", f"{want} lots filled", f"{got}", action="trade")

    def marked(self, n: int, marks: dict[str, Decimal]) -> None:
        """A `mark` with prices brings the marks there, or the step fails."""
        names = self.plan.reader.names
        for name, want in marks.items():
            i = names.instrument(name)
            got = self.venue.engine.mark(i)
            if got != names.ticks(i, want):
                price = names.tick(i) * got
                self.miss(n, f"mark.{name}", str(want), f"{price:f}", action="mark")


def run(case: Case, make: Maker = compiled, aggregate: Aggregate = published) -> Outcome:
    """Run a case; it stops at the first step with a difference.

    ``make`` makes the exchange, ``aggregate`` the index of several sources.

    Raises ScenarioError, before anything is run, for what the file says wrong.
    """
    began = time.perf_counter()
    made = plan(case, aggregate)
    state = _Run(made, make)
    rows = state.send(made.opening)
    for row in map(named, rows):
        if row["kind"] == Event.REJECT and not case.allow_refusals:
            state.miss(0, "accounts and feeds", "accepted", Reason(row["code"]).name)
    n = 0
    while n < len(case.step) and not state.differences:
        n += 1
        rows = state.step(n)
    shown = [made.reader.text(r) for r in rows[:SHOWN_EVENTS]] if state.differences else []
    if state.differences and len(rows) > SHOWN_EVENTS:
        shown.append(f"… and {len(rows) - SHOWN_EVENTS} more")
    return Outcome(
        case.origin.file, case.title, case.clauses, n, state.checks,
        time.perf_counter() - began, tuple(state.differences), tuple(shown),
    )  # fmt: skip
