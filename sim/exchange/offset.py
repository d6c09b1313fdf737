"""Derivatives on one underlying share one margin term (MAR-06)."""

from __future__ import annotations

from dataclasses import dataclass

from sim.exchange.instruments import Kind
from sim.exchange.places import Place
from sim.exchange.valuation import Valuation, imf, mmf

DERIVATIVES = (Kind.PERPETUAL, Kind.INVERSE, Kind.FUTURE)


@dataclass(frozen=True)
class Offset:
    """The term of a group: net·fraction + ratio·min(long, short), USD.

    ``members``: instrument ids, ascending; the term stands where the first of them would add its
    own.  For initial margin net, long and short are those after the worse fill of resting orders.
    """

    members: tuple[int, ...]
    net_usd: float
    long_usd: float
    short_usd: float
    fraction: float
    ratio: float

    @property
    def amount_usd(self) -> float:
        return self.net_usd * self.fraction + self.ratio * min(self.long_usd, self.short_usd)


def group(value: Valuation, feed: int) -> list[Place]:
    """The derivatives on a feed in which the account has a position or resting lots, by id."""
    account = value.account
    return [
        p
        for p in value.places
        if p.kind in DERIVATIVES
        and p.feed == feed
        and (p.id in account.positions or any(value.resting(p.id)))
    ]


def maintenance_offset(value: Valuation, feed: int) -> Offset | None:
    """The group's MM term, None when the account holds fewer than two derivatives on the feed."""
    held = [p for p in group(value, feed) if p.id in value.account.positions]
    if len(held) < 2:
        return None
    net = long = short = 0.0
    for p in held:
        n = value.notional(p, value.account.positions[p.id][0])
        net += n
        long += max(0.0, n)
        short += max(0.0, -n)
    g = abs(net)
    fraction = max(mmf(p.item.margin, g) for p in held)  # type: ignore[union-attr]
    return Offset(tuple(p.id for p in held), g, long, short, fraction, value.rules.offset_ratio)


def initial_offset(value: Valuation, feed: int) -> Offset | None:
    """The group's IM term, None when fewer than two of its derivatives are held or quoted."""
    active = group(value, feed)
    if len(active) < 2:
        return None
    up = down = long = short = 0.0
    for p in active:
        size = value.account.positions.get(p.id, (0, 0))[0]
        bid, ask = value.resting(p.id)[2:4]
        most, least = value.notional(p, size + bid), value.notional(p, size - ask)
        up += most
        down += least
        long += max(0.0, most)
        short += max(0.0, -least)
    g = max(abs(up), abs(down))
    fraction = max(
        imf(p.item.margin, g, value.open_interest(p))  # type: ignore[union-attr]
        for p in active
    )
    return Offset(tuple(p.id for p in active), g, long, short, fraction, value.rules.offset_ratio)
