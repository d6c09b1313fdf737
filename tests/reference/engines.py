"""The exchanges that the conformance cases are run against.

To add one: put its Engine into ENGINES under its name. `make` takes (listing, rules, accounts) as
plain dicts and a number, and returns a Venue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twin.exchange import ReferenceExchange
from twin.prices import Ema, weighted_median


class Venue(Protocol):
    """An exchange with the read-outs that a comparison needs."""

    def handle(self, message: Sequence[int]) -> list[tuple[int, ...]]: ...
    def balance(self, account: int, asset: int) -> int: ...
    def position(self, account: int, instrument: int) -> tuple[int, int]: ...
    def equity(self, account: int) -> int: ...
    def maintenance(self, account: int) -> tuple[float, float]: ...
    def initial(self, account: int) -> tuple[float, float]: ...
    def bucket(self, name: str, index: int = 0) -> int: ...
    def mark(self, instrument: int) -> int: ...
    def index(self, feed: int) -> int: ...
    def twap(self, feed: int) -> int: ...
    def book(self, instrument: int) -> list[tuple[int, int, int, int, int]]: ...
    def flagged(self) -> list[int]: ...


@dataclass(frozen=True)
class Engine:
    """A maker of venues, and those of its functions that no message reaches (None: not offered)."""

    make: Callable[[dict[str, Any], dict[str, Any], int], Venue]
    weighted_median: Callable[[list[tuple[float, float]]], float] | None = None
    ema: Callable[[list[tuple[float, float]], float], tuple[float, float]] | None = None


def twin_ema(taken: list[tuple[float, float]], tau: float) -> tuple[float, float]:
    """(num, den) after taking each (x, Δt)."""
    ema = Ema()
    for x, dt in taken:
        ema.take(x, dt, tau)
    return ema.num, ema.den


ENGINES: dict[str, Engine] = {"twin": Engine(ReferenceExchange, weighted_median, twin_ema)}
