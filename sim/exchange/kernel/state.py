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
HEADER = 144
(
    N_ACCOUNTS,
    N_INSTRUMENTS,
    N_PERPETUALS,
    N_INVERSES,
    N_DERIVATIVES,
    N_SPOTS,
    N_EVENTS,
    N_FEEDS,
    N_ASSETS,
    N_COINS,
    N_POOLS,
    N_SLOTS,
    N_IDS,
    N_LEVELS,
    N_WORDS,
    N_SUMMARY,
    N_ACTIVE,
    N_LOG,
    N_RING,
    N_STOPS,
    N_HISTORIES,
    N_HISTORY,
    N_TIERS,
    N_VOLUMES,
    N_LEGS,
    N_SCRATCH,
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
    BONDS,
    MARK_TIME,
    FLAGGED_COUNT,
    SELF_TRADE,
    BY_OWNER,
    MAX_OPEN,
    STRICT,
    STALE_GUARD,
    FORCED_LAST,
    BARE,
    TWAP_US,
    STEP_PPM,
    STEP_MIN,
    LIQ_PPM,
    EVENT_PPM,
    BONUS_PPM,
    FAILED_STEPS,
    RESERVE,
    NEXT_EXPIRY,
    TIMED,
    STOPS_FREE,
    PENDING,
    DAY,
    EXTERNAL_US,
    WINDOW_US,
    VOID_US,
    BOND_PPM,
    G_INCREASE,
    G_WITHDRAW,
    G_BORROW,
    G_FILL,
    G_FUNDING,
    G_SETTLEMENT,
    G_LIQUIDATE,
    G_TRIGGER,
    PORTFOLIO,
    DISPOSAL,
    STEP_LOTS,
    BOOK_PPM,
    WAIT_US,
    ADL,
    EXACT,
    EXACT_PPM,
    LENDERS_FIRST,
    INSURANCE_CAP,
    BACKSTOP_ON,
    PROPOSAL_MARGIN,
) = range(84)
OFFSETS = 96  # header[OFFSETS + k]: where table k of LAYOUT starts in its arena

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
    OFFSET,
    EXTREME,
    EXTREME_WEIGHT,
    FLOOR,
    OVER,
    MEAN_CAP,
    MEAN_TAU,
) = range(27)

# --- orders: int64[slots, 10]; slot 0 is nobody ----------------------------------------------
ORDER = 10
NEXT, PREV, PX, REST, ACC, SIDE, ID, FLG, ANEXT, APREV = range(10)
SELLS_OUTCOME = 1 << 20  # in FLG: the order sells its outcome (event books)
OUTCOME_NO = 1 << 21  # in FLG: the order was for NO
# GTD orders: int64[slots, 2] beside them, and a heap of slots by (expiry, id)
UNTIL, HEAPED = range(2)

# --- conditional orders: int64[stops, 14]; slot 0 is nobody -----------------------------------
STOP = 14
(
    T_ID,
    T_ACC,
    T_INS,
    T_SIDE,  # YES terms
    T_PRICE,
    T_SIZE,
    T_FLAGS,
    T_TRIGGER,  # YES terms
    T_UNTIL,
    T_NO,
    T_NEXT,
    T_PREV,
    T_ANEXT,
    T_APREV,
) = range(14)

# --- levels: int64[2 * instruments, ladder, 4] -------------------------------------------------
LEVEL = 4
HEAD, TAIL, LOTS, LAST_SELLER = range(4)

