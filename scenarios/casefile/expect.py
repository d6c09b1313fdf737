"""What must be true after a step: the `expect` table of a case.

Money, prices, sizes compare exactly.  NE, IM, MM and free collateral are floats: written with
decimals they compare at those digits, written without at six.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt, WithJsonSchema, model_validator

from scenarios.casefile.amounts import Amount
from scenarios.casefile.declare import Part
from sim.exchange.messages import Event, Reason

ByAccount = dict[str, dict[str, Amount]]
Figure = dict[str, Amount]  # by account; the digits that are written are compared
Quote = Amount | Literal["none"]
# Names are checked when the case is read; the schema lists them so that editors complete them.
EventName = Annotated[str, WithJsonSchema({"type": "string", "enum": [e.name for e in Event]})]
ReasonName = Annotated[
    str, WithJsonSchema({"type": "string", "enum": [r.name for r in Reason if r]})
]
BookState = Literal["open", "post_only", "limit_only", "cancel_only", "auction", "closed"]


class Position(Part):
    """A position; `entry` is cost / size in USD at the digits that are written."""

    size: Amount
    entry: Amount | None = None
    cost: Amount | None = Field(default=None, description="USD; coins for an inverse.")


class Resting(Part):
    """One order of a book; what is not said is not compared."""

    side: Literal["buy", "sell"]
    price: Amount
    size: Amount
    account: str | None = None
    order: StrictInt | str | None = None


class Buckets(Part):
    """Ledger buckets: money in USDC, `pool`, `external`, `fees`, `rounding` also by asset."""

    insurance: Amount | None = None
    bonds: Amount | None = None
    fees: Amount | dict[str, Amount] | None = None
    rounding: Amount | dict[str, Amount] | None = None
    pool: Amount | dict[str, Amount] | None = None
    external: Amount | dict[str, Amount] | None = None
    clearing: dict[str, Amount] = Field(default={})
    vault: dict[str, Amount] = Field(default={})


Cell = Amount | str  # of an event: a number in the column's unit, or a name


class EventRow(Part):
    """An event to be found; columns that are not said may have any value.

    Without `count` the rows are looked for in this order, each in an event of its own; with `count`
    exactly so many events are like it.
    """

    kind: EventName
    count: Annotated[int, Field(ge=0)] | None = None
    reason: str | None = Field(default=None, description="Of a REJECT or CANCELLED: its code.")
    account: Cell | None = None
    instrument: Cell | None = None
    side: Cell | None = None
    price: Cell | None = None
    size: Cell | None = None
    amount: Cell | None = None
    order: Cell | None = None
    other: Cell | None = None
    other_order: Cell | None = None
    code: Cell | None = None
    parent: Cell | None = None
    x: Cell | None = None
    y: Cell | None = None

    @model_validator(mode="after")
    def _coded(self) -> EventRow:
        if self.reason is not None and self.code is not None:
            raise ValueError("`reason` and `code` are the same column")
        return self

    def columns(self) -> dict[str, Any]:
        """The columns that are compared."""
        given = self.model_dump(exclude={"kind", "count"}, exclude_none=True)
        if "reason" in given:
            given["code"] = given.pop("reason")
        return given


class Expect(Part):
    """Every field that is given must hold."""

    balances: ByAccount = Field(default={})
    claims: ByAccount = Field(default={})
    positions: dict[str, dict[str, Position | Amount]] = Field(
        default={}, description="A number is the size."
    )
    equity: Figure = Field(default={}, description="E of MAR-01, exact.")
    ne: Figure = Field(default={}, description="NE at marks.")
    strict_ne: Figure = Field(
        default={}, description="NE at strict prices, as tests of orders use it."
    )
    im: Figure = Field(default={})
    mm: Figure = Field(default={})
    free: Figure = Field(default={}, description="NE at strict prices minus IM.")
    mark: dict[str, Amount] = Field(default={})
    index: dict[str, Amount] = Field(default={})
    twap: dict[str, Amount] = Field(default={})
    bid: dict[str, Quote] = Field(default={})
    ask: dict[str, Quote] = Field(default={})
    book: dict[str, tuple[Resting, ...]] = Field(
        default={}, description="The whole book, bids first."
    )
    book_state: dict[str, BookState] = Field(default={})
    flagged: tuple[str, ...] | None = None
    buckets: Buckets = Buckets()
    events: tuple[EventRow, ...] = ()
    kinds: tuple[str, ...] | None = Field(
        default=None, description="Kinds of all events, in order."
    )
    refused: str | None = Field(default=None, description="Reason of the step's refusal.")
    state_unchanged: Literal[True] | None = None
