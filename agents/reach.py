"""The furthest price that an order may have (ORD-04), as a trader works it out from what it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.facts import Facts
from sim.exchange.instruments import Kind

if TYPE_CHECKING:
    from sim.market import MarketView


def furthest_ticks(facts: Facts, view: MarketView, i: int, side: int, band_ratio: float) -> int:
    """The highest bid (side 0) or lowest ask (1) that is inside band and ladder, ticks.

    Bands lie around the mark, of a spot book around the index.  A ladder follows its book only
    when the price has left its middle half, so that a quarter of it is all that one can count on.
    Events have neither: 1 … payoff - 1.

    Args:
        band_ratio: of the mark; less than the exchange's, for the view is old.

    Returns:
        -1 while no price is known.
    """
    item = facts.listing.item(i)
    if facts.kinds[i] == Kind.EVENT:
        return 1 if side else item.payoff_ticks - 1  # type: ignore[union-attr]
    base = int(view.index[i] if facts.kinds[i] == Kind.SPOT else view.mark[i])
    if base <= 0:
        return -1
    room = min(int(base * band_ratio), item.ladder_ticks // 4 - 2)  # type: ignore[union-attr]
    return max(base - room, 1) if side else base + max(room, 1)