# --- instruments: int64[n, 56] and float64[n, 20] ----------------------------------------------
INS = 56
(
    I_KIND,
    I_FEED,
    I_ASSET,  # spot: its base; inverse: what it settles in
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
    I_STATE,
    I_CLOSED,
    I_FACE,  # micro-USD of a contract of an inverse, else 0
    I_UNITS,  # F of an inverse, else 0
    I_COST,  # what resting costs are lots * price times: tick value, 1 for an inverse
    I_LOW,  # trades below and above these prices start an auction (ORD-05); 0: none
    I_HIGH,
    I_BY_LAST,  # conditional orders triggered by last
    I_TOUCHED,
    I_OUTCOME,
    I_CLEARING,
    I_DUE,
    I_USED,
    I_MARKED,
    I_FORCED_SEQ,
    I_FORCED_TIME,
    I_TICK_MARK,
    I_STOPS,
    I_STOPS_END,
    I_AUCTION_END,
    I_VOLATILE,
    I_EXTENDED,
    I_HISTORY,  # row of `history`, -1 without volatility auctions
    I_HISTORY_COUNT,
    I_HISTORY_FIRST,
    I_HORIZON,
    I_AUCTION_US,
    I_EXTERNAL,
    I_EXTERNAL_TIME,
    I_EXPIRY,
    I_SETTLE_SUM,
    I_SETTLE_US,
    I_SHUT,
    I_GROUPED,  # 1 if its feed has another derivative (MAR-06)
    I_SAME,  # the next derivative on its feed, -1: none
) = range(48)
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
    F_DOWN,
    F_UP,
    F_MEAN_NUM,
    F_MEAN_DEN,
) = range(19)

# --- feeds: int64[n, 24], float64[n, GRID] of grid moves, the largest first
# ring: int64[n, RING, 3] (time, price, cumulative price*time)
FEED = 24
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
    D_OWN,  # spot book whose median is the reading, -1: none
    D_SINCE,  # time of the latest reading, good or bad
    D_GOOD,  # price that counts for settlement since then, 0: none
    D_FIRST,  # first derivative on it, -1: none
    D_LINKED,  # first event linked to it, -1: none (MAR-07)
    D_MOVES,  # grid moves
) = range(22)
GRID = 8
RING = 4096

# --- assets: int64[n, 16], float64[n, 16] --------------------------------------------------------
ASSET = 16
(
    A_KIND,
    A_FEED,
    A_TV,
    A_POOL,
    A_EXTERNAL,
    A_SPOT,
    A_EVENT,
    A_TOTAL,
    A_FEES,
    A_ROUNDING,
    A_BORROWED,
    A_SHARES,
    A_BORROWABLE,
    A_LEND_CAP,
    A_BORROW_CAP,
    A_OUTCOME,
) = range(16)
ASSETF = 16
(
    W,
    B,
    KAPPA,
    CAP,
    B_BASE,
    B_FACTOR,
    B_BASE_M,
    B_FACTOR_M,
    B_INV_LIMIT,
    OPTIMAL,
    RATE_ZERO,
    RATE_OPTIMAL,
    RATE_MAX,
    RESERVE_FEE,
    THROTTLE,
    JUMP,  # share: relative move of the underlying if it wins (MAR-07)
) = range(16)

# --- events: int64[n, 32]; two proposals of six columns each follow the first twelve ----------------
EVENT = 32
(
    V_SETS,
    V_RESOLVED,
    V_OUTCOME,
    V_SHARE,  # asset id of the first share
    V_INSTRUMENT,  # id of the first book
    V_PAYOFF,
    V_SHARES,
    V_BOOKS,
    V_LOW,
    V_HIGH,
    V_DATE,
    V_PROPOSALS,
) = range(12)
PROPOSAL = 12
V_FEED, V_STRIKE, V_BELOW, V_NEXT = 24, 25, 26, 27  # MAR-07; -1 without feed; next of the same
ENDS = (
    64  # float64[events, ENDS]: PnL of an account at each outcome (60 at most), void; last: COUNTED
)
Y_ACCOUNT, Y_OUTCOME, Y_VALUE, Y_BOND, Y_DISPUTED, Y_DISPUTER = range(6)

# --- fee tiers: int64[n, 3] ---------------------------------------------------------------------------
L_VOLUME, L_MAKER, L_TAKER = range(3)
DAYS = 31  # of volume kept: today and the thirty before

