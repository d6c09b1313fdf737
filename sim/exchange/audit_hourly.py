"""What the hour brings: funding sums to nothing, interest goes from borrowers to lenders (I3, I5)."""

from __future__ import annotations

import numpy as np

from sim.exchange import messages as ms
from sim.exchange.audit_tape import Tape
from sim.exchange.messages import Event

BILLION = 1_000_000_000


def _sums(at: np.ndarray, values: np.ndarray, groups: int) -> np.ndarray:
    out = np.zeros(groups, np.int64)
    np.add.at(out, at, values)
    return out


def funding(tape: Tape, events: np.ndarray) -> None:
    """I3: the payments after a FUNDING_RATE sum to 0 but for less than one unit each.

    A contract of an inverse is worth a whole number of base units less than one unit too few, so
    receivers may get the rate on that much more than payers pay on.
    """
    kinds = events[:, ms.E_KIND]
    rates = np.flatnonzero(kinds == Event.FUNDING_RATE)
    paid = np.flatnonzero(kinds == Event.FUNDING)
    if not len(rates) and not len(paid):
        return
    at = np.searchsorted(rates, paid) - 1
    orphans = at < 0
    paid, at = paid[~orphans], at[~orphans]
    tape.broken["I3"] += int(orphans.sum())
    elsewhere = events[paid, ms.E_INSTRUMENT] != events[rates[at], ms.E_INSTRUMENT]
    total = _sums(at, events[paid, ms.E_AMOUNT], len(rates))
    sizes = _sums(at, events[paid, ms.E_SIZE], len(rates))
    count = _sums(at, np.ones_like(at), len(rates))
    inverse = np.array([p.per_price != 0 for p in tape.places])[events[rates, ms.E_INSTRUMENT]]
    ppb = np.abs(events[rates, ms.E_AMOUNT])
    above = np.where(inverse, count * ppb // BILLION, 0)
    below = count + np.where(inverse, count * ppb // BILLION, 0)
    outside = (total > above) | ((total <= -below) & (count > 0))
    tape.broken["I3"] += int(elsewhere.sum() + outside.sum() + (sizes != 0).sum())


def interest(tape: Tape, events: np.ndarray) -> None:
    """I5: what an asset's borrowers pay is what its lenders and the reserve get."""
    kinds = events[:, ms.E_KIND]
    rates = np.flatnonzero(kinds == Event.INTEREST_RATE)
    paid = np.flatnonzero(kinds == Event.INTEREST)
    if not len(rates) and not len(paid):
        return
    at = np.searchsorted(rates, paid)  # the rate's row comes last
    orphans = at >= len(rates)
    paid, at = paid[~orphans], at[~orphans]
    tape.broken["I5"] += int(orphans.sum())
    elsewhere = events[paid, ms.E_INSTRUMENT] != events[rates[at], ms.E_INSTRUMENT]
    total = _sums(at, events[paid, ms.E_AMOUNT], len(rates))
    credit, reserve = events[rates, ms.E_X], events[rates, ms.E_Y]
    unequal = (-total != credit + reserve) | (credit < 0) | (reserve < 0)
    tape.broken["I5"] += int(elsewhere.sum() + unequal.sum())
