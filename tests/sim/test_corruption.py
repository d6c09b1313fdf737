"""What it costs to corrupt a resolution on the real exchange, and what it brings."""

from __future__ import annotations

import pytest
from resolution_scene import (
    ALICE,
    BINARY,
    BOB,
    CAROL,
    LISTING,
    NO,
    YES,
    S,
    Scene,
    dispute,
    message,
    propose,
)

from sim.exchange.messages import M_ORDER, M_PRICE, Kind
from sim.exchange.rules import Rules
from sim.oracle.electorate import Bribe, Voters, Whale


def alice_buys_no() -> list[list[int]]:
    """1,000 NO at 0.90 for Alice, as many YES for Bob."""
    buy_no = message(1, Kind.NEW, ALICE, LISTING.first_book(BINARY), arg=1, size=1000)
    buy_no[M_PRICE], buy_no[M_ORDER] = 900, 1
    buy_yes = message(1, Kind.NEW, BOB, LISTING.first_book(BINARY), size=1000)
    buy_yes[M_PRICE], buy_yes[M_ORDER] = 100, 2
    return [buy_no, buy_yes]


def test_corruption_is_accounted_for() -> None:
    """A whale with NO shares proposes NO, is disputed twice, buys the vote and wins it."""
    voters = Voters(
        count=9, stake_micro=9_000 * S, tail_exponent=0.0, communities=1, accuracy=1.0,
        turnout=1.0, slash=0.1,
        whales=(Whale("bloc", 0.4, "position", "alice", bought=True, resale_loss=0.25),),
        bribe=Bribe(NO, 10**9, price_per_stake=0.2),
    )  # fmt: skip
    rows = [propose(12, ALICE, NO), dispute(13, BOB), propose(14, ALICE, NO), dispute(15, BOB)]
    scene = Scene(*alice_buys_no(), *rows, voters=voters)
    assert scene.resolved() == [(65.0, 1, 1)]
    # 5,400 USD of others' stake in nine parts of 600: two of them, 120 USD each, turn 40 to 53 %.
    found = scene.oracle.cases[BINARY].corruption
    assert found.bribes == 240 * S
    assert found.bonds_lost == 0
    assert found.slashed == 0
    assert found.stake_lost == 900 * S
    assert found.profit == 1000 * S
    total = scene.oracle.summary()
    assert total["cost_of_corruption_usd"] == 1140
    assert total["profit_of_corruption_usd"] == 1000
    assert scene.cash(ALICE) == pytest.approx(10_000 - 900 + 1000 + 2 * 375)
    last = scene.oracle.log.entries[-1]
    assert (last.actor, last.text) == (
        "corrupter", "corruption cost 1,140.00 USD, brought 1,000.00 USD",
    )  # fmt: skip


@pytest.mark.spec("SET-05")
@pytest.mark.parametrize("window_us", [0, 10_000, 500_000])
def test_a_void_by_the_exchange_is_profit_or_loss_of_the_corrupter(window_us: int) -> None:
    """Alice has 1,000 NO of which the truth pays nothing; 60.4 s later a tick voids them."""
    rows = [*alice_buys_no(), propose(12, ALICE, NO), dispute(20, BOB)]
    rules = Rules(void_after_days=60.4 / 86_400)
    scene = Scene(*rows, rules=rules, corrupters=("alice",), window_us=window_us)
    assert scene.resolved() == [(71.0, -1, 0)]
    found = scene.oracle.cases[BINARY].corruption
    assert found.profit == 500 * S
    assert found.bonds_lost == 750 * S


@pytest.mark.spec("SET-04")
def test_a_corrupter_on_both_sides_loses_what_the_store_keeps() -> None:
    rows = [propose(12, ALICE, NO), dispute(20, BOB), propose(25, CAROL, YES)]
    alone = Scene(*rows, corrupters=("alice",))
    assert alone.oracle.cases[BINARY].corruption.bonds_lost == 750 * S
    both = Scene(*rows, corrupters=("alice", "bob"))
    assert both.oracle.cases[BINARY].corruption.bonds_lost == 375 * S
    assert both.cash(ALICE) + both.cash(BOB) == 20_000 - 375


def test_a_failed_corruption_costs_bonds_and_slashed_stake_and_brings_nothing() -> None:
    voters = Voters(
        count=9, stake_micro=9_000 * S, tail_exponent=0.0, communities=1, accuracy=1.0,
        turnout=1.0, slash=0.1, whales=(Whale("bloc", 0.25, NO, "alice"),),
    )  # fmt: skip
    rows = [propose(12, ALICE, NO), dispute(13, BOB), propose(14, ALICE, NO), dispute(15, BOB)]
    scene = Scene(*rows, voters=voters)
    assert scene.resolved() == [(65.0, 0, 0)]
    found = scene.oracle.cases[BINARY].corruption
    assert (found.bonds_lost, found.slashed, found.profit) == (1500 * S, 225 * S, 0)
