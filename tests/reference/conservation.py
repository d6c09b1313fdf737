"""Runs a program through the reference and checks after every message that nothing is lost."""

from __future__ import annotations

from programs import Program
from twin.codes import BUY, BookState, Event
from twin.exchange import ReferenceExchange


def check(venue: ReferenceExchange) -> None:
    """I1, I2, I4, I5, I7, I11, I18, I19 as far as one state shows them."""
    ledger, market, memory = venue.ledger, venue.market, venue.memory
    assert set(ledger.sums()) == {0}
    assert ledger.insurance >= 0
    assert min(ledger.pool) >= 0
    for i in market.derivatives:
        held = [a.positions[i.id] for a in ledger.accounts]
        assert sum(p.size for p in held) == 0
        assert ledger.clearing[i.id] == -sum(p.cost for p in held)
        assert all(p.size or not p.cost for p in held)
        if memory.closed_for_good(i):
            assert not any(p.size for p in held)
    assert all(min(q) >= 0 for a in ledger.accounts for q in a.shares)
    for k in range(1 + len(market.coins)):
        assert sum(a.lent[k] for a in ledger.accounts) <= ledger.pool_shares[k]
        assert sum(ledger.claim(a, k) for a in range(len(ledger.accounts))) <= ledger.pool[k]
    for i in market.instruments:
        book, phase = memory.books[i.id], memory.phases[i.id].state
        bid = book.best(BUY)
        assert bid is None or phase == BookState.AUCTION or not book.crosses(BUY, bid)
        assert phase != BookState.CLOSED or not any(book.sides)
    bonds = 0
    for event, winner in enumerate(memory.winners):
        if winner is None:
            bonds += sum(p.bond * (1 if p.disputer is None else 2) for p in memory.proposals[event])
        else:
            assert ledger.sets[event] == 0
    assert ledger.bonds == bonds
    assert not memory.touched  # every order by last has been looked at


def run(made: Program) -> list[tuple[int, ...]]:
    """All events of a program; deficits add up (LIQ-08), no sequence number is missing."""
    venue = ReferenceExchange(made.listing, made.rules, made.accounts)
    rows: list[tuple[int, ...]] = []
    for message in made.messages:
        rows += venue.handle(message)
        check(venue)
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        if row[2] == Event.DEFICIT:
            insurance, forgone, socialised = row[14], row[15], row[11]
            assert row[8] == insurance + forgone + socialised
    return rows
