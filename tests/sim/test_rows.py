"""What BACKSTOP and ADL rows are worth."""

from __future__ import annotations

import numpy as np

from sim.exchange.instruments import BinaryEvent, Feed, Listing, Perpetual
from sim.exchange.messages import E_INSTRUMENT, E_PRICE, E_SIZE, EV_COLS
from sim.record.rows import Units

LISTING = Listing(
    feeds=(Feed(name="BTC", tick_micro=1_000_000, index_ticks=100_000),),
    perpetuals=(Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1000),),
    events=(BinaryEvent(name="E"),),
)


def row(instrument: int, size: int, price: int) -> np.ndarray:
    made = np.zeros(EV_COLS, np.int64)
    made[[E_INSTRUMENT, E_SIZE, E_PRICE]] = instrument, size, price
    return made


def test_a_taking_is_worth_its_own_mark() -> None:
    rows = np.array([row(0, -3, 100_000), row(1, 23, 129), row(1, -23, 129)])
    usd = Units(LISTING).value(rows) / 1e6
    # 3 milli-coins; 23 YES at .129; 23 NO, whose mark is .871
    assert usd.tolist() == [300.0, 2.967, 20.033]
