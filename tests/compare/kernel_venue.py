"""The compiled exchange behind the read-outs that the conformance cases and programs use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.exchange.exchange import Exchange
from sim.exchange.instruments import Listing
from sim.exchange.rules import Rules
from sim.oracle.median import weighted_median


class KernelVenue(Exchange):
    """``Exchange`` that takes one message at a time and answers with tuples of ints."""

    def __init__(self, listing: dict[str, Any], rules: dict[str, Any], accounts: int) -> None:
        super().__init__(
            Listing.model_validate(listing),
            Rules.model_validate(rules),
            accounts,
            order_slots=1 << 12,
            order_ids=1 << 14,
            event_rows=1 << 14,
        )

    def handle(self, message: Sequence[int]) -> list[tuple[int, ...]]:
        return [tuple(row) for row in self.process(np.array([message], np.int64)).tolist()]


def index_median(readings: list[tuple[float, float]]) -> float:
    """The oracle's weighted median, of (price, weight)."""
    return weighted_median([p for p, _ in readings], [w for _, w in readings])
