"""The engine's loop: messages in, events out.

``orders`` handles a block of user messages, ``other`` one message of any other kind; ``process``
strings them together in message order.  Both stop when the event log is nearly full; the caller
empties the log and calls again.  There are few entries on purpose: each compiles all it reaches.
"""

from __future__ import annotations

import numpy as np

from sim.exchange.kernel.auction import set_state
from sim.exchange.kernel.funding import pay, sample
from sim.exchange.kernel.funds import funds, is_money
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
INDEX = int(Kind.INDEX)
EXTERNAL = int(Kind.EXTERNAL)
STATE = int(Kind.STATE)
MARK = int(Kind.MARK)
LIQUIDATE = int(Kind.LIQUIDATE)
PREMIUM = int(Kind.PREMIUM)
FUNDING = int(Kind.FUNDING)
INTEREST = int(Kind.INTEREST)
SETTLE = int(Kind.SETTLE)
RESOLVE = int(Kind.RESOLVE)
PROPOSE = int(Kind.PROPOSE)
DISPUTE = int(Kind.DISPUTE)
LEND = int(Kind.LEND)
REDEEM = int(Kind.REDEEM)
SETTINGS = int(Kind.SETTINGS)
DISCONNECT = int(Kind.DISCONNECT)
BOOK = int(Kind.BOOK)
DEPTH = int(Kind.DEPTH)
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
        if h[PENDING] != 0:
            fire_by_last(s)
        h[MESSAGES] += 1
        k += 1
    return k


@inlined
def handle(s, m):
    """A message that is no order; returns a reject reason or 0."""
    kind = m[M_KIND]
    if kind == INDEX:
        return read_index(s, m)
    if kind == EXTERNAL:
        return read_external(s, m)
    if kind == STATE:
        return set_state(s, m)
    if kind == MARK:
        return marks(s, m)
    if kind == LIQUIDATE:
        return tick(s, m)
    if kind == PREMIUM:
        return sample(s, m)
    if kind == FUNDING:
        return pay(s, m)
    if kind == INTEREST:
        return interest(s, m)
    if kind == SETTLE:
        return settle_due(s, m)
    if kind == RESOLVE:
        return resolve(s, m)
    if kind == PROPOSE or kind == DISPUTE:
        return propose_or_dispute(s, m)
    if kind == LEND or kind == REDEEM:
        return lend_or_redeem(s, m)
    if kind == SETTINGS or kind == DISCONNECT:
        return account_settings(s, m)
    if kind == BOOK:
        return book(s, m)
    if kind == DEPTH:
        return depth(s, m)
    if is_money(kind):
        return funds(s, m)
    return R_KIND


@entry
def other(arenas, m):
    """Handle one message that is no order."""
    s = views(arenas)
    h = s.h
    h[NOW] = m[M_TIME]
    if h[NOW] >= h[NEXT_EXPIRY]:
        sweep(s)
    reason = handle(s, m)
    if reason != OK:
        reject(s, m, reason)
    if m[M_KIND] == MARK and h[STOPS_FREE] != h[N_STOPS] - 1:
        fire_all(s)
    elif h[PENDING] != 0:
        fire_by_last(s)
    h[MESSAGES] += 1


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
        if k == n or (k == before and h[N_LOG] - h[LOGGED] < h[RESERVE]):
            break
        if messages[k, M_KIND] in USER_ORDERS:
            continue  # the log filled up inside a block of orders
        other(arenas, messages[k])
        k += 1
    return k
