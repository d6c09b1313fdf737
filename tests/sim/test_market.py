"""Market data frames and inboxes: everybody sees only what is theirs, and only in time."""

from __future__ import annotations

import numpy as np
import pytest

from sim.exchange.messages import (
    E_ACCOUNT,
    E_INSTRUMENT,
    E_KIND,
    E_OTHER,
    E_SEQ,
    E_TIME,
    EV_COLS,
    Event,
)
from sim.market import BOOKS, NOTICES, Mailroom, MarketData

FIELDS = ["bid", "ask", "last", "mark", "index", "bid_depth", "ask_depth", "near_depth", "oi"]
COLUMNS = [6, 7, 8, 9, 10, 11, 12, 14, 15]  # of a BOOK event, as docs/formats.md has them


def event(time: int, kind: int, account: int = 0, other: int = 0, seq: int = 0) -> np.ndarray:
    row = np.zeros(EV_COLS, dtype=np.int64)
    row[[E_SEQ, E_TIME, E_KIND, E_ACCOUNT, E_OTHER]] = seq, time, kind, account, other
    return row


def frame(time: int, instruments: int) -> np.ndarray:
    rows = np.arange(instruments * EV_COLS).reshape(instruments, EV_COLS) + 1000 * time
    rows[:, E_TIME], rows[:, E_KIND] = time, Event.BOOK
    rows[:, E_INSTRUMENT] = np.arange(instruments)
    return rows


def test_a_frame_is_decoded_column_by_column() -> None:
    data = MarketData(3, 0)
    rows = frame(5, 3)
    data.add(np.vstack((event(5, Event.MARK), rows, event(5, Event.DEPTH))))
    view = data.view(5)
    assert view.time_us == 5
    for name, column in zip(FIELDS, COLUMNS, strict=True):
        np.testing.assert_array_equal(getattr(view, name), rows[:, column])


def test_the_view_is_the_newest_that_is_not_later() -> None:
    data = MarketData(2, 100)
    assert data.view(100).bid.tolist() == [-1, -1]
    data.add(np.vstack((frame(200, 2), frame(300, 2))))
    data.add(frame(400, 2))
    seen = [data.view(t).time_us for t in (199, 200, 299, 300, 399, 400, 10_000)]
    assert seen == [100, 200, 200, 300, 300, 400, 400]


def test_nobody_can_write_into_a_view() -> None:
    data = MarketData(2, 0)
    data.add(frame(1, 2))
    for at in (0, 1):
        with pytest.raises(ValueError, match="read-only"):
            data.view(at).bid[0] = 5


def test_only_the_last_minutes_are_kept() -> None:
    data = MarketData(1, 0, keep_us=100)
    for t in range(10, 1000, 10):
        data.add(frame(t, 1))
    assert data.view(990).time_us == 990
    assert data.view(891).time_us == 890
    with pytest.raises(LookupError, match="no longer kept"):
        data.view(15)


@pytest.mark.parametrize(
    "kind", ["CANCELLED", "REJECT", "FUNDING", "FLAG", "UNFLAG", "STEP", "PAYOUT", "MINT", "MERGE"]
)
def test_an_event_reaches_its_account(kind: str) -> None:
    room = Mailroom(10)
    mine, zero = room.open(np.array([3, 4])), room.open(np.array([0]))
    room.sort(np.vstack([event(1, Event[kind], 4, seq=1), event(2, Event[kind], 5, seq=2)]))
    assert mine.events(9)[:, E_SEQ].tolist() == [1]
    assert len(zero.events(9)) == 0  # its unused column `other` is 0, which is no account


@pytest.mark.parametrize("kind", ["FILL", "ADL", "BACKSTOP", "HAIRCUT"])
def test_an_event_reaches_both_sides_once(kind: str) -> None:
    room = Mailroom(10)
    a, b = room.open(np.array([1, 2])), room.open(np.array([3]))
    rows = [(1, 3), (3, 2), (1, 2), (-1, 3), (9, 8)]
    room.sort(np.array([event(i, Event[kind], *r, seq=i) for i, r in enumerate(rows)]))
    assert a.events(9)[:, E_SEQ].tolist() == [0, 1, 2]
    assert b.events(9)[:, E_SEQ].tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    "kind", ["ORDER", "INDEX", "MARK", "BOOK", "DEPTH", "DEPOSIT", "RESOLVE", "LEG"]
)
def test_public_events_and_acknowledgements_reach_no_inbox(kind: str) -> None:
    room = Mailroom(10)
    inbox = room.open(np.arange(10))
    assert room.sort(event(1, Event[kind])[None]) == (BOOKS if kind == "BOOK" else 0)
    room.notice([Event[kind]])
    assert room.sort(event(1, Event[kind])[None]) & NOTICES
    assert len(inbox.events(9)) == 0


def test_an_inbox_is_read_up_to_a_time_and_once() -> None:
    room = Mailroom(10)
    inbox = room.open(np.array([1]))
    room.sort(np.array([event(t, Event.FILL, 1, 2, seq=t) for t in range(5)]))
    assert inbox.events(2)[:, E_SEQ].tolist() == [0, 1, 2]
    assert len(inbox.events(2)) == 0
    room.sort(np.array([event(7, Event.FILL, 2, 1, seq=7)]))
    assert inbox.events(7)[:, E_SEQ].tolist() == [3, 4, 7]
    assert inbox.events(7).shape == (0, EV_COLS)


def test_inboxes_keep_their_order_through_growth_and_reuse() -> None:
    rng = np.random.default_rng(2)
    room = Mailroom(20)
    inboxes = [room.open(np.array([a])) for a in range(10)]
    expected: list[list[int]] = [[] for _ in inboxes]
    got: list[list[int]] = [[] for _ in inboxes]
    seq = 0
    for now in range(200):
        rows = []
        for account, other in rng.integers(0, 20, (rng.integers(0, 60), 2)).tolist():
            seq += 1
            rows.append(event(now, Event.FILL, account, other, seq))
            for who in {account, other} & set(range(10)):
                expected[who].append(seq)
        if rows:
            room.sort(np.array(rows))
        who = int(rng.integers(10))
        got[who] += inboxes[who].events(now - 3)[:, E_SEQ].tolist()
    for who, inbox in enumerate(inboxes):
        got[who] += inbox.events(1000)[:, E_SEQ].tolist()
    assert got == expected


def test_an_account_has_one_inbox() -> None:
    room = Mailroom(5)
    room.open(np.array([1, 2]))
    with pytest.raises(ValueError, match="account 2 has an inbox already"):
        room.open(np.array([2, 3]))
    with pytest.raises(ValueError, match="out of range 0…4"):
        room.open(np.array([4, 5]))
