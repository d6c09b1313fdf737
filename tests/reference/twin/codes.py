"""The numbers of docs/formats.md: kinds of messages and events, reasons, grades, flags."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Message(IntEnum):
    INDEX = 1
    MARK = 2
    PREMIUM = 3
    FUNDING = 4
    RESOLVE = 5
    LIQUIDATE = 6
    DEPOSIT = 7
    POOL = 8
    FUND = 9
    COMMIT = 10
    EXTERNAL = 11
    INTEREST = 12
    SETTLE = 13
    PROPOSE = 14
    DISPUTE = 15
    STATE = 16
    NEW = 20
    CANCEL = 21
    CANCEL_ALL = 22
    REPLACE = 23
    MINT = 24
    MERGE = 25
    WITHDRAW = 26
    CONDITIONAL = 27
    CONVERT = 28
    LEND = 29
    BOOK = 30
    DEPTH = 31
    REDEEM = 32
    SETTINGS = 33
    DISCONNECT = 34
    TRANSFER = 35


class Event(IntEnum):
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
    BY_USER = 40
    IMMEDIATE = 41
    LIQUIDATION = 42
    OUT_OF_BAND = 43
    RESOLVED = 44
    REPLACED = 45
    EXPIRED = 46
    DISCONNECTED = 47


class Grade(IntEnum):
    """PRC-04, from good to bad."""

    VALID = 0
    STALE = 1
    INSUFFICIENT_SOURCES = 2
    TOO_UNCERTAIN = 3
    TOO_VOLATILE = 4
    NON_POSITIVE = 5


class Flag(IntFlag):
    IOC = 1
    FOK = 2
    POST_ONLY = 4
    REDUCE_ONLY = 8
    MARKET = 16
    GTD = 32
    TAKE_PROFIT = 64  # CONDITIONAL only, as are the next three
    BY_LAST = 128
    BY_INDEX = 256
    NO = 512


class BookState(IntEnum):
    """ORD-03."""

    OPEN = 0
    POST_ONLY = 1
    LIMIT_ONLY = 2
    CANCEL_ONLY = 3
    AUCTION = 4
    CLOSED = 5


ORDER_FLAGS = 63
TRIGGER_FLAGS = 64 | 128 | 256 | 512
ALL_FLAGS = ORDER_FLAGS
BUY, SELL = 0, 1
YES, NO = 0, 1

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
MESSAGE_COLUMNS = (
    "time",
    "kind",
    "account",
    "instrument",
    "side",
    "price",
    "size",
    "flags",
    "order",
    "arg",
    "arg2",
    "seq",
)
DEPTH_EDGES_BPS = (2, 5, 10, 20, 35, 50, 75, 100, 150, 200)
