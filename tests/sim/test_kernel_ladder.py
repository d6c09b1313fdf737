"""A price that travels far: the ladder follows it, what falls out is cancelled, nothing breaks."""

from __future__ import annotations

import pytest

from sim.exchange.exchange import Exchange
from sim.exchange.instruments import Asset, Feed, Listing, Perpetual, Spot
from sim.exchange.kernel import state as st
from sim.exchange.messages import (
    E_CODE,
    E_KIND,
    E_ORDER,
    E_PRICE,
    Event,
    Kind,
    Reason,
)
from sim.exchange.rules import Rules

FIRST, LADDER = 10_000, 16_384
MAKER, TAKER = 0, 1
PERP, SPOT = 0, 1


class Journey:
    """Two accounts that quote and trade around an index wherever it goes."""

    def __init__(self) -> None:
        self.exchange = Exchange(
            Listing(
                feeds=(Feed(name="X", tick_micro=1000, index_ticks=FIRST),),
                assets=(Asset(name="X", feed="X", units_per_coin=1000),),
                spots=(Spot(name="X/USDC", base="X", ladder_ticks=LADDER),),
                perpetuals=(
                    Perpetual(name="X-PERP", feed="X", lots_per_coin=1000, ladder_ticks=LADDER),
                ),
            ),
            Rules(),
            accounts=2,
            order_slots=1024,
            order_ids=1 << 16,
            event_rows=1 << 14,
        )
        self.order = 0
        self.rebased: list[int] = []
        self.out_of_band: list[int] = []
        for account in (MAKER, TAKER):
            self.send(Kind.DEPOSIT, account=account, size=10**15)
            self.send(Kind.DEPOSIT, account=account, instrument=1, size=10**6)

    def send(self, kind: Kind, **columns: int):
        events = self.exchange.send(kind, **columns)
        assert not (events[:, E_KIND] == Event.REJECT).any(), (kind, columns, events.tolist())
        self.rebased += events[events[:, E_KIND] == Event.REBASE, E_PRICE].tolist()
        gone = (events[:, E_KIND] == Event.CANCELLED) & (events[:, E_CODE] == Reason.OUT_OF_BAND)
        self.out_of_band += events[gone, E_ORDER].tolist()
        return events

    def new(self, account: int, side: int, price: int, size: int = 1, book: int = PERP) -> int:
        self.order += 1
        self.send(
            Kind.NEW, account=account, instrument=book, side=side, price=price, size=size, order=self.order
        )  # fmt: skip
        return self.order

    def read(self, index: int) -> None:
        now = self.exchange.now + 400_000_000
        self.send(Kind.INDEX, time_us=now, instrument=0, price=index, arg=now, arg2=3)

    def step(self, index: int) -> None:
        """The index arrives, quotes follow it, two trades print, marks move."""
        self.send(Kind.CANCEL_ALL, account=MAKER, instrument=PERP)
        self.read(index)
        self.new(MAKER, 0, max(1, index - 1), 2)
        self.new(MAKER, 1, index + 1, 2)
        self.new(TAKER, 0, index + 1)
        self.new(TAKER, 1, max(1, index - 1))
        self.send(Kind.MARK)


def test_from_a_thousandth_to_twentyfour_times() -> None:
    """ORD-04: at every step the ladder holds the mark, and the orders it left behind are cancelled."""
    j = Journey()
    ins = j.exchange.state.ins
    price = float(FIRST)
    for factor, end in ((0.97, FIRST // 1000), (1 / 0.97, 24 * FIRST)):
        j.send(Kind.CANCEL_ALL, account=TAKER, instrument=-1)
        while round(price) != end:
            price = max(price * factor, end) if factor < 1 else min(price * factor, end)
            index = round(price)
            j.step(index)
            mark, base = j.exchange.mark(PERP), int(ins[PERP, st.I_BASE])
            assert abs(mark - index) <= 1
            assert base <= mark < base + LADDER
            if factor > 1 and mark > FIRST:
                j.new(TAKER, 0, max(base, mark - mark // 2))  # stays behind
            assert not any(j.exchange.verify().values())
        assert j.exchange.mark(PERP) == pytest.approx(end, abs=1)
    assert len(j.rebased) > 20
    assert min(j.rebased) == 0
    assert max(j.rebased) > 20 * FIRST
    assert len(j.out_of_band) > 20
    base = int(ins[PERP, st.I_BASE])
    book = {order: price for _, price, _, order, _ in j.exchange.book(PERP)}
    assert all(base <= price < base + LADDER for price in book.values())
    assert not set(book) & set(j.out_of_band)


def test_orders_keep_their_queue_when_the_ladder_moves() -> None:
    """ORD-01: a ladder that moves carries levels, queues and best prices along."""
    j = Journey()
    j.read(FIRST)
    for price in (9_990, 9_990, 9_985, 5_500):
        j.new(MAKER, 0, price, book=SPOT)
    for price in (10_400, 10_400, 14_000):
        j.new(TAKER, 1, price, book=SPOT)
    before = j.exchange.book(SPOT)
    for index in (12_000, 15_000, 17_000):
        j.read(index)
        j.send(Kind.MARK)
    assert len(j.rebased) == 2  # this book and the perpetual's
    assert j.out_of_band == [4]
    assert j.exchange.book(SPOT) == [row for row in before if row[3] != 4]
    assert not any(j.exchange.verify().values())
    j.new(MAKER, 0, 10_400, size=2, book=SPOT)
    assert [row[3] for row in j.exchange.book(SPOT)] == [1, 2, 3, 7]
