"""Random programs through the reference: money is conserved, whatever happens."""

from __future__ import annotations

import pytest
from programs import Program, count, program
from twin.codes import BUY, Event, Reason
from twin.exchange import ReferenceExchange

SEEDS = range(40)
BROAD = 200
# A slot limit is a matter of the engine's memory; the reference has none.
NEVER = {"REJECT NONE", "REJECT BOOK_FULL"}


def check(venue: ReferenceExchange) -> None:
    """I1, I2, I4, I7, I11 as far as one state shows them."""
    ledger, market = venue.ledger, venue.market
    assert set(ledger.sums()) == {0}
    assert ledger.insurance >= 0
    assert min(ledger.pool) >= 0
    for i in market.derivatives:
        held = [a.positions[i.id] for a in ledger.accounts]
        assert sum(p.size for p in held) == 0
        assert ledger.clearing[i.id] == -sum(p.cost for p in held)
        assert all(p.size or not p.cost for p in held)
    assert all(min(q) >= 0 for a in ledger.accounts for q in a.shares)
    for i in market.instruments:
        book = venue.memory.books[i.id]
        bid = book.best(BUY)
        assert bid is None or not book.crosses(BUY, bid)


def run(made: Program) -> list[tuple[int, ...]]:
    venue = ReferenceExchange(made.listing, made.rules, made.accounts)
    rows = []
    for message in made.messages:
        rows += venue.handle(message)
        check(venue)
    return rows


@pytest.mark.spec("LED-02")
@pytest.mark.spec("LIQ-08")
@pytest.mark.parametrize("seed", SEEDS)
def test_money_is_conserved(seed: int) -> None:
    rows = run(program(seed))
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        if row[2] == Event.DEFICIT:
            insurance, forgone, socialised = row[14], row[15], row[11]
            assert row[8] == insurance + forgone + socialised


def test_a_seed_is_a_program() -> None:
    assert program(7) == program(7)
    assert program(7).messages != program(8).messages


@pytest.mark.slow
def test_programs_reach_every_event_and_reason() -> None:
    kinds, details = count(BROAD)
    assert {e.name for e in Event} - set(kinds) == set()
    refusals = {f"REJECT {r.name}" for r in Reason if r < Reason.BY_USER}
    # It only ever ends an order that was accepted.
    refusals -= {"REJECT SELF_TRADE"}
    endings = {f"CANCELLED {r.name}" for r in Reason if r >= Reason.BY_USER}
    endings |= {f"CANCELLED {r}" for r in ("SELF_TRADE", "REDUCE_ONLY", "INSUFFICIENT_MARGIN")}
    waterfall = {f"HAIRCUT {k}" for k in range(4)} | {"ADL 0", "ADL 1", "BACKSTOP 0", "BACKSTOP 1"}
    waterfall |= {"STEP 0", "STEP 1", "STEP 2", "MERGE 0", "MERGE 1", "FLAG by a forced fill"}
    assert (refusals | endings | waterfall) - NEVER - set(details) == set()
