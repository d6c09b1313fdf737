"""Call auctions, volatility bounds and book states (ORD-03, ORD-05)."""

from __future__ import annotations

import math

import numpy as np

from sim.exchange.kernel.book import above, next_price
from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import retire
from sim.exchange.kernel.matching import (
    cancel,
    charge,
    exchange,
    fill_order,
    fillable,
    resting,
    same_party,
    traded,
)
from sim.exchange.kernel.quality import grade
from sim.exchange.kernel.state import (
    ACC,
    BY_OWNER,
    C_OWNER,
    EVENT_BOOK,
    F_DOWN,
    F_UP,
    FILLS,
    FLG,
    G_FILL,
    HEAD,
    I_AUCTION_END,
    I_AUCTION_US,
    I_BASE,
    I_CLOSED,
    I_EXTENDED,
    I_FEED,
    I_HIGH,
    I_HISTORY,
    I_HISTORY_COUNT,
    I_HISTORY_FIRST,
    I_HORIZON,
    I_KIND,
    I_LOW,
    I_MARK,
    I_STATE,
    I_VOLATILE,
    ID,
    LOGGED,
    LOTS,
    N_ACCOUNTS,
    N_HISTORY,
    N_INSTRUMENTS,
    N_LOG,
    NEXT,
    NOW,
    PX,
    REST,
    S_AUCTION,
    S_CANCEL,
    S_CLOSED,
    S_OPEN,
)
from sim.exchange.kernel.stops import cancel_stops
from sim.exchange.kernel.tiers import count_volume, taker_fee
from sim.exchange.messages import (
    E_PRICE,
    E_SIZE,
    M_ARG,
    M_ARG2,
    M_INSTRUMENT,
    Event,
    Reason,
)

FILL, STATE = int(Event.FILL), int(Event.STATE)
R_STALE = int(Reason.STALE_ORACLE)
R_SELF, R_STATE, R_FLAGS, R_INSTRUMENT = (
    int(Reason.SELF_TRADE),
    int(Reason.BOOK_STATE),
    int(Reason.BAD_FLAGS),
    int(Reason.UNKNOWN_INSTRUMENT),
)
BY_MESSAGE, BY_VOLATILITY, EXTENDED, OVER, EXPIRED = range(5)  # y of a STATE row


@kernel
def uniform_price(s, i):
    """The price that maximises volume, then minimises imbalance, then is nearest the mark; -1: none."""
    bid = s.best[2 * i]
    ask = s.best[2 * i + 1]
    found = bid * 0 - 1
    if bid < 0 or ask < 0 or bid < ask:
        return found
    base = s.ins[i, I_BASE]
    mark = s.ins[i, I_MARK]
    demand = bid * 0
    price = bid
    while price >= ask:
        demand += s.levels[2 * i, price - base, LOTS]
        price = next_price(s, 2 * i, price)
    supply = bid * 0
    volume = bid * 0
    gap = bid * 0
    away = bid * 0
    for p in range(ask, bid + 1):
        supply += s.levels[2 * i + 1, p - base, LOTS]
        v = min(demand, supply)
        g = abs(demand - supply)
        d = abs(p - mark)
        if found < 0 or v > volume or (v == volume and (g < gap or (g == gap and d < away))):
            found, volume, gap, away = p + bid * 0, v, g, d
        demand -= s.levels[2 * i, p - base, LOTS]
    return found


@inlined
def first_of(s, side):
    return s.levels[side, s.best[side] - s.ins[side >> 1, I_BASE], HEAD]


