"""Bit operations on uint64 words and exact integer arithmetic, each with its plain-Python twin."""

from __future__ import annotations

import numba
import numpy as np
from numba.core import config

from sim.exchange.kernel.jit import inlined, kernel

ONE = np.uint64(1)
ZERO = np.uint64(0)
FULL = np.uint64(0xFFFFFFFFFFFFFFFF)

if config.DISABLE_JIT:

    def lowest(word) -> int:
        """Index of the lowest set bit; word must not be 0."""
        w = int(word)
        return (w & -w).bit_length() - 1

    def highest(word) -> int:
        """Index of the highest set bit; word must not be 0."""
        return int(word).bit_length() - 1

else:
    from numba.cpython.unsafe.numbers import leading_zeros, trailing_zeros

    @inlined
    def lowest(word):
        return numba.int64(trailing_zeros(word))

    @inlined
    def highest(word):
        return numba.int64(63) - numba.int64(leading_zeros(word))


@inlined
def bit(k):
    return ONE << np.uint64(k)


@inlined
def cdiv(a, b):
    """Ceiling of a/b, b > 0."""
    return -((-a) // b)


@inlined
def rate_up(x, ppm):
    """Ceiling of x*ppm/1e6 without overflow, x and ppm >= 0."""
    q = x // 1_000_000
    return q * ppm + cdiv((x - q * 1_000_000) * ppm, 1_000_000)


@inlined
def rate_down(x, ppm):
    """Floor of x*ppm/1e6 without overflow, x and ppm >= 0."""
    q = x // 1_000_000
    return q * ppm + ((x - q * 1_000_000) * ppm) // 1_000_000


@kernel
def muldiv(a, b, c):
    """Floor of a*b/c for a, b >= 0, 0 < c < 2^61, by long division: a*b may exceed int64."""
    whole = a // c
    part = a - whole * c
    quotient = np.int64(0)
    rest = np.int64(0)
    for k in range(62, -1, -1):
        rest = rest * 2
        quotient = quotient * 2
        if (b >> k) & 1:
            rest += part
        if rest >= c:
            rest -= c
            quotient += 1
        if rest >= c:
            rest -= c
            quotient += 1
    return whole * b + quotient


@inlined
def half_even(numerator, denominator):
    """numerator/denominator rounded to the nearest integer, ties to even; denominator > 0."""
    q = numerator // denominator
    twice = 2 * (numerator - q * denominator)
    if twice > denominator or (twice == denominator and (q & 1) == 1):
        q += 1
    return q
