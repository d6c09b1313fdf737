"""What a sender asks for, and the checks that need nothing but the listing (ORD-04)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twin.codes import (
    BUY,
    NO,
    ORDER_FLAGS,
    SELL,
    TRIGGER_FLAGS,
    YES,
    Flag,
    Message,
    Reason,
)
from twin.listing import Instrument

AT_ONCE = Flag.IOC | Flag.FOK | Flag.MARKET


@dataclass(frozen=True)
class Ask:
    """An order in the terms of the outcome that its sender named."""

    account: int
    instrument: int
    side: int
    price: int
    size: int
    flags: int
    order: int
    outcome: int
    expiry: int

    def ill_flagged(self, i: Instrument, now: int) -> bool:
        """BAD_FLAGS of a NEW; `flags` without the bits of a conditional order."""
        flags = self.flags
        return bool(
            self.side not in (BUY, SELL)
            or flags & ~ORDER_FLAGS
            or self.outcome not in ((YES, NO) if i.is_event else (YES,))
            or (flags & Flag.IOC and flags & Flag.FOK)
            or (flags & Flag.POST_ONLY and flags & AT_ONCE)
            or (flags & Flag.REDUCE_ONLY and not i.is_derivative)
            or (flags & Flag.GTD and (flags & AT_ONCE or self.expiry <= now))
        )


def off_tick(i: Instrument, price: int) -> bool:
    """BAD_TICK, in the terms of the outcome."""
    return price < 1 or (i.is_event and price > i.payoff - 1)


def asked(message: Sequence[int]) -> Ask:
    """The order of a NEW or CONDITIONAL; of the latter without its trigger."""
    _, kind, account, instrument, side, price, size, flags, order, arg, expiry = message[:11]
    outcome = arg
    if kind == Message.CONDITIONAL:
        outcome = NO if flags & Flag.NO else YES
        flags &= ~TRIGGER_FLAGS
    expiry = expiry if flags & Flag.GTD else 0
    return Ask(account, instrument, side, price, size, flags, order, outcome, expiry)


def rejection(message: Sequence[int], reason: Reason) -> dict[str, int]:
    """The columns of REJECT: the message repeated."""
    return {
        "account": message[2],
        "instrument": message[3],
        "side": message[4],
        "price": message[5],
        "size": message[6],
        "order": message[8],
        "code": reason,
        "x": message[1],
    }
