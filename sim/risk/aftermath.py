"""The liquidations that one event brought about, directly or through forced trades (LIQ-09)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.exchange import messages as m
from sim.exchange.messages import Event
from sim.risk.eventlog import EventLog
from sim.risk.verdict import Verdict, Verdicts


@dataclass(frozen=True)
class Fall:
    """A FLAG row, the verdict it goes back to, and how many forced trades lie in between."""

    flag: np.ndarray
    verdict: Verdict
    trades: int


def aftermath(log: EventLog, verdicts: Verdicts, event: int) -> list[Fall]:
    """Every liquidation whose chain begins in the event's resolution or a proposal, in order."""
    known: dict[int, Fall | None] = {}
    for flag in log.flags:  # parents come before what they cause
        known[int(flag[m.E_SEQ])] = _cause(log, verdicts, flag, known)
    return [fall for fall in known.values() if fall is not None and fall.verdict.event == event]


def _cause(
    log: EventLog, verdicts: Verdicts, flag: np.ndarray, known: dict[int, Fall | None]
) -> Fall | None:
    if (verdict := verdicts.of(flag)) is not None:
        return Fall(flag, verdict, 0)
    parent = log.at(int(flag[m.E_PARENT])) if flag[m.E_PARENT] else None
    if parent is None or parent[m.E_KIND] != Event.FILL:
        return None
    # A forced fill belongs to the last FLAG of its taker.
    earlier = log.flag_before(int(parent[m.E_ACCOUNT]), int(parent[m.E_SEQ]))
    before = None if earlier is None else known[int(earlier[m.E_SEQ])]
    return None if before is None else Fall(flag, before.verdict, before.trades + 1)
