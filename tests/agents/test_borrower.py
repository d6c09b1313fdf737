"""Borrowers: loans as planned, sizes and shares as drawn, and who is liquidated by a wrong price."""

from __future__ import annotations

import numpy as np
import pytest

from agents.borrower import Borrower, BorrowerParams
from agents.testing import check_agent
from sim.exchange.messages import E_ACCOUNT, E_SIZE, Event, Kind
from tests.agents.stage import FIRST, USDC, D, Stage, stage

COUNT = 200


def dollars(**more: object) -> dict[str, object]:
    """Coins pledged, a dollar token borrowed, as on Compound."""
    return {"collateral": "T", "debt": "D", "debt_usd": 1e6, **more}


def cast(params: dict[str, object], **more: object) -> Stage:
    given: dict[str, object] = {"count": COUNT, "pool_dollars": 2e6, **more}
    return stage("borrower", params, **given)  # type: ignore[arg-type]


def test_it_passes_the_check() -> None:
    check_agent(Borrower)
    check_agent(Borrower, BorrowerParams(collateral="YD", top_up_share=1.0, reaction_s=2.0))


@pytest.mark.spec("INT-01")
def test_every_loan_is_given_and_they_add_to_the_total() -> None:
    made = cast(dollars())
    assert made.refusals(Kind.WITHDRAW) == []
    out = made.events(Event.WITHDRAW)
    assert len(out) > 0.9 * COUNT
    assert out[:, E_SIZE].sum() == pytest.approx(1e6, rel=1e-3)
    owed = {int(r[E_ACCOUNT]): int(r[E_SIZE]) for r in out}
    for account, units in owed.items():
        assert made.exchange.balance(account, "D") == -units
        net, margin = made.exchange.initial(account)
        assert net >= margin
    top = max(owed.values()) / sum(owed.values())
    assert 0.03 < top <= 0.0701  # heavy tails, but bounded


def test_the_share_of_debt_near_its_limit_is_the_published_one() -> None:
    """Over many accounts a tenth of the debt lies above 1/1.3 of what is allowed."""
    near = []
    for seed_count in (2_000, 2_500, 3_000):
        made = cast(dollars(max_account_share=0.01), count=seed_count)
        trader = made.trader
        allowed = trader.pledged * 0.9 / 1.05
        used = trader.owed / np.maximum(allowed, 1)
        near.append(trader.owed[used > 1 / 1.3].sum() / trader.owed.sum())
        assert np.median(used[trader.owed > 100]) == pytest.approx(0.5, abs=0.03)
    assert np.mean(near) == pytest.approx(0.10, abs=0.035)


def test_usdc_against_a_coin_and_a_coin_against_usdc() -> None:
    made = cast({"debt_usd": 5e5})
    assert made.events(Event.WITHDRAW)[:, E_SIZE].sum() / 1e6 == pytest.approx(5e5, rel=1e-3)
    assert made.trader.debt == USDC
    made = cast({"collateral": "USDC", "debt": "D", "debt_usd": 5e5})
    assert made.events(Event.WITHDRAW)[:, E_SIZE].sum() == pytest.approx(5e5, rel=2e-3)
    assert made.trader.debt == D


def test_the_ledger_sells_what_came_out_at_its_true_price() -> None:
    made = cast(dollars(), true=(1.0, 1.02), index=(1.0, 1.0)).run()
    ledger = made.trader.outside
    assert ledger.received_usd == pytest.approx(1.02e6, rel=1e-3)
    assert ledger.spent_usd == pytest.approx(made.trader.pledged.sum(), rel=1e-9)


def test_a_small_pool_refuses_the_last() -> None:
    made = cast(dollars(), pool_dollars=5e5).run()
    assert len(made.refusals(Kind.WITHDRAW)) > 0
    total = -sum(min(0, made.exchange.balance(a, "D")) for a in range(FIRST, FIRST + COUNT))
    assert total == made.trader.owed.sum() <= 0.95 * 5e5


def flagged(made: Stage) -> set[int]:
    return {int(r[E_ACCOUNT]) for r in made.run().events(Event.FLAG)}


def test_a_wrong_price_of_the_debt_liquidates_those_near_the_limit() -> None:
    """The index of D prints 1.30 while it is worth 1."""
    spike = np.where(np.arange(61) < 20, 1.0, 1.3)
    assert flagged(cast(dollars())) == set()
    made = cast(dollars(), index=(1.0, spike))
    owed, pledged = made.trader.owed.copy(), made.trader.pledged.copy()
    hit = flagged(made)
    share = sum(int(owed[a - FIRST]) for a in hit) / owed.sum()
    assert 0.03 < share < 0.25
    for a in range(COUNT):  # exactly those whose margin no longer suffices
        under = pledged[a] * 0.9 < owed[a] * 1.3 * 1.03
        assert under == (a + FIRST in hit)


@pytest.mark.parametrize("way", ["top_up_share", "repay_share"])
def test_who_acts_in_time_is_spared(way: str) -> None:
    slow = np.clip(1.0 + (np.arange(121) - 10) * 0.003, 1.0, 1.3)
    more = {"seconds": 120, "true": (1.0, slow)}
    idle = flagged(cast(dollars(), **more))
    made = cast(dollars(**{way: 1.0, "reaction_s": 5.0}), **more)
    acting = flagged(made)
    assert len(idle) > 3
    assert len(acting) < 0.5 * len(idle)
    assert made.trader.acts.sum() > 0


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="T cannot be borrowed"):
        cast({"collateral": "USDC", "debt": "T"})
    with pytest.raises(ValueError, match=r"no asset 'Q' with a spot book; there is \['USDC', 'T'"):
        cast({"collateral": "Q"})
    with pytest.raises(ValueError, match="collateral and debt are both 'D'"):
        BorrowerParams(collateral="D", debt="D")
