"""A mark lies within its inputs, EMAs included, or at its clamp (I16), seen from the state."""

from __future__ import annotations

import math
from collections import Counter

import lives
import numpy as np
import pytest
from kernel_venue import KernelVenue
from twin.exchange import ReferenceExchange

from sim.exchange import messages as ms
from sim.exchange.audit_prices import book_median
from sim.exchange.kernel import state as st
from sim.exchange.messages import Event, Kind


def inputs(venue: KernelVenue, row: list[int]) -> list[float]:
    """What the mark of a derivative's MARK row may be made of (PRC-02), ticks."""
    i = row[ms.E_INSTRUMENT]
    ins, f = venue.state.ins[i], venue.state.insf[i]
    premium = f[st.F_PREM_NUM] / f[st.F_PREM_DEN] if f[st.F_PREM_DEN] > 0 else 0.0
    found = [row[ms.E_SIZE] + premium]
    median = book_median(row[ms.E_X], row[ms.E_Y], row[ms.E_AMOUNT])
    if median is not None:
        found.append(median)
    age = row[ms.E_TIME] - int(ins[st.I_EXTERNAL_TIME])
    if ins[st.I_EXTERNAL] > 0 and age <= venue.rules.external_stale_s * 1e6:
        found.append(float(ins[st.I_EXTERNAL]))
    if len(found) == 2 and f[st.F_BOOK_DEN] > 0:
        found.append(f[st.F_BOOK_NUM] / f[st.F_BOOK_DEN])
    return found


Bounds = tuple[int, int]


def allowed(twin: ReferenceExchange, instrument: int) -> Bounds | None:
    """Between which marks the instrument's average lets it be marked next; None: anywhere."""
    rules = twin.memory.rules
    cap, tau = rules["mark_average_cap"], rules["mark_average_tau_s"]
    return twin.memory.marks[instrument].average.bounds(cap, tau) if cap else None


def outside(venue: KernelVenue, row: list[int], old: int, average: Bounds | None) -> bool:
    """Whether a derivative's mark is neither within its inputs nor at one of its clamps."""
    mark, made_of = row[ms.E_PRICE], inputs(venue, row)
    least, most = min(made_of), max(made_of)
    if not row[ms.E_CODE]:
        return not max(1, round(least)) <= mark <= max(1, round(most))
    low = math.ceil(old * venue.rules.mark_min_multiplier)
    high = math.floor(old * venue.rules.mark_max_multiplier)
    held = (mark == low and least < low) or (mark == high and most > high)
    if average is not None:
        # After the clamp of the step it may lie anywhere between these.
        least, most = min(least, high), max(most, low)
        held |= (mark == average[0] and least < mark) or (mark == average[1] and most > mark)
    return not held


def marks(venue: KernelVenue, message: list[int]) -> list[tuple[list[int], int]]:
    """The MARK rows of derivatives that a message causes, each with the mark before."""
    before = venue.state.ins[:, st.I_MARK].copy()
    rows = venue.process(np.array([message], np.int64)).tolist()
    derivatives = len(venue.listing.derivatives())
    return [
        (row, int(before[row[ms.E_INSTRUMENT]]))
        for row in rows
        if row[ms.E_KIND] == Event.MARK and row[ms.E_INSTRUMENT] < derivatives
    ]


@pytest.mark.spec("I16", "PRC-02")
def test_marks_lie_within_their_inputs() -> None:
    seen, seed = Counter[str](), -1
    wanted = ("marks", "clamped", "of three", "held to their average")
    while min(seen[what] for what in wanted) < 20:
        seed += 1
        assert seed < lives.SEEDS, f"only {dict(seen)}"
        made = lives.program(seed)
        venue = lives.fresh(made)
        twin = ReferenceExchange(made.listing, made.rules, made.accounts)
        for message in made.messages:
            if message[ms.M_KIND] != Kind.MARK:
                venue.handle(message)
                twin.handle(message)
                continue
            averages = [allowed(twin, i.id) for i in twin.market.derivatives]
            twin.handle(message)
            for row, old in marks(venue, message):
                average = averages[row[ms.E_INSTRUMENT]]
                assert not outside(venue, row, old, average), (seed, row, old, average)
                seen["marks"] += 1
                seen["clamped"] += row[ms.E_CODE]
                seen["of three"] += len(inputs(venue, row)) == 3
                seen["held to their average"] += bool(average and row[ms.E_PRICE] in average)
                # the same check sees a mark that was made of something else
                wrong = [*row[: ms.E_PRICE], 2 * row[ms.E_PRICE] + 99, *row[ms.E_PRICE + 1 :]]
                assert outside(venue, wrong, old, average)
