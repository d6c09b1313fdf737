"""How much of a leg one step offers, and how long the account then waits (LIQ-02, disposal)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twin.arithmetic import MILLION, cdiv, fdiv, micro

WHOLE_DEBT_USD = 1000.0  # up to this `vega` asks for all of a debt


@dataclass(frozen=True)
class Part:
    """What a policy takes of a leg (lots, of a debt units) and whether that leaves a rest for later."""

    amount: int
    partial: bool


@dataclass(frozen=True)
class Disposal:
    """One of the policies with its parameters; those not given have the declared values."""

    policy: str
    parameters: dict[str, Any]

    @classmethod
    def of(cls, declared: dict[str, Any]) -> Disposal:
        values: dict[str, dict[str, Any]] = {
            "steps": {"ratio": 0.10, "min_usd": 1000.0},
            "full": {},
            "two_step": {"threshold_usd": 100_000.0, "ratio": 0.20, "wait_s": 30.0},
            "vega": {
                "interval_s": 10.0,
                "fraction": 0.5,
                "full_size_lots": 50,
                "book_share": 0.01,
            },
        }
        policy = declared["policy"]
        return cls(policy, {**values[policy], **declared})

    def _ppm(self, name: str) -> int:
        return round(self.parameters[name] * MILLION)

    def part(self, size: int, unit: int, flagged: int, debt: bool, book_lots: int) -> Part:
        """Of a leg of `size` at `unit` micro-USDC each that had `flagged` when it was flagged.

        `book_lots` rest on the side of the book that it would trade with.
        """
        match self.policy:
            case "full":
                return Part(size, False)
            case "two_step":
                if size * unit <= micro(self.parameters["threshold_usd"]):
                    return Part(size, False)
                return Part(cdiv(size * self._ppm("ratio"), MILLION), True)
            case "vega":
                whole = size <= self.parameters["full_size_lots"]
                if debt:
                    whole = size * unit <= micro(WHOLE_DEBT_USD)
                amount = size if whole else cdiv(size * self._ppm("fraction"), MILLION)
                if not debt:
                    amount = min(amount, fdiv(book_lots * self._ppm("book_share"), MILLION))
                return Part(amount, True)
        least = micro(self.parameters["min_usd"])
        if size * unit <= least:
            return Part(size, False)
        part = cdiv(flagged * self._ppm("ratio"), MILLION)
        return Part(min(size, max(part, cdiv(least, unit))), True)

    def wait_us(self, part: Part, filled: int) -> int:
        """After a step that filled so many lots."""
        if self.policy == "vega":
            return round(self.parameters["interval_s"] * MILLION)
        if self.policy == "two_step" and part.partial and filled:
            return round(self.parameters["wait_s"] * MILLION)
        return 0
