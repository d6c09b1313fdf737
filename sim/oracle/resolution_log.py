"""Every step of every event's resolution, in order, and what the public can know of it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from sim.oracle.answers import Answer
from sim.oracle.lifecycle import State

NO_OUTCOME = -2  # in a row that names no answer; -1 is the void
COLUMNS = (
    "time_us",
    "event",
    "state",
    "actor",
    "outcome",
    "value",
    "stake_for",
    "stake_against",
    "text",
)


@dataclass(frozen=True)
class Entry:
    """One step: ``state`` is where the event stands after it, stakes are micro-USD.

    ``actor``: a trader's name, "oracle", "voters" or "exchange".
    """

    time_us: int
    event: int
    state: State
    actor: str
    answer: Answer | None = None
    stake_for: int = 0
    stake_against: int = 0
    text: str = ""

    def row(self) -> tuple[int, int, str, str, int, int, int, int, str]:
        """As a row of ``COLUMNS``."""
        answer = self.answer or Answer(NO_OUTCOME)
        return (
            self.time_us, self.event, str(self.state), self.actor, answer.outcome, answer.value,
            self.stake_for, self.stake_against, self.text,
        )  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What is public of an event: its state since ``since_us``, and the latest proposal.

    ``decided``: the answer that was decided on, and once one is paid, that one.
    """

    state: State
    since_us: int
    proposal: Answer | None = None
    bond: int = 0
    proposals: int = 0
    decided: Answer | None = None


class Log:
    """Entries in the order of time, and the public state after each."""

    def __init__(self, events: int, start_us: int) -> None:
        self.entries: list[Entry] = []
        self._times: list[list[int]] = [[start_us] for _ in range(events)]
        self._seen: list[list[Seen]] = [[Seen(State.OPEN, start_us)] for _ in range(events)]

    def add(
        self,
        entry: Entry,
        *,
        proposal: Answer | None = None,
        bond: int = 0,
        decided: Answer | None = None,
    ) -> None:
        """Append an entry; `proposal` and `decided` are what stands proposed, decided from then on."""
        self.entries.append(entry)
        last = self._seen[entry.event][-1]
        self._times[entry.event].append(entry.time_us)
        self._seen[entry.event].append(
            Seen(
                entry.state,
                entry.time_us if entry.state != last.state else last.since_us,
                proposal if proposal is not None else last.proposal,
                bond if proposal is not None else last.bond,
                last.proposals + (proposal is not None),
                decided if decided is not None else last.decided,
            )
        )

    def seen(self, event: int, at_us: int) -> Seen:
        """What was public at `at_us`, that time included."""
        times = self._times[event]
        return self._seen[event][max(bisect_right(times, at_us) - 1, 0)]

    def of(self, event: int) -> list[Entry]:
        """The entries of one event."""
        return [e for e in self.entries if e.event == event]
