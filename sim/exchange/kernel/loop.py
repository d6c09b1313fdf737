"""The engine's loop: messages in, events out.

``orders`` handles a block of user messages; ``other`` says which compiled entry handles each other
kind.  ``process`` strings them together in message order.  Both stop when the event log is
nearly full; the caller empties the log and calls again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.exchange.kernel.auction import set_state
from sim.exchange.kernel.funding import pay, sample
from sim.exchange.kernel.funds import funds
from sim.exchange.kernel.jit import entry, inlined
from sim.exchange.kernel.lending import interest, lend_or_redeem
from sim.exchange.kernel.liquidation import tick
from sim.exchange.kernel.marketdata import book, depth
from sim.exchange.kernel.oracle import read_external, read_index
from sim.exchange.kernel.orders import (
    BY_USER,
    K_REPLACE,
    OK,
    R_ACCOUNT,
    R_INSTRUMENT,
    cancel_all,
    cancel_one,
    new_or_replace,
    reject,
)
from sim.exchange.kernel.prices import marks
from sim.exchange.kernel.settings import account_settings
from sim.exchange.kernel.settlement import propose_or_dispute, resolve, settle_due
from sim.exchange.kernel.state import (
    BARE,
    LOGGED,
    MESSAGES,
    N_ACCOUNTS,
    N_IDS,
    N_INSTRUMENTS,
    N_LOG,
    N_STOPS,
    NEXT_EXPIRY,
    NOW,
    PENDING,
    RESERVE,
    STOPS_FREE,
    views,
)
from sim.exchange.kernel.sweep import sweep
from sim.exchange.kernel.tables import prefetch
from sim.exchange.kernel.triggers import accept, fire_all, fire_by_last
from sim.exchange.messages import (
    M_ACCOUNT,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_TIME,
    Kind,
    Reason,
)

NEW, CANCEL, CANCEL_ALL, CONDITIONAL = (
    int(Kind.NEW),
    int(Kind.CANCEL),
    int(Kind.CANCEL_ALL),
    int(Kind.CONDITIONAL),
)
USER_ORDERS = (NEW, K_REPLACE, CANCEL, CANCEL_ALL, CONDITIONAL)
AHEAD = 2  # messages between fetching what one needs and handling it
EXPECTED = 32  # positions fetched ahead
R_KIND = int(Reason.UNKNOWN_KIND)
Arenas = tuple[np.ndarray, np.ndarray, np.ndarray]


@inlined
def expect(s, m):
    """Fetch ahead what message m will need: much of the kernel's time goes into waiting for memory."""
    h = s.h
    a = m[M_ACCOUNT]
    if a < 0 or a >= h[N_ACCOUNTS] or h[BARE] != 0:
        return
    prefetch(s.acct[a])
    prefetch(s.bal[a])
    prefetch(s.active[a])
    prefetch(s.quoted[a])
    for i in range(min(h[N_INSTRUMENTS], EXPECTED)):
        prefetch(s.pos[a, i])
    if m[M_KIND] == CANCEL and m[M_ORDER] > 0:
        prefetch(s.orders[max(0, s.slot_of[m[M_ORDER] % h[N_IDS]])])


