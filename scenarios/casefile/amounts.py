"""Decimal amounts of a case file, and the exact integers that the exchange works with.

A file says ``"0.1"`` or ``0.1``; both are read as exact decimals, so nothing is rounded on the way.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

MICRO = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXACT = Context(prec=60)  # int64 has 19 digits; products and quotients of two stay exact


class CaseFault(ValueError):
    """Something in a case cannot be carried out; the runner adds file, line and step.

    ``path`` leads to the field, from the table where the fault was found.
    """

    def __init__(self, what: str, *path: str | int) -> None:
        super().__init__(what)
        self.path = path


def in_range(number: Decimal) -> bool:
    """Below 10^30 in size and with at most 30 decimals: what can be written out as an integer."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -30 and (not number or number.adjusted() < 30)


def short(value: Any) -> str:
    """A value as an error shows it."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _decimal(value: Any) -> Decimal:
    """An exact decimal from what TOML gives; raises ValueError with a sentence."""
    if isinstance(value, bool) or not isinstance(value, int | str | float | Decimal):
        raise ValueError(f"{value!r} is no number")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except ArithmeticError:
        raise ValueError(f"{value!r} is no number") from None
    if not number.is_finite():
        raise ValueError(f"{value} is no finite number")
    if not in_range(number):
        raise ValueError(f"{short(value)} is out of range")
    return number


_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}]}
)
Amount = Annotated[Decimal, BeforeValidator(_decimal), _SCHEMA]


def _moment(value: Any) -> Any:
    """Seconds after the case's start, or a date-time with its zone."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; write 2025-01-31T12:00:00Z")
        return value
    return _decimal(value)


Moment = Annotated[
    Decimal | datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]


def microseconds(moment: datetime) -> int:
    """Microseconds of UTC, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def instant(moment: Decimal | datetime, start_us: int) -> int:
    """A Moment as microseconds of UTC; seconds count from ``start_us``."""
    if isinstance(moment, datetime):
        return microseconds(moment)
    return start_us + units(moment, Decimal(1) / MICRO, "seconds", "a microsecond")


def units(amount: Decimal, unit: Decimal, what: str, unit_name: str) -> int:
    """How many whole ``unit`` an amount is; raises CaseFault when it is not a whole number."""
    with localcontext(EXACT):
        count = amount / unit
        whole = count.to_integral_value()
        if whole * unit != amount:
            raise CaseFault(f"{what} {plain(amount)} is no multiple of {unit_name} ({plain(unit)})")
    if abs(whole) >= 1 << 63:
        raise CaseFault(f"{what} {plain(amount)} is too large")
    return int(whole)


def times(count: int, unit: Decimal) -> Decimal:
    """``count`` units as an exact decimal."""
    with localcontext(EXACT):
        return (count * unit).normalize()


def plain(number: Decimal) -> str:
    """A decimal without exponent or trailing zeros: ``100``, ``0.1``."""
    with localcontext(EXACT):
        text = f"{number.normalize():f}"
    return "0" if text in ("-0", "") else text
