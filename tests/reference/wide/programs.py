"""Random programs over all products and messages, reproducible by seed.

Usage: python tests/reference/wide/programs.py [PROGRAMS]   counts what they make happen
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from programs import Program
from twin.codes import Event, Message, Reason
from wide.nonsense import NonsensePen
from wide.pen import ACCOUNTS

ROUNDS = 25
LONGEST = 1500  # messages, when the last round begins
# How often each act comes up; a program leaves some of them out and does others all the time.
WEIGHTS = {
    "take": 12,
    "lever": 4,
    "quote": 4,
    "stop": 4,
    "against_oneself": 2,
    "cancel": 2,
    "cancel_all": 1,
    "replace": 3,
    "set_state": 1,
    "crowd": 2,
    "deposit": 1,
    "withdraw": 2,
    "drain": 1,
    "lend": 2,
    "redeem": 2,
    "buckets": 1,
    "settings": 1,
    "transfer": 1.5,
    "disconnect": 1,
    "sets": 2,
    "convert": 2,
    "propose": 1.5,
    "pledge": 1,
    "resolve": 0.3,
    "odd_reading": 0.7,
    "external": 1,
    "hourly": 3,
    "liquidate": 2,
    "mark": 3,
    "later": 0.3,
    "ruin": 0.6,
    "rout": 1.5,
    "hedge": 1,
    "spoil": 2,
    "spoil_order": 2,
}


class Writer(NonsensePen):
    """Writes one program: rounds of ordinary acts, and crashes between them."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.seed = seed
        swing = {name: self.rng.choice([0.0, 0.5, 1.0, 1.0, 3.0]) for name in WEIGHTS}
        self.weights = {name: weight * swing[name] for name, weight in WEIGHTS.items()}
        self.weights["take"] += 1  # never nothing at all
        self.crashes = {self.rng.randrange(3, ROUNDS) for _ in range(self.rng.choice([2, 4, 7]))}

    def act(self) -> None:
        [name] = self.rng.choices(list(self.weights), list(self.weights.values()))
        chosen: Callable[[], None] = getattr(self, name)
        chosen()

    def round(self, number: int) -> None:
        rng = self.rng
        self.wait(rng.choice([0, 0.3, 1, 1, 3, 10, 25]))
        self.drift()
        if rng.random() < 0.9:
            self.read_all()
        self.mark()
        if number in self.crashes:
            self.crash()
        if rng.random() < 0.3:
            self.reopen()
        for _ in range(rng.randrange(4, 12)):
            self.act()

    def write(self) -> Program:
        self.begin()
        for number in range(ROUNDS):
            if len(self.messages) < LONGEST:
                self.round(number)
        return Program(self.seed, self.listing, self.rules, ACCOUNTS, self.messages)


def wide_program(seed: int) -> Program:
    """The program of that seed."""
    return Writer(seed).write()


# Of these events it is counted under which rules they came.
UNDER = {
    Event.FLAG: ("margin_mode",),
    Event.STEP: ("disposal", "bounds"),
    Event.ADL: ("adl",),
    Event.HAIRCUT: ("shortfall",),
    Event.DEFICIT: ("margin_mode", "adl", "bounds", "backstop"),
    Event.PROPOSE: ("proposal_margin",),
}


class Seen:
    """What happened: events by kind, and in detail what reasons and codes they had."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.details: Counter[str] = Counter()
        self.forced: set[int] = set()

    def add(
        self, row: tuple[int, ...], what: str = "", rules: dict[str, Any] | None = None
    ) -> None:
        """One event; `what` is the kind of its instrument."""
        kind = Event(row[2])
        self.kinds[kind.name] += 1
        for name in UNDER.get(kind, ()):
            value = (rules or {}).get(name)
            value = value["policy"] if isinstance(value, dict) else value
            self.details[f"{kind.name} under {name} {value}"] += 1
        if kind == Event.REJECT:
            known = row[14] in list(Message)
            self.details[f"REJECT {Message(row[14]).name if known else '?'} {row[12]}"] += 1
        if kind == Event.MARK and row[12]:
            self.details[f"MARK clamped, cap {(rules or {}).get('mark_average_cap')}"] += 1
        if kind in (Event.REJECT, Event.CANCELLED):
            self.details[f"{kind.name} {Reason(row[12]).name}"] += 1
        elif kind in (Event.STEP, Event.BACKSTOP, Event.ADL):
            self.details[f"{kind.name} {row[12]} {what}"] += 1
        elif kind == Event.HAIRCUT:
            self.details[f"HAIRCUT {row[12]} of {'coins' if row[14] else 'USDC'}"] += 1
        elif kind in (Event.WRITE_OFF,):
            self.details[f"WRITE_OFF of {'coins' if row[14] else 'USDC'}"] += 1
        elif kind == Event.FLAG:
            by = "a forced fill" if row[13] in self.forced else "a reading"
            self.details[f"FLAG by {by if row[13] else 'nothing known'}"] += 1
        elif kind == Event.STATE:
            self.details[f"STATE {row[15]}{' trades' if row[7] else ''}"] += 1
        elif kind in (Event.MERGE, Event.LEND, Event.REDEEM, Event.BOND, Event.TRIGGER):
            self.details[f"{kind.name} {row[12]}"] += 1
        elif kind == Event.INDEX:
            self.details[f"INDEX grade {row[12]}"] += 1
        elif kind == Event.FILL:
            self.details[f"FILL {row[12]} {what}"] += 1
            if row[12] == 1:
                self.forced.add(row[0])


def count(seeds: range) -> Seen:
    """What the programs of these seeds cause in the reference."""
    from twin.exchange import ReferenceExchange

    seen = Seen()
    for seed in seeds:
        made = wide_program(seed)
        venue = ReferenceExchange(made.listing, made.rules, made.accounts)
        seen.forced.clear()
        for message in made.messages:
            for row in venue.handle(message):
                instruments = venue.market.instruments
                what = instruments[row[4]].kind if 0 <= row[4] < len(instruments) else ""
                seen.add(row, what, made.rules)
    return seen


if __name__ == "__main__":
    found = count(range(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
    for counted in (found.kinds, found.details):
        for name, times in sorted(counted.items()):
            print(f"{times:8d}  {name}")
        print()
