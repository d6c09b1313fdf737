"""The pause: every edge of its table in docs/oracle.md, and a walk through a real exchange."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracle_scene import BTC, ETH, START, S

from sim.exchange.exchange import Exchange
from sim.exchange.instruments import Asset, BinaryEvent, Future, Listing, Perpetual, Spot
from sim.exchange.messages import (
    E_CODE,
    E_INSTRUMENT,
    E_KIND,
    E_TIME,
    E_X,
    E_Y,
    EV_COLS,
    M_ARG,
    M_ARG2,
    M_INSTRUMENT,
    M_KIND,
    M_TIME,
    MSG_COLS,
    BookState,
    Event,
    Grade,
    Kind,
)
from sim.oracle.fault import OracleError
from sim.oracle.pause import LOOK_US, Pauser, PauseRule, Phase, Watched, feeds_of
from sim.world import Cadence, World

LISTING = Listing(
    feeds=(BTC, ETH),
    assets=(Asset(name="ETH", feed="ETH", units_per_coin=100),),
    perpetuals=(Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1),),
    futures=(Future(name="BTC-F", feed="BTC", lots_per_coin=1, expiry_us=START * 100),),
    spots=(Spot(name="ETH/USDC", base="ETH"),),
    events=(BinaryEvent(name="E"),),
)
RULE = PauseRule(after_us=5 * S, clear_us=30 * S, auction_us=60 * S)
OPEN, CANCEL_ONLY = BookState.OPEN, BookState.CANCEL_ONLY
AUCTION, CLOSED = BookState.AUCTION, BookState.CLOSED

# (name in docs/oracle.md, phase, its book, seconds in it, bad, rule) → (phase, what is sent)
AT = 1_000_000 * S
EDGES = {
    "stays good": ((Phase.RUNNING, OPEN, 9, False, RULE), (Phase.RUNNING, None)),
    "turns bad": ((Phase.RUNNING, OPEN, 9, True, RULE), (Phase.ALARMED, None)),
    "recovers": ((Phase.ALARMED, OPEN, 4, False, RULE), (Phase.RUNNING, None)),
    "still bad": ((Phase.ALARMED, OPEN, 4, True, RULE), (Phase.ALARMED, None)),
    "bad for long": ((Phase.ALARMED, OPEN, 5, True, RULE), (Phase.PAUSED, (CANCEL_ONLY, 0))),
    "bad for long, in auction": (
        (Phase.ALARMED, AUCTION, 5, True, RULE), (Phase.PAUSED, (AUCTION, 0))),
    "bad for long, to closed": (
        (Phase.ALARMED, AUCTION, 5, True, replace(RULE, state=CLOSED)),
        (Phase.PAUSED, (CLOSED, 0))),
    "turns bad, without waiting": (
        (Phase.RUNNING, OPEN, 0, True, replace(RULE, after_us=0)),
        (Phase.PAUSED, (CANCEL_ONLY, 0))),
    "stays bad": ((Phase.PAUSED, CANCEL_ONLY, 99, True, RULE), (Phase.PAUSED, None)),
    "turns good": ((Phase.PAUSED, CANCEL_ONLY, 9, False, RULE), (Phase.CLEARING, None)),
    "opened by another": ((Phase.PAUSED, OPEN, 9, True, RULE), (Phase.RUNNING, None)),
    "opened by another, clearing": ((Phase.CLEARING, OPEN, 9, True, RULE), (Phase.RUNNING, None)),
    "turns good, without waiting": (
        (Phase.PAUSED, CANCEL_ONLY, 9, False, replace(RULE, clear_us=0)),
        (Phase.REOPENING, (AUCTION, AT + 60 * S))),
    "bad again": ((Phase.CLEARING, CANCEL_ONLY, 29, True, RULE), (Phase.PAUSED, None)),
    "still clearing": ((Phase.CLEARING, CANCEL_ONLY, 29, False, RULE), (Phase.CLEARING, None)),
    "good for long": (
        (Phase.CLEARING, CANCEL_ONLY, 30, False, RULE), (Phase.REOPENING, (AUCTION, AT + 60 * S))),
    "good for long, no auction": (
        (Phase.CLEARING, CANCEL_ONLY, 30, False, replace(RULE, auction_us=0)),
        (Phase.REOPENING, (OPEN, 0))),
    "auction runs": ((Phase.REOPENING, AUCTION, 59, False, RULE), (Phase.REOPENING, None)),
    "auction over": ((Phase.REOPENING, OPEN, 60, False, RULE), (Phase.RUNNING, None)),
    "bad in the auction": (
        (Phase.REOPENING, AUCTION, 9, True, RULE), (Phase.PAUSED, (AUCTION, 0))),
    "refused, asks again": (
        (Phase.REOPENING, AUCTION, 1, False, replace(RULE, auction_us=0)),
        (Phase.REOPENING, (OPEN, 0))),
    "closed by the exchange": ((Phase.RUNNING, CLOSED, 9, True, RULE), (Phase.ENDED, None)),
    "ended": ((Phase.ENDED, CLOSED, 9, False, RULE), (Phase.ENDED, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_every_edge_of_the_table(name: str) -> None:
    (phase, book, seconds, bad, rule), expected = EDGES[name]
    watched = Watched(0, phase, AT - seconds * S, book)
    assert Pauser(LISTING, rule).step(watched, bad, AT) == expected


def test_the_table_in_the_docs_has_these_edges_and_no_others(repo: Path) -> None:
    text = (repo / "docs" / "oracle.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) \| ([a-z ,]+) \| (\w+) \| ([^|]+) \|$", text, re.M)
    rows = [row for row in rows if row[0].isupper()]
    told = {name: (before, after) for before, name, after, _ in rows}
    cases = {name: (case[0].name, then[0].name) for name, (case, then) in EDGES.items()}
    assert told == cases
    edges = {
        (start, after)
        for before, _, after, when in rows
        for start in (Phase.__members__ if "from any phase" in when else (before,))
    }
    assert {(before.name, after.name) for before, after in reached()} == edges


def reached() -> set[tuple[Phase, Phase]]:
    """Every edge that some phase, book, feed, time in the phase and rule lead to."""
    rules = [
        replace(RULE, after_us=after, clear_us=clear, auction_us=auction, state=state)
        for after, clear, auction in itertools.product((0, 5 * S), (0, 30 * S), (0, 60 * S))
        for state in (CANCEL_ONLY, CLOSED)
    ]
    return {
        (phase, Pauser(LISTING, rule).step(watched, bad, AT)[0])
        for rule in rules
        for phase, book, here, bad, seconds in itertools.product(
            Phase, BookState, (False, True), (False, True), (0, 4, 5, 29, 30, 99)
        )
        for watched in [Watched(0, phase, AT - seconds * S, book, here)]
    }


def test_a_pause_closed_by_itself_is_not_the_end() -> None:
    watched = Watched(0, Phase.PAUSED, AT - 9 * S, CLOSED, closed_here=True)
    pauser = Pauser(LISTING, replace(RULE, state=CLOSED))
    assert pauser.step(watched, False, AT) == (Phase.CLEARING, None)


# grades -----------------------------------------------------------------------------------
def index_event(time_us: int, code: int, read_us: int, feed: int = 0) -> np.ndarray:
    row = np.zeros((1, EV_COLS), dtype=np.int64)
    row[0, E_TIME], row[0, E_KIND], row[0, E_INSTRUMENT] = time_us, Event.INDEX, feed
    row[0, E_CODE], row[0, E_X] = code, read_us
    return row


@pytest.mark.spec("PRC-04")
def test_age_makes_a_reading_stale_between_events() -> None:
    pauser = Pauser(LISTING, RULE)
    assert pauser.grade(0, AT) is Grade.STALE  # nothing heard yet
    pauser.hear(index_event(AT, Grade.VALID, AT - S))
    assert pauser.grade(0, AT + 59 * S) is Grade.VALID
    assert pauser.grade(0, AT + 59 * S + 1) is Grade.STALE
    assert Pauser(LISTING, RULE, stale_guard=False).grade(1, AT) is Grade.STALE
    pauser.hear(index_event(AT + 60 * S, Grade.TOO_UNCERTAIN, AT + 60 * S))
    assert pauser.grade(0, AT + 61 * S) is Grade.TOO_UNCERTAIN
    assert pauser.grade(0, AT + 999 * S) is Grade.TOO_UNCERTAIN


def test_who_has_a_feed() -> None:
    assert feeds_of(LISTING) == [0, 0, 1, None]
    with pytest.raises(OracleError, match="'E' is no instrument with a feed") as error:
        Pauser(LISTING, RULE, ("E",))
    assert error.value.allowed == ("BTC-PERP", "BTC-F", "ETH/USDC")


# a walk -----------------------------------------------------------------------------------
class Script:
    """An oracle that says what the test says: good readings, but uncertain ones in between."""

    def __init__(self, bad: list[tuple[float, float]]) -> None:
        self.bad = bad

    def messages(self, times: np.ndarray) -> np.ndarray:
        rows = np.zeros((2 * len(times), MSG_COLS), dtype=np.int64)
        for row, (t, feed) in zip(rows, itertools.product(times, (0, 1)), strict=True):
            wide = feed == 0 and any(a <= (t - START) / S < b for a, b in self.bad)
            row[:] = 0
            row[M_TIME], row[M_KIND], row[M_INSTRUMENT] = t, Kind.INDEX, feed
            row[5], row[6], row[M_ARG], row[M_ARG2] = 1_000_000, 500_000 * wide, t, 3
        return rows


class Ears:
    """Hears the states of books."""

    hears = frozenset({Event.STATE})

    def __init__(self) -> None:
        self.rows: list[tuple[float, int, BookState, int]] = []

    def attach(self, world: World) -> None: ...

    def hear(self, events: np.ndarray) -> None:
        for e in events:
            when = (int(e[E_TIME]) - START) / S
            self.rows.append((when, int(e[E_INSTRUMENT]), BookState(int(e[E_CODE])), int(e[E_Y])))


def walk(window_us: int, rule: PauseRule, bad: list[tuple[float, float]], until: int = 200):  # type: ignore[no-untyped-def]
    exchange = Exchange(LISTING, accounts=1)
    world = World(
        exchange, seed=1, start_us=START, end_us=START + until * S, window_us=window_us,
        oracle=Script(bad), cadence=Cadence(),  # type: ignore[arg-type]
    )  # fmt: skip
    pauser, ears = Pauser(LISTING, rule, ("BTC-PERP", "ETH/USDC")), Ears()
    world.serve(pauser)
    world.serve(ears)
    world.run()
    return pauser, ears.rows, exchange.state_digest()


@pytest.mark.spec("ORD-03")
def test_an_instrument_is_paused_and_reopened_by_an_auction() -> None:
    pauser, states, _ = walk(10_000, RULE, [(20, 22), (40, 60)])
    assert [(when, i, state) for when, i, state, _ in states] == [
        (45.5, 0, CANCEL_ONLY),
        (90.5, 0, AUCTION),
        (151.0, 0, OPEN),
    ]
    phases = [(t.after, (t.time_us - START) / S) for t in pauser.log]
    assert phases == [
        (Phase.ALARMED, 20.5),
        (Phase.RUNNING, 22.5),
        (Phase.ALARMED, 40.5),
        (Phase.PAUSED, 45.5),
        (Phase.CLEARING, 60.5),
        (Phase.REOPENING, 90.5),
        (Phase.RUNNING, 151.5),
    ]
    assert {t.instrument for t in pauser.log} == {0}  # neither the future nor ETH


@pytest.mark.spec("ORD-03")
def test_a_feed_that_turns_bad_in_the_auction_keeps_it_open() -> None:
    pauser, states, _ = walk(10_000, RULE, [(10, 30), (80, 100)], until=260)
    assert [(when, state) for when, _, state, _ in states] == [
        (15.5, CANCEL_ONLY),
        (60.5, AUCTION),
        (80.5, AUCTION),  # held
        (130.5, AUCTION),
        (191.0, OPEN),
    ]
    assert pauser.log[-1].after is Phase.RUNNING


def test_without_an_auction_a_book_opens_at_once() -> None:
    rule = replace(RULE, auction_us=0, state=CLOSED, clear_us=2 * S)
    _, states, _ = walk(10_000, rule, [(10, 30)], until=60)
    assert [(when, state) for when, _, state, _ in states] == [(15.5, CLOSED), (32.5, OPEN)]


def test_no_window_changes_a_pause() -> None:
    found = [walk(w, RULE, [(10, 30), (80, 100)]) for w in (0, 1, 10_000, LOOK_US)]
    for pauser, states, digest in found[1:]:
        assert (pauser.log, states, digest) == (found[0][0].log, *found[0][1:])
