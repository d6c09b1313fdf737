"""Whatever is sent in whatever order, kernel and reference answer alike (`make fuzz`: for longer)."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import Exchanges

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))  # 0: the same few every time
MODERATE = settings(
    max_examples=EXAMPLES or 30,
    stateful_step_count=100 if EXAMPLES else 60,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.spec("ORD-01", "LIQ-02", "INT-01", "SET-03")
def test_they_answer_alike() -> None:
    run_state_machine_as_test(Exchanges, settings=MODERATE)


class Apart(Exchanges):
    """The reference lets an account have fewer orders."""

    def flush(self) -> None:
        self.pair.twin.memory.rules["max_open_orders"] = 5
        super().flush()


def test_a_difference_is_found() -> None:
    quick = settings(MODERATE, phases=[Phase.generate])
    with pytest.raises(AssertionError, match=r"twin +REJECT"):
        run_state_machine_as_test(Apart, settings=quick)
