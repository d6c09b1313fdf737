"""The engine's whole state: three arenas (int64, float64, uint64) and a tuple of tables on them.

A snapshot is a copy of the arenas, a comparison or digest one pass over them.  An entry takes
``arenas = (i64, f64, u64)`` and calls ``s = views(arenas)`` once; every other kernel function takes
``s``.  To Python ``s`` is a tuple of numpy arrays; to compiled code it is three pointers, and
``s.pos[a, i, SIZE]`` one address computed from ``LAYOUT`` (see ``tables``).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sim.exchange.kernel.tables import Dim, compiled_views

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
    N_LEGS,
    N_SCRATCH,
) = range(50)
OFFSETS = 64  # header[OFFSETS + k]: where table k of LAYOUT starts in its arena

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
LEVEL = 4
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
    D_STALE_AT,
) = range(16)
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

# --- where everything is -------------------------------------------------------------------------
I64, F64, U64 = range(3)
_BOOK_SIDES = Dim(N_INSTRUMENTS, times=2)
# table: arena, dimensions.  In this order in each arena; the header is first in its own.
LAYOUT = {
    "h": (I64, HEADER),
    "orders": (I64, Dim(N_SLOTS), ORDER),
    "slot_of": (I64, Dim(N_IDS)),
    "free": (I64, Dim(N_SLOTS)),
    "levels": (I64, _BOOK_SIDES, Dim(N_LEVELS), LEVEL),
    "best": (I64, _BOOK_SIDES),
    "ins": (I64, Dim(N_INSTRUMENTS), INS),
    "feeds": (I64, Dim(N_FEEDS), FEED),
    "ring": (I64, Dim(N_FEEDS), Dim(N_RING), 3),
    "assets": (I64, Dim(N_ASSETS), ASSET),
    "events": (I64, Dim(N_EVENTS, plus=1), EVENT),
    "bal": (I64, Dim(N_ACCOUNTS), Dim(N_ASSETS)),
    "pos": (I64, Dim(N_ACCOUNTS), Dim(N_INSTRUMENTS), POSITION),
    "acct": (I64, Dim(N_ACCOUNTS), ACCOUNT),
    "flag_size": (I64, Dim(N_ACCOUNTS), Dim(N_LEGS)),
    "scratch": (I64, Dim(N_SCRATCH), SCRATCH),
    "log": (I64, Dim(N_LOG), 16),
    "insf": (F64, Dim(N_INSTRUMENTS), INSF),
    "assetf": (F64, Dim(N_ASSETS), ASSETF),
    "rules": (F64, RULES),
    "fscratch": (F64, Dim(N_SCRATCH), 2),
    "bits": (U64, _BOOK_SIDES, Dim(N_WORDS)),
    "summary": (U64, _BOOK_SIDES, Dim(N_SUMMARY)),
    "active": (U64, Dim(N_ACCOUNTS), Dim(N_ACTIVE)),
    "quoted": (U64, Dim(N_ACCOUNTS), Dim(N_ACTIVE)),
}


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
    active: np.ndarray  # bits: instruments in which the account may have something
    quoted: np.ndarray  # bits: instruments in which it has resting orders that margin counts


def views(arenas: tuple[np.ndarray, np.ndarray, np.ndarray]) -> State:
    """The State of three arenas, as numpy arrays on the same memory."""
    h = arenas[0]
    parts = []
    for k, (arena, *dims) in enumerate(LAYOUT.values()):
        shape = [d.value(h) if isinstance(d, Dim) else d for d in dims]
        start = int(h[OFFSETS + k])
        parts.append(arenas[arena][start : start + math.prod(shape)].reshape(shape))
    return State(*parts)


compiled_views(views, LAYOUT, OFFSETS)


def sizes(h: np.ndarray) -> tuple[int, int, int]:
    """Elements that the three arenas need for the dimensions in header `h`; notes offsets there."""
    h[N_LEGS] = h[N_INSTRUMENTS] + 1
    h[N_SCRATCH] = h[N_ACCOUNTS] + h[N_INSTRUMENTS] + 8
    ends = [0, 0, 0]
    for k, (arena, *dims) in enumerate(LAYOUT.values()):
        h[OFFSETS + k] = ends[arena]
        ends[arena] += math.prod(d.value(h) if isinstance(d, Dim) else d for d in dims)
    return ends[I64], ends[F64], ends[U64]