@kernel
def trade_at(s, i, price):
    """Trade what crosses a uniform price, weeding out what may not trade; returns lots."""
    total = price * 0
    while s.best[2 * i] >= price and 0 <= s.best[2 * i + 1] <= price:
        b = first_of(s, 2 * i)
        a = first_of(s, 2 * i + 1)
        bid = s.orders[b]
        ask = s.orders[a]
        buyer = bid[ACC]
        seller = ask[ACC]
        if same_party(s, buyer, seller):
            cancel(s, a, R_SELF)
            continue
        reason, most = fillable(s, buyer, i, 0, bid[FLG], bid[REST], bid[PX])
        if reason != 0:
            cancel(s, b, reason)
            continue
        reason, least = fillable(s, seller, i, 1, ask[FLG], ask[REST], ask[PX])
        if reason != 0:
            cancel(s, a, reason)
            continue
        lots = min(min(bid[REST], most), min(ask[REST], least))
        resting(s, buyer, i, 0, bid[FLG], -lots, bid[PX])
        resting(s, seller, i, 1, ask[FLG], -lots, ask[PX])
        pays = taker_fee(s, buyer, i, lots, price)
        takes = taker_fee(s, seller, i, lots, price)
        count_volume(s, buyer, i, lots, price)
        count_volume(s, seller, i, lots, price)
        minted = exchange(s, i, 0, buyer, bid[FLG], seller, ask[FLG], lots, price)
        charge(s, i, buyer, pays)
        charge(s, i, seller, takes)
        s.h[FILLS] += 1
        emit(
            s, FILL, buyer, i, 0, price, lots, pays, bid[ID], seller, ask[ID], 2, 0, takes, minted
        )  # fmt: skip
        total += lots
        fill_order(s, b, lots, most)
        fill_order(s, a, lots, least)
        if s.ins[i, I_KIND] != EVENT_BOOK:
            retire(s, buyer, i)
            retire(s, seller, i)
    if total > 0:
        traded(s, i, price)
    return total


@inlined
def party(s, a):
    """The account that stands for a in self-trade prevention (ORD-02)."""
    return s.acct[a, C_OWNER] if s.h[BY_OWNER] != 0 else a


@kernel
def drop_own_asks(s, i):
    """Nobody sets the price with lots that would meet only one's own bid."""
    for a in range(s.h[N_ACCOUNTS]):
        s.scratch[a, 0] = -1
    price = s.best[2 * i]
    while price >= 0 and s.best[2 * i + 1] >= 0 and price >= s.best[2 * i + 1]:
        slot = s.levels[2 * i, price - s.ins[i, I_BASE], HEAD]
        while slot != 0:
            p = party(s, s.orders[slot, ACC])
            s.scratch[p, 0] = max(s.scratch[p, 0], price)
            slot = s.orders[slot, NEXT]
        price = next_price(s, 2 * i, price)
    price = s.best[2 * i + 1]
    while price >= 0 and price <= s.best[2 * i]:
        after = next_price(s, 2 * i + 1, price)
        slot = s.levels[2 * i + 1, price - s.ins[i, I_BASE], HEAD]
        while slot != 0:
            later = s.orders[slot, NEXT]
            if s.scratch[party(s, s.orders[slot, ACC]), 0] >= price:
                cancel(s, slot, R_SELF)
            slot = later
        price = after


@kernel
def uncross(s, i):
    """Trade a crossed book at uniform prices until nothing crosses; returns (last price, lots)."""
    drop_own_asks(s, i)
    total = s.ins[i, I_MARK] * 0
    last = total
    while True:
        price = uniform_price(s, i)
        if price < 0:
            return last, total
        lots = trade_at(s, i, price)
        if lots > 0:
            last = price
            total += lots


@kernel
def forget_marks(s, i):
    """No bounds until the next mark."""
    ins = s.ins[i]
    ins[I_LOW] = 0
    ins[I_HIGH] = 0
    ins[I_HISTORY_COUNT] = 0
    ins[I_HISTORY_FIRST] = 0


@kernel
def leave(s, i, state, why):
    """Out of auction into a state that trades: STATE row, uncrossing, its result in the row."""
    ins = s.ins[i]
    row = s.h[LOGGED]
    ins[I_STATE] = state
    ins[I_AUCTION_END] = 0
    ins[I_VOLATILE] = 0
    emit(s, STATE, 0, i, 0, 0, 0, 0, 0, 0, 0, state, 0, 0, why)
    price, lots = uncross(s, i)
    if row < s.h[N_LOG] and lots > 0:
        s.log[row, E_PRICE] = price
        s.log[row, E_SIZE] = lots
    forget_marks(s, i)


