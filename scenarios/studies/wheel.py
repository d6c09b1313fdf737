"""What is drawn by chance from one named stream, in the words of a study's tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sim.streams import stream

Item = TypeVar("Item")


class Wheel:
    """Draws from the stream of (`seed`, `name`, `purpose`), one after the other."""

    def __init__(self, seed: int, name: str, purpose: str) -> None:
        self.rng = stream(seed, name, purpose)

    def chance(self, share: float) -> bool:
        """True in this share of all cases."""
        return float(self.rng.random()) < share

    def pick(self, items: Sequence[Item]) -> Item:
        """One of them, each as likely."""
        return items[int(self.rng.integers(len(items)))]

    def some(self, items: Sequence[Item], count: int) -> list[Item]:
        """So many of them, in their order."""
        return [items[i] for i in sorted(self.rng.permutation(len(items))[:count].tolist())]

    def between(self, low: float, high: float) -> float:
        """A number from low to high."""
        return low + (high - low) * float(self.rng.random())

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))
