"""Instruments with their units at hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sim.exchange.instruments import Item, Kind, Listing


@dataclass(frozen=True)
class Place:
    """An instrument with its units (``Listing`` works them out anew at every call)."""

    id: int
    item: Item
    kind: Kind
    tick_value: int
    feed: int
    base: int
    face: int  # micro-USD of a contract of an inverse, else 0
    per_price: int  # F of an inverse, else 0
    event: int
    outcome: int


@lru_cache(maxsize=8)
def places(listing: Listing) -> tuple[Place, ...]:
    """Every instrument of a listing."""
    found = []
    for i, item in enumerate(listing.items()):
        event = listing.event_of(i)
        found.append(
            Place(
                i,
                item,
                listing.kind(i),
                listing.tick_value(i),
                listing.feed_of(i),
                listing.base_of(i),
                listing.face_micro(i),
                listing.base_units(i),
                event,
                listing.outcome_of(i) if event >= 0 else 0,
            )
        )
    return tuple(found)
