"""The sweep of expired orders, before each message (ORD-01)."""

from __future__ import annotations

from sim.exchange.kernel.jit import kernel
from sim.exchange.kernel.matching import cancel
from sim.exchange.kernel.state import NEXT_EXPIRY, NOW
from sim.exchange.messages import Reason

EXPIRED = int(Reason.EXPIRED)


@kernel
def sweep(s):
    """Cancel good-till-date orders whose time has come, by (expiry, order id)."""
    while s.h[NOW] >= s.h[NEXT_EXPIRY]:
        cancel(s, s.heap[0], EXPIRED)
