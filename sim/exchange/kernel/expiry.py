"""Good-till-date orders: a binary heap of slots by (expiry, order id), with each slot's place in it."""

from __future__ import annotations

from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.state import HEAPED, ID, NEXT_EXPIRY, TIMED, UNTIL

NEVER = 1 << 62  # microseconds


@inlined
def before(s, x, y):
    """Whether slot x expires before slot y."""
    return s.timed[x, UNTIL] < s.timed[y, UNTIL] or (
        s.timed[x, UNTIL] == s.timed[y, UNTIL] and s.orders[x, ID] < s.orders[y, ID]
    )


@inlined
def put(s, at, slot):
    s.heap[at] = slot
    s.timed[slot, HEAPED] = at


@kernel
def sift(s, at):
    """Move the slot at this place of the heap to where it belongs."""
    n = s.h[TIMED]
    slot = s.heap[at]
    while at > 0:
        up = (at - 1) >> 1
        if not before(s, slot, s.heap[up]):
            break
        put(s, at, s.heap[up])
        at = up
    while True:
        down = 2 * at + 1
        if down >= n:
            break
        if down + 1 < n and before(s, s.heap[down + 1], s.heap[down]):
            down += 1
        if not before(s, s.heap[down], slot):
            break
        put(s, at, s.heap[down])
        at = down
    put(s, at, slot)


@inlined
def note_next(s):
    s.h[NEXT_EXPIRY] = s.timed[s.heap[0], UNTIL] if s.h[TIMED] > 0 else NEVER


@kernel
def time_order(s, slot, until):
    """Let a resting order expire at `until` (microseconds)."""
    n = s.h[TIMED]
    s.timed[slot, UNTIL] = until
    put(s, n, slot)
    s.h[TIMED] = n + 1
    sift(s, n)
    note_next(s)


@kernel
def forget(s, slot):
    """A timed order has left the book."""
    n = s.h[TIMED] - 1
    s.h[TIMED] = n
    at = s.timed[slot, HEAPED]
    if at != n:
        put(s, at, s.heap[n])
        sift(s, at)
    note_next(s)
