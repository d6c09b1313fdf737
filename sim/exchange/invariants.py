"""Invariants that a state can show (I1, I2, I4, I7, I11, I14, I15, I18 …); each counts violations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.instruments import MICRO
from sim.exchange.kernel import state as st

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange


def conservation(x: Exchange) -> int:
    """I1: each asset sums to 0 over accounts and buckets."""
    s, h = x.state, x.state.h
    bad = 0
    for k in range(int(h[st.N_ASSETS])):
        total = (
            int(s.bal[:, k].sum()) + int(s.assets[k, st.A_POOL]) + int(s.assets[k, st.A_EXTERNAL])
        )
        if k == 0:
            total += int(h[st.INSURANCE]) + int(h[st.FEES]) + int(h[st.ROUNDING])
            total += int(s.ins[:, st.I_CLEARING].sum()) + MICRO * int(s.events[:, st.V_SETS].sum())
        elif k > int(h[st.N_COINS]):
            total -= int(s.events[s.assets[k, st.A_EVENT], st.V_SETS])
        bad += total != 0
    return bad


def perpetuals(x: Exchange) -> int:
    """I2: sizes sum to 0 and clearing equals minus the sum of costs, per perpetual; open interest."""
    n = len(x.listing.perpetuals)
    pos = x.state.pos[:, :n]
    sizes = pos[:, :, st.SIZE].sum(axis=0)
    costs = pos[:, :, st.COST].sum(axis=0)
    longs = np.maximum(pos[:, :, st.SIZE], 0).sum(axis=0)
    ins = x.state.ins[:n]
    bad = (sizes != 0) | (ins[:, st.I_CLEARING] != -costs) | (longs != ins[:, st.I_OI])
    return int(bad.sum())


def vaults(x: Exchange) -> int:
    """I4: supply of every share equals the sets in the vault; no negative share balance."""
    s = x.state
    bad = 0
    for e in range(len(x.listing.events)):
        yes = int(s.events[e, st.V_YES])
        held = s.bal[:, yes : yes + 2]
        bad += int((held.sum(axis=0) != s.events[e, st.V_SETS]).sum()) + int((held < 0).sum())
    return bad


def debts(x: Exchange) -> int:
    """I5 (pool without interest): the recorded debt is the sum of negative USDC balances."""
    owed = int(np.maximum(-x.state.bal[:, 0], 0).sum())
    return int(owed != int(x.state.h[st.BORROWED])) + int(x.state.assets[0, st.A_POOL] < 0)


def uncrossed(x: Exchange) -> int:
    """I7: best bid below best ask in every book, and the cached best prices are the book's."""
    s = x.state
    bad = 0
    for i in range(s.ins.shape[0]):
        found = []
        for side in (2 * i, 2 * i + 1):
            ticks = np.flatnonzero(s.levels[side, :, st.HEAD])
            pick = -1 if not len(ticks) else int(ticks[0 if side & 1 else -1] + s.ins[i, st.I_BASE])
            bad += pick != int(s.best[side])
            found.append(pick)
        bad += found[0] >= 0 and found[1] >= 0 and found[0] >= found[1]
    return bad


def resting(x: Exchange) -> int:
    """I8: what margin counts as resting is what rests; level totals are the sum of their orders."""
    s = x.state
    sums = np.zeros_like(s.pos)
    perps = len(x.listing.perpetuals)
    levels: dict[tuple[int, int], int] = {}
    reduce_only = 8
    for slot in np.flatnonzero(s.orders[:, st.ID]):
        o = s.orders[slot]
        i, side = int(o[st.SIDE]) >> 1, int(o[st.SIDE]) & 1
        levels[int(o[st.SIDE]), int(o[st.PX])] = levels.get(
            (int(o[st.SIDE]), int(o[st.PX])), 0
        ) + int(o[st.REST])
        if o[st.FLG] & reduce_only:
            continue
        no = bool(o[st.FLG] & st.OUTCOME_NO)
        lots, cost = (
            ((st.N_ASK, st.N_ASK_COST) if side else (st.N_BID, st.N_BID_COST))
            if no
            else ((st.ASK, st.ASK_COST) if side else (st.BID, st.BID_COST))
        )
        sums[o[st.ACC], i, lots] += o[st.REST]
        sums[o[st.ACC], i, cost] += o[st.REST] * o[st.PX] * s.ins[i, st.I_TV]
    actual = s.pos.copy()
    actual[:, :perps, :2] = 0
    bad = int((actual != sums).any(axis=2).sum())
    for (side, price), lots in levels.items():
        bad += int(s.levels[side, price - s.ins[side >> 1, st.I_BASE], st.LOTS]) != lots
    return bad


def funds(x: Exchange) -> int:
    """I11 (state part): the insurance fund is never negative."""
    return int(x.state.h[st.INSURANCE] < 0)


def settled(x: Exchange) -> int:
    """I18: a resolved event has no shares, no sets and an empty, closed book."""
    s = x.state
    bad = 0
    for e in range(len(x.listing.events)):
        if not s.events[e, st.V_RESOLVED]:
            continue
        yes, i = int(s.events[e, st.V_YES]), int(s.events[e, st.V_INSTRUMENT])
        bad += bool(s.bal[:, yes : yes + 2].any()) or bool(s.events[e, st.V_SETS])
        bad += bool((s.best[2 * i : 2 * i + 2] >= 0).any()) or not s.ins[i, st.I_CLOSED]
    return bad


STATE_CHECKS = {
    "I1": conservation,
    "I2": perpetuals,
    "I4": vaults,
    "I5": debts,
    "I7": uncrossed,
    "I8": resting,
    "I11": funds,
    "I18": settled,
}


def verify(exchange: Exchange) -> dict[str, int]:
    """Violations by invariant id; 0 everywhere in a sound state."""
    return {name: int(check(exchange)) for name, check in STATE_CHECKS.items()}
