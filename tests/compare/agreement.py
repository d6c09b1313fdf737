"""Runs one program through kernel and reference and says where they first part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kernel_venue import KernelVenue
from programs import Program
from twin.codes import EVENT_COLUMNS, MESSAGE_COLUMNS, Event, Message
from twin.exchange import ReferenceExchange

Numbers = dict[str, Any]


def _named(
    values: Sequence[int], columns: Sequence[str], kinds: type[Event] | type[Message]
) -> str:
    """A row as text: its kind by name, and every column that is not 0."""
    kind = values[columns.index("kind")]
    name = kinds(kind).name if kind in list(kinds) else f"kind {kind}"
    rest = zip(columns, values, strict=True)
    return " ".join([name, *(f"{n}={v}" for n, v in rest if v and n != "kind")])


def show(row: Sequence[int] | None) -> str:
    """An event."""
    return "nothing" if row is None else _named(row, EVENT_COLUMNS, Event)


def show_message(message: Sequence[int]) -> str:
    return _named(message, MESSAGE_COLUMNS, Message)


def state(venue: KernelVenue | ReferenceExchange, program: Program, depth: bool = True) -> Numbers:
    """Every number that the two must agree on; without `depth` no margins and no books."""
    market = ReferenceExchange(program.listing, program.rules, 0).market
    accounts, cash = range(program.accounts), range(1 + len(market.coins))
    derivatives = range(len(market.derivatives))
    instruments = range(len(market.instruments))
    found: Numbers = {
        "balances": [[venue.balance(a, k) for k in range(market.assets)] for a in accounts],
        "claims": [[venue.claim(a, k) for k in cash] for a in accounts],
        "positions": [[venue.position(a, i) for i in derivatives] for a in accounts],
        "flagged": venue.flagged(),
        "marks": [venue.mark(i) for i in instruments],
        "index": [(venue.index(f), venue.twap(f)) for f in range(len(market.feeds))],
        "book states": [int(venue.book_state(i)) for i in instruments],
        "funds": [venue.bucket(n) for n in ("insurance", "bonds")],
        "buckets": [[venue.bucket(n, k) for n in ("pool", "fees", "rounding")] for k in cash],
        "external": [venue.bucket("external", k) for k in cash],
        "clearing": [venue.bucket("clearing", i) for i in derivatives],
        "vault": [venue.bucket("vault", e) for e in range(len(market.events))],
    }
    if depth:
        found["equity"] = [venue.equity(a) for a in accounts]
        found["maintenance"] = [venue.maintenance(a) for a in accounts]
        found["initial"] = [venue.initial(a) for a in accounts]
        found["books"] = [venue.book(i) for i in instruments]
    return found


@dataclass
class Tally:
    """What was compared."""

    programs: int = 0
    messages: int = 0
    events: int = 0


class Pair:
    """Kernel and reference side by side."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.kernel = KernelVenue(program.listing, program.rules, program.accounts)
        self.twin = ReferenceExchange(program.listing, program.rules, program.accounts)

    def step(self, message: Sequence[int]) -> tuple[str | None, int]:
        """Run one message on both: the first event on which they differ, and how many there were."""
        got = self.kernel.handle(message)
        want = [tuple(row) for row in self.twin.handle(message)]
        if got == want:
            return None, len(want)
        for k in range(max(len(got), len(want))):
            a = got[k] if k < len(got) else None
            b = want[k] if k < len(want) else None
            if a != b:
                break
        return f"event {k}:\n  kernel {show(a)}\n  twin   {show(b)}", len(want)

    def difference(self) -> str | None:
        """The first number on which they differ, or what the kernel's own checks find."""
        a, b = state(self.kernel, self.program), state(self.twin, self.program)
        for name, value in a.items():
            if value != b[name]:
                return f"{name}\n  kernel {value}\n  twin   {b[name]}"
        broken = {k: v for k, v in self.kernel.verify().items() if v}
        return f"invariants {broken}" if broken else None


def first_difference(program: Program, every: int = 40, tally: Tally | None = None) -> str | None:
    """Where kernel and reference first disagree, as text; None if they never do."""
    pair, tally = Pair(program), tally or Tally()
    tally.programs += 1
    for n, message in enumerate(program.messages):
        found, events = pair.step(message)
        tally.messages += 1
        tally.events += events
        where = f"message {n} ({show_message(message)})"
        if found:
            return f"{where}, {found}"
        if n % every == 0 or n == len(program.messages) - 1:
            found = pair.difference()
            if found:
                return f"after {where}: {found}"
    return None
