"""Readings, grades, TWAP, index; EMAs and marks (PRC-02 to PRC-04)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from twin.arithmetic import MILLION, half_even
from twin.codes import Grade
from twin.listing import Feed


class FeedState:
    """What is known of one feed."""

    def __init__(self, feed: Feed, rules: dict[str, Any]) -> None:
        self.feed = feed
        self.rules = rules
        self.index = feed.first_index
        self.twap = feed.first_index
        self.history: list[tuple[int, int]] = []  # (time, price in force from then on)
        self.price = feed.first_index
        self.confidence = 0
        self.read_at = 0
        self.fresh = 0
        self.non_positive = False
        self.volatile = False

    def read(self, now: int, price: int, confidence: int, read_at: int, fresh: int) -> None:
        """PRC-04: take a reading (its price within the listing's bound)."""
        if price <= 0:
            self.non_positive = True
            return
        self.non_positive = False
        self.history.append((now, price))
        self.twap = self._mean(now)
        self.price, self.confidence, self.read_at, self.fresh = price, confidence, read_at, fresh
        ratio = self.rules["volatile_ratio"]
        self.volatile = max(price, self.twap) > ratio * min(price, self.twap)
        if not self.volatile:
            self.index = price

    def _mean(self, now: int) -> int:
        """The time-weighted mean of the price in force over the window that ends now."""
        window = round(self.rules["twap_window_s"] * MILLION)
        start = max(now - window, self.history[0][0])
        if now <= start:
            return self.history[-1][1]
        total = 0
        ends = [t for t, _ in self.history[1:]] + [now]
        for (begin, price), end in zip(self.history, ends, strict=True):
            total += price * max(0, min(end, now) - max(begin, start))
        return half_even(total, now - start)

    def grade(self, now: int) -> Grade:
        """PRC-04, the worst that holds."""
        if self.non_positive:
            return Grade.NON_POSITIVE
        if not self.history:
            return Grade.STALE
        if self.volatile:
            return Grade.TOO_VOLATILE
        if self.confidence > self.rules["uncertain_ratio"] * self.price:
            return Grade.TOO_UNCERTAIN
        if self.fresh < self.feed.min_sources:
            return Grade.INSUFFICIENT_SOURCES
        if self.rules["stale_guard"] and now - self.read_at > self.feed.stale_after_us:
            return Grade.STALE
        return Grade.VALID


@dataclass
class Ema:
    """PRC-02: num ← num·e^(−Δt/τ) + x·Δt, den likewise with x = 1."""

    num: float = 0.0
    den: float = 0.0

    def take(self, x: float, dt: float, tau: float) -> None:
        decay = math.exp(-dt / tau)
        self.num = self.num * decay + x * dt
        self.den = self.den * decay + dt

    @property
    def value(self) -> float | None:
        return self.num / self.den if self.den > 0 else None


class MarkAverage:
    """PRC-02: the average that a derivative's marks may leave by a factor only.

    It begins as if the declared index had always been the mark.
    """

    def __init__(self, first_index: int) -> None:
        self.first_index = first_index
        self.ema: Ema | None = None

    def begun(self, tau: float) -> Ema:
        if self.ema is None:
            self.ema = Ema(self.first_index * tau, tau)
        return self.ema

    def bounds(self, cap: float, tau: float) -> tuple[int, int]:
        """The lowest and the highest mark that it allows now."""
        ema = self.begun(tau)
        average = ema.num / ema.den
        return math.ceil(average / cap), math.floor(average * cap)

    def capped(self, mark: int, dt: float, cap: float, tau: float) -> int:
        """The mark that is left of this one; the average then takes it."""
        low, high = self.bounds(cap, tau)
        mark = max(1, min(max(mark, low), high))
        if dt > 0:
            self.begun(tau).take(mark, dt, tau)
        return mark


def median(values: list[float]) -> float:
    """Median of three, mean of two, one itself."""
    values = sorted(values)
    if len(values) == 2:
        return (values[0] + values[1]) / 2
    return values[len(values) // 2]


def book_median(bid: int | None, ask: int | None, last: int | None) -> float | None:
    """PRC-02: of what is quoted and the last price; a last alone is no book."""
    if bid is None and ask is None:
        return None
    return median([float(x) for x in (bid, ask, last) if x is not None])


def weighted_median(values: list[tuple[float, float]]) -> float:
    """PRC-01: the lower weighted median of (value, weight)."""
    values = sorted(values)
    half = sum(w for _, w in values) / 2
    seen = 0.0
    for value, weight in values:
        seen += weight
        if seen >= half:
            return value
    raise ValueError("no values")


@dataclass
class MarkState:
    """The mark of one instrument and what it is made of."""

    mark: int
    average: MarkAverage
    last: int | None = None
    marked: bool = False
    premium: Ema = field(default_factory=Ema)
    book: Ema = field(default_factory=Ema)

    def of_derivative(
        self,
        index: int,
        bid: int | None,
        ask: int | None,
        external: int | None,
        dt: float,
        rules: dict[str, Any],
    ) -> tuple[int, bool]:
        """PRC-02: the new mark, and whether it was clamped."""
        if bid is not None and ask is not None:
            self.premium.take((bid + ask) / 2 - index, dt, rules["premium_tau_s"])
        candidates = [index + (self.premium.value or 0.0)]
        middle = book_median(bid, ask, self.last)
        if middle is not None:
            self.book.take(middle, dt, rules["book_tau_s"])
            candidates.append(middle)
        if external is not None:
            candidates.append(float(external))
        if len(candidates) == 2 and self.book.value is not None:
            candidates.append(self.book.value)
        mark = max(1, round(median(candidates)))
        free = mark
        if self.marked:
            low = math.ceil(self.mark * rules["mark_min_multiplier"])
            high = math.floor(self.mark * rules["mark_max_multiplier"])
            mark = min(max(mark, low), high)
        self.marked = True
        clamped, cap = mark != free, rules["mark_average_cap"]
        if cap > 0:
            free = mark
            mark = self.average.capped(mark, dt, cap, rules["mark_average_tau_s"])
            clamped = clamped or mark != free
        return mark, clamped

    def of_event(self, payoff: int, outcomes: int, bid: int | None, ask: int | None) -> int:
        """PRC-03: median(bid or 0, ask or T, last or T/n)."""
        return round(
            median(
                [
                    float(bid if bid is not None else 0),
                    float(ask if ask is not None else payoff),
                    self.last if self.last is not None else payoff / outcomes,
                ]
            )
        )
