"""Whole units dealt out by weight, nobody beyond its room (LIQ-05)."""

from __future__ import annotations

from twin.arithmetic import fdiv


def spread(amount: int, weights: list[int], rooms: list[int]) -> list[int]:
    """What each gets of the amount, in rounds, until it or all room is gone."""
    given = [0] * len(rooms)
    left = amount
    while left > 0 and any(room > got for room, got in zip(rooms, given, strict=True)):
        rest = [room - got for room, got in zip(rooms, given, strict=True)]
        # Once all that is left weighs nothing, room is what counts.
        w = [weight if room > 0 else 0 for weight, room in zip(weights, rest, strict=True)]
        if sum(w) == 0:
            w = rest
        total = sum(w)
        shares = [min(fdiv(left * one, total), room) for one, room in zip(w, rest, strict=True)]
        if not any(shares):
            for k, one in enumerate(w):
                if one > 0 and sum(shares) < left:
                    shares[k] = 1
        given = [got + share for got, share in zip(given, shares, strict=True)]
        left -= sum(shares)
    return given
