"""The small records of which the exchange's memory is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from twin.codes import BookState


@dataclass
class Flagged:
    """LIQ-00: what is remembered of an account while it is flagged."""

    time: int
    parent: int
    sizes: dict[tuple[str, int], int]  # size of each leg when flagged
    failed: int = 0
    wait_until: int = 0  # no step before (disposal)


@dataclass
class Samples:
    """FUN-01: the premium samples of the hour."""

    due: int = 0
    used: int = 0
    total: float = 0.0


@dataclass
class Phase:
    """ORD-03, ORD-05: the state of one book, and its volatility bounds."""

    state: int = BookState.OPEN
    end: int = 0  # of the auction, 0 open
    by_volatility: bool = False
    extended: bool = False
    history: list[tuple[int, int]] = field(default_factory=list)  # (time, mark)
    bounds: tuple[int, int] | None = None


@dataclass
class Profile:
    """Settings, owner and fee tier of one account."""

    owner: int
    settings: int = 0  # bit 1 cancel on disconnect, bit 2 auto-lend
    tier: int = 0
    volumes: dict[int, int] = field(default_factory=dict)  # by UTC day, micro-USD


@dataclass
class External:
    """PRC-02: the median of external mids; price 0: none."""

    price: int = 0
    read_at: int = 0


@dataclass
class Conditional:
    """ORD-01: an order that waits for its trigger; side and trigger in YES terms."""

    id: int
    account: int
    instrument: int
    side: int
    trigger: int
    own_side: int  # as in the message, like the next four
    price: int
    size: int
    flags: int
    outcome: int
    expiry: int = 0
    came: int = 0  # when it was accepted


@dataclass
class Reading:
    """SET-01: a feed's latest INDEX."""

    time: int
    price: int
    counts: bool  # left the grade better than TOO_UNCERTAIN


@dataclass
class Averaging:
    """SET-01: the mean that one future settles at."""

    total: int = 0  # Σ price·µs
    micros: int = 0
    until: int = 0  # what came before is in it
    closed: bool = False  # its book, for good
    settled: bool = False


@dataclass
class Proposal:
    """SET-02, SET-04: a bonded claim of an outcome."""

    account: int
    bond: int
    outcome: int
    value: int
    disputer: int | None = None
