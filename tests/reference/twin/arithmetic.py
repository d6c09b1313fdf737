"""Exact divisions and roundings (LED-03, LED-04)."""

from __future__ import annotations

MILLION = 1_000_000


def fdiv(a: int, b: int) -> int:
    """Division rounded towards minus infinity."""
    return a // b


def cdiv(a: int, b: int) -> int:
    """Division rounded towards plus infinity."""
    return -(-a // b)


def usd(micro: int) -> float:
    """Micro-USDC as float64 dollars."""
    return micro / 1e6


def micro(dollars: float) -> int:
    """A parameter given in dollars, as micro-USDC."""
    return round(dollars * 1e6)


def up(x: int, ppm: int) -> int:
    """A rate of x, as its payer pays it."""
    return cdiv(x * ppm, MILLION)


def down(x: int, ppm: int) -> int:
    """A rate of x, as its receiver gets it."""
    return fdiv(x * ppm, MILLION)


def half_even(a: int, b: int) -> int:
    """a/b (b > 0) to the nearest integer, half to even, without passing through a float."""
    q, r = divmod(a, b)
    if 2 * r > b or (2 * r == b and q % 2 == 1):
        q += 1
    return q


def clamp(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)
