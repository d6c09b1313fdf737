"""Random programs of all products through the reference: nothing is lost, everything happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conservation import run
from modes import ADL, DISPOSALS
from twin.codes import Event, Reason
from wide.programs import count, wide_program

SEEDS = range(40)
BROAD = range(250)
# A slot limit is a matter of the engine's memory; the reference has none.
NEVER = {"REJECT NONE", "REJECT BOOK_FULL"}
KINDS = ("perpetual", "inverse", "future")


@pytest.mark.spec("LED-02", "PRD-01", "PRD-02", "LIQ-08", "INT-01", "SET-02")
@pytest.mark.parametrize("first", range(0, len(SEEDS), 10))
def test_money_is_conserved(first: int) -> None:
    for seed in SEEDS[first : first + 10]:
        assert run(wide_program(seed))


def test_a_seed_is_a_program() -> None:
    assert wide_program(7) == wide_program(7)
    assert wide_program(7).messages != wide_program(8).messages


@pytest.mark.spec("PRC-02", "SET-02")
@pytest.mark.parametrize(("rule", "off"), [("mark_average_cap", 0.0), ("proposal_margin", True)])
def test_programs_show_whether_a_rule_is_followed(rule: str, off: float | bool) -> None:
    """Without the rule some programs end differently: there it binds."""
    seed = shown = 0
    while shown < 3:
        made = wide_program(seed)
        if made.rules[rule] != off:
            without = replace(made, rules={**made.rules, rule: off})
            shown += run(made) != run(without)
        seed += 1
        assert seed < len(SEEDS), f"{rule} binds in {shown} of {seed} programs"


@pytest.mark.slow
def test_programs_reach_every_event_and_reason() -> None:
    seen = count(BROAD)
    assert {e.name for e in Event} - set(seen.kinds) == set()
    refusals = {f"REJECT {r.name}" for r in Reason if r < Reason.BY_USER}
    # It only ever ends an order that was accepted.
    refusals -= {"REJECT SELF_TRADE"}
    endings = {f"CANCELLED {r.name}" for r in Reason if r >= Reason.BY_USER}
    endings |= {
        f"CANCELLED {r}" for r in ("SELF_TRADE", "REDUCE_ONLY", "INSUFFICIENT_MARGIN", "BOOK_STATE")
    }
    waterfall = {f"HAIRCUT {k} of USDC" for k in range(3)} | {"HAIRCUT 1 of coins"}
    waterfall |= {f"{what} {kind}" for what in ("ADL 0", "BACKSTOP 0") for kind in KINDS}
    waterfall |= {f"{what} {kind}" for what in ("STEP 0", "FILL 1", "FILL 2") for kind in KINDS}
    waterfall |= {"BACKSTOP 1 event", "STEP 1 event", "STEP 2 spot", "STEP 3 spot", "MERGE 1"}
    waterfall |= {"WRITE_OFF of USDC", "WRITE_OFF of coins", "REDEEM 1", "REDEEM 2", "LEND 1"}
    states = {"STATE 1", "STATE 2", "STATE 3", "STATE 3 trades", "STATE 0 trades", "STATE 4"}
    states |= {"TRIGGER 0", "TRIGGER 1", "TRIGGER 2", "BOND 0", "BOND 1", "BOND 2"}
    policies = {f"{what} under adl {policy}" for what in ("ADL", "DEFICIT") for policy in ADL}
    policies |= {f"STEP under disposal {policy}" for policy in DISPOSALS}
    policies |= {f"STEP under bounds {policy}" for policy in ("bankruptcy", "dydx_exact")}
    policies |= {f"HAIRCUT under shortfall {policy}" for policy in ("gains", "lenders")}
    policies |= {f"PROPOSE under proposal_margin {on}" for on in (True, False)}
    policies |= {f"MARK clamped, cap {cap}" for cap in (0.0, 1.0, 1.02, 1.1, 1.5)}
    modes = ("unified", "portfolio", "segregated", "isolated")
    policies |= {f"{what} under margin_mode {m}" for what in ("FLAG", "DEFICIT") for m in modes}
    wanted = refusals | endings | waterfall | states | policies | {"FLAG by a reading"}
    assert wanted - NEVER - set(seen.details) == set()
