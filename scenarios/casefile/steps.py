"""The steps of a case: what is sent to the exchange, one action a step.

Accounts, instruments, feeds, assets and events go by name; an integer is taken as the raw id, so
that a case can also ask for what does not exist.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, StrictInt, model_validator

from scenarios.casefile.amounts import Amount, Moment
from scenarios.casefile.declare import Part
from scenarios.casefile.expect import Expect, ReasonName
from scenarios.casefile.sources import Sources

Who = StrictInt | str  # a name, or a raw id
Side = Literal["buy", "sell"]
Outcome = StrictInt | Literal["YES", "NO", "LONG", "SHORT"]
OrderFlag = Literal["ioc", "fok", "post_only", "reduce_only"]
State = Literal["open", "post_only", "limit_only", "cancel_only", "auction", "closed"]
Tick = Literal["mark", "premium", "funding", "interest", "settle", "liquidate"]
Ticks = Literal["all"] | tuple[Tick, ...]


class Money(Part):
    """DEPOSIT, LEND, REDEEM: an account and an amount of an asset."""

    account: Who
    asset: Who = "USDC"
    amount: Amount


class Withdraw(Money):
    borrow: bool = Field(default=False, description="May borrow what is missing.")


class Transfer(Money):
    """TRANSFER: to another account of the same owner (MAR-08)."""

    to: Who


class Order(Part):
    """NEW. Without a price it is a market order."""

    account: Who
    instrument: Who
    side: Side
    size: Amount
    price: Amount | None = Field(default=None, description="USD; of the outcome that is traded.")
    type: Literal["limit", "market"] | None = None
    outcome: Outcome = "YES"
    flags: tuple[OrderFlag, ...] = ()
    until: Moment | None = Field(default=None, description="Expiry: good till date.")
    id: Who | None = Field(
        default=None, description="A name or a number; default: the next number."
    )

    @property
    def market(self) -> bool:
        return self.type == "market" or (self.type is None and self.price is None)


class Conditional(Order):
    """CONDITIONAL: an order that waits for its trigger."""

    trigger: Amount
    by: Literal["mark", "last", "index"] = "mark"


class Cancel(Part):
    account: Who
    order: Who


class CancelAll(Part):
    account: Who
    instrument: Who | None = Field(default=None, description="Default: everywhere.")


class Replace(Cancel):
    price: Amount
    size: Amount
    instrument: Who | None = Field(default=None, description="Whose units; default: the order's.")


class Trade(Part):
    """Two orders: the maker's rests, the taker's takes it all."""

    instrument: Who
    buyer: Who
    seller: Who
    price: Amount
    size: Amount
    maker: Side = Field(default="sell", description="Which of the two rests.")


class Reading(Part):
    """INDEX: one reading of a feed."""

    feed: Who
    price: Amount
    confidence: Amount = Field(default=Decimal(0), description="USD.")
    sources: int | None = Field(
        default=None, description="Fresh ones; default: as many as are needed."
    )
    age: Amount = Field(default=Decimal(0), description="Seconds.")


class External(Part):
    """EXTERNAL: the weighted median of other venues' mids; a price of 0 takes it back."""

    instrument: Who
    price: Amount
    age: Amount = Field(default=Decimal(0), description="Seconds.")


class Advance(Part):
    """Time passes; with `ticks` the exchange's own messages come on the way.

    MARK, SETTLE and LIQUIDATE each second, PREMIUM every 5 s, FUNDING and INTEREST every 3,600 s,
    counted from the case's start.  `fresh` reads every feed again each second at its last price.
    """

    seconds: Amount
    ticks: Ticks = ()
    fresh: bool = False


class Resolve(Part):
    event: Who
    outcome: Who | None = Field(
        default=None, description='An outcome or "void"; a scalar needs none.'
    )
    value: int | None = Field(default=None, description="Of a scalar.")
    wrong: bool = Field(default=False, description="Tags a resolution that is known to be wrong.")


class Propose(Part):
    account: Who
    event: Who
    outcome: Who | None = None
    value: int | None = None
    bond: Amount


class Dispute(Part):
    account: Who
    event: Who
    bond: Amount


class Sets(Part):
    """MINT and MERGE."""

    account: Who
    event: Who
    sets: int


class Convert(Part):
    """PRD-05: `size` NO shares of each outcome in `no`."""

    account: Who
    event: Who
    size: int
    no: tuple[str, ...] | StrictInt


class Pool(Part):
    asset: Who = "USDC"
    amount: Amount


class Commit(Part):
    account: Who
    amount: Amount


class SetState(Part):
    instrument: Who
    state: State | StrictInt
    until: Moment | None = Field(default=None, description="End of an auction.")


class Settings(Part):
    account: Who
    cancel_on_disconnect: bool = False
    auto_lend: bool = False
    owner: Who | None = None


class Disconnect(Part):
    account: Who


class Raw(Part):
    """Any message by its columns, all of them integers (docs/formats.md)."""

    kind: StrictInt | str
    account: int = 0
    instrument: int = 0
    side: int = 0
    price: int = 0
    size: int = 0
    flags: int = 0
    order: int = 0
    arg: int = 0
    arg2: int = 0


class Step(Part):
    """One action, or an expectation, or both; `refused` is short for `expect.refused`."""

    note: str = ""
    deposit: Money | None = None
    withdraw: Withdraw | None = None
    transfer: Transfer | None = None
    order: Order | None = None
    stop: Conditional | None = None
    take_profit: Conditional | None = None
    cancel: Cancel | None = None
    cancel_all: CancelAll | None = None
    replace: Replace | None = None
    trade: Trade | None = None
    price: Reading | None = None
    prices: dict[str, Amount] | None = None
    sources: Sources | None = None
    mark: Literal[True] | dict[str, Amount] | None = None
    mark_all: Literal[True] | None = None
    external: External | None = None
    advance: Amount | Advance | None = None
    funding: Literal[True] | None = None
    premium: Literal[True] | None = None
    interest: Literal[True] | None = None
    settle: Literal[True] | None = None
    liquidate: Literal[True] | None = None
    resolve: Resolve | None = None
    propose: Propose | None = None
    dispute: Dispute | None = None
    mint: Sets | None = None
    merge: Sets | None = None
    convert: Convert | None = None
    lend: Money | None = None
    redeem: Money | None = None
    pool: Pool | None = None
    insurance_fund: Amount | None = None
    commit: Commit | None = None
    state: SetState | None = None
    settings: Settings | None = None
    disconnect: Disconnect | None = None
    market_data: Literal["book", "depth"] | None = None
    send: Raw | None = None
    refused: ReasonName | None = None
    expect: Expect | None = None

    @model_validator(mode="after")
    def _one(self) -> Step:
        given = self.actions()
        if len(given) > 1:
            raise ValueError(f"one action a step, found {' and '.join(given)}")
        if not given and self.expect is None:
            raise ValueError(f"a step needs an action or `expect`; actions: {', '.join(ACTIONS)}")
        if self.refused is not None and not given:
            raise ValueError("`refused` belongs to a step with an action")
        return self

    def actions(self) -> list[str]:
        """Names of the actions that are given (one, or none)."""
        return [name for name in ACTIONS if getattr(self, name) is not None]

    def action(self) -> tuple[str, Any]:
        """Name and content of the action; ("", None) without one."""
        given = self.actions()
        return (given[0], getattr(self, given[0])) if given else ("", None)


ACTIONS = tuple(n for n in Step.model_fields if n not in ("note", "refused", "expect"))
