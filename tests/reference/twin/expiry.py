"""Orders that are good till a date (ORD-01)."""

from __future__ import annotations

from twin.codes import Flag, Reason
from twin.state import State


def sweep(state: State) -> None:
    """Before a message: resting orders whose time has come, by (expiry, id)."""
    due = [o for o in state.orders.values() if o.flags & Flag.GTD and o.expiry <= state.now]
    for order in sorted(due, key=lambda o: (o.expiry, o.id)):
        state.cancel(order, Reason.EXPIRED)
