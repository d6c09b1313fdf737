"""Compiled readings for the façade."""

from __future__ import annotations

from sim.exchange.kernel.ahead import AHEAD, fetch_positions
from sim.exchange.kernel.jit import entry
from sim.exchange.kernel.margin import equity, initial, maintenance
from sim.exchange.kernel.state import views


@entry
def read_equity(arenas, out):
    """E of accounts 0 … len(out) - 1 in micro-USDC."""
    s = views(arenas)
    for a in range(out.shape[0]):
        out[a] = equity(s, a)


@entry
def read_margin(arenas, a, at_opening):
    """(NE, MM) of an account in USD, or (strict NE, IM)."""
    s = views(arenas)
    if at_opening:
        return initial(s, a)
    ne, mm, _ = maintenance(s, a, False)
    return ne, mm


@entry
def read_scan(arenas, out):
    """NE - MM in USD of accounts 0 … len(out) - 1, as MAR-09 compares them."""
    s = views(arenas)
    for a in range(out.shape[0]):
        fetch_positions(s, a + AHEAD)
        ne, mm, _ = maintenance(s, a, False)
        out[a] = ne - mm
