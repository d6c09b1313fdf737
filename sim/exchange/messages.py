"""Messages in, events out: the two int64 row formats at the exchange's border.

A *message* is a row of ``MSG_COLS`` int64, an *event* a row of ``EV_COLS`` int64.  Both are
described column by column in ``docs/formats.md``.  Times are microseconds of simulated UTC,
prices instrument ticks, sizes lots, amounts micro-USDC, unless a column says otherwise.
Unused columns are 0.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

# --- message columns -------------------------------------------------------------------
MSG_COLS = 12
(
    M_TIME,
    M_KIND,
    M_ACCOUNT,
    M_INSTRUMENT,
    M_SIDE,
    M_PRICE,
    M_SIZE,
    M_FLAGS,
    M_ORDER,
    M_ARG,
    M_ARG2,
    M_SEQ,
) = range(12)

BUY, SELL = 0, 1


class Kind(IntEnum):
    """What a message asks for.  Exchange-side kinds sort before user kinds (SEQ-01)."""

    INDEX = 1  # INSTRUMENT=feed, PRICE=index ticks, SIZE=confidence ticks, ARG=reading time, ARG2=fresh sources
    MARK = 2  # recompute every mark (PRC-02, PRC-03)
    PREMIUM = 3  # take one funding premium sample per perpetual (FUN-01)
    FUNDING = 4  # pay the hour's funding
    RESOLVE = 5  # INSTRUMENT=event id, ARG=winning outcome (-1 void), ARG2=value of a scalar
    LIQUIDATE = 6  # one liquidation tick (LIQ-00)
    DEPOSIT = 7  # ACCOUNT, INSTRUMENT=asset, SIZE=units
    POOL = 8  # INSTRUMENT=asset, SIZE=units that lenders bring to pool[asset]
    FUND = 9  # SIZE=micro-USDC into the insurance fund
    EXTERNAL = 11  # INSTRUMENT=derivative, PRICE=external mid (<= 0: none), ARG=time of the reading
    INTEREST = 12  # book the hour's interest (INT-01)
    SETTLE = 13  # settle what is due: expired futures, forgotten events (SET-01, SET-05)
    PROPOSE = 14  # ACCOUNT, INSTRUMENT=event id, ARG, ARG2 as in RESOLVE, SIZE=bond (SET-02)
    DISPUTE = 15  # ACCOUNT, INSTRUMENT=event id, SIZE=bond
    STATE = 16  # INSTRUMENT, ARG=book state, ARG2=end of an auction (0: open) (ORD-03)
    COMMIT = 10  # ACCOUNT commits SIZE micro-USDC to the backstop (0 withdraws the commitment)
    NEW = 20  # ACCOUNT, INSTRUMENT, SIDE, PRICE, SIZE, FLAGS, ORDER, ARG=outcome (0 YES, 1 NO)
    CANCEL = 21  # ACCOUNT, ORDER
    CANCEL_ALL = 22  # ACCOUNT, INSTRUMENT (-1: everywhere)
    REPLACE = 23  # ACCOUNT, ORDER, PRICE, SIZE: the order keeps its id
    MINT = 24  # ACCOUNT, INSTRUMENT=event id, SIZE=sets
    MERGE = 25  # ACCOUNT, INSTRUMENT=event id, SIZE=sets
    WITHDRAW = 26  # ACCOUNT, INSTRUMENT=asset, SIZE=units, ARG=1: may borrow
    CONDITIONAL = 27  # as NEW; ARG=trigger price, ARG2=expiry with GTD
    CONVERT = 28  # ACCOUNT, INSTRUMENT=event id, SIZE, ARG=bit mask of outcomes (PRD-05)
    LEND = 29  # ACCOUNT, INSTRUMENT=asset, SIZE=units (INT-01)
    BOOK = 30  # write one BOOK event per instrument
    DEPTH = 31  # write two DEPTH events per instrument
    REDEEM = 32  # ACCOUNT, INSTRUMENT=asset, SIZE=units
    SETTINGS = 33  # ACCOUNT, FLAGS (1 cancel on disconnect, 2 auto-lend), ARG=owner + 1
    DISCONNECT = 34  # ACCOUNT
    TRANSFER = 35  # ACCOUNT, INSTRUMENT=asset, SIZE=units, ARG=receiving account of the same owner


# SEQ-01: classes of messages at one time, handled in this order.  All that users send is one class.
_CLASSES: tuple[tuple[Kind, ...], ...] = (
    (Kind.INDEX, Kind.EXTERNAL),
    (Kind.STATE,),
    (Kind.MARK,),
    (Kind.PREMIUM,),
    (Kind.FUNDING,),
    (Kind.INTEREST,),
    (Kind.SETTLE, Kind.RESOLVE),
    (Kind.LIQUIDATE,),
    (Kind.DEPOSIT,),
    (Kind.POOL,),
    (Kind.FUND,),
    (Kind.COMMIT,),
)
USERS_CLASS = 20
SEQ_CLASS = [USERS_CLASS] * 64  # by kind
for _n, _kinds in enumerate(_CLASSES, start=1):
    for _kind in _kinds:
        SEQ_CLASS[_kind] = _n
SEQ_CLASS[Kind.BOOK], SEQ_CLASS[Kind.DEPTH] = USERS_CLASS + 1, USERS_CLASS + 2


class Flag(IntFlag):
    """Order flags; 0 is a good-till-cancelled limit order."""

    NONE = 0
    IOC = 1
    FOK = 2
    POST_ONLY = 4
    REDUCE_ONLY = 8
    MARKET = 16
    GTD = 32  # ARG2 is the expiry
    # CONDITIONAL only
    TAKE_PROFIT = 64  # without it: a stop
    BY_LAST = 128  # triggered by last instead of mark
    BY_INDEX = 256
    NO = 512  # the order is for the NO of the book's outcome


class BookState(IntEnum):
    """ORD-03."""

    OPEN = 0
    POST_ONLY = 1
    LIMIT_ONLY = 2
    CANCEL_ONLY = 3
    AUCTION = 4
    CLOSED = 5


# --- event columns ---------------------------------------------------------------------
EV_COLS = 16
(
    E_SEQ,
    E_TIME,
    E_KIND,
    E_ACCOUNT,
    E_INSTRUMENT,
    E_SIDE,
    E_PRICE,
    E_SIZE,
    E_AMOUNT,
    E_ORDER,
    E_OTHER,
    E_OTHER_ORDER,
    E_CODE,
    E_PARENT,
    E_X,
    E_Y,
) = range(16)

EVENT_COLUMNS = (
    "seq",
    "time_us",
    "kind",
    "account",
    "instrument",
    "side",
    "price",
    "size",
    "amount",
    "order",
    "other",
    "other_order",
    "code",
    "parent",
    "x",
    "y",
)


class Event(IntEnum):
    """What happened.  ``docs/formats.md`` says what each column holds for each kind."""

    ORDER = 1
    FILL = 2
    CANCELLED = 3
    REJECT = 4
    INDEX = 5
    MARK = 6
    FUNDING_RATE = 7
    FUNDING = 8
    DEPOSIT = 9
    WITHDRAW = 10
    MINT = 11
    MERGE = 12
    RESOLVE = 13
    PAYOUT = 14
    POOL = 15
    FUND = 16
    COMMIT = 17
    CONVERT = 18
    LEND = 19
    FLAG = 20
    UNFLAG = 21
    LEG = 22
    STEP = 23
    BACKSTOP = 24
    INSURANCE = 25
    ADL = 26
    HAIRCUT = 27
    WRITE_OFF = 28
    FUND_RETURN = 29
    REDEEM = 30
    DEFICIT = 32
    INTEREST_RATE = 33
    INTEREST = 34
    STATE = 35
    TRIGGER = 36
    CONDITIONAL = 37
    SETTLED = 38
    SETTLEMENT = 39
    BOOK = 40
    DEPTH = 41
    REBASE = 42
    PROPOSE = 43
    DISPUTE = 44
    BOND = 45
    SETTINGS = 46
    EXTERNAL = 47
    FEE_TIER = 48
    TRANSFER = 49


class Reason(IntEnum):
    """Why an order was refused (REJECT) or taken out (CANCELLED): ORD-04."""

    NONE = 0
    INSUFFICIENT_MARGIN = 1
    PRICE_OUT_OF_BOUNDS = 2
    WOULD_CROSS = 3
    REDUCE_ONLY = 4
    SELF_TRADE = 5
    STALE_ORACLE = 6
    NO_LIQUIDITY = 7
    BOOK_STATE = 8
    UNKNOWN_ORDER = 9
    UNKNOWN_ACCOUNT = 10
    UNKNOWN_INSTRUMENT = 11
    BAD_TICK = 12
    BAD_SIZE = 13
    MIN_NOTIONAL = 14
    MAX_OPEN_ORDERS = 15
    FLAGGED = 16
    UNKNOWN_KIND = 17
    DUPLICATE_ORDER = 18
    INSUFFICIENT_BALANCE = 19
    UNKNOWN_ASSET = 20
    UNKNOWN_EVENT = 21
    ALREADY_RESOLVED = 22
    UNKNOWN_OUTCOME = 23
    BAD_FLAGS = 24
    BOOK_FULL = 25
    TWO_WINNERS = 26
    # cancellations that are no refusals
    BY_USER = 40
    IMMEDIATE = 41
    LIQUIDATION = 42
    OUT_OF_BAND = 43
    RESOLVED = 44
    REPLACED = 45
    EXPIRED = 46
    DISCONNECTED = 47


class Grade(IntEnum):
    """Quality of an oracle reading, worst last (PRC-04)."""

    VALID = 0
    STALE = 1
    INSUFFICIENT_SOURCES = 2
    TOO_UNCERTAIN = 3
    TOO_VOLATILE = 4
    NON_POSITIVE = 5


# Upper edges, in basis points from the mid, of the ten buckets of a DEPTH event.
DEPTH_EDGES_BPS = (2, 5, 10, 20, 35, 50, 75, 100, 150, 200)
