"""Message blocks and positions learnt from events."""

from __future__ import annotations

import numpy as np
import pytest

from agents import blocks
from agents.positions import Positions
from agents.testing import tiny_facts
from sim.exchange.messages import (
    E_ACCOUNT,
    E_AMOUNT,
    E_INSTRUMENT,
    E_KIND,
    E_OTHER,
    E_PRICE,
    E_SIDE,
    E_SIZE,
    E_X,
    EV_COLS,
    M_ACCOUNT,
    M_ARG,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SEQ,
    M_SIZE,
    M_TIME,
    Event,
    Kind,
)

MILLION = 1_000_000


def event(kind: Event, **columns: int) -> np.ndarray:
    row = np.zeros((1, EV_COLS), dtype=np.int64)
    row[0, E_KIND] = int(kind)
    row[0, E_OTHER] = columns.pop("other", -1)
    names = {
        "account": E_ACCOUNT,
        "instrument": E_INSTRUMENT,
        "side": E_SIDE,
        "price": E_PRICE,
        "size": E_SIZE,
        "amount": E_AMOUNT,
        "x": E_X,
    }
    for name, value in columns.items():
        row[0, names[name]] = value
    return row


def test_new_broadcasts_scalars() -> None:
    block = blocks.new(7, np.array([0, 1]), 1, 100, np.array([5, 6]), np.array([11, 12]), outcome=1)
    assert block.shape == (2, 12)
    assert block[:, M_KIND].tolist() == [int(Kind.NEW)] * 2
    assert block[:, M_ACCOUNT].tolist() == [7, 7]
    assert block[:, M_PRICE].tolist() == [100, 100]
    assert block[:, M_SIZE].tolist() == [5, 6]
    assert block[:, M_ORDER].tolist() == [11, 12]
    assert block[:, M_ARG].tolist() == [1, 1]
    assert not block[:, [M_TIME, M_SEQ]].any()


def test_an_empty_column_makes_an_empty_block() -> None:
    assert len(blocks.cancel(3, np.zeros(0, dtype=np.int64))) == 0


def test_join_keeps_order_and_skips_empty_blocks() -> None:
    both = blocks.join([blocks.none(), blocks.commit(1, 5), blocks.mark()])
    assert both[:, M_KIND].tolist() == [int(Kind.COMMIT), int(Kind.MARK)]
    assert len(blocks.join([])) == 0


@pytest.fixture
def positions() -> Positions:
    return Positions(np.array([5, 6, 7]), tiny_facts())


def test_a_fill_moves_taker_and_maker(positions: Positions) -> None:
    fill = event(
        Event.FILL, account=6, other=7, instrument=1, side=1, price=100, size=3, amount=9, x=-2
    )
    value = 3 * 100 * int(tiny_facts().tick_value[1])
    positions.apply(fill)
    assert positions.lots[:, 1].tolist() == [0, -3, 3]
    assert positions.cash.tolist() == [0, value - 9, -value + 2]


def test_a_fill_with_a_stranger_moves_one(positions: Positions) -> None:
    fill = event(Event.FILL, account=900, other=5, instrument=0, side=0, price=10, size=2)
    positions.apply(fill)
    assert positions.lots[:, 0].tolist() == [-2, 0, 0]


def test_value_of_what_is_held(positions: Positions) -> None:
    positions.apply(event(Event.FILL, account=5, instrument=0, side=0, price=10, size=2))
    marks = np.full(tiny_facts().instruments, -1)
    marks[0] = 12
    assert positions.value(marks)[0] == 2 * 2 * int(tiny_facts().tick_value[0])


def test_deleveraging_closes_towards_zero(positions: Positions) -> None:
    positions.apply(event(Event.FILL, account=5, instrument=0, side=1, price=10, size=8))
    before = int(positions.cash[0])
    adl = event(Event.ADL, account=900, other=5, instrument=0, size=3, price=9, amount=50)
    positions.apply(adl)
    assert positions.lots[0, 0] == -5
    assert positions.cash[0] == before - 3 * 9 * int(tiny_facts().tick_value[0]) - 50


def test_backstop_takes_lots_at_mark_less_discount(positions: Positions) -> None:
    taken = event(Event.BACKSTOP, account=900, other=6, instrument=0, size=-4, price=9, amount=7)
    positions.apply(taken)
    assert positions.lots[1, 0] == -4
    assert positions.cash[1] == 4 * 9 * int(tiny_facts().tick_value[0]) + 7


def test_flags(positions: Positions) -> None:
    positions.apply(event(Event.FLAG, account=7))
    assert positions.flagged.tolist() == [False, False, True]
    positions.apply(event(Event.UNFLAG, account=7))
    assert not positions.flagged.any()
    assert positions.hit.tolist() == [False, False, True]


@pytest.mark.parametrize(("side", "paid"), [(0, 10 * MILLION), (1, 0)])
def test_payout_settles_shares(positions: Positions, side: int, paid: int) -> None:
    """10 shares of YES at .30, or of NO at .70 (a sale in YES terms); YES wins."""
    facts = tiny_facts()
    book = facts.book_of(facts.events[0])
    positions.apply(event(Event.FILL, account=5, instrument=book, side=side, price=300, size=10))
    positions.apply(event(Event.PAYOUT, account=5, instrument=0, amount=paid))
    spent = 3 * MILLION if side == 0 else 7 * MILLION
    assert positions.lots[0, book] == 0
    assert positions.cash[0] == paid - spent
