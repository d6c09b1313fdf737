"""Events as a Polars frame: times as times, codes and ids as names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from sim.exchange import messages as ms
from sim.exchange.messages import BookState, Event, Grade, Reason
from sim.exchange.messages import Kind as Message

if TYPE_CHECKING:
    from sim.exchange.engine import Engine
    from sim.exchange.names import Ids

# What the instrument column of an event counts; the others count instruments.
ASSETS = frozenset(
    (Event.DEPOSIT, Event.WITHDRAW, Event.POOL, Event.LEND, Event.REDEEM, Event.INTEREST_RATE, Event.INTEREST)
)  # fmt: skip
EVENTS = frozenset(
    (
        Event.MINT, Event.MERGE, Event.RESOLVE, Event.PAYOUT, Event.CONVERT, Event.PROPOSE, Event.DISPUTE,
        Event.BOND,
    )
)  # fmt: skip
FEEDS = frozenset((Event.INDEX,))
NOTHING = frozenset(
    (
        Event.FUND, Event.COMMIT, Event.FLAG, Event.UNFLAG, Event.INSURANCE, Event.FUND_RETURN,
        Event.DEFICIT, Event.SETTINGS, Event.FEE_TIER, Event.WRITE_OFF,
    )
)  # fmt: skip
SIDED = (
    Event.ORDER, Event.FILL, Event.CANCELLED, Event.REJECT, Event.STEP, Event.TRIGGER, Event.CONDITIONAL,
    Event.DEPTH,
)  # fmt: skip
# The same for the message that a REJECT repeats.
ASKED_ASSETS = frozenset(
    (Message.DEPOSIT, Message.POOL, Message.WITHDRAW, Message.LEND, Message.REDEEM)
)
ASKED_EVENTS = frozenset(
    (
        Message.RESOLVE, Message.PROPOSE, Message.DISPUTE, Message.MINT, Message.MERGE, Message.CONVERT,
    )
)  # fmt: skip
CODES = {
    Event.CANCELLED: Reason, Event.REJECT: Reason, Event.INDEX: Grade, Event.STATE: BookState,
}  # fmt: skip


def events_frame(x: Engine, rows: np.ndarray) -> pl.DataFrame:
    """int64[k, 16] as a frame: the sixteen columns, `side` and `kind` by name, `time` in UTC, and

    `name` (what the instrument column says), `meaning` (what the code says: a reason, a grade, a
    state), `asked` (the kind of the refused message).
    """
    kinds = rows[:, ms.E_KIND]
    columns = {name: rows[:, k] for k, name in enumerate(ms.EVENT_COLUMNS)}
    sided = np.isin(kinds, SIDED)
    side = np.where(sided, rows[:, ms.E_SIDE], -1)
    asked = np.where(kinds == Event.REJECT, rows[:, ms.E_X], -1)
    return pl.DataFrame(columns).select(
        "seq",
        pl.col("time_us").cast(pl.Datetime("us", "UTC")).alias("time"),
        pl.Series("kind", [_member(Event, k) for k in kinds.tolist()], pl.String),
        "account",
        pl.Series("name", _names(x, rows), pl.String),
        pl.Series("side", [(None, "buy", "sell")[s + 1] for s in side.tolist()], pl.String),
        "price",
        "size",
        "amount",
        "order",
        "other",
        "other_order",
        pl.Series("meaning", _meanings(rows), pl.String),
        pl.Series(
            "asked", [_member(Message, k) if k >= 0 else None for k in asked.tolist()], pl.String
        ),
        "instrument",
        "code",
        "parent",
        "x",
        "y",
    )


def _names(x: Engine, rows: np.ndarray) -> list[str | None]:
    found: list[str | None] = []
    for row in rows[:, [ms.E_KIND, ms.E_INSTRUMENT, ms.E_CODE, ms.E_X]].tolist():
        ids = _ids(x, *row)
        found.append(ids.name(row[1]) if ids is not None and row[1] >= 0 else None)
    return found


def _ids(x: Engine, kind: int, instrument: int, code: int, asked: int) -> Ids | None:
    """Which numbers the instrument column of this event holds."""
    names = x.names
    if kind == Event.REJECT:
        if asked in ASKED_ASSETS:
            return names.assets
        if asked in ASKED_EVENTS:
            return names.events
        return names.feeds if asked == Message.INDEX else names.instruments
    if kind in NOTHING:
        return None
    if kind in ASSETS or (kind == Event.LEG and code != 1):
        return names.assets
    if kind in EVENTS:
        return names.events
    return names.feeds if kind in FEEDS else names.instruments


def _meanings(rows: np.ndarray) -> list[str | None]:
    return [
        _member(CODES[Event(kind)], code).lower() if kind in CODES else None
        for kind, code in rows[:, [ms.E_KIND, ms.E_CODE]].tolist()
    ]


def _member(codes: type, code: int) -> str:
    try:
        return str(codes(code).name)
    except ValueError:
        return str(code)
