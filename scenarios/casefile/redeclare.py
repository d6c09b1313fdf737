"""A listing as the tables of a case: the way back of `declare`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scenarios.casefile.amounts import EXACT, MICRO, times
from sim.exchange import products
from sim.exchange.instruments import Listing

USDC_UNIT = Decimal(1) / MICRO


def part(count: int, who: str) -> Decimal:
    """1/count as a decimal; raises ValueError where it is none."""
    made = EXACT.divide(Decimal(1), Decimal(count))
    if made * count != 1 or len(made.as_tuple().digits) > 40:
        raise ValueError(f"{who}: 1/{count} of a coin is no decimal fraction")
    return made


def _left(item: Any, *but: str) -> dict[str, Any]:
    """Fields of a product that are not at their defaults, without `but`."""
    return item.model_dump(exclude_defaults=True, exclude_none=True, exclude=set(but))


def _lending(lending: products.Lending, unit: Decimal) -> dict[str, Any]:
    said = _left(lending, "lend_cap_units", "borrow_cap_units")
    for cap in ("lend_cap", "borrow_cap"):
        if units := getattr(lending, f"{cap}_units"):
            said[cap] = times(units, unit)
    return said


def _margin(margin: products.Margin) -> dict[str, Any]:
    """All four numbers: the defaults of one place are not those of another."""
    return margin.model_dump()


def _feed(f: products.Feed) -> dict[str, Any]:
    tick = times(f.tick_micro, USDC_UNIT)
    left = _left(f, "name", "tick_micro", "index_ticks")
    return {
        "name": f.name, "tick": tick, "index": tick * f.index_ticks, **left, "read": False,
    }  # fmt: skip


def _asset(a: products.Asset) -> dict[str, Any]:
    unit = part(a.units_per_coin, a.name)
    said = {"name": a.name, "feed": a.feed, "unit": unit}
    said |= _left(a, "name", "feed", "units_per_coin", "debt", "lending")
    return {**said, "debt": _margin(a.debt), "lending": _lending(a.lending, unit)}


def _derivative(d: products.AnyDerivative, start: int) -> dict[str, Any]:
    lot = Decimal(1)
    said: dict[str, Any] = {"name": d.name}
    if not isinstance(d, products.InversePerpetual):
        lot = part(d.lots_per_coin, d.name)
        said["lot"] = lot
    if isinstance(d, products.Future):
        said["expiry"] = times(d.expiry_us - start, USDC_UNIT)
    said |= _left(d, "name", "lots_per_coin", "margin", "max_size_lots", "expiry_us")
    return {**said, "max_size": lot * d.max_size_lots, "margin": _margin(d.margin)}


def _event(e: products.AnyEvent, feeds: Mapping[str, Decimal], start: int) -> dict[str, Any]:
    """``feeds``: USD of a tick by feed."""
    kind = {products.CategoricalEvent: "categorical", products.ScalarEvent: "scalar"}
    said: dict[str, Any] = {"name": e.name, "kind": kind.get(type(e), "binary")}
    said["tick"] = part(e.payoff_ticks, e.name)
    if e.date_us:
        said["date"] = times(e.date_us - start, USDC_UNIT)
    if e.strike:
        said["strike"] = times(e.strike, feeds[e.underlying])
    return {**said, **_left(e, "name", "payoff_ticks", "date_us", "strike_ticks")}


def tables(listing: Listing, start_us: int) -> dict[str, Any]:
    """The tables of a case that declare this listing; times count from ``start_us``."""
    ticks = {f.name: times(f.tick_micro, USDC_UNIT) for f in listing.feeds}
    made = {
        "feeds": [_feed(f) for f in listing.feeds],
        "assets": [_asset(a) for a in listing.assets],
        "perpetuals": [_derivative(p, start_us) for p in listing.perpetuals],
        "inverses": [_derivative(p, start_us) for p in listing.inverses],
        "futures": [_derivative(f, start_us) for f in listing.futures],
        "spots": [_left(s) for s in listing.spots],
        "events": [_event(e, ticks, start_us) for e in listing.events],
    }
    usdc = {
        "debt": _margin(listing.usdc_debt), "lending": _lending(listing.usdc_lending, USDC_UNIT),
    }  # fmt: skip
    return {**{name: table for name, table in made.items() if table}, "usdc": usdc}
