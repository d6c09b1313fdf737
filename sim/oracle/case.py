"""What has happened to one event so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.oracle.answers import Answer
from sim.oracle.corruption import Corruption
from sim.oracle.lifecycle import State
from sim.oracle.question import Question
from sim.oracle.resolution_faults import Sending


@dataclass
class Pair:
    """A proposal, and its dispute if there is one."""

    answer: Answer
    proposer: int
    bond: int
    disputer: int = -1


@dataclass
class Case:
    """What has happened to one event so far; times are microseconds, -1: not yet."""

    question: Question
    state: State = State.OPEN
    pairs: list[Pair] = field(default_factory=list)
    returned: int = 0  # pairs whose bonds have come back
    rounds: int = 0  # of votes
    sending: Sending | None = None
    held: dict[int, list[int]] = field(default_factory=dict)  # the corrupter's shares when it went
    sent: bool = False
    resolved_us: int = -1
    answer: Answer | None = None
    wrong: bool = False
    refused: int = 0
    locked: int = 0  # sets when the resolution came
    corruption: Corruption = field(default_factory=Corruption)
