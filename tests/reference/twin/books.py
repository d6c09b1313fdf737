"""A price-time book, for events the merged one (ORD-01, PRD-04)."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass

from twin.codes import BUY, SELL, YES, Flag


@dataclass(eq=False)
class Order:
    """An order in YES terms: `side` and `price` are those of the one book."""

    id: int
    account: int
    instrument: int
    side: int
    price: int
    left: int
    flags: int
    outcome: int
    own_side: int  # buy or sell of its own outcome
    expiry: int = 0  # with GTD
    came: int = 0  # when it came to rest

    @property
    def reduce_only(self) -> bool:
        return bool(self.flags & Flag.REDUCE_ONLY)

    @property
    def immediate(self) -> bool:
        return bool(self.flags & (Flag.IOC | Flag.FOK | Flag.MARKET))

    def sells(self, outcome: int) -> bool:
        return self.own_side == SELL and self.outcome == outcome


class Book:
    """Resting orders, each side kept in priority order; prices live on a ladder of ticks."""

    def __init__(self, base: int, ticks: int, merged: bool) -> None:
        self.base = base
        self.ticks = ticks
        self.merged = merged
        self.sides: tuple[list[Order], list[Order]] = ([], [])

    @property
    def top(self) -> int:
        """The highest price of the ladder."""
        return self.base + self.ticks - 1

    def _priority(self, order: Order) -> tuple[int, int, int]:
        """PRD-04: at one price those who sell their outcome come before those who buy theirs."""
        price = -order.price if order.side == BUY else order.price
        return price, int(self.merged and order.own_side == BUY), order.came

    def add(self, order: Order) -> None:
        insort(self.sides[order.side], order, key=self._priority)

    def remove(self, order: Order) -> None:
        self.sides[order.side].remove(order)

    def best(self, side: int) -> int | None:
        return self.sides[side][0].price if self.sides[side] else None

    def crosses(self, side: int, bound: int) -> bool:
        """Would an order of this side and bound trade with the best of the other side?"""
        best = self.best(1 - side)
        return best is not None and (best <= bound if side == BUY else best >= bound)

    def crossing(self, side: int, bound: int) -> Iterator[Order]:
        """The opposite orders within the bound, in priority order."""
        for order in self.sides[1 - side]:
            if not (order.price <= bound if side == BUY else order.price >= bound):
                return
            yield order

    def levels(self, side: int) -> list[tuple[int, int]]:
        """(price, lots), best first."""
        found: dict[int, int] = {}
        for order in self.sides[side]:
            found[order.price] = found.get(order.price, 0) + order.left
        return list(found.items())

    def ascending(self, side: int) -> list[Order]:
        """Orders by price ascending, queue order within a price."""
        return sorted(self.sides[side], key=lambda o: (o.price, *self._priority(o)[1:]))


@dataclass
class Resting:
    """What an account has resting in one book (reduce-only orders are in none of it)."""

    bid_lots: int = 0
    bid_cost: int = 0
    ask_lots: int = 0
    ask_cost: int = 0
    buy_yes_lots: int = 0
    buy_yes_cost: int = 0
    sell_no_lots: int = 0
    sell_no_cost: int = 0
    sell_yes_lots: int = 0
    sell_yes_cost: int = 0
    buy_no_lots: int = 0
    buy_no_cost: int = 0

    def take(self, order: Order, tv: int) -> None:
        cost = order.left * order.price * tv
        kind = "sell" if order.own_side == SELL else "buy"
        outcome = "yes" if order.outcome == YES else "no"
        for name in ("bid" if order.side == BUY else "ask", f"{kind}_{outcome}"):
            setattr(self, f"{name}_lots", getattr(self, f"{name}_lots") + order.left)
            setattr(self, f"{name}_cost", getattr(self, f"{name}_cost") + cost)