# --- accounts ----------------------------------------------------------------------------------------
ACCOUNT = 16
(
    C_HEAD,
    C_TAIL,
    C_STOPS,
    C_STOPS_END,
    C_OPEN,
    C_FLAGGED,
    C_FLAG_TIME,
    C_FAILED,
    C_DRAWN,
    C_COMMIT,
    C_PARENT,
    C_SETTINGS,
    C_OWNER,
    C_TIER,
    C_WAIT,  # no liquidation step before (LIQ-02)
) = range(15)
# positions int64[accounts, instruments, 8].  Derivative and spot use the first six; an event book
# uses BID/ASK for orders for its outcome and the N_ columns for NO orders (all in YES terms).
POSITION = 8
SCRATCH = (
    8  # columns: account, weight, leg tried, flagged queue (kept), equity snapshot; ADL: the rest
)
QUEUE, SNAPSHOT, ROOM, LOTS_GIVEN, MONEY_GIVEN = 3, 4, 5, 6, 7
SIZE, COST, BID, ASK, BID_COST, ASK_COST = range(6)
N_BID, N_BID_COST, N_ASK, N_ASK_COST = 0, 1, 6, 7

PERPETUAL, SPOT, EVENT_BOOK, INVERSE, FUTURE = 1, 0, 2, 3, 4  # sim.exchange.products.Kind
S_OPEN, S_POST, S_LIMIT, S_CANCEL, S_AUCTION, S_CLOSED = range(6)  # sim.exchange.messages.BookState

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
    "lent": (I64, Dim(N_ACCOUNTS), Dim(N_POOLS)),
    "timed": (I64, Dim(N_SLOTS), 2),
    "heap": (I64, Dim(N_SLOTS)),
    "stops": (I64, Dim(N_STOPS), STOP),
    "stops_free": (I64, Dim(N_STOPS)),
    "history": (I64, Dim(N_HISTORIES), Dim(N_HISTORY), 2),
    "tiers": (I64, Dim(N_TIERS), 3),
    "volume": (I64, Dim(N_VOLUMES), DAYS),
    "flag_size": (I64, Dim(N_ACCOUNTS), Dim(N_LEGS)),
    "scratch": (I64, Dim(N_SCRATCH), SCRATCH),
    "log": (I64, Dim(N_LOG), 16),
    "insf": (F64, Dim(N_INSTRUMENTS), INSF),
    "assetf": (F64, Dim(N_ASSETS), ASSETF),
    "rules": (F64, RULES),
    "fscratch": (F64, Dim(N_SCRATCH), 2),
    "grid": (F64, Dim(N_FEEDS), GRID),
    "odometer": (F64, 1),
    "safe": (F64, Dim(N_ACCOUNTS)),
    "ends": (F64, Dim(N_EVENTS, plus=1), ENDS),
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
    lent: np.ndarray  # shares of the pools
    timed: np.ndarray
    heap: np.ndarray
    stops: np.ndarray
    stops_free: np.ndarray
    history: np.ndarray
    tiers: np.ndarray
    volume: np.ndarray  # micro-USD traded, by day of UTC modulo DAYS
    flag_size: np.ndarray
    scratch: np.ndarray
    log: np.ndarray
    insf: np.ndarray
    assetf: np.ndarray
    rules: np.ndarray
    fscratch: np.ndarray
    grid: np.ndarray
    odometer: np.ndarray  # how far prices have moved, for `prefilter`
    safe: np.ndarray  # reading up to which an account cannot be liquidatable
    ends: np.ndarray
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
    h[N_POOLS] = 1 + h[N_COINS]
    h[N_LEGS] = h[N_DERIVATIVES] + h[N_ASSETS]
    h[N_SCRATCH] = h[N_ACCOUNTS] + h[N_INSTRUMENTS] + h[N_LEGS] + 8
    ends = [0, 0, 0]
    for k, (arena, *dims) in enumerate(LAYOUT.values()):
        h[OFFSETS + k] = ends[arena]
        ends[arena] += math.prod(d.value(h) if isinstance(d, Dim) else d for d in dims)
    return ends[I64], ends[F64], ends[U64]
