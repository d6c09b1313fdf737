"""A random flow of limit orders, cancels and marketable orders for comparing matching engines.

Half of the messages are limit orders a few ticks behind a reference price that walks slowly, 35 %
cancels of a random earlier order (filled or not), 15 % marketable orders: limits 25 ticks through
the reference price, what they do not fill rests.  The draws, and so the flow, are those of the
flow that other engines are measured on: for seed 12345, 200,000 messages after ``opening_book``
give 101,443 trades of 678,081 lots and leave 7,177 orders.
"""

from __future__ import annotations

import numpy as np

from sim.exchange.messages import (
    BUY,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    MSG_COLS,
    SELL,
    Kind,
)

ADD, CANCEL, TAKE = 0, 1, 2
F_KIND, F_ID, F_SIDE, F_PRICE, F_SIZE = range(5)  # columns of a flow; side is +1 buy, -1 sell
SHARES = (0.50, 0.35, 0.15)
MID, DEPTH, THROUGH, MEAN_SIZE, WALK_EVERY = 10_000, 20, 25, 10, 50
LEVELS, PER_LEVEL = 20, 5
DEEP = 100_000_000  # ids of the orders of `deep_book` start here


def flow(messages: int = 200_000, seed: int = 12345) -> np.ndarray:
    """int64[messages, 5]: kind, id, side, price, size; a cancel repeats the order it cancels."""
    r = np.random.default_rng(seed)
    kinds = r.choice(3, size=messages, p=SHARES)
    sides = r.choice([-1, 1], size=messages)
    behind = np.minimum(r.geometric(0.25, size=messages), DEPTH)
    sizes = r.integers(1, 2 * MEAN_SIZE, size=messages)
    picks = r.random(messages)
    steps = r.choice([-1, 0, 1], size=messages // WALK_EVERY + 1)
    mids = np.repeat(MID + np.cumsum(steps), WALK_EVERY)[:messages]

    victims = _victims(kinds, picks)
    cancels = victims >= 0
    takes = kinds == TAKE
    rows = np.empty((messages, 5), np.int64)
    rows[:, F_KIND] = np.where(takes, TAKE, ADD)
    rows[:, F_ID] = np.arange(1, messages + 1)
    rows[:, F_SIDE] = sides
    rows[:, F_PRICE] = mids + sides * np.where(takes, THROUGH, -behind)
    rows[:, F_SIZE] = sizes * np.where(takes, 2, 1)
    rows[cancels] = rows[victims[cancels]]
    rows[cancels, F_KIND] = CANCEL
    return rows


def _victims(kinds: np.ndarray, picks: np.ndarray) -> np.ndarray:
    """Index of the order that each message cancels, -1 if it cancels none."""
    found = np.full(len(kinds), -1)
    live: list[int] = []
    for n, (kind, pick) in enumerate(zip(kinds.tolist(), picks.tolist(), strict=True)):
        if kind == CANCEL and live:
            place = int(pick * len(live))
            last = live.pop()
            if place == len(live):
                found[n] = last
            else:
                found[n] = live[place]
                live[place] = last
        elif kind != TAKE:
            live.append(n)
    return found


def opening_book() -> np.ndarray:
    """The orders that rest before the flow starts: both sides, 20 levels of 5; ids -1, -2, …"""
    level, _, side = np.indices((LEVELS, PER_LEVEL, 2)).reshape(3, -1)
    rows = np.zeros((len(level), 5), np.int64)
    rows[:, F_KIND] = ADD
    rows[:, F_ID] = -1 - np.arange(len(level))
    rows[:, F_SIDE] = 1 - 2 * side
    rows[:, F_PRICE] = MID - rows[:, F_SIDE] * (level + 1)
    rows[:, F_SIZE] = MEAN_SIZE
    return rows


# --- a book of any size around the flow -----------------------------------------------------------
NEAREST, DEEP_LEVELS = 500, 1000  # ticks from the first mid that the flow does not reach


def deep_book(orders: int) -> np.ndarray:
    """Orders that rest far from the mid, on 1,000 levels of each side; ids from DEEP on."""
    n = np.arange(orders)
    rows = np.zeros((orders, 5), np.int64)
    rows[:, F_KIND] = ADD
    rows[:, F_ID] = DEEP + n
    rows[:, F_SIDE] = 1 - 2 * (n % 2)
    rows[:, F_PRICE] = MID - rows[:, F_SIDE] * (NEAREST + (n // 2) % DEEP_LEVELS)
    rows[:, F_SIZE] = MEAN_SIZE
    return rows


def growth_flow(messages: int, orders: int, seed: int = 12345) -> np.ndarray:
    """The flow for a book of `orders` more: half of the messages are those of ``flow``, which trade
    as they would without them, a quarter cancels any of the orders far away, a quarter puts it back
    at the end of its queue, so that the book keeps its size."""
    r = np.random.default_rng(seed + 1)
    near = flow(messages // 2, seed)
    picks = r.integers(0, orders, messages // 4)
    far = np.repeat(deep_book(orders)[picks], 2, axis=0)
    far[::2, F_KIND] = CANCEL
    rows = np.empty((2 * min(len(near), len(far)), 5), np.int64)
    rows[0::2], rows[1::2] = near[: len(far)], far[: len(near)]
    return rows


def to_messages(rows: np.ndarray, instrument: int = 0) -> np.ndarray:
    """A flow as the exchange's messages, all from account 0; ids are raised above 0."""
    block = np.zeros((len(rows), MSG_COLS), np.int64)
    block[:, M_KIND] = np.where(rows[:, F_KIND] == CANCEL, Kind.CANCEL, Kind.NEW)
    block[:, M_INSTRUMENT] = instrument
    block[:, M_SIDE] = np.where(rows[:, F_SIDE] > 0, BUY, SELL)
    block[:, M_PRICE] = rows[:, F_PRICE]
    block[:, M_SIZE] = rows[:, F_SIZE]
    block[:, M_ORDER] = rows[:, F_ID] + 2 * LEVELS * PER_LEVEL + 1
    return block
