"""A mark lies within its inputs, EMAs included, or at its clamp (I16), seen from the state."""

from __future__ import annotations

import math

import lives
import numpy as np
import pytest
from kernel_venue import KernelVenue

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


def outside(venue: KernelVenue, row: list[int], old: int) -> bool:
    """Whether a derivative's mark is neither within its inputs nor at its clamp."""
    mark, made_of = row[ms.E_PRICE], inputs(venue, row)
    if row[ms.E_CODE]:
        low = math.ceil(old * venue.rules.mark_min_multiplier)
        high = math.floor(old * venue.rules.mark_max_multiplier)
        beyond = (min(made_of) < low) if mark == low else (max(made_of) > high)
        return mark not in (low, high) or not beyond
    return not max(1, round(min(made_of))) <= mark <= max(1, round(max(made_of)))


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
    count, clamped, three, seed = 0, 0, 0, -1
    while min(count, clamped, three) < 20:
        seed += 1
        assert seed < lives.SEEDS, f"only {count} marks, {clamped} clamped, {three} of three"
        made = lives.program(seed)
        venue = lives.fresh(made)
        for message in made.messages:
            if message[ms.M_KIND] != Kind.MARK:
                venue.handle(message)
                continue
            for row, old in marks(venue, message):
                assert not outside(venue, row, old), (seed, row, old)
                count += 1
                clamped += row[ms.E_CODE]
                three += len(inputs(venue, row)) == 3
                # the same check sees a mark that was made of something else
                wrong = [*row[: ms.E_PRICE], 2 * row[ms.E_PRICE] + 99, *row[ms.E_PRICE + 1 :]]
                assert outside(venue, wrong, old)
