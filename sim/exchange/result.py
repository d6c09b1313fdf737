"""What a call did: accepted or refused and why, its fills, its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.exchange.messages import (
    E_ACCOUNT,
    E_AMOUNT,
    E_CODE,
    E_KIND,
    E_ORDER,
    E_OTHER,
    E_OTHER_ORDER,
    E_PRICE,
    E_SIZE,
    E_X,
    Event,
    Reason,
)

if TYPE_CHECKING:
    import polars as pl

    from sim.exchange.engine import Engine


class Fill(NamedTuple):
    """One trade: price in ticks (event books: YES terms), size in lots, fees in micro-USDC."""

    taker: int
    maker: int
    price: int
    size: int
    taker_fee: int
    maker_fee: int
    maker_order: int


class Outcome:
    """The events of one call, read from the log when they are first asked for.

    True when nothing that was sent has been refused.
    """

    __slots__ = ("_engine", "_era", "first", "last")

    def __init__(self, engine: Engine, first: int, last: int) -> None:
        self._engine = engine
        self._era = engine.era
        self.first = first
        self.last = last

    @property
    def events(self) -> np.ndarray:
        """int64[k, 16]; raises LookupError when they are no longer kept."""
        if self._era != self._engine.era:
            raise LookupError("this result is from before the exchange was restored")
        return self._engine.events_between(self.first, self.last)

    @property
    def refusals(self) -> list[Reason]:
        """Why messages were refused, in order."""
        rows = self.events
        return [Reason(int(c)) for c in rows[rows[:, E_KIND] == Event.REJECT][:, E_CODE]]

    @property
    def fills(self) -> list[Fill]:
        """Every trade."""
        rows = self.events
        return [_fill(row) for row in rows[rows[:, E_KIND] == Event.FILL].tolist()]

    def frame(self) -> pl.DataFrame:
        """The events as a Polars frame, names decoded."""
        from sim.exchange.eventframe import events_frame

        return events_frame(self._engine, self.events)

    def __bool__(self) -> bool:
        return not self.refusals

    def __repr__(self) -> str:
        kinds, counts = np.unique(self.events[:, E_KIND], return_counts=True)
        told = ", ".join(f"{n} {Event(int(k)).name}" for k, n in zip(kinds, counts, strict=True))
        return f"<{told or 'no events'}>"


class Result(Outcome):
    """The outcome of one message.

    ``code`` is a `Reason` number, 0 when it was accepted.  ``order`` is the order's id (0 if the
    message is about none).
    """

    __slots__ = ("code", "order")

    def __init__(self, engine: Engine, code: int, order: int, first: int, last: int) -> None:
        self._engine = engine
        self._era = engine.era
        self.code = code
        self.order = order
        self.first = first
        self.last = last

    @property
    def accepted(self) -> bool:
        return self.code == 0

    @property
    def reason(self) -> str | None:
        """Name of the reason for the refusal, None if there was none."""
        return Reason(self.code).name if self.code else None

    @property
    def fills(self) -> list[Fill]:
        """The trades of the order as the taker, in order (of any order, if it is about none)."""
        rows = self.events
        chosen = rows[:, E_KIND] == Event.FILL
        if self.order:
            chosen &= rows[:, E_ORDER] == self.order
        return [_fill(row) for row in rows[chosen].tolist()]

    @property
    def filled(self) -> int:
        """Lots traded at once."""
        return sum(fill.size for fill in self.fills)

    @property
    def average_price(self) -> float | None:
        """Ticks, weighted by size; None without a trade."""
        fills = self.fills
        lots = sum(fill.size for fill in fills)
        return sum(fill.price * fill.size for fill in fills) / lots if lots else None

    @property
    def fee(self) -> int:
        """Taker fees in micro-USDC (base units for an inverse perpetual)."""
        return sum(fill.taker_fee for fill in self.fills)

    @property
    def cancelled(self) -> int:
        """Lots of the order that were taken out at once (IOC, self-trade …)."""
        rows = self.events
        gone = (rows[:, E_KIND] == Event.CANCELLED) & (rows[:, E_ORDER] == self.order)
        return int(rows[gone][:, E_SIZE].sum())

    @property
    def resting(self) -> int:
        """Lots that rested when the call returned."""
        rows = self.events
        mine = (rows[:, E_KIND] == Event.ORDER) & (rows[:, E_ORDER] == self.order)
        taken = int(rows[mine][-1, E_SIZE]) if mine.any() else 0
        return max(0, taken - self.filled - self.cancelled)

    def __bool__(self) -> bool:
        return self.code == 0

    def __repr__(self) -> str:
        name = f"order {self.order} " if self.order else ""
        if self.code:
            return f"<{name}refused: {self.reason}>"
        try:
            told = f": {self.filled} lots filled" if self.filled else ""
            told += f" at {self.average_price:g}" if told else ""
            told += f", {self.resting} resting" if told and self.resting else ""
        except LookupError:
            told = ""
        return f"<{name}accepted{told}>"


def _fill(row: list[int]) -> Fill:
    return Fill(
        row[E_ACCOUNT],
        row[E_OTHER],
        row[E_PRICE],
        row[E_SIZE],
        row[E_AMOUNT],
        row[E_X],
        row[E_OTHER_ORDER],
    )
