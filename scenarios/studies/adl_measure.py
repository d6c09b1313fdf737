"""What a liquidation tick took from whom: read from the state before it and its events.

A *leg* is an account's position in one perpetual.  u: its unrealised profit at the mark before
the tick, at most the account's equity.  x: what the tick took from it, ADL and haircuts of gains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import MICRO
from sim.exchange.kernel import state as st
from sim.exchange.messages import Event

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

OFFSET = 0.5  # a leg is hedged if the account's other exposure offsets at least this share of it
BROKEN = 0.1  # a hedge is broken when at least this share of the leg was closed
SMALLEST_U = MICRO  # legs with less profit than a dollar have no x/u


@dataclass(frozen=True)
class Before:
    """The state before the tick: arrays over accounts and perpetuals, micro-USDC and lots."""

    size: np.ndarray  # int64[accounts, perpetuals], signed lots
    notional: np.ndarray  # likewise, signed, at marks
    profit: np.ndarray  # u
    exposure: np.ndarray  # int64[accounts]: notional of perpetuals and coins, signed
    equity: np.ndarray  # int64[accounts]
    worth: np.ndarray  # int64[perpetuals]: micro-USDC of a lot at its mark


@dataclass(frozen=True)
class Tally:
    """What the tick did, USD unless said otherwise.

    needed: deficits of accounts with positions, less what insurance paid; taken: profit that
    winners gave up by ADL; socialised: haircuts; closed: notional at marks that ADL closed;
    realised: profit that those closings ended; beyond: part of ``taken`` above u of its leg;
    x_over_u: the largest; gini: of x/u over the legs that could have been taken from; hedges,
    broken: legs that were hedged, and of them how many ADL cut; bankrupts: accounts.
    """

    bankrupts: int
    needed: float
    taken: float
    socialised: float
    closed: float
    realised: float
    beyond: float
    x_over_u: float | None
    gini: float | None
    hedges: int
    broken: int

    @property
    def overshoot(self) -> float | None:
        """taken / needed; None when nothing was needed."""
        return self.taken / self.needed if self.needed > 0 else None

    @property
    def broken_share(self) -> float | None:
        return self.broken / self.hedges if self.hedges else None


def before(exchange: Exchange) -> Before:
    """Read an exchange whose derivatives are all linear perpetuals."""
    s, n = exchange.state, len(exchange.listing.perpetuals)
    worth = np.array(
        [exchange.mark(i) * exchange.listing.tick_value(i) for i in range(n)], np.int64
    )
    size = exchange.positions()[:, :n]
    notional = size * worth
    equity = exchange.equities()
    gain = np.maximum(notional - s.pos[:, :n, st.COST], 0)
    exposure = notional.sum(axis=1)
    for k in range(1, 1 + len(exchange.listing.assets)):
        feed = exchange.listing.feed_id(exchange.listing.assets[k - 1].feed)
        price = exchange.index(feed) * exchange.listing.asset_tick_value(k)
        exposure = exposure + s.bal[:, k] * price
    profit = np.minimum(gain, np.maximum(equity, 0)[:, None])
    return Before(size, notional, profit, exposure, equity, worth)


def tally(state: Before, events: np.ndarray) -> Tally:
    """What these events, int64[k, 16] of one liquidation tick, did to that state."""
    kinds = events[:, m.E_KIND]
    holds = (state.size != 0).any(axis=1)
    deficits = events[kinds == Event.DEFICIT]
    deficits = deficits[holds[deficits[:, m.E_ACCOUNT]]]
    adl = events[kinds == Event.ADL]
    haircuts = events[(kinds == Event.HAIRCUT) & (events[:, m.E_X] == 0)]
    taken = np.zeros_like(state.size)
    closed = np.zeros_like(state.size)
    at = adl[:, m.E_OTHER], adl[:, m.E_INSTRUMENT]
    np.add.at(taken, at, adl[:, m.E_AMOUNT])
    np.add.at(closed, at, adl[:, m.E_SIZE])
    by_adl = taken.copy()
    gains = haircuts[(haircuts[:, m.E_CODE] == 0) & (haircuts[:, m.E_ACCOUNT] >= 0)]
    np.add.at(taken, (gains[:, m.E_ACCOUNT], gains[:, m.E_INSTRUMENT]), gains[:, m.E_AMOUNT])
    # Legs that could have been taken from: opposite to a bankrupt's, with a profit.
    bankrupt = np.unique(deficits[:, m.E_ACCOUNT])
    longs = (state.size[bankrupt] > 0).any(axis=0)
    shorts = (state.size[bankrupt] < 0).any(axis=0)
    opposite = (longs & (state.size < 0)) | (shorts & (state.size > 0))
    opposite[bankrupt] = False
    legs = opposite & (state.profit >= SMALLEST_U)
    ratios = (taken[legs] / state.profit[legs]).tolist()
    others = state.exposure[:, None] - state.notional
    hedged = opposite & (np.sign(others) == -np.sign(state.notional))
    hedged &= np.abs(others) >= OFFSET * np.abs(state.notional)
    cut = hedged & (closed >= BROKEN * np.abs(state.size))
    return Tally(
        bankrupts=len(bankrupt),
        needed=int((deficits[:, m.E_AMOUNT] - deficits[:, m.E_X]).sum()) / MICRO,
        taken=int(adl[:, m.E_AMOUNT].sum()) / MICRO,
        socialised=int(haircuts[:, m.E_AMOUNT].sum()) / MICRO,
        closed=int((closed * state.worth).sum()) / MICRO,
        realised=int(adl[:, m.E_X].sum()) / MICRO,
        beyond=int(np.maximum(by_adl - state.profit, 0).sum()) / MICRO,
        x_over_u=max(ratios, default=None),
        gini=gini(ratios),
        hedges=int(hedged.sum()),
        broken=int(cut.sum()),
    )


def gini(values: Sequence[float]) -> float | None:
    """Gini coefficient of non-negative numbers: 0 all equal, towards 1 one has all; None: no sum."""
    ordered = sorted(values)
    total = sum(ordered)
    if total <= 0:
        return None
    n = len(ordered)
    weighted = sum(rank * value for rank, value in enumerate(ordered, 1))
    return 2 * weighted / (n * total) - (n + 1) / n