@entry
def orders(arenas, messages, start):
    """Handle user orders from messages[start:]; returns the index of the first message it cannot."""
    s = views(arenas)
    h = s.h
    k = start
    while k < messages.shape[0]:
        if h[N_LOG] - h[LOGGED] < h[RESERVE]:
            break
        if k + AHEAD < messages.shape[0]:
            expect(s, messages[k + AHEAD])
        m = messages[k]
        kind = m[M_KIND]
        if (kind > K_REPLACE and kind != CONDITIONAL) or kind < NEW:
            break
        h[NOW] = m[M_TIME]
        if h[NOW] >= h[NEXT_EXPIRY]:
            sweep(s)
        if kind == NEW or kind == K_REPLACE:
            new_or_replace(s, m)
        elif kind == CANCEL:
            reason = cancel_one(s, m)
            if reason != OK:
                reject(s, m, reason)
        elif kind == CANCEL_ALL:
            if m[M_ACCOUNT] < 0 or m[M_ACCOUNT] >= h[N_ACCOUNTS]:
                reject(s, m, R_ACCOUNT)
            elif m[M_INSTRUMENT] < -1 or m[M_INSTRUMENT] >= h[N_INSTRUMENTS]:
                reject(s, m, R_INSTRUMENT)
            else:
                cancel_all(s, m[M_ACCOUNT], m[M_INSTRUMENT], BY_USER)
        else:
            reason = accept(s, m)
            if reason != OK:
                reject(s, m, reason)
        h[MESSAGES] += 1
        k += 1
        if h[PENDING] != 0:
            break
    return k


@entry
def conditionals(arenas, all_of_them):
    """After a MARK every conditional order is tested, after trades those triggered by last."""
    s = views(arenas)
    if all_of_them:
        fire_all(s)
    else:
        fire_by_last(s)


@entry
def expire(arenas):
    """Cancel the orders whose time has come."""
    sweep(views(arenas))


@entry
def unknown(arenas, m):
    s = views(arenas)
    reject(s, m, R_KIND)
    return OK


@entry
def refuse(arenas, m, reason):
    s = views(arenas)
    reject(s, m, reason)


# One entry per kind of message that is no order: (s, message) -> reject reason or 0.
ENTRIES: dict[int, Callable[[Arenas, np.ndarray], int]] = {
    Kind.INDEX: read_index,
    Kind.MARK: marks,
    Kind.PREMIUM: sample,
    Kind.FUNDING: pay,
    Kind.RESOLVE: resolve,
    Kind.EXTERNAL: read_external,
    Kind.INTEREST: interest,
    Kind.SETTLE: settle_due,
    Kind.PROPOSE: propose_or_dispute,
    Kind.DISPUTE: propose_or_dispute,
    Kind.STATE: set_state,
    Kind.LEND: lend_or_redeem,
    Kind.REDEEM: lend_or_redeem,
    Kind.SETTINGS: account_settings,
    Kind.DISCONNECT: account_settings,
    Kind.LIQUIDATE: tick,
    Kind.BOOK: book,
    Kind.DEPTH: depth,
    **{
        kind: funds
        for kind in (
            Kind.DEPOSIT, Kind.POOL, Kind.FUND, Kind.COMMIT, Kind.MINT, Kind.MERGE, Kind.WITHDRAW,
            Kind.CONVERT, Kind.TRANSFER,
        )
    },
}  # fmt: skip


def process(arenas: Arenas, messages: np.ndarray, start: int) -> int:
    """Handle messages[start:] until done or until the log needs emptying; returns the next index."""
    h = arenas[0]
    n = messages.shape[0]
    k = start
    while k < n:
        if h[N_LOG] - h[LOGGED] < h[RESERVE]:
            break
        before = k
        k = orders(arenas, messages, k)
        if h[PENDING]:
            conditionals(arenas, False)
            continue
        if k == n or (k == before and h[N_LOG] - h[LOGGED] < h[RESERVE]):
            break
        m = messages[k]
        kind = int(m[M_KIND])
        if kind in USER_ORDERS:
            continue  # the log filled up inside a block of orders
        h[NOW] = m[M_TIME]
        if h[NOW] >= h[NEXT_EXPIRY]:
            expire(arenas)
        reason = ENTRIES.get(kind, unknown)(arenas, m)
        if reason:
            refuse(arenas, m, reason)
        if kind == Kind.MARK and h[STOPS_FREE] != h[N_STOPS] - 1:
            conditionals(arenas, True)
        elif h[PENDING]:
            conditionals(arenas, False)
        h[MESSAGES] += 1
        k += 1
    return k
