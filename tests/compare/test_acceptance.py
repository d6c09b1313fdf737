"""No order is accepted with NE < IM unless it reduces (I6), and the helper that says so can fail."""

from __future__ import annotations

from collections.abc import Sequence

import lives
import pytest
from acceptance import Acceptance
from kernel_venue import KernelVenue
from programs import Program

from sim.exchange import messages as ms
from sim.exchange.messages import Kind

FORTUNE = 10**13  # micro-USDC


class Generous(KernelVenue):
    """Whoever sends an order is rich while it is looked at."""

    def handle(self, message: Sequence[int]) -> list[tuple[int, ...]]:
        account = message[ms.M_ACCOUNT]
        orders = message[ms.M_KIND] in (Kind.NEW, Kind.REPLACE)
        if not orders or not 0 <= account < self.accounts:
            return super().handle(message)
        self.state.bal[account, 0] += FORTUNE
        rows = super().handle(message)
        self.state.bal[account, 0] -= FORTUNE
        return rows


def watch(venue: KernelVenue, made: Program) -> Acceptance:
    watched = Acceptance(venue)
    for message in made.messages:
        watched.handle(message)
    return watched


@pytest.mark.spec("I6", "MAR-09")
def test_no_order_is_accepted_without_margin() -> None:
    tested = 0
    for seed in range(10):
        made = lives.program(seed)
        watched = watch(lives.fresh(made), made)
        assert watched.wrong == [], seed
        tested += watched.tested
    assert tested > 500


@pytest.mark.spec("I6")
def test_an_order_accepted_without_margin_is_seen() -> None:
    made = lives.program(0)
    assert watch(Generous(made.listing, made.rules, made.accounts), made).wrong
