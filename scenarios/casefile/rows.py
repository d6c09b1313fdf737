"""Events in a case's words: every column of a row with its unit or name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from scenarios.casefile.amounts import plain, times
from scenarios.casefile.names import ONE, USDC_UNIT, Names
from sim.exchange.messages import EVENT_COLUMNS, BookState, Event, Grade, Kind, Reason

AT = {name: k for k, name in enumerate(EVENT_COLUMNS)}
COLUMNS = EVENT_COLUMNS[3:]  # what an expectation may name

# What a column holds, where it is not what DEFAULT says.  "price", "size": of the row's instrument;
# "settle": of the asset the instrument settles in; "asset": units of the asset in `instrument`;
# "owed": units of the asset in `x`; "feed": ticks of the feed in `instrument`.
DEFAULT = {
    "account": "account", "instrument": "instrument", "side": "side", "price": "price",
    "size": "size", "amount": "usd", "order": "order", "other": "account", "other_order": "order",
    "code": "raw", "parent": "raw", "x": "raw", "y": "raw",
}  # fmt: skip
_ASSET = {"instrument": "asset name", "size": "asset", "amount": "asset"}
_EVENT = {"instrument": "event name", "size": "raw", "price": "raw"}
MEANING: dict[Event, dict[str, str]] = {
    Event.FILL: {"amount": "settle", "x": "settle"},
    Event.CANCELLED: {"code": "reason"},
    Event.REJECT: {"code": "reason", "x": "message"},
    Event.INDEX: {"instrument": "feed name", "price": "feed", "size": "feed", "amount": "feed",
                  "code": "grade"},
    Event.MARK: {"size": "price", "amount": "price", "x": "price", "y": "price"},
    Event.FUNDING_RATE: {"amount": "raw"},
    Event.FUNDING: {"amount": "settle"},
    Event.DEPOSIT: _ASSET, Event.WITHDRAW: _ASSET, Event.POOL: _ASSET, Event.LEND: _ASSET,
    Event.REDEEM: _ASSET, Event.INTEREST: _ASSET, Event.TRANSFER: _ASSET,
    Event.MINT: _EVENT, Event.MERGE: _EVENT, Event.PAYOUT: _EVENT, Event.PROPOSE: _EVENT,
    Event.DISPUTE: _EVENT, Event.RESOLVE: {**_EVENT, "y": "usd"},
    Event.BOND: {**_EVENT, "x": "usd"}, Event.CONVERT: {**_EVENT, "order": "raw"},
    Event.INTEREST_RATE: {"instrument": "asset name", "price": "raw", "size": "asset",
                          "amount": "raw", "other_order": "asset", "x": "asset", "y": "asset"},
    Event.STATE: {"code": "state"}, Event.CONDITIONAL: {"x": "price"},
    Event.SETTLED: {"size": "raw"}, Event.SETTINGS: {"x": "account"},
    Event.FLAG: {"x": "usd", "y": "usd"}, Event.STEP: {"x": "size", "order": "raw"},
    Event.ADL: {"x": "settle"}, Event.HAIRCUT: {"x": "asset name", "amount": "owed"},
    Event.WRITE_OFF: {"x": "asset name", "amount": "owed"},
    Event.DEFICIT: {"x": "usd", "y": "usd", "other_order": "usd"},
    Event.BOOK: {"size": "price", "amount": "price", "order": "price", "other": "price",
                 "other_order": "raw"},
    Event.DEPTH: dict.fromkeys(COLUMNS[3:], "raw"),
}  # fmt: skip
_OF_ASSETS = (
    Kind.DEPOSIT, Kind.WITHDRAW, Kind.LEND, Kind.REDEEM, Kind.POOL, Kind.TRANSFER,
)  # fmt: skip
# A REJECT repeats the message: what its columns hold depends on the message's kind.
REFUSED: dict[int, dict[str, str]] = {
    Kind.INDEX: {"instrument": "feed name", "price": "feed", "size": "feed"},
    **{
        kind: {"instrument": "asset name", "size": "asset"}
        for kind in _OF_ASSETS
    },
    **dict.fromkeys((Kind.MINT, Kind.MERGE, Kind.CONVERT, Kind.RESOLVE, Kind.PROPOSE, Kind.DISPUTE), _EVENT),
}  # fmt: skip
_LEG_ASSET = {"instrument": "asset name", "size": "asset", "price": "raw"}
_LEG_POSITION = {"amount": "settle"}
ENUMS: dict[str, Any] = {"reason": Reason, "grade": Grade, "message": Kind, "state": BookState}


def meanings(row: Mapping[str, int]) -> dict[str, str]:
    """What each column of a row holds."""
    kind = row["kind"]
    if kind == Event.LEG:
        return {**DEFAULT, **(_LEG_POSITION if row["code"] == 1 else _LEG_ASSET)}
    if kind == Event.REJECT:
        return {**DEFAULT, **MEANING[Event.REJECT], **REFUSED.get(row["x"], {})}
    known = kind in list(Event)
    return {**DEFAULT, **(MEANING.get(Event(kind), {}) if known else {})}


def kind_name(kind: int) -> str:
    return Event(kind).name if kind in list(Event) else str(kind)


class Reader:
    """Reads rows in the words of one case; ``orders`` gives order numbers their names."""

    def __init__(self, names: Names, orders: Mapping[int, str]) -> None:
        self.names, self.orders = names, orders

    def unit(self, meaning: str, row: Mapping[str, int]) -> Decimal | None:
        """USD or coins of one step of a column; None for what is no amount."""
        names, at = self.names, row["instrument"]
        match meaning:
            case "usd":
                return USDC_UNIT
            case "price":
                return names.tick(at)
            case "size":
                return names.lot(at)
            case "settle":
                return names.unit(names.settled_in(at))
            case "asset":
                return names.unit(at)
            case "owed":
                return names.unit(row["x"])
            case "feed":
                return names.feed_tick(at)
        return ONE if meaning == "raw" else None

    def label(self, meaning: str, value: int) -> str:
        """The name behind a number; the number itself where it has none."""
        lists = {
            "account": self.names.accounts, "instrument": self.names.instruments,
            "asset name": self.names.assets, "event name": self.names.events,
            "feed name": self.names.feeds, "side": ["buy", "sell"],
        }  # fmt: skip
        if meaning in lists:
            found: Sequence[str] = lists[meaning]
            return found[value] if 0 <= value < len(found) else str(value)
        if meaning == "order":
            return self.orders.get(value, str(value))
        enum = ENUMS[meaning]
        return enum(value).name if value in list(enum) else str(value)

    def cell(self, meaning: str, row: Mapping[str, int], column: str) -> Decimal | str:
        """A column's value: an exact decimal in its unit, or a name."""
        value = row[column]
        unit = self.unit(meaning, row)
        if unit is None:
            return self.label(meaning, value)
        if meaning == "price" and value == -1:
            return "none"
        return times(value, unit)

    def text(self, values: Sequence[int]) -> str:
        """A row for people: kind, then the columns that are not 0."""
        row = dict(zip(EVENT_COLUMNS, values, strict=True))
        known = meanings(row)
        parts = []
        for column in COLUMNS:
            if row[column] or (column in ("account", "instrument", "side") and _told(row, column)):
                shown = self.cell(known[column], row, column)
                parts.append(f"{column}={plain(shown) if isinstance(shown, Decimal) else shown}")
        return f"{kind_name(row['kind'])} {' '.join(parts)}".rstrip()


_NO_ACCOUNT = {
    Event.INDEX, Event.MARK, Event.FUNDING_RATE, Event.RESOLVE, Event.POOL, Event.FUND,
    Event.INTEREST_RATE, Event.STATE, Event.SETTLED, Event.EXTERNAL, Event.BOOK, Event.DEPTH,
    Event.REBASE,
}  # fmt: skip
_SIDED = {
    Event.ORDER, Event.FILL, Event.CANCELLED, Event.REJECT, Event.TRIGGER, Event.CONDITIONAL,
    Event.STEP, Event.DEPTH,
}  # fmt: skip
_NO_INSTRUMENT = {
    Event.FUND, Event.COMMIT, Event.FLAG, Event.UNFLAG, Event.INSURANCE, Event.WRITE_OFF,
    Event.FUND_RETURN, Event.DEFICIT, Event.SETTINGS, Event.FEE_TIER,
}  # fmt: skip


def _told(row: Mapping[str, int], column: str) -> bool:
    """Whether a 0 in the column means something."""
    if column == "side":
        return row["kind"] in _SIDED
    return row["kind"] not in (_NO_ACCOUNT if column == "account" else _NO_INSTRUMENT)
