"""One event of the chain from a liquidation back to its cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.exchange import messages as m
from sim.exchange.messages import Event


@dataclass(frozen=True)
class Link:
    """``event``: FLAG, FILL, STEP, INDEX, RESOLVE, VOTE, DECIDED, DISPUTE, PROPOSE, or NONE where the
    log ends.

    ``seq`` is 0 where it is no event of the exchange; ``data``: the numbers behind the text, amounts
    in USD.
    """

    seq: int
    time_us: int
    clause: str
    event: str
    text: str
    data: dict[str, Any]


def link_of(row: np.ndarray, clause: str, text: str, **data: Any) -> Link:
    """A link that is an event of the exchange."""
    kind = Event(int(row[m.E_KIND])).name
    return Link(int(row[m.E_SEQ]), int(row[m.E_TIME]), clause, kind, text, data)
