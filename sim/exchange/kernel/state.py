"""The engine's whole state: three arenas (int64, float64, uint64) and a tuple of views on them.

A snapshot is a copy of the arenas, a comparison or digest one pass over them.  Every kernel
function takes ``arenas = (i64, f64, u64)`` and calls ``views(arenas)``; the compiler drops the
views that a function does not use.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.exchange.kernel.jit import inlined

# --- header: dimensions, counters, integer rules ------------------------------------------
HEADER = 96
(
    N_ACCOUNTS,
    N_INSTRUMENTS,
    N_PERPETUALS,
    N_SPOTS,
    N_EVENTS,
    N_FEEDS,
    N_ASSETS,
    N_COINS,
    N_SLOTS,
    N_IDS,
    N_LEVELS,
    N_WORDS,
    N_SUMMARY,
    N_ACTIVE,
    N_LOG,
    N_RING,
    NOW,
    SEQ,
    LOGGED,
    OVERFLOW,
    FREE,
    LIVE,
    MESSAGES,
    REJECTS,
    FILLS,
    EVALUATIONS,
    INSURANCE,
    FEES,
    ROUNDING,
    BORROWED,
    MARK_TIME,
    FLAGGED_COUNT,
    MAKER_PPM,
    TAKER_PPM,
    EVENT_PPM,
    SELF_TRADE,
    MAX_OPEN,
    STRICT,
    STALE_GUARD,
    FORCED_LAST,
    BARE,
    TWAP_US,
    STEP_PPM,
    STEP_MIN,
    LIQ_PPM,
    BONUS_PPM,
    FAILED_STEPS,
    RESERVE,
) = range(48)

# --- float rules ---------------------------------------------------------------------------
RULES = 32
(
    BAND,
    MAX_IMPACT,
    PREMIUM_TAU,
    BOOK_TAU,
    MARK_MIN,
    MARK_MAX,
    VOLATILE,
    UNCERTAIN,
    INTEREST,
    INTEREST_CLAMP,
    FUNDING_CAP,
    PHI,
    WITHDRAW_FLOOR,
    UNFLAG,
    TRIGGER,
    FILL_BA,
    FILL_SMMR,
    FEE_RATE,
    EVENT_FEE_RATE,
    LIQ_FEE_RATE,
) = range(20)

# --- orders: int64[slots, 10]; slot 0 is nobody ----------------------------------------------
ORDER = 10
NEXT, PREV, PX, REST, ACC, SIDE, ID, FLG, ANEXT, APREV = range(10)
SELLS_OUTCOME = 1 << 8  # in FLG: the order sells its outcome (event books)
OUTCOME_NO = 1 << 9  # in FLG: the order was for NO

# --- levels: int64[2 * instruments, ladder, 4] -------------------------------------------------
HEAD, TAIL, LOTS, LAST_SELLER = range(4)

# --- instruments: int64[n, 32] and float64[n, 20] ----------------------------------------------
INS = 32
(
    I_KIND,
    I_FEED,
    I_ASSET,
    I_TV,
    I_EVENT,
    I_PAYOFF,
    I_BASE,
    I_TICKS,
    I_LAST,
    I_MARK,
    I_OI,
    I_MAX,
    I_MIN_NOTIONAL,
    I_CLEARING,
    I_DUE,
    I_USED,
    I_MARKED,
    I_FORCED_SEQ,
    I_FORCED_TIME,
    I_TICK_MARK,
    I_CLOSED,
) = range(21)
INSF = 20
(
    F_BASE,
    F_FACTOR,
    F_BASE_M,
    F_FACTOR_M,
    F_INV_LIMIT,
    F_OI_LOW,
    F_OI_UP,
    F_CAP,
    F_IMPACT,
    F_PREM_NUM,
    F_PREM_DEN,
    F_BOOK_NUM,
    F_BOOK_DEN,
    F_SAMPLES,
    F_LAMBDA,
) = range(15)

# --- feeds: int64[n, 16]; ring: int64[n, RING, 3] (time, price, cumulative price*time) ----------
FEED = 16
(
    D_INDEX,
    D_TWAP,
    D_CONF,
    D_READ,
    D_FRESH,
    D_BAD,
    D_VOLATILE,
    D_BOUND,
    D_MIN_SOURCES,
    D_STALE_US,
    D_COUNT,
    D_TAIL,
    D_EVENT,
    D_TICK_INDEX,
    D_PRICE,
) = range(15)
RING = 4096

# --- assets: int64[n, 12], float64[n, 12] --------------------------------------------------------
ASSET = 12
(A_KIND, A_FEED, A_TV, A_POOL, A_EXTERNAL, A_SPOT, A_EVENT, A_TOTAL) = range(8)
ASSETF = 12
(W, B, KAPPA, CAP, B_BASE, B_FACTOR, B_BASE_M, B_FACTOR_M, B_INV_LIMIT) = range(9)

# --- events: int64[n, 6] ---------------------------------------------------------------------------
EVENT = 6
V_SETS, V_RESOLVED, V_OUTCOME, V_YES, V_INSTRUMENT, V_PAYOFF = range(6)

# --- accounts ----------------------------------------------------------------------------------------
ACCOUNT = 10
(C_HEAD, C_TAIL, C_OPEN, C_FLAGGED, C_FLAG_TIME, C_FAILED, C_DRAWN, C_COMMIT, C_PARENT) = range(9)
# positions int64[accounts, instruments, 8].  Perpetual and spot use the first six; an event book
# uses BID/ASK for YES orders and the D_ columns for NO orders (all in YES terms).
POSITION = 8
SCRATCH = 5  # columns: account, weight, leg tried, flagged queue (kept), equity snapshot
QUEUE, SNAPSHOT = 3, 4
SIZE, COST, BID, ASK, BID_COST, ASK_COST = range(6)
N_BID, N_BID_COST, N_ASK, N_ASK_COST = 0, 1, 6, 7

PERPETUAL, SPOT, BINARY = 1, 0, 2  # sim.exchange.instruments.Kind


class State(NamedTuple):
    h: np.ndarray
    orders: np.ndarray
    slot_of: np.ndarray
    free: np.ndarray
    levels: np.ndarray
    best: np.ndarray
    ins: np.ndarray
    feeds: np.ndarray
    ring: np.ndarray
    assets: np.ndarray
    events: np.ndarray
    bal: np.ndarray
    pos: np.ndarray
    acct: np.ndarray
    flag_size: np.ndarray
    scratch: np.ndarray
    log: np.ndarray
    insf: np.ndarray
    assetf: np.ndarray
    rules: np.ndarray
    fscratch: np.ndarray
    bits: np.ndarray
    summary: np.ndarray
    active: np.ndarray


@inlined
def views(arenas):
    """The State of three arenas; pointer arithmetic only."""
    i64, f64, u64 = arenas
    h = i64[:HEADER]
    a, n, k, f = h[N_ACCOUNTS], h[N_INSTRUMENTS], h[N_ASSETS], h[N_FEEDS]
    slots, ids, levels, rows, ring_len, ev = (
        h[N_SLOTS],
        h[N_IDS],
        h[N_LEVELS],
        h[N_LOG],
        h[N_RING],
        h[N_EVENTS],
    )
    o = np.int64(HEADER)
    orders = i64[o : o + slots * ORDER].reshape((slots, ORDER))
    o += slots * ORDER
    slot_of = i64[o : o + ids]
    o += ids
    free = i64[o : o + slots]
    o += slots
    level = i64[o : o + 2 * n * levels * 4].reshape((2 * n, levels, 4))
    o += 2 * n * levels * 4
    best = i64[o : o + 2 * n]
    o += 2 * n
    ins = i64[o : o + n * INS].reshape((n, INS))
    o += n * INS
    feeds = i64[o : o + f * FEED].reshape((f, FEED))
    o += f * FEED
    ring = i64[o : o + f * ring_len * 3].reshape((f, ring_len, 3))
    o += f * ring_len * 3
    assets = i64[o : o + k * ASSET].reshape((k, ASSET))
    o += k * ASSET
    events = i64[o : o + (ev + 1) * EVENT].reshape((ev + 1, EVENT))
    o += (ev + 1) * EVENT
    bal = i64[o : o + a * k].reshape((a, k))
    o += a * k
    pos = i64[o : o + a * n * POSITION].reshape((a, n, POSITION))
    o += a * n * POSITION
    acct = i64[o : o + a * ACCOUNT].reshape((a, ACCOUNT))
    o += a * ACCOUNT
    flag_size = i64[o : o + a * (n + 1)].reshape((a, n + 1))
    o += a * (n + 1)
    scratch = i64[o : o + (a + n + 8) * SCRATCH].reshape((a + n + 8, SCRATCH))
    o += (a + n + 8) * SCRATCH
    log = i64[o : o + rows * 16].reshape((rows, 16))
    p = np.int64(0)
    insf = f64[p : p + n * INSF].reshape((n, INSF))
    p += n * INSF
    assetf = f64[p : p + k * ASSETF].reshape((k, ASSETF))
    p += k * ASSETF
    rules = f64[p : p + RULES]
    p += RULES
    fscratch = f64[p : p + (a + n + 8) * 2].reshape((a + n + 8, 2))
    w, s, act = h[N_WORDS], h[N_SUMMARY], h[N_ACTIVE]
    q = np.int64(0)
    bits = u64[q : q + 2 * n * w].reshape((2 * n, w))
    q += 2 * n * w
    summary = u64[q : q + 2 * n * s].reshape((2 * n, s))
    q += 2 * n * s
    active = u64[q : q + a * act].reshape((a, act))
    return State(
        h, orders, slot_of, free, level, best, ins, feeds, ring, assets, events, bal, pos, acct,
        flag_size, scratch, log, insf, assetf, rules, fscratch, bits, summary, active,
    )  # fmt: skip


def sizes(h: np.ndarray) -> tuple[int, int, int]:
    """Elements that the three arenas need for the dimensions in a header."""
    a, n, k, f = (int(h[x]) for x in (N_ACCOUNTS, N_INSTRUMENTS, N_ASSETS, N_FEEDS))
    slots, ids, levels, rows, ring, ev = (
        int(h[x]) for x in (N_SLOTS, N_IDS, N_LEVELS, N_LOG, N_RING, N_EVENTS)
    )
    i64 = (
        HEADER
        + slots * (ORDER + 1)
        + ids
        + 2 * n * levels * 4
        + 2 * n
        + n * INS
        + f * FEED
        + f * ring * 3
    )
    i64 += k * ASSET + (ev + 1) * EVENT + a * k + a * n * POSITION + a * ACCOUNT + a * (n + 1)
    i64 += (a + n + 8) * SCRATCH + rows * 16
    f64 = n * INSF + k * ASSETF + RULES + (a + n + 8) * 2
    u64 = 2 * n * int(h[N_WORDS]) + 2 * n * int(h[N_SUMMARY]) + a * int(h[N_ACTIVE])
    return i64, f64, u64
