"""The fuzzer itself: what parts is seen, made small and shown; what does not part is counted."""

from __future__ import annotations

from dataclasses import replace

import fuzz
import pytest
from agreement import first_difference
from programs import Program
from shrinking import Shrinker
from twin.codes import Event, Message
from twin.exchange import ReferenceExchange
from wide.programs import wide_program


def dearer(program: Program) -> bool:
    """Does it show that one of two exchanges asks more of those who take?"""
    rules = dict(program.rules, taker_fee_bps=program.rules["taker_fee_bps"] + 7, fee_tiers=())
    one = ReferenceExchange(program.listing, {**program.rules, "fee_tiers": ()}, program.accounts)
    other = ReferenceExchange(program.listing, rules, program.accounts)
    return any(
        row != also
        for message in program.messages
        for row, also in zip(one.handle(message), other.handle(message), strict=False)
        if row[2] == Event.FILL and row[7] > 100
    )


def test_a_failing_program_becomes_small() -> None:
    program = wide_program(4)
    assert dearer(program)
    small = Shrinker(program, dearer, seconds=120).run()
    assert dearer(small)
    kinds = [m[1] for m in small.messages]
    assert len(kinds) <= 8
    assert kinds.count(Message.NEW) == 2
    assert small.accounts <= 3
    assert len(small.listing["events"]) <= 1
    assert first_difference(small, every=1) is None


def test_what_cannot_be_smaller_stays() -> None:
    program = wide_program(4)
    never = Shrinker(program, lambda _: False, seconds=5)
    assert never.run() == program
    assert never.tries > 0


def test_a_small_program_can_be_read() -> None:
    program = wide_program(5)
    text = fuzz.shown(replace(program, messages=program.messages[:30]), "they part")
    assert "[[step]]" in text
    assert "deposit" in text
    assert "they part" in text


def test_an_engine_that_raises_has_parted() -> None:
    program = wide_program(6)
    broken = replace(program, messages=[*program.messages[:5], [0] * 12])  # time runs backwards
    found = fuzz.difference(broken)
    assert found is not None
    assert "backwards" in found


def test_a_minute_of_nothing_runs_one_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--minutes", "0", "--seed", "9"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1 programs, ")
    assert said.endswith(" 0 disagreements\n")
