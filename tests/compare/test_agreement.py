"""Kernel and reference agree on every event, balance, position, requirement and price."""

from __future__ import annotations

import agreement
import numpy as np
import programs
import pytest
from kernel_venue import KernelVenue
from wide.programs import wide_program

from sim.exchange.audit import Audit
from sim.exchange.explain import explain
from sim.exchange.rules import Rules


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_random_programs_agree(first: int) -> None:
    for seed in range(first, first + 10):
        found = agreement.first_difference(programs.program(seed))
        assert found is None, f"program {seed}: {found}"


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_programs_of_all_products_agree(first: int) -> None:
    for seed in range(first, first + 10):
        found = agreement.first_difference(wide_program(seed))
        assert found is None, f"wide program {seed}: {found}"


def test_a_disagreement_is_seen() -> None:
    program = programs.program(0)
    changed = dict(program.rules, taker_fee_bps=program.rules["taker_fee_bps"] + 1.0)
    kernel = KernelVenue(program.listing, changed, program.accounts)
    plain = KernelVenue(program.listing, program.rules, program.accounts)
    assert any(kernel.handle(m) != plain.handle(m) for m in program.messages)


@pytest.mark.spec("I3", "I9", "I10", "I11", "I12", "I13", "I15")
@pytest.mark.parametrize("seed", range(20))
def test_the_event_stream_keeps_its_invariants(seed: int) -> None:
    program = programs.program(seed)
    venue = KernelVenue(program.listing, program.rules, program.accounts)
    rules = Rules.model_validate(program.rules)
    audit = Audit(venue.listing, program.accounts, rules)
    for message in program.messages:
        audit.add(venue.process(np.array([message], np.int64)))
    assert audit.finish(venue.positions()) == dict.fromkeys(audit.violations, 0)


@pytest.mark.spec("MAR-11")
@pytest.mark.parametrize("seed", range(12))
def test_explained_legs_add_up_to_the_kernels_numbers(seed: int) -> None:
    program = programs.program(seed)
    rules = dict(program.rules, strict_prices=False)
    venue = KernelVenue(program.listing, rules, program.accounts)
    legs = 0
    for n, message in enumerate(program.messages):
        venue.handle(message)
        if n % 25 == 0:
            for a in range(program.accounts):
                said = explain(venue, a)
                ne, mm = venue.maintenance(a)
                assert (said.ne_usd, said.mm_usd) == (ne, mm)
                assert (said.ne_usd, said.im_usd) == venue.initial(a)
                assert said.equity_usd == venue.equity(a) / 1e6
                legs += len(said.legs)
    assert legs > 1000


@pytest.mark.spec("I17")
def test_blocks_may_be_cut_anywhere() -> None:
    program = programs.program(3)
    messages = np.array(program.messages, np.int64)
    whole = KernelVenue(program.listing, program.rules, program.accounts)
    events = whole.process(messages)
    for size in (1, 7, 100):
        venue = KernelVenue(program.listing, program.rules, program.accounts)
        parts = [venue.process(messages[k : k + size]) for k in range(0, len(messages), size)]
        assert np.array_equal(np.concatenate(parts), events)
        assert venue.state_digest() == whole.state_digest()


def test_a_snapshot_brings_everything_back() -> None:
    program = programs.program(5)
    messages = np.array(program.messages, np.int64)
    venue = KernelVenue(program.listing, program.rules, program.accounts)
    half = len(messages) // 2
    venue.process(messages[:half])
    kept = venue.snapshot()
    first = venue.process(messages[half:])
    end = venue.state_digest()
    venue.restore(kept)
    assert np.array_equal(venue.process(messages[half:]), first)
    assert venue.state_digest() == end
