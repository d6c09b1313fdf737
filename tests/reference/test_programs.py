"""Random programs through the reference: money is conserved, whatever happens."""

from __future__ import annotations

import pytest
from conservation import run
from programs import count, program

SEEDS = range(40)
BROAD = range(250)


@pytest.mark.spec("LED-02")
@pytest.mark.spec("LIQ-08")
@pytest.mark.parametrize("seed", SEEDS)
def test_money_is_conserved(seed: int) -> None:
    assert run(program(seed))


def test_a_seed_is_a_program() -> None:
    assert program(7) == program(7)
    assert program(7).messages != program(8).messages


@pytest.mark.slow
def test_programs_reach_the_whole_waterfall() -> None:
    kinds, details = count(BROAD)
    assert kinds["DEFICIT"] > 100
    endings = {f"CANCELLED {r}" for r in ("SELF_TRADE", "REDUCE_ONLY", "INSUFFICIENT_MARGIN")}
    waterfall = {f"HAIRCUT {k}" for k in range(4)} | {"ADL 0", "ADL 1", "BACKSTOP 0", "BACKSTOP 1"}
    waterfall |= {"STEP 0", "STEP 1", "STEP 2", "MERGE 0", "MERGE 1", "FLAG by a forced fill"}
    assert (endings | waterfall) - set(details) == set()
