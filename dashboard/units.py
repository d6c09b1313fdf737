"""Units: from ticks, lots and micro-USDC to what a reader sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sim.exchange.instruments import (
    MICRO,
    Event,
    Future,
    InversePerpetual,
    Kind,
    Listing,
    Perpetual,
)

MISSING = "—"
MINUS = "−"


@dataclass(frozen=True)
class Unit:
    """How one instrument's int64 columns read.

    `tick_usd`: USD of one price tick (of one coin, of one share).  `lot`: coins or shares in one
    lot.  `size_unit`: what sizes count.  `usd_per_tick_lot`: USD of one tick times one lot.
    """

    name: str
    kind: Kind
    tick_usd: float
    lot: float
    size_unit: str
    usd_per_tick_lot: float

    @property
    def price_unit(self) -> str:
        return "USD per share" if self.kind == Kind.EVENT else "USD"


def unit_of(listing: Listing, instrument: int) -> Unit:
    """The unit of one instrument of a listing."""
    item = listing.item(instrument)
    value = listing.tick_value(instrument) / MICRO
    kind = listing.kind(instrument)
    name = listing.instrument_names()[instrument]
    if isinstance(item, Event):
        return Unit(name, kind, 1 / item.payoff_ticks, 1.0, "shares", value)
    tick = listing.feeds[listing.feed_of(instrument)].tick_micro / MICRO
    if isinstance(item, Perpetual | Future):
        return Unit(name, kind, tick, 1 / item.lots_per_coin, "coins", value)
    if isinstance(item, InversePerpetual):
        return Unit(name, kind, tick, float(item.face_usd), "USD contracts", value)
    lot = 1 / listing.asset_units(item.base)
    return Unit(name, kind, tick, lot, item.base, value)


def number(value: Any, digits: int | None = None) -> str:
    """A number with thousands separators; without `digits`, 2 below a thousand, else 0."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return MISSING
    if digits is None:
        digits = 0 if isinstance(value, int) or abs(value) >= 1000 else 2
    text = f"{abs(value):,.{digits}f}"
    negative = value < 0 and any(c in text for c in "123456789")
    return (MINUS if negative else "") + text


def usd(value: Any, digits: int | None = None) -> str:
    """An amount with its unit."""
    text = number(float(value) if value is not None else None, digits)
    return text if text == MISSING else f"{text} USD"


def plain(value: float, digits: int = 6) -> str:
    """A quantity as short as it can be: no exponent, no trailing zeros."""
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price_digits(tick_usd: float) -> int:
    """Decimals that show one tick."""
    return max(0, min(8, -math.floor(math.log10(tick_usd) + 1e-9)))


def moment(time_us: int) -> datetime:
    """A naive datetime in UTC, as the plots take it."""
    return datetime.fromtimestamp(time_us // MICRO, UTC).replace(
        tzinfo=None, microsecond=time_us % MICRO
    )


def clock(time_us: int) -> str:
    """`21:13:05 UTC`."""
    return moment(time_us).strftime("%H:%M:%S UTC")


def day(time_us: int) -> str:
    """`2025-10-10`."""
    return moment(time_us).strftime("%Y-%m-%d")


def duration(seconds: float) -> str:
    """`86 min`, `45 s` or `2 h 5 min`."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