@kernel
def end_auction(s, i):
    """At a MARK: end or extend an auction whose time has come (ORD-05)."""
    ins = s.ins[i]
    if (
        ins[I_STATE] != S_AUCTION
        or ins[I_AUCTION_END] == 0
        or s.h[NOW] < ins[I_AUCTION_END]
        or grade(s, ins[I_FEED]) >= s.h[G_FILL]
    ):
        return
    if ins[I_VOLATILE] and ins[I_EXTENDED] == 0 and ins[I_HIGH] != 0:
        price = uniform_price(s, i)
        if price >= 0 and (price < ins[I_LOW] or price > ins[I_HIGH]):
            ins[I_EXTENDED] = 1
            ins[I_AUCTION_END] = s.h[NOW] + ins[I_AUCTION_US]
            emit(
                s, STATE, 0, i, 0, 0, 0, 0, 0, 0, 0, S_AUCTION, 0, ins[I_AUCTION_END], EXTENDED
            )  # fmt: skip
            return
    leave(s, i, S_OPEN, OVER)


@kernel
def remember_mark(s, i):
    """A mark was computed: it joins the history, the bounds follow (ORD-05)."""
    h = s.h
    ins = s.ins[i]
    ring = s.history[ins[I_HISTORY]]
    size = h[N_HISTORY]
    n = ins[I_HISTORY_COUNT]
    ring[n % size, 0] = h[NOW]
    ring[n % size, 1] = ins[I_MARK]
    n += 1
    ins[I_HISTORY_COUNT] = n
    first = max(ins[I_HISTORY_FIRST], n - size)
    limit = h[NOW] - ins[I_HORIZON]
    while first + 1 < n and ring[(first + 1) % size, 0] <= limit:
        first += 1
    ins[I_HISTORY_FIRST] = first
    ref = ring[first % size, 1]
    ins[I_LOW] = np.int64(math.ceil(ref * s.insf[i, F_DOWN]))
    ins[I_HIGH] = np.int64(math.floor(ref * s.insf[i, F_UP]))


@kernel
def cancel_book(s, i, reason):
    """Cancel every resting order of a book: buys then sells, price ascending, queue order."""
    for side in range(2 * i, 2 * i + 2):
        k = above(s, side, i * 0)
        while k >= 0:
            slot = s.levels[side, k, HEAD]
            while slot != 0:
                after = s.orders[slot, NEXT]
                cancel(s, slot, reason)
                slot = after
            k = above(s, side, k + 1)
    cancel_stops(s, i, reason)


@kernel
def close_book(s, i, why):
    """Cancel everything in a book and close it."""
    cancel_book(s, i, R_STATE)
    if s.ins[i, I_STATE] == S_AUCTION:
        forget_marks(s, i)
    s.ins[i, I_STATE] = S_CLOSED
    s.ins[i, I_AUCTION_END] = 0
    emit(s, STATE, 0, i, 0, 0, 0, 0, 0, 0, 0, S_CLOSED, 0, 0, why)


@kernel
def set_state(s, m):
    """STATE; returns a reject reason or 0."""
    i = m[M_INSTRUMENT]
    state = m[M_ARG]
    end = m[M_ARG2]
    if i < 0 or i >= s.h[N_INSTRUMENTS]:
        return R_INSTRUMENT
    ins = s.ins[i]
    if state < S_OPEN or state > S_CLOSED or (end != 0 and (state != S_AUCTION or end <= s.h[NOW])):
        return R_FLAGS
    if ins[I_CLOSED] or (ins[I_STATE] == S_AUCTION and state == S_CANCEL):
        return R_STATE
    leaves = ins[I_STATE] == S_AUCTION and state < S_CANCEL
    if leaves and grade(s, ins[I_FEED]) >= s.h[G_FILL]:
        return R_STALE
    if state == S_CLOSED:
        close_book(s, i, BY_MESSAGE)
    elif ins[I_STATE] == S_AUCTION and state != S_AUCTION:
        leave(s, i, state, BY_MESSAGE)
    else:
        if ins[I_STATE] != S_AUCTION:
            ins[I_VOLATILE] = 0
            ins[I_EXTENDED] = 0
        ins[I_STATE] = state
        ins[I_AUCTION_END] = end
        emit(s, STATE, 0, i, 0, 0, 0, 0, 0, 0, 0, state, 0, end, BY_MESSAGE)
    return 0
